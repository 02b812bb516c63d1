// RFC 9113 section 6.9: windows, up to the largest and below zero, in both directions. The rows of
// docs/http2-conformance.md that the session's other tests do not prove for both roles.
#include <gtest/gtest.h>

#include "http2/conformance_test_util.h"

namespace sluice::inline v0::http2 {
namespace {

using namespace testing;  // NOLINT

// Takes all output, however many frames it has: the DATA bytes of stream 1 in it.
std::size_t data_sent(Talk& talk) {
  std::size_t n = 0;
  for (const FrameHeader& frame : frames_of(talk.take()))
    n += frame.type == FrameType::kData ? frame.length : 0;
  return n;
}

TEST(Rfc9113, S6_9_OnlyDataWaitForAWindow) {
  for (const Role role : kRoles) {
    Talk talk(role, {{SettingId::kInitialWindowSize, 0}});
    talk.next(3);
    talk.data(talk.stream(), "waits");
    talk.session.submit_ping(1);
    talk.headers(talk.sink[3], kTrailers, EndStream::kYes);
    ASSERT_TRUE(talk.feed(Wire().settings().ping("12345678")).ok());
    EXPECT_EQ(frames_of(talk.take()).size(), 4u);
    // Neither do other frames take any of what the peer may send.
    Talk full(role);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(full.feed(Wire().data(1, xs(8191))).ok());
    Wire many;
    for (int i = 0; i < 8; ++i)
      many.frame(static_cast<FrameType>(99), 0, 1, xs(16384)).goaway(1, ErrorCode::kNoError);
    EXPECT_TRUE(full.takes(many));
  }
}

TEST(Rfc9113, S6_9_AnIncrementOfZeroIsAnErrorOfItsStream) {
  for (const Role role : kRoles) {
    for (const std::uint32_t zero : {0u, 0x80000000u}) {
      Talk talk(role);
      EXPECT_TRUE(talk.takes(Wire().window_update(1, zero), Wire().rst(1, ErrorCode::kProtocolError)));
      ASSERT_EQ(talk.sink.events.size(), 2u);
      EXPECT_TRUE(talk.sink.events[0].starts_with("error 1 1 "));
      EXPECT_EQ(talk.breaks(Wire().window_update(0, zero), ErrorCode::kProtocolError), "");
    }
  }
}

TEST(Rfc9113, S6_9_AWindowUpdateAfterTheEndIsNoError) {
  for (const Role role : kRoles) {
    Talk half(role);
    ASSERT_TRUE(half.feed(Wire().data(1, "", kEnd)).ok());
    EXPECT_TRUE(half.takes(Wire().window_update(1, 5)));
    half.headers(half.stream(), kTrailers, EndStream::kYes);
    (void)half.take();
    EXPECT_TRUE(half.takes(Wire().window_update(1, 5).window_update(1, kMaxStreamId)));
  }
}

TEST(Rfc9113, S6_9_DataCountForTheConnectionEvenInError) {
  for (const Role role : kRoles) {
    // 65,000 bytes for a stream that has ended: they are credited in halves of the window, padding and all.
    // credited.
    Talk talk(role);
    talk.next(3);
    ASSERT_TRUE(talk.feed(Wire().data(1, "", kEnd)).ok());
    talk.forget();
    Wire late;
    for (int i = 0; i < 5; ++i) late.padded_data(1, xs(12900), 99);
    EXPECT_TRUE(talk.takes(late, Wire().rst(1, ErrorCode::kStreamClosed).window_update(0, 39000)));
    EXPECT_TRUE(talk.takes(Wire().data(3, xs(16384)), Wire().window_update(0, 65000 - 39000 + 16384)));
    // And they are charged.
    SessionOptions options = options_of(role);
    options.local.max_frame_size = 1 << 20;
    Talk charged(options);
    ASSERT_TRUE(charged.feed(Wire().data(1, "", kEnd)).ok());
    EXPECT_EQ(charged.breaks(Wire().header(65536, FrameType::kData, 0, 1), ErrorCode::kFlowControlError), "");
  }
}

TEST(Rfc9113, S6_9_AWindowUpdateIsFourBytes) {
  for (const Role role : kRoles) {
    for (const StreamId id : {0u, 1u}) {
      for (const std::size_t size : {0u, 3u, 5u, 8u}) {
        Talk talk(role);
        EXPECT_EQ(talk.breaks(Wire().frame(FrameType::kWindowUpdate, 0, id, std::string(size, '\1')),
                              ErrorCode::kFrameSizeError),
                  "");
      }
    }
  }
}

TEST(Rfc9113, S6_9_1_NoMoreThanBothWindowsIsSent) {
  for (const Role role : kRoles) {
    Talk talk(role, {{SettingId::kInitialWindowSize, 70000}});
    talk.data(talk.stream(), xs(200000));
    EXPECT_EQ(data_sent(talk), 65535u);
    ASSERT_TRUE(talk.feed(Wire().window_update(0, 100000)).ok());
    EXPECT_EQ(data_sent(talk), 70000u - 65535);
    ASSERT_TRUE(talk.feed(Wire().window_update(1, 1)).ok());
    EXPECT_EQ(data_sent(talk), 1u);
    ASSERT_TRUE(talk.feed(Wire().window_update(1, 1 << 20)).ok());
    EXPECT_EQ(data_sent(talk), 100000u - (70000 - 65535) - 1);
    EXPECT_EQ(talk.stream().queued(), 200000u - 165535);
  }
}

TEST(Rfc9113, S6_9_1_NoWindowGrowsBeyond2To31Minus1) {
  for (const Role role : kRoles) {
    Talk stream(role);
    EXPECT_TRUE(stream.takes(Wire().window_update(1, 0x7fffffff - 65535)));
    EXPECT_TRUE(stream.takes(Wire().window_update(1, 1), Wire().rst(1, ErrorCode::kFlowControlError)));
    Talk at_once(role);
    EXPECT_TRUE(
        at_once.takes(Wire().window_update(1, 0x7fffffff), Wire().rst(1, ErrorCode::kFlowControlError)));
    Talk connection(role);
    EXPECT_TRUE(connection.takes(Wire().window_update(0, 0x7fffffff - 65535)));
    EXPECT_EQ(connection.breaks(Wire().window_update(0, 1), ErrorCode::kFlowControlError), "");
    // What was sent makes room for as much.
    Talk sent(role, {{SettingId::kInitialWindowSize, 0x7fffffff}});
    ASSERT_TRUE(sent.feed(Wire().window_update(0, 0x7fffffff - 65535)).ok());
    sent.data(sent.stream(), xs(1000));
    (void)sent.take();
    EXPECT_TRUE(sent.takes(Wire().window_update(0, 1000).window_update(1, 1000)));
    EXPECT_EQ(sent.breaks(Wire().window_update(0, 1), ErrorCode::kFlowControlError), "");
  }
}

TEST(Rfc9113, S6_9_2_AChangeAdjustsEveryStream) {
  for (const Role role : kRoles) {
    Talk talk(role, {{SettingId::kInitialWindowSize, 10}});
    talk.next(3);
    talk.data(talk.stream(), xs(4));
    talk.data(talk.sink[3], xs(10));
    talk.forget();
    ASSERT_TRUE(talk.feed(Wire().settings({{SettingId::kInitialWindowSize, 25}})).ok());
    talk.data(talk.stream(), xs(100));
    talk.data(talk.sink[3], xs(100));
    talk.next(5);  // takes what the two may send now
    EXPECT_EQ(talk.stream().queued(), 100u - 21);
    EXPECT_EQ(talk.sink[3].queued(), 100u - 15);
    talk.data(talk.sink[5], xs(100));
    EXPECT_EQ(data_sent(talk), 25u);
  }
}

TEST(Rfc9113, S6_9_2_AWindowBelowZeroSendsNothingUntilItIsAboveAgain) {
  for (const Role role : kRoles) {
    Talk talk(role);
    talk.data(talk.stream(), xs(60000));
    (void)talk.take();
    talk.data(talk.stream(), "0123456789");
    (void)talk.take();
    ASSERT_TRUE(
        talk.feed(Wire().settings({{SettingId::kInitialWindowSize, 16384}}).window_update(0, 100000)).ok());
    talk.data(talk.stream(), "abc", EndStream::kYes);
    EXPECT_EQ(talk.out(), describe(Wire().settings_ack()));  // 16384 - 60010
    ASSERT_TRUE(talk.feed(Wire().window_update(1, 60010 - 16384)).ok());
    EXPECT_EQ(talk.out(), "");
    ASSERT_TRUE(talk.feed(Wire().window_update(1, 1)).ok());
    EXPECT_EQ(talk.out(), describe(Wire().data(1, "a")));
    // From as low as it can be to the largest.
    ASSERT_TRUE(talk.feed(Wire().settings({{SettingId::kInitialWindowSize, 0}})).ok());
    ASSERT_TRUE(talk.feed(Wire().settings({{SettingId::kInitialWindowSize, 0x7fffffff}})).ok());
    EXPECT_EQ(talk.out(), describe(Wire().settings_ack().settings_ack().data(1, "bc", kEnd)));
  }
}

TEST(Rfc9113, S6_9_2_AChangeThatOverflowsAWindowEndsTheConnection) {
  for (const Role role : kRoles) {
    Talk talk(role);
    ASSERT_TRUE(talk.feed(Wire().window_update(1, 1)).ok());
    EXPECT_TRUE(
        talk.takes(Wire().settings({{SettingId::kInitialWindowSize, 0x7ffffffe}}), Wire().settings_ack()));
    EXPECT_EQ(talk.breaks(Wire().settings({{SettingId::kInitialWindowSize, 0x7fffffff}}),
                          ErrorCode::kFlowControlError),
              "");
  }
}

TEST(Rfc9113, S6_9_3_DataBeyondALoweredWindowAreTakenUntilItIsAcknowledged) {
  for (const Role role : kRoles) {
    SessionOptions options = options_of(role);
    options.local.initial_window_size = 10;
    Bench bench(options);
    Wire wire;
    if (role == Role::kServer) wire.preface();
    if (role == Role::kClient) bench.open();
    wire.settings().headers(1, role == Role::kClient ? kResponse : kRequest).data(1, xs(16384));
    ASSERT_TRUE(bench.feed(wire).ok());
    EXPECT_EQ(bench.sink.events.back(), "data 1 " + xs(16384));
    ASSERT_TRUE(bench.feed(Wire().settings_ack().data(1, "x")).ok());
    EXPECT_TRUE(bench.out().ends_with(describe(Wire().rst(1, ErrorCode::kFlowControlError))));
  }
}

}  // namespace
}  // namespace sluice::inline v0::http2
