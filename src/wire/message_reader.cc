// The reader's ways: a whole message in one slice (nearly always), a prefix in parts, and a body in pieces.
#include "wire/message_reader.h"

#include <algorithm>
#include <cstring>

#include "http2/frame.h"

namespace sluice::inline v0::wire {

namespace {

// Below this a piece that must stay is copied: a slot and a share in a read buffer cost more than the bytes,
// and a peer that sends one byte a frame could multiply its effect on our memory by that.
constexpr std::size_t kSmallPiece = 1024;

}  // namespace

MessageReader::Event MessageReader::feed(Bytes& bytes) {
  if (failed_) return Event::kError;
  if (prefix_size_ == kPrefixSize) return feed_body(bytes);
  if (prefix_size_ != 0 || bytes.size() < kPrefixSize) return feed_prefix(bytes);
  if (!body().empty()) body().clear();  // a message that nobody took
  const std::uint32_t flag = http2::load_u8(bytes.data());
  const std::uint32_t size = http2::load_u32(bytes.data() + 1);
  if (flag == 0 && size == bytes.size() - kPrefixSize && size <= max_message_size_) {
    compressed_ = false, message_size_ = size;
    bytes.remove_prefix(kPrefixSize);
    body().append(std::move(bytes));
    return Event::kMessage;
  }
  if (!check_flag(flag)) return Event::kError;
  bytes.remove_prefix(kPrefixSize);
  return begin_message(size, bytes);
}

MessageReader::Event MessageReader::feed_prefix(Bytes& bytes) {
  if (bytes.empty()) return Event::kNeedMore;
  if (prefix_size_ == 0) body().clear();
  const std::size_t n = std::min(kPrefixSize - prefix_size_, bytes.size());
  std::memcpy(prefix_.data() + prefix_size_, bytes.data(), n);
  bytes.remove_prefix(n);
  prefix_size_ += static_cast<std::uint8_t>(n);
  // At the first byte already: a body that is no gRPC at all need not be waited for.
  if (!check_flag(http2::load_u8(prefix_.data()))) return Event::kError;
  if (prefix_size_ < kPrefixSize) return Event::kNeedMore;
  return begin_message(http2::load_u32(prefix_.data() + 1), bytes);
}

bool MessageReader::check_flag(std::uint32_t flag) {
  if (flag > 1) {
    fail(StatusCode::kInternal, "message has the invalid compressed flag " + std::to_string(flag));
    return false;
  }
  if (flag == 1 && !allow_compressed_) {
    fail(StatusCode::kInternal, "compressed flag set with identity or empty encoding");
    return false;
  }
  compressed_ = flag == 1;
  return true;
}

MessageReader::Event MessageReader::begin_message(std::uint32_t size, Bytes& bytes) {
  if (size > max_message_size_) {
    return fail(StatusCode::kResourceExhausted, "message of " + std::to_string(size) +
                                                    " bytes exceeds the limit of " +
                                                    std::to_string(max_message_size_));
  }
  prefix_size_ = kPrefixSize;
  message_size_ = missing_ = size;
  return feed_body(bytes);
}

MessageReader::Event MessageReader::feed_body(Bytes& bytes) {
  if (missing_ == bytes.size()) return complete(std::move(bytes));
  if (missing_ < bytes.size()) return complete(missing_ == 0 ? Bytes() : bytes.take_front(missing_));
  if (!bytes.empty()) keep(std::move(bytes));
  return Event::kNeedMore;
}

// The last piece stays as it came, borrowed or not: it is mostly taken at once.
MessageReader::Event MessageReader::complete(Bytes&& last) {
  body().append(std::move(last));
  prefix_size_ = 0, missing_ = 0, settled_ = 0;
  return Event::kMessage;
}

// A slice of a large block is shared only if the message has half of that block, which is known when its next
// slice lies in another one.
void MessageReader::keep(Bytes piece) {
  const std::size_t n = piece.size();
  if (n < kSmallPiece || !piece.owned()) {
    body().gather(piece.span(), missing_);
  } else {
    if (settled_ < body().count() && !piece.same_block(body()[body().count() - 1])) {
      body().keep_tight(0, settled_);
      settled_ = body().count();
    }
    body().append(std::move(piece));
  }
  missing_ -= n;
}

void MessageReader::drop() {
  body().clear();
  prefix_size_ = 0, missing_ = 0, settled_ = 0;
}

MessageReader::Event MessageReader::fail(StatusCode code, std::string text) {
  failed_ = true;
  error_ = Status(code, std::move(text));
  drop();
  return Event::kError;
}

}  // namespace sluice::inline v0::wire
