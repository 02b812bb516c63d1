// Message as bytes, as a borrowed and as a shared object.
#include "sluice/base/message.h"

#include <gtest/gtest.h>

#include "sluice/base/log.h"

namespace sluice {
namespace {

constexpr MessageOps kNoOps;

TEST(Message, IsEmptyBytesByDefault) {
  Message message;
  EXPECT_TRUE(message.is_bytes());
  EXPECT_TRUE(message.bytes().empty());
  EXPECT_EQ(message.object(), nullptr);
  EXPECT_EQ(message.ops(), nullptr);
}

TEST(Message, HoldsBytesAndGivesThemAway) {
  Message message = Chain::copy("hello");
  EXPECT_TRUE(message.is_bytes());
  EXPECT_EQ(message.bytes().to_string(), "hello");
  const std::byte* data = message.bytes().front().data();
  Chain taken = message.take_bytes();
  EXPECT_EQ(taken.to_string(), "hello");
  EXPECT_EQ(taken.front().data(), data);
  EXPECT_TRUE(message.bytes().empty());
}

TEST(Message, CopiesShareTheBytes) {
  Message message = Chain::copy("hello");
  Message copy = message;
  EXPECT_EQ(copy.bytes().front().data(), message.bytes().front().data());
  (void)message.take_bytes();
  EXPECT_EQ(copy.bytes().to_string(), "hello");
}

TEST(Message, BorrowsAnObject) {
  const int object = 3;
  Message message(&object, kNoOps);
  EXPECT_FALSE(message.is_bytes());
  EXPECT_EQ(message.object(), &object);
  EXPECT_EQ(message.ops(), &kNoOps);
}

TEST(Message, CopiesShareTheObjectAndTheLastEndsIt) {
  auto object = std::make_shared<const int>(3);
  std::weak_ptr<const int> watch = object;
  const int* address = object.get();
  auto message = std::make_unique<Message>(std::shared_ptr<const void>(std::move(object)), kNoOps);
  EXPECT_EQ(message->object(), address);
  auto copy = std::make_unique<Message>(*message);
  EXPECT_EQ(copy->object(), address);
  message.reset();
  EXPECT_FALSE(watch.expired());
  copy.reset();
  EXPECT_TRUE(watch.expired());
}

TEST(LogSink, IsOffWhenEmpty) { EXPECT_FALSE(LogSink()); }

}  // namespace
}  // namespace sluice
