// Cuts the content of DATA frames into gRPC messages (PROTOCOL-HTTP2, "Length-Prefixed-Message"): a flag,
// four bytes of length, that many bytes. Stands between a stream's flow control and decompression or
// decoding.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "sluice/base/message.h"
#include "sluice/base/status.h"

namespace sluice::inline v0::wire {

// Takes slices split anywhere and gives whole messages, moving slices where it can. Memory grows with the
// bytes received, never by the announced length.
//
// Lifetime: what stays here between two feeds is owned. A message taken right after the feed that completed
// it may end with a slice that borrows what was fed then.
// Errors: they last; the reader is of no more use.
class MessageReader {
 public:
  static constexpr std::size_t kPrefixSize = 5;

  explicit MessageReader(std::size_t max_message_size) : max_message_size_(max_message_size) {}
  MessageReader(const MessageReader&) = delete;
  MessageReader& operator=(const MessageReader&) = delete;

  // The peer has named an encoding other than identity; until then a compressed message is INTERNAL.
  void allow_compressed() { allow_compressed_ = true; }

  enum class Event : std::uint8_t {
    kNeedMore,  // all of `bytes` is consumed and no message is complete
    kMessage,   // take_message() gives one; feed what is left of `bytes` after that
    kError,     // error() says why
  };
  // Consumes from the front of `bytes`, at most to the end of one message. A message that was not taken
  // is dropped.
  Event feed(Bytes& bytes);

  // The message that feed() has just completed, once. REQUIRES: kMessage was the last answer.
  Message&& take_message() { return assert(prefix_size_ == 0), std::move(message_); }
  // Of the current or just completed message: its flag, and its size as announced. Until the next prefix.
  bool compressed() const { return compressed_; }
  std::size_t message_size() const { return message_size_; }
  // Some but not all bytes of a prefix or message are here.
  bool in_message() const { return prefix_size_ != 0; }
  // Bytes that have come of the message that is not complete, prefix included.
  std::size_t held() const {
    return prefix_size_ == kPrefixSize ? kPrefixSize + message_size_ - missing_ : prefix_size_;
  }
  // Bytes still to come of the message whose prefix is known, else 0.
  std::size_t missing() const { return missing_; }
  // Lets go of what has come of a message; more of it is not to be fed.
  void drop();
  Status& error() { return error_; }  // may be moved from; feed keeps failing

 private:
  Chain& body() { return message_.bytes(); }
  [[gnu::cold]] Event fail(StatusCode code, std::string text);
  [[gnu::noinline]] Event feed_prefix(Bytes& bytes);
  [[gnu::noinline]] Event begin_message(std::uint32_t size, Bytes& bytes);
  Event feed_body(Bytes& bytes);
  Event complete(Bytes&& last);
  // False: the flag is refused and error_ set.
  bool check_flag(std::uint32_t flag);
  void keep(Bytes piece);

  // Constant after the headers.
  std::size_t max_message_size_;
  bool allow_compressed_ = false;

  bool failed_ = false;
  bool compressed_ = false;
  std::uint8_t prefix_size_ = 0;  // of prefix_; 5 while the body is read
  std::array<std::byte, kPrefixSize> prefix_;
  std::size_t message_size_ = 0;
  std::size_t missing_ = 0;
  Message message_;
  // Slices of body() of whose blocks it holds at least half. Of those behind them, all in one block, more may
  // come.
  std::size_t settled_ = 0;
  Status error_;
};

}  // namespace sluice::inline v0::wire
