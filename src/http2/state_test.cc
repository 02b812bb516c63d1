// Every state of a stream with every event (RFC 9113 section 5.1).
#include "http2/state.h"

#include <gtest/gtest.h>

namespace sluice::inline v0::http2 {
namespace {

constexpr State kStates[] = {State::kIdle, State::kOpen, State::kHalfClosedLocal, State::kHalfClosedRemote,
                             State::kClosed};

struct Expected {
  Event event;
  // A digit is the next state; 'C' a connection error PROTOCOL_ERROR, 'S' a stream error STREAM_CLOSED, both
  // of the peer; 'p' and 's' the user's PROTOCOL_ERROR and STREAM_CLOSED. In the order of kStates.
  const char* outcome;
};

constexpr Expected kExpected[] = {
    {Event::kRecvHeaders, "112SS"}, {Event::kRecvData, "C12SS"},         {Event::kRecvEnd, "C34SS"},
    {Event::kRecvReset, "C4444"},   {Event::kRecvWindowUpdate, "C1234"}, {Event::kSendHeaders, "11s3s"},
    {Event::kSendData, "p1s3s"},    {Event::kSendEnd, "p2s4s"},          {Event::kSendReset, "p4444"},
};

TEST(State, HasAnAnswerToEveryEvent) {
  for (const Expected& row : kExpected) {
    for (std::size_t i = 0; i < std::size(kStates); ++i) {
      SCOPED_TRACE(std::to_string(static_cast<int>(row.event)) + " in " + std::to_string(i));
      const Transition& to = transition(kStates[i], row.event);
      const char outcome = row.outcome[i];
      if (outcome >= '0' && outcome <= '4') {
        EXPECT_TRUE(to.ok());
        EXPECT_EQ(to.next, kStates[outcome - '0']);
        continue;
      }
      EXPECT_FALSE(to.ok());
      EXPECT_EQ(to.next, kStates[i]);
      EXPECT_EQ(to.scope, outcome == 'C' ? Scope::kConnection : Scope::kStream);
      EXPECT_EQ(to.code,
                outcome == 'S' || outcome == 's' ? ErrorCode::kStreamClosed : ErrorCode::kProtocolError);
      EXPECT_EQ(to.blame, outcome == 'p' || outcome == 's' ? Blame::kUser : Blame::kPeer);
    }
  }
}

}  // namespace
}  // namespace sluice::inline v0::http2
