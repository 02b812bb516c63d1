// ReadyQueue and RemoteQueue: order, and many producers.
#include "sluice/async/detail/queues.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <thread>
#include <vector>

#include "sluice/async/simulation.h"

namespace sluice::inline v0 {
namespace {

struct Item : Runnable {
  explicit Item(int n) : Runnable([](Runnable&) noexcept {}), number(n) {}
  int number;
};

std::vector<int> numbers(detail::ReadyQueue& queue) {
  std::vector<int> out;
  while (Runnable* r = queue.pop()) out.push_back(static_cast<Item*>(r)->number);
  return out;
}

TEST(ReadyQueue, GivesWhatCameFirstFirst) {
  detail::ReadyQueue queue(nullptr);
  Item a(1), b(2), c(3);
  EXPECT_TRUE(queue.empty());
  queue.push(a);
  queue.push(b);
  EXPECT_EQ(queue.pop(), &a);
  queue.push(c);
  queue.push(a);
  EXPECT_EQ(numbers(queue), (std::vector<int>{2, 3, 1}));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.pop(), nullptr);
  queue.push(b);
  EXPECT_EQ(numbers(queue), (std::vector<int>{2}));
}

TEST(ReadyQueue, GivesEachOnceInTheOrderThatTheSeedChooses) {
  std::vector<std::vector<int>> orders;
  for (const std::uint64_t seed : {1, 1, 2}) {
    Simulation simulation(seed);
    detail::ReadyQueue queue(&simulation);
    std::deque<Item> items;
    for (int i = 0; i < 10; ++i) queue.push(items.emplace_back(i));
    orders.push_back(numbers(queue));
    EXPECT_TRUE(queue.empty());
  }
  EXPECT_EQ(orders[0], orders[1]);
  EXPECT_NE(orders[0], orders[2]);
  std::sort(orders[0].begin(), orders[0].end());
  EXPECT_EQ(orders[0], (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(RemoteQueue, KeepsTheOrderOfEachOfManyProducers) {
  constexpr int kProducers = 3, kEach = 2000;
  detail::RemoteQueue remote;
  detail::ReadyQueue ready(nullptr);
  std::vector<std::deque<Item>> items(kProducers);
  for (int p = 0; p < kProducers; ++p) {
    for (int i = 0; i < kEach; ++i) items[static_cast<std::size_t>(p)].emplace_back(p * kEach + i);
  }
  std::vector<std::thread> producers;
  for (auto& mine : items) {
    producers.emplace_back([&remote, &mine] {
      for (Item& item : mine) remote.push(item);
    });
  }
  std::vector<int> next(kProducers, 0);
  for (int got = 0; got < kProducers * kEach;) {
    remote.drain_into(ready);
    if (ready.empty()) std::this_thread::yield();
    for (const int n : numbers(ready)) {
      ASSERT_EQ(n % kEach, next[static_cast<std::size_t>(n / kEach)]++);
      ++got;
    }
  }
  for (std::thread& t : producers) t.join();
  EXPECT_TRUE(remote.empty());
}

}  // namespace
}  // namespace sluice::inline v0
