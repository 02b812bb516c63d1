// Call: messages into length-prefixed bytes, by the call's codec, and into and out of what
// grpc-encoding names.
#include <algorithm>

#include "call/call.h"
#include "sluice/rpc/interceptor.h"

namespace sluice::inline v0::call {
namespace {

// What a Compressor returned or threw, as one of the codes that there are for it.
Status failure_of(const Compressor& compressor, const char* verb, const Status& status) {
  if (status.code() == StatusCode::kResourceExhausted || status.code() == StatusCode::kInternal)
    return status;
  return Status(StatusCode::kInternal,
                std::string(compressor.name()) + " " + verb + ": " + status.to_string());
}

// What a type's own encoding threw, which may be a program's, or what its memory was too little for.
Status encoding_threw() {
  return Status(StatusCode::kInternal, detail::status_of_exception("encoding").to_string());
}

}  // namespace

MessageEncoding& Call::encoding() {
  if (!encoding_) encoding_.reset(new MessageEncoding);
  return *encoding_;
}

void Call::FreeEncoding::operator()(MessageEncoding* encoding) const { delete encoding; }

Status Call::too_long(std::size_t size) {
  send_.unsendable = true;
  return Status(StatusCode::kResourceExhausted,
                "message of " + std::to_string(size) + " bytes exceeds the limit of " +
                    std::to_string(std::min<std::size_t>(limits_.max_send, 0xffffffffu)));
}

// The codec first, then the compressor.
Status Call::encode_as_chosen(const Message& message, WriteOptions options, Room& room, Chain& out) {
  const bool compress = encoding_->sends && !options.no_compression;
  if (!encoding_->codec || message.is_bytes()) {
    return compress ? encode_compressed(message, room, out) : encode_plain(message, room, out);
  }
  Chain encoded;
  if (Status s = detail::encode_with(*encoding_->codec, *message.ops(), message.object(), encoded); !s.ok())
    return s;
  const Message bytes(std::move(encoded));
  return compress ? encode_compressed(bytes, room, out) : encode_plain(bytes, room, out);
}

Status Call::encode_plain(const Message& message, Room& room, Chain& out) try {
  const MessageOps* ops = message.ops();
  Chain encoded;
  std::size_t size;
  if (message.is_bytes()) {
    size = message.bytes().size();
  } else if ((size = ops->encoded_size(message.object())) == MessageOps::kUnknownSize) {
    if (Status s = ops->encode(message.object(), encoded); !s.ok()) return s;
    size = encoded.size();
  }
  if (!may_send(size)) return too_long(size);
  const bool typed = !message.is_bytes() && encoded.empty() && ops->encode_to;
  const bool small = size + kPrefix <= sizeof room.bytes;
  if (typed || small) {
    Buffer* buffer = small ? nullptr : Buffer::make(size + kPrefix);
    std::byte* at = small ? room.bytes : buffer->data();
    Bytes whole(buffer, at, size + kPrefix);
    write_prefix(at, 0, size);
    if (typed) {
      if (Status s = ops->encode_to(message.object(), at + kPrefix, size); !s.ok()) return s;
    } else {
      (message.is_bytes() ? message.bytes() : encoded).copy_to(at + kPrefix);
    }
    out.append(std::move(whole));
    return {};
  }
  Buffer* prefix = Buffer::make(kPrefix);
  write_prefix(prefix->data(), 0, size);
  out.append(Bytes(prefix, prefix->data(), kPrefix));
  out.append(message.is_bytes() ? Chain(message.bytes()) : std::move(encoded));
  return {};
} catch (...) {
  return encoding_threw();
}

// The limit is the message's own, whatever becomes of it. What would not get smaller goes as it is.
Status Call::encode_compressed(const Message& message, Room& room, Chain& out) try {
  Chain plain;
  if (message.is_bytes()) {
    plain = message.bytes();
  } else if (Status s = message.ops()->encode(message.object(), plain); !s.ok()) {
    return s;
  }
  if (!may_send(plain.size())) return too_long(plain.size());
  if (plain.empty()) return encode_plain(Message(std::move(plain)), room, out);
  const Compressor& compressor = *encoding_->sends;
  Result<Chain> packed = [&]() -> Result<Chain> {
    try {
      return compressor.compress(plain);
    } catch (...) {
      return detail::status_of_exception("compressor");
    }
  }();
  if (!packed.ok()) return failure_of(compressor, "does not compress", packed.status());
  if (packed->size() >= plain.size()) return encode_plain(Message(std::move(plain)), room, out);
  Buffer* prefix = Buffer::make(kPrefix);
  write_prefix(prefix->data(), 1, packed->size());
  out.append(Bytes(prefix, prefix->data(), kPrefix));
  packed->keep();  // it may borrow from `plain`
  out.append(std::move(*packed));
  return {};
} catch (...) {
  return encoding_threw();
}

// An empty message may be flagged too: there is nothing to ask a Compressor for.
Status Call::decompress(Message& message) const {
  if (message.bytes().empty()) return {};
  const Compressor& compressor = *encoding_->receives;
  Result<Chain> plain = [&]() -> Result<Chain> {
    try {
      return compressor.decompress(message.bytes(), limits_.max_receive);
    } catch (...) {
      return detail::status_of_exception("compressor");
    }
  }();
  if (!plain.ok()) return failure_of(compressor, "does not decompress", plain.status());
  if (plain->size() > limits_.max_receive) {
    return Status(StatusCode::kResourceExhausted, "decompressed message of " + std::to_string(plain->size()) +
                                                      " bytes exceeds the limit of " +
                                                      std::to_string(limits_.max_receive));
  }
  plain->keep();
  message.bytes() = std::move(*plain);
  return {};
}

}  // namespace sluice::inline v0::call
