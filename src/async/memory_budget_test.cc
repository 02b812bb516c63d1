// MemoryBudget: room, who may go beyond it, and what a loop tells of what is unread.
#include "sluice/async/memory_budget.h"

#include <gtest/gtest.h>

namespace sluice::inline v0 {
namespace {

constexpr std::size_t kBytes = 1 << 20;

TEST(MemoryBudget, HasRoomForHalfOfIt) {
  MemoryBudget budget(kBytes);
  EXPECT_TRUE(budget.take_room(kBytes / 2));
  EXPECT_FALSE(budget.take_room(1));
  budget.give_room_back(1);
  EXPECT_FALSE(budget.take_room(2));
  EXPECT_TRUE(budget.take_room(1));
  EXPECT_EQ(budget.used(), kBytes / 2);
  EXPECT_FALSE(budget.exceeded());
}

TEST(MemoryBudget, HasNoRoomForMoreThanThereIs) {
  MemoryBudget budget(kBytes);
  EXPECT_FALSE(budget.take_room(kBytes));
  EXPECT_FALSE(budget.take_room(SIZE_MAX));
  EXPECT_EQ(budget.used(), 0u);
}

TEST(MemoryBudget, OneAtATimeGoesBeyond) {
  MemoryBudget budget(kBytes);
  const int one = 0, other = 0;
  EXPECT_TRUE(budget.take_room_beyond(&one, kBytes));
  EXPECT_TRUE(budget.take_room_beyond(&one, 1));
  EXPECT_TRUE(budget.exceeded());
  EXPECT_FALSE(budget.take_room_beyond(&other, 1));
  budget.end_beyond(&other);
  EXPECT_FALSE(budget.take_room_beyond(&other, 1));
  budget.end_beyond(&one);
  EXPECT_TRUE(budget.take_room_beyond(&other, 1));
  EXPECT_EQ(budget.used(), kBytes + 2);
}

TEST(MemoryBudget, HasNoRoomWhereUnreadMessagesUseItUp) {
  MemoryBudget budget(kBytes);
  UnreadMemory unread;
  unread.hold(budget, kBytes + 1);
  EXPECT_TRUE(budget.exceeded());
  EXPECT_FALSE(budget.take_room(1));
  unread.give_back(budget, kBytes + 1);
  EXPECT_FALSE(budget.exceeded());
  EXPECT_TRUE(budget.take_room(1));
}

// Off by no more than a piece for each loop.
TEST(MemoryBudget, IsToldOfUnreadBytesInPieces) {
  MemoryBudget budget(kBytes);
  UnreadMemory one, other;
  for (int i = 0; i < 1000; ++i) {
    one.hold(budget, 100);
    other.hold(budget, 100);
    EXPECT_LE(budget.used(), one.held() + other.held());
    EXPECT_GE(budget.used() + 2 * 65'536, one.held() + other.held());
  }
  for (int i = 0; i < 1000; ++i) {
    one.give_back(budget, 100);
    EXPECT_LE(budget.used(), one.held() + other.held() + 65'536);
    EXPECT_GE(budget.used() + 2 * 65'536, one.held() + other.held());
  }
  EXPECT_EQ(one.held(), 0u);
  EXPECT_EQ(other.held(), 100'000u);
}

}  // namespace
}  // namespace sluice::inline v0
