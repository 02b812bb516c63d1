// The process's file descriptors, as a test sees them: how many there are, and that there are no more.
#pragma once

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

namespace sluice::support {

inline int count_descriptors() {
  DIR* dir = ::opendir("/proc/self/fd");
  if (dir == nullptr) return -1;
  int n = 0;
  while (::readdir(dir) != nullptr) ++n;
  ::closedir(dir);
  return n - 3;  // ".", ".." and the folder itself
}

// First member of a fixture: at its end there are as many descriptors as at its beginning.
class ExpectNoNewDescriptors {
 public:
  ~ExpectNoNewDescriptors() { EXPECT_EQ(count_descriptors(), before_) << "descriptors are left open"; }

 private:
  const int before_ = count_descriptors();
};

// While it lives no descriptor can be made, in this process. Its own tests run one after the other.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none = before_;
    none.rlim_cur = 0;
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoMoreDescriptors() { lift(); }
  void lift() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace sluice::support
