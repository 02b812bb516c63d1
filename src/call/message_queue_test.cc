// MessageQueue: order and content, and what it holds of the blocks that messages came in.
#include "call/message_queue.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

namespace sluice::inline v0::call {
namespace {

Received received(std::string_view text, bool compressed = false) { return {Chain::copy(text), compressed}; }

Received pop(MessageQueue& queue) {
  Received message;
  message.compressed = queue.pop(message.message);
  return message;
}

TEST(MessageQueue, GivesMessagesInTheirOrder) {
  MessageQueue queue;
  EXPECT_TRUE(queue.empty());
  queue.push(received("a"));
  queue.push(received(""));
  queue.push(received(std::string(5'000, 'b'), true));
  EXPECT_EQ(pop(queue).message.bytes().to_string(), "a");
  EXPECT_EQ(pop(queue).message.bytes().to_string(), "");
  const Received last = pop(queue);
  EXPECT_EQ(last.message.bytes().to_string(), std::string(5'000, 'b'));
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
      ASSERT_EQ(pop(queue).message.bytes().to_string(), model[begin++]);
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
  EXPECT_EQ(pop(queue).message.bytes().front().data(), large.data());
}

TEST(MessageQueue, HoldsNoBlockForALittleOfIt) {
  MessageQueue queue;
  for (int i = 0; i < 1'000; ++i) {
    const Bytes block = Bytes::copy(std::string(60'000, 'x'));
    queue.push({Chain(block.slice(100, 50)), false});
    queue.push({Chain(block.slice(200, 2'000)), false});
  }
  while (!queue.empty()) {
    const Received small = pop(queue), large = pop(queue);
    EXPECT_EQ(small.message.bytes().to_string(), std::string(50, 'x'));
    EXPECT_LE(small.message.bytes().front().block_size(), 16u << 10);
    EXPECT_EQ(large.message.bytes().to_string(), std::string(2'000, 'x'));
    EXPECT_LE(large.message.bytes().front().block_size(), 4'000u);
  }
}

// Where it is copied, where it is shared, and where it just fits into a block; borrowed, and in pieces.
TEST(MessageQueue, TakesEverySize) {
  MessageQueue queue;
  std::vector<std::string> model;
  for (std::size_t size = 0; size < 5'000; size += size < 300 || (size > 990 && size < 1'060) ? 1 : 61) {
    model.emplace_back(size, static_cast<char>('a' + size % 26));
    const std::string& text = model.back();
    Chain message(Bytes::borrow(as_bytes(std::string_view(text).substr(0, size / 3))));
    message.append(Bytes::copy(std::string_view(text).substr(size / 3)));
    queue.push({std::move(message), size % 2 == 0});
  }
  for (const std::string& text : model) {
    const Received message = pop(queue);
    EXPECT_EQ(message.message.bytes().to_string(), text);
    EXPECT_EQ(message.compressed, text.size() % 2 == 0);
  }
  EXPECT_TRUE(queue.empty());
}

TEST(MessageQueue, WhatWasReadDoesNotChange) {
  MessageQueue queue;
  std::vector<Received> read;
  int pushed = 0;
  for (int i = 0; i < 500; ++i) {
    for (int k = 0; k < i % 7; ++k) queue.push(received(std::to_string(pushed++)));
    while (!queue.empty() && read.size() < static_cast<std::size_t>(i)) read.push_back(pop(queue));
  }
  ASSERT_GT(read.size(), 400u);
  for (std::size_t i = 0; i < read.size(); ++i)
    EXPECT_EQ(read[i].message.bytes().to_string(), std::to_string(i));
}

TEST(MessageQueue, TakesEmptyMessages) {
  MessageQueue queue;
  constexpr std::size_t kMessages = 10'000;
  for (std::size_t i = 0; i < kMessages; ++i) queue.push(received(""));
  EXPECT_EQ(queue.received(), 5 * kMessages);
  for (std::size_t i = 0; i < kMessages; ++i) EXPECT_EQ(pop(queue).message.bytes().size(), 0u);
  EXPECT_TRUE(queue.empty());
}

TEST(MessageQueue, NeedsFewSlicesForManySmallMessages) {
  MessageQueue queue;
  for (int i = 0; i < 3'000; ++i) queue.push(received("0123456789"));
  for (int i = 0; i < 2'500; ++i) (void)pop(queue);
  const Received first = pop(queue);
  EXPECT_EQ(first.message.bytes().count(), 1u);
  EXPECT_TRUE(first.message.bytes().front().same_block(pop(queue).message.bytes().front()));
}

TEST(MessageQueue, IsEmptyWhenItIsCleared) {
  MessageQueue queue;
  for (int i = 0; i < 3'000; ++i) queue.push(received("0123456789"));
  queue.clear();
  EXPECT_TRUE(queue.empty());
  queue.push(received("next"));
  EXPECT_EQ(pop(queue).message.bytes().to_string(), "next");
}

TEST(MessageQueue, KeepsTheOrderOfObjectsAmongBytes) {
  MessageQueue queue;
  queue.push(received("a"));
  const auto object = std::make_shared<const int>(7);
  static constexpr MessageOps kOps{};
  queue.push({Message(object, kOps)});
  queue.push(received("b", true));
  EXPECT_EQ(queue.received(), 3 * kPrefix + 2);
  EXPECT_EQ(pop(queue).message.bytes().to_string(), "a");
  const Received second = pop(queue);
  EXPECT_EQ(second.message.object(), object.get());
  EXPECT_FALSE(second.compressed);
  EXPECT_TRUE(pop(queue).compressed);
  EXPECT_TRUE(queue.empty());
}

TEST(MessageQueue, LetsGoOfObjects) {
  MessageQueue queue;
  auto object = std::make_shared<const int>(7);
  static constexpr MessageOps kOps{};
  queue.push({Message(object, kOps)});
  queue.clear();
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(object.use_count(), 1);
}

}  // namespace
}  // namespace sluice::inline v0::call
