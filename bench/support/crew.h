// Threads that do the same thing at once, again and again, for the rows with several callers: made before a
// measurement, so that starting them is no part of it. And the placing of threads on processors.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace bench {

// Thread: run() from one thread at a time.
class Crew {
 public:
  // `placed`: each on a processor of its own, in turn.
  Crew(unsigned size, bool placed);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  unsigned size() const { return static_cast<unsigned>(threads_.size()); }
  // work(k) on thread k, on all at once; returns when all have ended. False if one of them said so.
  bool run(const std::function<bool(unsigned)>& work);

 private:
  void member_main(unsigned k, bool placed);

  std::mutex mutex_;
  std::condition_variable begin_, ended_;
  const std::function<bool(unsigned)>* work_ = nullptr;
  std::uint64_t round_ = 0;
  unsigned running_ = 0;
  bool right_ = true;
  bool over_ = false;
  std::vector<std::thread> threads_;
};

// Puts the calling thread on the k-th of the processors that the process may use, counted round and round;
// threads that it makes from then on start there too.
void place_on_processor(unsigned k);

// The pinning under which a program places its threads itself: each side on a processor of its own.
constexpr const char* kTwoCores = "two cores";

}  // namespace bench
