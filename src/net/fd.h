// Fd: one file descriptor and whoever closes it; and what an errno is called in a Status.
#pragma once

#include <string>
#include <utility>

#include "sluice/base/status.h"

namespace sluice::inline v0::net {

// Owns a descriptor, or none (-1).
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

// The process that opened something. A child of fork has copies of its parent's descriptors, but what they
// stand for in the kernel is one for both: the child only closes its copies, and touches nothing else.
class Opener {
 public:
  Opener();
  bool is_this_process() const;

 private:
  int process_;
};

// "connection refused"
std::string error_text(int error);
// Descriptors or memory have run out, here or in the whole system; it passes.
bool is_exhausted(int error);
// RESOURCE_EXHAUSTED for what has run out, else `code`: "dial of tcp:[::1]:1: connection refused".
Status socket_failure(StatusCode code, std::string what, int error);

}  // namespace sluice::inline v0::net
