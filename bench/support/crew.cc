// See crew.h.
#include "support/crew.h"

#include <sched.h>

namespace bench {

Crew::Crew(unsigned size, bool placed) {
  for (unsigned k = 0; k < size; ++k) threads_.emplace_back([this, k, placed] { member_main(k, placed); });
}

Crew::~Crew() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
    begin_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

bool Crew::run(const std::function<bool(unsigned)>& work) {
  std::unique_lock lock(mutex_);
  work_ = &work;
  running_ = size();
  right_ = true;
  ++round_;
  begin_.notify_all();
  ended_.wait(lock, [this] { return running_ == 0; });
  return right_;
}

void Crew::member_main(unsigned k, bool placed) {
  if (placed) place_on_processor(k);
  std::unique_lock lock(mutex_);
  for (std::uint64_t seen = 0;;) {
    begin_.wait(lock, [&] { return over_ || round_ != seen; });
    if (over_) return;
    seen = round_;
    lock.unlock();
    const bool right = (*work_)(k);
    lock.lock();
    right_ = right_ && right;
    if (--running_ == 0) ended_.notify_one();
  }
}

void place_on_processor(unsigned k) {
  // The process's own set, which a thread that was placed before no longer has.
  static const cpu_set_t allowed = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof set, &set);
    return set;
  }();
  const unsigned count = static_cast<unsigned>(CPU_COUNT(&allowed));
  if (count == 0) return;
  unsigned left = k % count;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || left-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

}  // namespace bench
