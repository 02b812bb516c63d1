// The checks themselves. They run when a field is seen first; table entries that carry a tag have passed.
#include "http2/field_check.h"

#include <array>

namespace sluice::http2 {

namespace {

FieldCheck malformed(std::string_view what) { return {FieldKind::kMalformed, what}; }

// RFC 9113 section 8.2.1: no controls, space, upper case, colon, DEL or bytes beyond ASCII.
constexpr std::array<bool, 256> kNameBytes = [] {
  std::array<bool, 256> ok{};
  for (int c = 0x21; c < 0x7f; ++c) ok[static_cast<std::size_t>(c)] = !(c >= 'A' && c <= 'Z') && c != ':';
  return ok;
}();

bool valid_name(std::string_view name) {
  for (const char c : name) {
    if (!kNameBytes[static_cast<unsigned char>(c)]) return false;
  }
  return true;
}

bool valid_value(std::string_view value) {
  for (const char c : value) {
    if (c == '\0' || c == '\r' || c == '\n') return false;
  }
  return true;
}

FieldCheck check_pseudo(const Field& field) {
  if (field.name == ":path") return {FieldKind::kPath};
  if (field.name == ":method") return {FieldKind::kMethod};
  if (field.name == ":scheme") return {FieldKind::kScheme};
  if (field.name == ":authority") return {FieldKind::kAuthority};
  if (field.name == ":status") {
    return {field.value.starts_with('1') ? FieldKind::kInformationalStatus : FieldKind::kStatus};
  }
  return malformed("unknown pseudo-header");
}

// RFC 9113 section 8.2.2.
bool connection_specific(std::string_view name) {
  switch (name.size()) {
    case 7:
      return name == "upgrade";
    case 10:
      return name == "connection" || name == "keep-alive";
    case 16:
      return name == "proxy-connection";
    case 17:
      return name == "transfer-encoding";
    default:
      return false;
  }
}

}  // namespace

FieldCheck check_field(const Field& field) {
  if (field.name.empty()) return malformed("empty header name");
  if (!valid_value(field.value)) return malformed("invalid byte in a header value");
  if (field.name[0] == ':') return check_pseudo(field);
  if (!valid_name(field.name)) return malformed("invalid byte in a header name");
  if (connection_specific(field.name)) return malformed("connection-specific header");
  if (field.name == "te" && field.value != "trailers") return malformed("te other than trailers");
  return {};
}

std::string_view BlockCheck::admit_pseudo(FieldKind kind) {
  if (regular_) return "pseudo-header after a regular header";
  if (trailers_) return "pseudo-header in trailers";
  const bool response = kind == FieldKind::kStatus || kind == FieldKind::kInformationalStatus;
  if (response != (self_ == Role::kClient))
    return response ? ":status in a request" : "request pseudo-header in a response";
  constexpr std::uint32_t kStatuses = bit(FieldKind::kStatus) | bit(FieldKind::kInformationalStatus);
  const std::uint32_t same = response ? kStatuses : bit(kind);
  // A second :authority is for gRPC to answer with its own error (proposal A41).
  if ((seen_ & same) != 0 && kind != FieldKind::kAuthority) return "pseudo-header given twice";
  seen_ |= bit(kind);
  return {};
}

}  // namespace sluice::http2
