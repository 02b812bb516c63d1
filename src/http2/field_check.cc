// The checks themselves. They run when a field is seen first; table entries that carry a tag have passed.
#include "http2/field_check.h"

#include <array>
#include <charconv>
#include <system_error>

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

bool blank(char c) { return c == ' ' || c == '\t'; }
bool alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Not empty, and of letters, digits and what is in `others`.
bool word(std::string_view text, std::string_view others) {
  for (const char c : text) {
    if (!alphanumeric(c) && others.find(c) == others.npos) return false;
  }
  return !text.empty();
}

FieldCheck check_method(std::string_view method) {
  if (method == "POST") return {FieldKind::kMethod};
  if (method == "CONNECT") return {FieldKind::kConnect};
  // A token (RFC 9110 section 9.1).
  return word(method, "!#$%&'*+-.^_`|~") ? FieldCheck{FieldKind::kMethod} : malformed(":method is none");
}

// RFC 3986 section 3.1.
FieldCheck check_scheme(std::string_view scheme) {
  const bool good = scheme == "http" || scheme == "https" ||
                    (word(scheme, "+-.") && alphanumeric(scheme[0]) && scheme[0] > '9');
  return good ? FieldCheck{FieldKind::kScheme} : malformed(":scheme is none");
}

FieldCheck check_status(std::string_view status) {
  if (status.starts_with('1')) return {FieldKind::kInformationalStatus};
  return {status == "204" || status == "304" ? FieldKind::kNoContentStatus : FieldKind::kStatus};
}

FieldCheck check_pseudo(const Field& field) {
  if (field.name == ":path") return {FieldKind::kPath};
  if (field.name == ":method") return check_method(field.value);
  if (field.name == ":scheme") return check_scheme(field.value);
  if (field.name == ":status") return check_status(field.value);
  if (field.name != ":authority") return malformed("unknown pseudo-header");
  // RFC 9113 section 8.3.1.
  if (field.value.find('@') != field.value.npos) return malformed("userinfo in :authority");
  return {FieldKind::kAuthority};
}

// RFC 9110 section 8.6, without the lists that it lets a recipient refuse.
FieldCheck check_content_length(std::string_view value) {
  FieldCheck check{FieldKind::kContentLength};
  const char* const end = value.data() + value.size();
  const auto [at, error] = std::from_chars(value.data(), end, check.length);
  return error == std::errc() && at == end ? check : malformed("content-length is no number");
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
  if (!field.value.empty() && (blank(field.value.front()) || blank(field.value.back())))
    return malformed("blank at an end of a header value");
  if (field.name[0] == ':') return check_pseudo(field);
  if (!valid_name(field.name)) return malformed("invalid byte in a header name");
  if (connection_specific(field.name)) return malformed("connection-specific header");
  if (field.name == "content-length") return check_content_length(field.value);
  if (field.name == "te" && field.value != "trailers") return malformed("te other than trailers");
  return {};
}

std::string_view BlockCheck::admit_special(FieldKind kind) {
  if (kind == FieldKind::kContentLength) {
    regular_ = true;
    if (trailers_) return {};  // says nothing there
    if (saw(kind)) return "content-length given twice";
    seen_ |= bit(kind);
    return {};
  }
  if (regular_) return "pseudo-header after a regular header";
  if (trailers_) return "pseudo-header in trailers";
  const bool response = (bit(kind) & kStatuses) != 0;
  if (response != (self_ == Role::kClient))
    return response ? ":status in a request" : "request pseudo-header in a response";
  const std::uint32_t same = response ? kStatuses : (bit(kind) & kMethods) != 0 ? kMethods : bit(kind);
  // A second :authority is for gRPC to answer with its own error (proposal A41).
  if ((seen_ & same) != 0 && kind != FieldKind::kAuthority) return "pseudo-header given twice";
  seen_ |= bit(kind);
  return {};
}

// RFC 9113 sections 8.3.1, 8.3.2 and 8.5.
std::string_view BlockCheck::missing() const {
  if (trailers_) return {};
  if (self_ == Role::kClient) return (seen_ & kStatuses) != 0 ? "" : "response without :status";
  constexpr std::uint32_t kTarget = bit(FieldKind::kScheme) | bit(FieldKind::kPath);
  if (saw(FieldKind::kConnect)) {
    if ((seen_ & kTarget) != 0) return "CONNECT with :scheme or :path";
    return saw(FieldKind::kAuthority) ? "" : "CONNECT without :authority";
  }
  constexpr std::uint32_t kRequest = kTarget | bit(FieldKind::kMethod);
  return (seen_ & kRequest) == kRequest ? "" : "request without :method, :scheme or :path";
}

}  // namespace sluice::http2
