// Addr: the address of a Conn: a scheme, which names a Network, and a text, which that network understands.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "sluice/base/result.h"

namespace sluice::inline v0 {

// "pipe:greeter", "tcp:127.0.0.1:50051", "unix:/run/greeter.sock". A value.
// Not an aggregate: g++ 12 destroys temporaries of those twice inside co_await.
struct Addr {
  Addr() = default;
  Addr(std::string s, std::string t) : scheme(std::move(s)), text(std::move(t)) {}

  std::string scheme;
  std::string text;

  // INVALID_ARGUMENT quotes the text if it has no scheme, a scheme with characters other than a-z 0-9 + - . ,
  // or nothing behind the scheme.
  static Result<Addr> parse(std::string_view text);
  std::string to_string() const {
    return scheme.empty() && text.empty() ? std::string() : scheme + ":" + text;
  }
  friend bool operator==(const Addr&, const Addr&) = default;
};

// The process at the other end, as the kernel vouches for it.
struct PeerCredentials {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int32_t pid = 0;  // the process that connected or listened; it may have ended
};

}  // namespace sluice::inline v0
