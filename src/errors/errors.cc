// google.rpc.Status by hand: {code = 1, message = 2, details = 3 of {type_url = 1, value = 2}}. What is read
// is never copied, and what is added goes behind what there is, so that nothing of a peer's is lost on the
// way.
#include "sluice/errors/errors.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/message_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/utf8.h"

namespace sluice::inline v0 {
namespace {

using google::protobuf::MessageLite;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr std::uint32_t kCode = 1 << 3, kMessage = 2 << 3 | 2, kDetail = 3 << 3 | 2;
constexpr std::uint32_t kTypeUrl = 1 << 3 | 2, kValue = 2 << 3 | 2;

// The package that stands for google.rpc in this library.
constexpr std::string_view kOwnPackage = "sluice.errors.";

// What the message is called on the wire.
std::string wire_type(const MessageLite& message) {
  std::string type = message.GetTypeName();
  if (type.starts_with(kOwnPackage)) type.replace(0, kOwnPackage.size(), "google.rpc.");
  return type;
}

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void put_bytes(std::string& out, std::uint32_t tag, std::string_view bytes) {
  put_varint(out, tag);
  put_varint(out, bytes.size());
  out.append(bytes);
}

// A field of proto3 that is no UTF-8 would make the whole of it unreadable for others.
std::string as_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t n = utf8_sequence_size(text);
    out.append(n == 0 ? kReplacement : text.substr(0, n));
    text.remove_prefix(std::max<std::size_t>(n, 1));
  }
  return out;
}

// One that gRPC does not define is sent as UNKNOWN.
std::uint32_t code_of(const Status& status) {
  const auto code = static_cast<std::uint32_t>(status.code());
  return code <= 16 ? code : static_cast<std::uint32_t>(StatusCode::kUnknown);
}

// Goes through the fields of a message; `field(tag, bytes)` gets those that are bytes. False: malformed.
template <class Field>
bool each_field(std::string_view bytes, Field field) {
  CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()), static_cast<int>(bytes.size()));
  while (const std::uint32_t tag = in.ReadTag()) {
    if ((tag & 7) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if ((tag & 7) == WireFormatLite::WIRETYPE_END_GROUP || !WireFormatLite::SkipField(&in, tag))
        return false;
      continue;
    }
    int size;
    if (!in.ReadVarintSizeAsInt(&size)) return false;
    const auto at = static_cast<std::size_t>(in.CurrentPosition());
    if (!in.Skip(size)) return false;
    if (!field(tag, bytes.substr(at, static_cast<std::size_t>(size)))) return false;
  }
  return in.ConsumedEntireMessage();
}

bool read_any(std::string_view bytes, ErrorDetail& out) {
  const bool whole = each_field(bytes, [&](std::uint32_t tag, std::string_view content) {
    if (tag == kTypeUrl) out.type_url = content;
    if (tag == kValue) out.value = content;
    return true;
  });
  const std::size_t slash = out.type_url.rfind('/');
  if (slash != std::string_view::npos) out.type = out.type_url.substr(slash + 1);
  return whole;
}

Status malformed(const Status& status) {
  return {StatusCode::kInternal, "the details of the status are no google.rpc.Status: " +
                                     std::to_string(status.details().size()) + " bytes"};
}

Result<std::vector<ErrorDetail>> read(const Status& status) {
  std::vector<ErrorDetail> details;
  if (status.details().size() > kMaxErrorDetailsSize) {
    return {StatusCode::kResourceExhausted, "details of " + std::to_string(status.details().size()) +
                                                " bytes exceed the limit of " +
                                                std::to_string(kMaxErrorDetailsSize)};
  }
  bool too_many = false;
  const bool whole = each_field(status.details(), [&](std::uint32_t tag, std::string_view content) {
    if (tag != kDetail) return true;
    too_many = details.size() == kMaxErrorDetails;
    return !too_many && read_any(content, details.emplace_back());
  });
  if (too_many) {
    return {StatusCode::kResourceExhausted,
            "the status has more than " + std::to_string(kMaxErrorDetails) + " details"};
  }
  if (!whole) return malformed(status);
  return details;
}

}  // namespace

namespace detail {

Status add_error_detail(Status& status, const MessageLite& message) {
  if (status.ok()) return {StatusCode::kFailedPrecondition, "a status that is OK has no details"};
  if (!message.IsInitialized()) {
    return {StatusCode::kInternal,
            message.GetTypeName() + " lacks required fields: " + message.InitializationErrorString()};
  }
  const Result<std::vector<ErrorDetail>> before = read(status);
  if (!before.ok()) return before.status();
  const std::size_t size = message.ByteSizeLong();
  if (before->size() == kMaxErrorDetails) {
    return {StatusCode::kResourceExhausted,
            "the status has " + std::to_string(kMaxErrorDetails) + " details already"};
  }
  std::string bytes(status.details());
  if (bytes.empty()) {
    put_varint(bytes, kCode);
    put_varint(bytes, code_of(status));
    if (!status.message().empty()) put_bytes(bytes, kMessage, as_utf8(status.message()));
  }
  if (size <= kMaxErrorDetailsSize) {
    std::string any;
    put_bytes(any, kTypeUrl, "type.googleapis.com/" + wire_type(message));
    // Nothing is written for an empty message, as in every serialised Any.
    if (size > 0) put_bytes(any, kValue, message.SerializePartialAsString());
    put_bytes(bytes, kDetail, any);
  }
  if (size > kMaxErrorDetailsSize || bytes.size() > kMaxErrorDetailsSize) {
    return {StatusCode::kResourceExhausted, "with " + message.GetTypeName() + " of " + std::to_string(size) +
                                                " bytes the details exceed the limit of " +
                                                std::to_string(kMaxErrorDetailsSize)};
  }
  status = Status(status.code(), std::string(status.message()), std::move(bytes));
  return {};
}

bool read_error_detail(std::string_view type, std::string_view value, MessageLite& message) {
  if (type != wire_type(message)) return false;
  return message.ParsePartialFromArray(value.data(), static_cast<int>(value.size())) &&
         message.IsInitialized();
}

bool find_error_detail(const Status& status, MessageLite& message) {
  const Result<std::vector<ErrorDetail>> all = read(status);
  if (!all.ok()) return false;
  const std::string type = wire_type(message);
  const auto found =
      std::find_if(all->begin(), all->end(), [&](const ErrorDetail& d) { return d.type == type; });
  return found != all->end() && read_error_detail(found->type, found->value, message);
}

}  // namespace detail

Result<std::vector<ErrorDetail>> error_details(const Status& status) { return read(status); }

}  // namespace sluice::inline v0
