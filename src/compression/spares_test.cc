// Spares: what is given is taken again, by one thread at a time.
#include "compression/spares.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sluice::inline v0::compression {
namespace {

// `alive` of them there are.
struct Context {
  explicit Context(std::atomic<int>& n) : alive(n) { ++alive; }
  ~Context() { --alive; }
  std::atomic<int>& alive;
  int uses = 0;
};

TEST(Spares, GivesBackWhatItWasGiven) {
  std::atomic<int> alive{0};
  Spares<Context> spares;
  EXPECT_EQ(spares.take(), nullptr);
  auto context = std::make_unique<Context>(alive);
  Context* const same = context.get();
  spares.give(std::move(context));
  EXPECT_EQ(spares.take().release(), same);
  EXPECT_EQ(spares.take(), nullptr);
  delete same;
}

TEST(Spares, KeepsAFewAndEndsTheRest) {
  std::atomic<int> alive{0};
  {
    Spares<Context> spares;
    for (int i = 0; i < 10; ++i) spares.give(std::make_unique<Context>(alive));
    EXPECT_EQ(alive, 4);
  }
  EXPECT_EQ(alive, 0);
}

TEST(Spares, NoTwoThreadsHaveTheSame) {
  std::atomic<int> alive{0};
  {
    Spares<Context> spares;
    std::vector<std::thread> threads;
    for (int t = 0; t < 6; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 5000; ++i) {
          auto context = spares.take();
          if (!context) context = std::make_unique<Context>(alive);
          ++context->uses;
          spares.give(std::move(context));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_LE(alive, 4);
  }
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace sluice::inline v0::compression
