// The floor of what crosses threads: two threads hand a token to each other, there and back, and do nothing
// else.
// --api futex, eventfd: whoever waits sleeps; spin: it looks again and again.
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "support/crew.h"
#include "support/subject.h"

namespace {

// A place where one thread waits for the token and another one leaves it.
class Place {
 public:
  virtual ~Place() = default;
  virtual void leave_token() = 0;
  virtual void take_token() = 0;
};

class FutexPlace final : public Place {
 public:
  void leave_token() override {
    full_.store(1);
    futex(FUTEX_WAKE_PRIVATE, 1);
  }
  void take_token() override {
    while (full_.exchange(0) == 0) futex(FUTEX_WAIT_PRIVATE, 0);
  }

 private:
  void futex(int operation, int value) {
    ::syscall(SYS_futex, &full_, operation, value, nullptr, nullptr, 0);
  }
  std::atomic<int> full_{0};
};

class EventPlace final : public Place {
 public:
  ~EventPlace() override { ::close(fd_); }
  void leave_token() override {
    const std::uint64_t one = 1;
    if (::write(fd_, &one, sizeof one) != sizeof one) std::abort();
  }
  void take_token() override {
    std::uint64_t count = 0;
    if (::read(fd_, &count, sizeof count) != sizeof count) std::abort();
  }

 private:
  const int fd_ = ::eventfd(0, EFD_CLOEXEC);
};

class SpinPlace final : public Place {
 public:
  void leave_token() override { full_.store(true, std::memory_order_release); }
  void take_token() override {
    for (unsigned looks = 0; !full_.load(std::memory_order_acquire);) {
      if (++looks % 64 == 0) std::this_thread::yield();
    }
    full_.store(false, std::memory_order_relaxed);
  }

 private:
  std::atomic<bool> full_{false};
};

template <class Kind>
class Wakeups final : public bench::Subject {
 public:
  explicit Wakeups(const bench::Options& options) : placed_(options.pinning == bench::kTwoCores) {
    if (placed_) bench::place_on_processor(0);
  }
  ~Wakeups() override {
    over_ = true;
    there_.leave_token();
    other_.join();
  }
  bool unary(std::uint64_t i) override {
    sent_ = i;
    there_.leave_token();
    back_.take_token();
    return answered_ == ~i;
  }

 private:
  void answer() {
    if (placed_) bench::place_on_processor(1);
    for (;;) {
      there_.take_token();
      if (over_) return;
      answered_ = ~sent_;
      back_.leave_token();
    }
  }

  const bool placed_;
  alignas(64) Kind there_;
  alignas(64) Kind back_;
  alignas(64) std::uint64_t sent_ = 0, answered_ = 0;  // whoever has the token
  std::atomic<bool> over_{false};
  std::thread other_{[this] { answer(); }};
};

std::unique_ptr<bench::Subject> make(const bench::Options& options) {
  if (options.api == "futex") return std::make_unique<Wakeups<FutexPlace>>(options);
  if (options.api == "eventfd") return std::make_unique<Wakeups<EventPlace>>(options);
  if (options.api == "spin") return std::make_unique<Wakeups<SpinPlace>>(options);
  std::fprintf(stderr, "there are futex, eventfd and spin, not \"%s\"\n", options.api.c_str());
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) { return bench::subject_main(argc, argv, make); }
