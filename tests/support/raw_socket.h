// The other end of a socket test: plain blocking sockets, without a loop; and addresses that nobody else has.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "sluice/base/addr.h"

namespace sluice::support {

// A path or name for this test of this process; test processes run side by side.
inline std::string unique_name() {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  std::string name = "sluice-" + std::to_string(::getpid());
  if (test != nullptr) name += "-" + std::to_string(test->line());
  return name;
}
inline std::string unique_path() { return ::testing::TempDir() + unique_name(); }

// What a tcp listener's addr() says.
inline int port_of(const Addr& addr) { return std::stoi(addr.text.substr(addr.text.rfind(':') + 1)); }

struct RawAddr {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }

  static RawAddr loopback(int port) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v4.sin_port = htons(static_cast<std::uint16_t>(port));
    return of(v4, sizeof v4);
  }
  static RawAddr path(const std::string& path) {
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    path.copy(un.sun_path, sizeof un.sun_path - 1);
    return of(un, sizeof un);
  }

 private:
  template <class T>
  static RawAddr of(const T& addr, std::size_t size) {
    RawAddr raw;
    std::memcpy(&raw.storage, &addr, size);
    raw.size = static_cast<socklen_t>(size);
    return raw;
  }
};

// Owns its descriptor. Blocking, with a time limit, so that a lost byte fails the test and does not hang it.
class RawSocket {
 public:
  RawSocket() = default;
  explicit RawSocket(int fd) : fd_(fd) {
    const timeval limit{20, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  RawSocket(RawSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  RawSocket& operator=(RawSocket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~RawSocket() { close(); }

  static RawSocket connect_to(RawAddr addr) {
    RawSocket socket(::socket(addr.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(socket.fd(), addr.get(), addr.size), 0) << std::strerror(errno);
    return socket;
  }
  static RawSocket listen_on(RawAddr addr, int backlog) {
    RawSocket socket(::socket(addr.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(socket.fd(), addr.get(), addr.size), 0) << std::strerror(errno);
    EXPECT_EQ(::listen(socket.fd(), backlog), 0) << std::strerror(errno);
    return socket;
  }
  RawSocket accept() { return RawSocket(::accept(fd_, nullptr, nullptr)); }
  int port() const {
    RawAddr addr;
    ::getsockname(fd_, addr.get(), &addr.size);
    return ntohs(reinterpret_cast<const sockaddr_in*>(&addr.storage)->sin_port);
  }

  int fd() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  // tcp: RST instead of an orderly end.
  void reset() {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  void send(std::string_view text, int flags = 0) {
    EXPECT_EQ(::send(fd_, text.data(), text.size(), flags | MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // As much as the socket takes; returns how much that was.
  std::size_t fill() {
    const std::string block(65536, 'f');
    std::size_t total = 0;
    for (;;) {
      const ssize_t n = ::send(fd_, block.data(), block.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0) return total;
      total += static_cast<std::size_t>(n);
    }
  }
  // The next bytes, or "" at the end.
  std::string receive() {
    char text[1024];
    const ssize_t n = ::recv(fd_, text, sizeof text, 0);
    return n < 0 ? std::strerror(errno) : std::string(text, static_cast<std::size_t>(n));
  }

 private:
  int fd_ = -1;
};

}  // namespace sluice::support
