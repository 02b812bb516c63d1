// Encoding and decoding of protobuf messages into and out of chains.
#include "sluice/proto/message.h"

#include <google/protobuf/io/zero_copy_stream.h>

#include <cstdio>
#include <string>

#include "proto/checks.h"

namespace sluice::inline v0::detail {
namespace {

using google::protobuf::MessageLite;

constexpr std::size_t kMaxSize = kMaxProtoSize;

const MessageLite& lite(const void* object) { return *static_cast<const MessageLite*>(object); }
MessageLite& lite(void* object) { return *static_cast<MessageLite*>(object); }

// The slices of a chain as protobuf reads them. Lifetime: the chain's.
class ChainStream final : public google::protobuf::io::ZeroCopyInputStream {
 public:
  explicit ChainStream(const Chain& chain) : slice_(chain.begin()), end_(chain.end()) {}

  bool Next(const void** data, int* size) override {
    if (slice_ == end_) return false;
    *data = slice_->data() + offset_;
    *size = static_cast<int>(slice_->size() - offset_);
    read_ += *size;
    ++slice_, offset_ = 0;
    return true;
  }
  // Of the slice that Next gave last.
  void BackUp(int count) override {
    --slice_;
    offset_ = slice_->size() - static_cast<std::size_t>(count);
    read_ -= count;
  }
  bool Skip(int count) override {
    const void* data;
    int size;
    while (count > 0) {
      if (!Next(&data, &size)) return false;
      if (size > count) BackUp(size - count), size = count;
      count -= size;
    }
    return true;
  }
  int64_t ByteCount() const override { return read_; }

 private:
  const Bytes* slice_;
  const Bytes* const end_;
  std::size_t offset_ = 0;  // into slice_, after BackUp
  int64_t read_ = 0;
};

#if GOOGLE_PROTOBUF_VERSION < 4022000
// protobuf's line on stderr about text that is no UTF-8, one for each message that a peer chooses to send, or
// a program: who receives it gets a status. What else protobuf says is told as it would be; a program's own
// handler takes this one's place. Later versions log by Abseil, whose sinks a program sets.
void log_but_text(google::protobuf::LogLevel level, const char* file, int line, const std::string& text) {
  if (text.find("contains invalid UTF-8 data when") != std::string::npos) return;
  static constexpr const char* kNames[] = {"INFO", "WARNING", "ERROR", "FATAL"};
  std::fprintf(stderr, "[libprotobuf %s %s:%d] %s\n", kNames[level], file, line, text.c_str());
}
// As the program or library is loaded; not an object, which clang would keep in .bss.
[[gnu::constructor]] void be_quiet_about_text() { google::protobuf::SetLogHandler(&log_but_text); }
#endif

bool parse(const Chain& bytes, MessageLite& message) {
  if (bytes.count() > 1) {
    ChainStream stream(bytes);
    return message.ParsePartialFromZeroCopyStream(&stream);
  }
  const std::byte* data = bytes.empty() ? nullptr : bytes.front().data();
  return message.ParsePartialFromArray(data, static_cast<int>(bytes.size()));
}

}  // namespace

Status too_large(StatusCode code, const MessageLite& message, std::size_t size) {
  return {code, message.GetTypeName() + " of " + std::to_string(size) +
                    " bytes exceeds protobuf's limit of " + std::to_string(kMaxSize)};
}

Status missing_fields(const MessageLite& message) {
  return {StatusCode::kInternal,
          message.GetTypeName() + " lacks required fields: " + message.InitializationErrorString()};
}

std::size_t proto_encoded_size(const void* object) { return lite(object).ByteSizeLong(); }

Status proto_encode(const void* object, Chain& out) {
  const std::size_t size = lite(object).ByteSizeLong();
  if (size > kMaxSize) return too_large(StatusCode::kResourceExhausted, lite(object), size);
  Buffer* buffer = Buffer::make(size);
  Bytes bytes(buffer, buffer->data(), size);
  Status status = proto_encode_to(object, buffer->data(), size);
  if (status.ok()) out.append(std::move(bytes));
  return status;
}

Status proto_encode_to(const void* object, std::byte* out, std::size_t size) {
  const MessageLite& message = lite(object);
  if (size > kMaxSize) return too_large(StatusCode::kResourceExhausted, message, size);
  if (!message.IsInitialized()) return missing_fields(message);
  message.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(out));
  return {};
}

Status proto_decode(const Chain& bytes, void* object) {
  MessageLite& message = lite(object);
  if (bytes.size() > kMaxSize) return too_large(StatusCode::kInternal, message, bytes.size());
  if (!parse(bytes, message)) {
    return {StatusCode::kInternal,
            std::to_string(bytes.size()) + " bytes are no valid " + message.GetTypeName()};
  }
  if (!message.IsInitialized()) return missing_fields(message);
  return {};
}

void proto_clear(void* object) { lite(object).Clear(); }

}  // namespace sluice::inline v0::detail
