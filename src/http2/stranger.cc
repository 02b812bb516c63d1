// Those that are met in practice: HTTP/1.1 (a browser, a health check, a proxy's error page) and TLS.
#include "http2/stranger.h"

#include <algorithm>
#include <array>

namespace sluice::inline v0::http2 {

namespace {

// As far as both go.
bool begins_as(std::string_view text, std::string_view known) {
  const std::size_t n = std::min(text.size(), known.size());
  return text.substr(0, n) == known.substr(0, n);
}

// A record of TLS 1.0 or later: a handshake or an alert, then the version's major number (RFC 8446
// section 5.1).
bool is_tls(std::string_view first) { return begins_as(first, "\x16\x03") || begins_as(first, "\x15\x03"); }

bool is_http1(Role self, std::string_view first) {
  if (self == Role::kClient) return begins_as(first, "HTTP/1.");
  static constexpr std::array<std::string_view, 9> kMethods = {
      "GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "CONNECT ", "OPTIONS ", "TRACE ", "PATCH "};
  return std::any_of(kMethods.begin(), kMethods.end(),
                     [first](std::string_view method) { return begins_as(first, method); });
}

}  // namespace

std::string_view name_stranger(Role self, std::string_view first) {
  if (is_tls(first)) return "the peer speaks TLS, not plain HTTP/2";
  if (is_http1(self, first)) return "the peer speaks HTTP/1.1, not HTTP/2";
  return "the peer does not speak HTTP/2";
}

}  // namespace sluice::inline v0::http2
