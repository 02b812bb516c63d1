// Message as bytes, as a borrowed and as a shared object.
#include "sluice/base/message.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "sluice/base/log.h"

namespace sluice::inline v0 {
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

// As each field of a read is used again and again.
TEST(Message, TakesTheFormOfWhatIsMovedIn) {
  const auto object = std::make_shared<const int>(7);
  Message place = Chain::copy("bytes");
  place = Message(object, kNoOps);
  EXPECT_FALSE(place.is_bytes());
  EXPECT_TRUE(place.bytes().empty());
  EXPECT_EQ(place.object(), object.get());
  EXPECT_EQ(object.use_count(), 2);
  Message moved = std::move(place);
  EXPECT_EQ(moved.object(), object.get());
  EXPECT_TRUE(place.is_bytes());  // NOLINT: what is left of it
  EXPECT_EQ(object.use_count(), 2);
  moved = Message(Chain::copy("bytes again"));
  EXPECT_TRUE(moved.is_bytes());
  EXPECT_EQ(moved.bytes().to_string(), "bytes again");
  EXPECT_EQ(object.use_count(), 1);
}

TEST(Message, IsEmptyBytesWhenItIsCleared) {
  const auto object = std::make_shared<const int>(7);
  Message message(object, kNoOps);
  message.clear();
  EXPECT_TRUE(message.is_bytes());
  EXPECT_TRUE(message.bytes().empty());
  EXPECT_EQ(object.use_count(), 1);
  const int borrowed = 8;
  message.borrow(&borrowed, kNoOps);
  EXPECT_EQ(message.object(), &borrowed);
  message.clear();
  EXPECT_TRUE(message.is_bytes());
}

}  // namespace
}  // namespace sluice::inline v0
