// MessageQueue: order and content, and what it holds of the blocks that messages came in.
#include "transport/message_queue.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace sluice::transport {
namespace {

Received received(std::string_view text, bool compressed = false) { return {Chain::copy(text), compressed}; }

TEST(MessageQueue, GivesMessagesInTheirOrder) {
  MessageQueue queue;
  EXPECT_TRUE(queue.empty());
  queue.push(received("a"));
  queue.push(received(""));
  queue.push(received(std::string(5'000, 'b'), true));
  EXPECT_EQ(queue.pop().bytes.to_string(), "a");
  EXPECT_EQ(queue.pop().bytes.to_string(), "");
  const Received last = queue.pop();
  EXPECT_EQ(last.bytes.to_string(), std::string(5'000, 'b'));
  EXPECT_TRUE(last.compressed);
  EXPECT_TRUE(queue.empty());
}

TEST(MessageQueue, AgreesWithAModel) {
  std::mt19937 random(7);
  MessageQueue queue;
  std::vector<std::string> model;
  std::size_t begin = 0;
  for (int i = 0; i < 20'000; ++i) {
    if (begin < model.size() && random() % 100 < 49) {
      ASSERT_EQ(queue.pop().bytes.to_string(), model[begin++]);
    } else {
      const std::size_t size = random() % 10 == 0 ? random() % 10'000 : random() % 20;
      model.emplace_back(size, static_cast<char>('a' + i % 26));
      queue.push(received(model.back()));
    }
    ASSERT_EQ(queue.empty(), begin == model.size());
  }
}

TEST(MessageQueue, SharesWhatFillsItsBlock) {
  MessageQueue queue;
  const Bytes large = Bytes::copy(std::string(20'000, 'x'));
  queue.push({Chain(large), false});
  EXPECT_EQ(queue.pop().bytes.front().data(), large.data());
}

// Messages of one block hold it once, and so may be many.
TEST(MessageQueue, SharesAFewBlocksAtMost) {
  MessageQueue queue;
  std::size_t held = 0;
  for (int i = 0; i < 1'000; ++i) {
    const Bytes block = Bytes::copy(std::string(60'000, 'x'));
    queue.push({Chain(block.slice(100, 50)), false});
    queue.push({Chain(block.slice(200, 50)), false});
  }
  while (!queue.empty()) {
    const Received message = queue.pop();
    EXPECT_EQ(message.bytes.to_string(), std::string(50, 'x'));
    held += message.bytes.front().block_size() == 60'000 ? 1 : 0;
  }
  EXPECT_EQ(held, 4u) << "of two blocks";
}

TEST(MessageQueue, CountsSlotsOfEmptyMessagesToo) {
  MessageQueue queue;
  constexpr std::size_t kMessages = 10'000;
  for (std::size_t i = 0; i < kMessages; ++i) queue.push(received(""));
  EXPECT_EQ(queue.received(), 5 * kMessages);
  for (std::size_t i = 0; i < kMessages; ++i) EXPECT_EQ(queue.pop().bytes.size(), 0u);
  EXPECT_TRUE(queue.empty());
}

TEST(MessageQueue, NeedsFewSlicesForManySmallMessages) {
  MessageQueue queue;
  for (int i = 0; i < 3'000; ++i) queue.push(received("0123456789"));
  for (int i = 0; i < 2'500; ++i) (void)queue.pop();
  const Received first = queue.pop();
  EXPECT_EQ(first.bytes.count(), 1u);
  EXPECT_TRUE(first.bytes.front().same_block(queue.pop().bytes.front()));
}

TEST(MessageQueue, IsEmptyWhenItIsCleared) {
  MessageQueue queue;
  for (int i = 0; i < 3'000; ++i) queue.push(received("0123456789"));
  queue.clear();
  EXPECT_TRUE(queue.empty());
  queue.push(received("next"));
  EXPECT_EQ(queue.pop().bytes.to_string(), "next");
}

}  // namespace
}  // namespace sluice::transport
