// Buffer and Bytes: who owns the memory, on one thread and on several.
#include "sluice/base/bytes.h"

#include <gtest/gtest.h>

#include <limits>
#include <new>
#include <thread>
#include <vector>

namespace sluice::inline v0 {
namespace {

TEST(Buffer, IsMadeWithOneReferenceAndAlignedMemory) {
  for (std::size_t capacity : {0u, 1u, 100u, 70000u}) {
    Buffer* buffer = Buffer::make(capacity);
    EXPECT_GE(buffer->capacity(), capacity);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer->data()) % alignof(std::max_align_t), 0u);
    std::memset(buffer->data(), 0x5a, buffer->capacity());
    EXPECT_TRUE(buffer->unique());
    buffer->ref();
    EXPECT_FALSE(buffer->unique());
    buffer->unref();
    EXPECT_TRUE(buffer->unique());
    buffer->unref();
  }
}

TEST(Buffer, ThrowsForACapacityThatWrapsAround) {
  EXPECT_THROW(Buffer::make(std::numeric_limits<std::size_t>::max()), std::bad_alloc);
  EXPECT_THROW(Buffer::make(std::numeric_limits<std::size_t>::max() - 8), std::bad_alloc);
}

TEST(Bytes, IsEmptyByDefault) {
  Bytes bytes;
  EXPECT_TRUE(bytes.empty());
  EXPECT_TRUE(bytes.owned());
  EXPECT_EQ(bytes.text(), "");
  EXPECT_TRUE(Bytes::copy("").empty());
}

TEST(Bytes, CopyOwnsAndBorrowDoesNot) {
  std::string text = "hello";
  Bytes owned = Bytes::copy(text);
  Bytes borrowed = Bytes::borrow(as_bytes(text));
  EXPECT_TRUE(owned.owned());
  EXPECT_FALSE(borrowed.owned());
  EXPECT_EQ(borrowed.data(), as_bytes(text).data());
  text[0] = 'j';
  EXPECT_EQ(owned.text(), "hello");
  EXPECT_EQ(borrowed.text(), "jello");
  EXPECT_TRUE(Bytes::borrow({}).owned());
}

TEST(Bytes, AdoptsAReference) {
  Buffer* buffer = Buffer::make(4);
  std::memcpy(buffer->data(), "abcd", 4);
  buffer->ref();
  {
    Bytes bytes(buffer, buffer->data() + 1, 2);
    EXPECT_EQ(bytes.text(), "bc");
    EXPECT_FALSE(buffer->unique());
  }
  EXPECT_TRUE(buffer->unique());
  buffer->unref();
}

TEST(Bytes, CopiesShareAndMovesTakeOver) {
  Buffer* buffer = Buffer::make(3);
  std::memcpy(buffer->data(), "abc", 3);
  Bytes a(buffer, buffer->data(), 3);
  Bytes b = std::move(a);
  EXPECT_TRUE(a.empty());
  EXPECT_TRUE(buffer->unique());
  a = b;
  EXPECT_EQ(a.data(), b.data());
  EXPECT_FALSE(buffer->unique());
  b = Bytes();
  EXPECT_TRUE(buffer->unique());
  Bytes& alias = a;
  a = alias;
  EXPECT_TRUE(buffer->unique());
  EXPECT_EQ(a.text(), "abc");
}

TEST(Bytes, IsCutWithoutCopying) {
  Bytes bytes = Bytes::copy("0123456789");
  const std::byte* data = bytes.data();
  EXPECT_EQ(bytes.slice(3, 4).text(), "3456");
  EXPECT_EQ(bytes.slice(3, 4).data(), data + 3);
  EXPECT_EQ(bytes.slice(10, 0).size(), 0u);
  bytes.remove_prefix(2);
  bytes.truncate(6);
  EXPECT_EQ(bytes.text(), "234567");
  Bytes front = bytes.take_front(2);
  EXPECT_EQ(front.text(), "23");
  EXPECT_EQ(bytes.text(), "4567");
  EXPECT_EQ(bytes.take_front(0).size(), 0u);
  EXPECT_EQ(bytes.take_front(4).text(), "4567");
  EXPECT_TRUE(bytes.empty());
  EXPECT_EQ(front.data(), data + 2);
}

TEST(Bytes, TakingAllLeavesNoReference) {
  Buffer* buffer = Buffer::make(2);
  Bytes bytes(buffer, buffer->data(), 2);
  Bytes all = bytes.take_front(2);
  EXPECT_TRUE(buffer->unique());
}

// Under TSan this also shows that the last owner's release is ordered after all reads.
TEST(Bytes, IsSharedAcrossThreads) {
  static constexpr int kThreads = 4;
  static constexpr int kRounds = 300;
  for (int round = 0; round < 10; ++round) {
    Bytes shared = Bytes::copy("the same bytes");
    std::vector<std::thread> threads;
    std::vector<int> bad(kThreads);
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([mine = shared, &wrong = bad[t]]() mutable {
        for (int i = 0; i < kRounds; ++i) {
          Bytes copy = mine;
          Bytes part = copy.slice(4, 4);
          copy = Bytes();
          wrong += part.text() == "same" ? 0 : 1;
        }
        mine = Bytes();
      });
    }
    shared = Bytes();  // the last owner is one of the threads
    for (std::thread& thread : threads) thread.join();
    for (int wrong : bad) EXPECT_EQ(wrong, 0);
  }
}

TEST(Bytes, MayBeWrittenOnceItIsUniqueAgain) {
  for (int round = 0; round < 100; ++round) {
    Buffer* buffer = Buffer::make(1);
    buffer->data()[0] = std::byte{1};
    Bytes mine(buffer, buffer->data(), 1);
    std::byte seen{};
    std::thread reader([theirs = mine, &seen]() mutable {
      seen = theirs.data()[0];
      theirs = Bytes();
    });
    while (!buffer->unique()) std::this_thread::yield();
    buffer->data()[0] = std::byte{2};
    reader.join();
    EXPECT_EQ(seen, std::byte{1});
  }
}

}  // namespace
}  // namespace sluice::inline v0
