// Addresses to and from the kernel's form.
#include "net/socket_addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/un.h>

#include <charconv>
#include <cstddef>
#include <cstring>

namespace sluice::inline v0::net {
namespace {

constexpr std::size_t kPathOffset = offsetof(sockaddr_un, sun_path);
constexpr std::size_t kPathSize = sizeof(sockaddr_un::sun_path);

Status invalid(const Addr& addr, const std::string& why) {
  return Status(StatusCode::kInvalidArgument, "address \"" + addr.to_string() + "\" " + why);
}

template <class T>
T read_as(const SocketAddr& addr) {
  T value{};
  std::memcpy(&value, addr.get(), std::min<std::size_t>(sizeof value, addr.size()));
  return value;
}

SocketAddr make_v4(in_addr host, std::uint16_t port) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr = host;
  v4.sin_port = htons(port);
  return {&v4, sizeof v4};
}

std::optional<SocketAddr> make_v6(const std::string& text, std::uint16_t port) {
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  // RFC 4007 section 11: fe80::1%eth0.
  const std::size_t percent = text.find('%');
  if (::inet_pton(AF_INET6, text.substr(0, percent).c_str(), &v6.sin6_addr) != 1) return std::nullopt;
  if (percent != std::string::npos) {
    const std::string scope = text.substr(percent + 1);
    const char* end = scope.data() + scope.size();
    if (std::from_chars(scope.data(), end, v6.sin6_scope_id).ptr != end)
      v6.sin6_scope_id = ::if_nametoindex(scope.c_str());
    if (v6.sin6_scope_id == 0) return std::nullopt;
  }
  return SocketAddr(&v6, sizeof v6);
}

std::string v4_text(const in_addr& host, std::uint16_t port) {
  char text[INET_ADDRSTRLEN];
  ::inet_ntop(AF_INET, &host, text, sizeof text);
  return std::string(text) + ":" + std::to_string(ntohs(port));
}

std::string v6_text(const sockaddr_in6& v6) {
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    in_addr v4;
    std::memcpy(&v4, v6.sin6_addr.s6_addr + 12, sizeof v4);
    return v4_text(v4, v6.sin6_port);
  }
  char text[INET6_ADDRSTRLEN];
  ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  std::string whole = "[";
  whole += text;
  if (v6.sin6_scope_id != 0) (whole += '%') += std::to_string(v6.sin6_scope_id);
  whole += "]:";
  return whole += std::to_string(ntohs(v6.sin6_port));
}

std::string printable(std::string_view name) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string text;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > ' ' && byte < 0x7f && c != '%') {
      text += c;
    } else {
      text += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return text;
}

Addr unix_to_addr(const SocketAddr& addr) {
  if (addr.is_unnamed()) return Addr{"unix", ""};
  const auto un = read_as<sockaddr_un>(addr);
  const std::size_t size = std::min<std::size_t>(addr.size() - kPathOffset, kPathSize);
  if (un.sun_path[0] == '\0') return Addr{"unix-abstract", printable({un.sun_path + 1, size - 1})};
  return Addr{"unix", printable({un.sun_path, ::strnlen(un.sun_path, size)})};
}

}  // namespace

SocketAddr::SocketAddr(const void* addr, socklen_t size) : size_(size) { std::memcpy(&storage_, addr, size); }

void SocketAddr::set_port(std::uint16_t port) {
  const std::uint16_t big_endian = htons(port);
  std::byte* const at = reinterpret_cast<std::byte*>(&storage_);
  if (family() == AF_INET) std::memcpy(at + offsetof(sockaddr_in, sin_port), &big_endian, sizeof big_endian);
  if (family() == AF_INET6)
    std::memcpy(at + offsetof(sockaddr_in6, sin6_port), &big_endian, sizeof big_endian);
}

bool SocketAddr::is_any_v6() const {
  const auto v6 = read_as<sockaddr_in6>(*this);
  return family() == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr);
}

bool SocketAddr::is_unnamed() const { return family() == AF_UNIX && size_ <= kPathOffset; }

bool operator==(const SocketAddr& a, const SocketAddr& b) {
  return a.size_ == b.size_ && std::memcmp(&a.storage_, &b.storage_, a.size_) == 0;
}

Result<HostPort> parse_host_port(const Addr& addr) {
  HostPort target;
  std::string_view text = addr.text;
  if (text.starts_with("//")) return invalid(addr, "has a // after its scheme: it is tcp:HOST:PORT");
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return invalid(addr, "has no ]");
    target.host = text.substr(1, end - 1);
    target.bracketed = true;
    text.remove_prefix(end + 1);
  } else {
    const std::size_t end = std::min(text.find(':'), text.size());
    target.host = text.substr(0, end);
    text.remove_prefix(end);
  }
  if (!text.starts_with(':')) return invalid(addr, "has no port: it is tcp:HOST:PORT");
  text.remove_prefix(1);
  if (text.find(':') != std::string_view::npos) return invalid(addr, "is IPv6 without [ and ]");
  const char* end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, target.port);
  if (error != std::errc() || parsed != end) return invalid(addr, "has a port that is not 0 to 65535");
  if (target.host.find('\0') != std::string::npos) return invalid(addr, "has a NUL in its host");
  if (target.bracketed && !to_literal(target)) return invalid(addr, "has no IPv6 address between [ and ]");
  return target;
}

std::optional<SocketAddr> to_literal(const HostPort& target) {
  if (target.bracketed) return make_v6(target.host, target.port);
  if (target.host.empty()) return make_v6("::", target.port);
  in_addr v4;
  if (::inet_pton(AF_INET, target.host.c_str(), &v4) != 1) return std::nullopt;
  return make_v4(v4, target.port);
}

Result<HostPort> parse_target(const Addr& addr) {
  Result<HostPort> target = parse_host_port(addr);
  if (target.ok() && target->host.empty()) return invalid(addr, "has no host to dial");
  if (target.ok() && target->port == 0) return invalid(addr, "has port 0, which nobody can dial");
  return target;
}

Result<SocketAddr> to_unix_addr(const Addr& addr) {
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  // A path ends with a NUL; an abstract name begins with one.
  const bool abstract = addr.scheme == "unix-abstract";
  if (addr.text.empty()) return invalid(addr, "has nothing after its scheme");
  if (addr.text.size() >= kPathSize) {
    return invalid(addr, "is " + std::to_string(addr.text.size()) + " bytes long, more than the " +
                             std::to_string(kPathSize - 1) + " that a unix socket can have");
  }
  if (!abstract && addr.text.find('\0') != std::string::npos) return invalid(addr, "has a NUL in its path");
  std::memcpy(un.sun_path + (abstract ? 1 : 0), addr.text.data(), addr.text.size());
  return SocketAddr(&un, static_cast<socklen_t>(kPathOffset + addr.text.size() + 1));
}

Addr to_addr(const SocketAddr& addr) {
  switch (addr.family()) {
    case AF_INET: {
      const auto v4 = read_as<sockaddr_in>(addr);
      return Addr{"tcp", v4_text(v4.sin_addr, v4.sin_port)};
    }
    case AF_INET6:
      return Addr{"tcp", v6_text(read_as<sockaddr_in6>(addr))};
    case AF_UNIX:
      return unix_to_addr(addr);
    default:
      return Addr{"unknown", "family-" + std::to_string(addr.family())};
  }
}

}  // namespace sluice::inline v0::net
