// Addr: where a Conn leads: a scheme that names a Network, and that network's own text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "sluice/base/result.h"

namespace sluice {

// "pipe:greeter", "tcp:127.0.0.1:50051", "unix:/run/greeter.sock". A value.
// Not an aggregate: g++ 12 destroys temporaries of those twice inside co_await.
struct Addr {
  Addr() = default;
  Addr(std::string s, std::string t) : scheme(std::move(s)), text(std::move(t)) {}

  std::string scheme;
  std::string text;

  // INVALID_ARGUMENT names the text when the scheme is missing, empty or not of a-z 0-9 + - . , or when
  // nothing follows it.
  static Result<Addr> parse(std::string_view text);
  std::string to_string() const {
    return scheme.empty() && text.empty() ? std::string() : scheme + ":" + text;
  }
  friend bool operator==(const Addr&, const Addr&) = default;
};

// Who is at the other end, as the kernel vouches for it.
struct PeerCredentials {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int32_t pid = 0;  // of the process that connected or listened, which may have ended
};

}  // namespace sluice
