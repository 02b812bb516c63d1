// The checks themselves. They run when a field is seen first; table entries that carry a tag have passed.
#include "http2/field_check.h"

#include <array>
#include <charconv>
#include <cstring>
#include <system_error>

namespace sluice::inline v0::http2 {

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

// The same as ==, which is compiled as a call where this is a few instructions.
template <std::size_t N>
bool is(std::string_view text, const char (&word)[N]) {
  return text.size() == N - 1 && std::memcmp(text.data(), word, N - 1) == 0;
}

bool valid_value(std::string_view value) {
  for (const char c : value) {
    if (static_cast<unsigned char>(c) <= '\r' && (c == '\0' || c == '\r' || c == '\n')) [[unlikely]]
      return false;
  }
  return true;
}

// Space and tab; no other byte of a valid value is below.
bool blank(char c) { return static_cast<unsigned char>(c) <= ' ' && (c == ' ' || c == '\t'); }
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

// Metadata, which is for programs, and grpc-message, whose encoding keeps its spaces: gRPC's libraries send
// both so. A field that HTTP or gRPC reads on the way has none: the next hop might read it otherwise.
bool may_have_blanks(std::string_view name) {
  if (name[0] == ':') return false;
  if (name.starts_with("grpc-")) return is(name, "grpc-message");
  return !is(name, "te") && !is(name, "host") && !is(name, "content-type") && !is(name, "content-length");
}

FieldCheck check_method(std::string_view method) {
  if (is(method, "POST")) return {FieldKind::kMethod};
  if (is(method, "CONNECT")) return {FieldKind::kConnect};
  // A token (RFC 9110 section 9.1).
  return word(method, "!#$%&'*+-.^_`|~") ? FieldCheck{FieldKind::kMethod} : malformed(":method is none");
}

// RFC 3986 section 3.1.
FieldCheck check_scheme(std::string_view scheme) {
  const bool good = is(scheme, "http") || is(scheme, "https") ||
                    (word(scheme, "+-.") && alphanumeric(scheme[0]) && scheme[0] > '9');
  return good ? FieldCheck{FieldKind::kScheme} : malformed(":scheme is none");
}

FieldCheck check_status(std::string_view status) {
  if (status.starts_with('1')) return {FieldKind::kInformationalStatus};
  return {is(status, "204") || is(status, "304") ? FieldKind::kNoContentStatus : FieldKind::kStatus};
}

FieldCheck check_pseudo(const Field& field) {
  switch (field.name.size()) {
    case 5:
      if (!is(field.name, ":path")) break;
      return field.value.empty() ? malformed("empty :path") : FieldCheck{FieldKind::kPath};
    case 7:
      if (is(field.name, ":method")) return check_method(field.value);
      if (is(field.name, ":scheme")) return check_scheme(field.value);
      if (is(field.name, ":status")) return check_status(field.value);
      break;
    case 10:
      if (!is(field.name, ":authority")) break;
      // RFC 9113 section 8.3.1.
      if (field.value.find('@') != field.value.npos) return malformed("userinfo in :authority");
      return {FieldKind::kAuthority};
    default:
      break;
  }
  return malformed("unknown pseudo-header");
}

// What RFC 9113 sections 8.1.1 and 8.2.2 say of fields with names that mean something.
FieldCheck check_regular(const Field& field) {
  bool connection_specific = false;
  switch (field.name.size()) {
    case 2:
      if (is(field.name, "te") && !is(field.value, "trailers")) return malformed("te other than trailers");
      break;
    case 7:
      connection_specific = is(field.name, "upgrade");
      break;
    case 10:
      connection_specific = is(field.name, "connection") || is(field.name, "keep-alive");
      break;
    case 14:
      if (!is(field.name, "content-length")) break;
      return parse_content_length(field.value) ? FieldCheck{FieldKind::kContentLength}
                                               : malformed("content-length is no number");
    case 16:
      connection_specific = is(field.name, "proxy-connection");
      break;
    case 17:
      connection_specific = is(field.name, "transfer-encoding");
      break;
    default:
      break;
  }
  return connection_specific ? malformed("connection-specific header") : FieldCheck{};
}

}  // namespace

FieldCheck check_field(const Field& field) {
  if (field.name.empty()) return malformed("empty header name");
  if (!valid_value(field.value)) return malformed("invalid byte in a header value");
  if (!field.value.empty() && (blank(field.value.front()) || blank(field.value.back())) &&
      !may_have_blanks(field.name))
    return malformed("blank at an end of a header value");
  if (field.name[0] == ':') return check_pseudo(field);
  if (!valid_name(field.name)) return malformed("invalid byte in a header name");
  return check_regular(field);
}

std::optional<std::uint64_t> parse_content_length(std::string_view value) {
  std::uint64_t length = 0;
  const char* const end = value.data() + value.size();
  const auto [at, error] = std::from_chars(value.data(), end, length);
  if (error != std::errc() || at != end) return std::nullopt;
  return length;
}

std::string_view BlockCheck::admit_special(FieldKind kind) {
  if (kind == FieldKind::kContentLength) {
    allowed_ = 0;
    if (trailers_) return {};  // says nothing there
    if (saw(kind)) return "content-length given twice";
    seen_ |= bit(kind);
    return {};
  }
  if (trailers_) return "pseudo-header in trailers";
  if (allowed_ == 0) return "pseudo-header after a regular header";
  const bool response = (bit(kind) & kStatuses) != 0;
  if (response != (self_ == Role::kClient))
    return response ? ":status in a request" : "request pseudo-header in a response";
  return "pseudo-header given twice";
}

// RFC 9113 sections 8.3.1, 8.3.2 and 8.5.
std::string_view BlockCheck::what_is_missing() const {
  if (self_ == Role::kClient) return "response without :status";
  if (!saw(FieldKind::kConnect)) return "request without :method, :scheme or :path";
  if ((seen_ & (bit(FieldKind::kScheme) | bit(FieldKind::kPath))) != 0)
    return "CONNECT with :scheme or :path";
  return saw(FieldKind::kAuthority) ? "" : "CONNECT without :authority";
}

}  // namespace sluice::inline v0::http2
