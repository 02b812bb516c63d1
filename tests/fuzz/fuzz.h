// What the fuzz targets share: the fuzzer's bytes as numbers and texts, and an application over one session
// that holds every event and every byte written against what session.h promises.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http2/session.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace sluice::inline v0::http2::fuzz {

// Ends the process: a promise was broken.
[[noreturn]] inline void found(std::string_view what) {
  std::fprintf(stderr, "fuzz: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}
inline void expect(bool good, std::string_view what) {
  if (!good) found(what);
}

// Numbers and texts off the front of what the fuzzer made; zeros behind its end.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : left_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return left_.empty(); }
  std::uint32_t u8() {
    const std::string_view byte = text(1);
    return byte.empty() ? 0 : static_cast<std::uint8_t>(byte[0]);
  }
  std::uint32_t u16() {
    const std::uint32_t high = u8();
    return high << 8 | u8();
  }
  std::string_view text(std::size_t n) {
    const std::string_view front = left_.substr(0, n);
    left_.remove_prefix(front.size());
    return front;
  }
  std::string_view rest() { return text(left_.size()); }

 private:
  std::string_view left_;
};

// Changes, takes out or doubles some bytes; false where there are none.
bool damage(std::string& wire, Input& in);

// How an App behaves, a bit each.
namespace how {
inline constexpr std::uint32_t kTags = 1;           // fields and blocks get tags
inline constexpr std::uint32_t kRefuse = 2;         // every fourth stream is refused
inline constexpr std::uint32_t kReset = 4;          // every third stream is reset when its headers are there
inline constexpr std::uint32_t kKeepCredit = 8;     // nothing is given back for DATA
inline constexpr std::uint32_t kLarge = 16;         // bodies that exceed windows and kWriteAhead
inline constexpr std::uint32_t kTight = 32;         // small windows and limits
inline constexpr std::uint32_t kCached = 64;        // headers by their cache
inline constexpr std::uint32_t kNoHandshake = 128;  // the wire brings preface and SETTINGS itself
}  // namespace how

SessionOptions options_of(Role role, std::uint32_t how);

// The i-th byte of any body that an App sends.
inline char pattern(std::size_t i) { return static_cast<char>('a' + i % 23); }

// An application: a client opens streams when told to, a server answers each request when it has ended.
class App final : public EventSink {
 public:
  App(Role role, std::uint32_t how) : role_(role), how_(how), session(options_of(role, how)) {}

  Error feed(Bytes bytes);
  // What the session wrote, after a look at its frames.
  std::string take();
  // Client: a new stream with a body of `size` so far, or 0 where none may be opened.
  StreamId open(std::size_t size, EndStream end);
  // Client: the n-th of the streams that are there, or null.
  Stream* nth(std::size_t n);
  void send(Stream& stream, std::size_t size, EndStream end);
  void reset(Stream& stream, ErrorCode code);
  void release(Stream& stream);

  // Every event, a line each; the pieces of DATA are joined.
  std::string events;
  bool intact = false;  // the wire is: bodies must arrive as they were sent, and no rule is broken

 private:
  enum class Phase : std::uint8_t { kHeaders, kBody, kEnded, kOver };
  struct Life final : Stream {
    Phase phase = Phase::kHeaders;
    bool in_block = false;
    bool informational = false;  // the block is, and regular fields have come in it
    bool regular = false;
    std::size_t sent = 0;
    std::size_t received = 0;
  };

  Stream* on_open(StreamId id) override;
  Tag on_header(Stream& stream, const Field& field) override;
  void on_header_tag(Stream& stream, Tag tag) override;
  Tag on_headers_end(Stream& stream, EndStream end, bool truncated) override;
  void on_repeated_block(Stream& stream, Tag tag, EndStream end) override;
  void on_data(Stream& stream, Bytes data, EndStream end) override;
  void on_writable(Stream& stream) override;
  void on_reset(Stream& stream, ErrorCode code) override;
  void on_stream_error(Stream& stream, const Error& error) override;
  void on_closed(Stream& stream) override;
  void on_settings(const Settings& peer) override;
  void on_settings_ack() override;
  void on_ping_ack(std::uint64_t payload) override;
  void on_goaway(StreamId last, ErrorCode code, std::string_view debug) override;

  Life& life(Stream& stream);
  void note(std::string_view what, StreamId id, std::string_view more = {});
  void begin_block(Life& life);
  void field(Stream& stream, const std::string& text);
  void end_block(Life& life, EndStream end);
  void end_stream(Life& life);
  void answer(Life& life);
  void check_frames(std::string_view wire);

  const Role role_;
  const std::uint32_t how_;
  std::map<StreamId, std::unique_ptr<Life>> streams_;
  std::vector<std::string> tagged_;  // by their tags, which start with 1
  std::vector<std::string> blocks_;
  std::string block_;
  BlockCache request_cache_;
  BlockCache response_cache_;
  StreamId data_line_ = 0;                      // the last line of `events` is DATA of this stream
  std::uint32_t max_frame_ = kMinMaxFrameSize;  // the largest that the peer ever allowed
  bool greeted_ = false;
  StreamId in_block_ = 0;  // written: HEADERS without END_HEADERS
  Error error_;

 public:
  Session session;  // goes first: streams must outlive it
};

}  // namespace sluice::inline v0::http2::fuzz
