// RFC 9113 section 5: streams, their ids, and what is an error of which. The rows of
// docs/http2-conformance.md that the session's other tests do not prove for both roles.
#include <gtest/gtest.h>

#include "http2/conformance_test_util.h"

namespace sluice::inline v0::http2 {
namespace {

using namespace testing;  // NOLINT

TEST(Rfc9113, S5_1_IdleStreamsTakeHeadersAndPriorityOnly) {
  for (const Role role : kRoles) {
    for (const StreamId id : {2u, 9u, kMaxStreamId}) {
      const Wire wrong[] = {Wire().data(id, "x"),
                            Wire().rst(id, ErrorCode::kCancel),
                            Wire().frame(FrameType::kPushPromise, kEndHeaders, id, Wire::u32(4u)),
                            Wire().window_update(id, 1),
                            Wire().window_update(id, 0),
                            Wire().continuation(id, "", kEndHeaders)};
      for (const Wire& wire : wrong) {
        Talk talk(role);
        EXPECT_EQ(talk.breaks(wire, ErrorCode::kProtocolError), "") << role_name(role) << describe(wire);
      }
      Talk talk(role);
      EXPECT_TRUE(talk.takes(Wire().frame(FrameType::kPriority, 0, id, "12345")));
    }
  }
}

TEST(Rfc9113, S5_1_HeadersOpenNoStreamOfOurs) {
  for (const Role role : kRoles) {
    for (const StreamId id : {2u, 4u, kMaxStreamId - 1}) {
      Talk talk(role);
      EXPECT_EQ(talk.breaks(Wire().headers(id, kRequest), ErrorCode::kProtocolError), "");
    }
  }
  Talk client(Role::kClient);
  EXPECT_EQ(client.breaks(Wire().headers(3, kResponse), ErrorCode::kProtocolError), "");
}

TEST(Rfc9113, S5_1_WhoHasEndedMaySayNothingMore) {
  for (const Role role : kRoles) {
    for (const Wire& wire : {Wire().data(1, "x"), Wire().data(1, "", kEnd), Wire().headers(1, kTrailers),
                             Wire().headers(1, kTrailers, kEnd)}) {
      Talk talk(role);
      ASSERT_TRUE(talk.feed(Wire().data(1, "", kEnd)).ok());
      talk.forget();
      EXPECT_TRUE(talk.takes(wire, Wire().rst(1, ErrorCode::kStreamClosed)));
      ASSERT_EQ(talk.sink.events.size(), 2u);
      EXPECT_TRUE(talk.sink.events[0].starts_with("error 1 5 "));
    }
    Talk talk(role);
    ASSERT_TRUE(talk.feed(Wire().data(1, "", kEnd)).ok());
    talk.forget();
    EXPECT_TRUE(talk.takes(
        Wire().window_update(1, 5).frame(FrameType::kPriority, 0, 1, "12345").rst(1, ErrorCode::kNoError)));
    EXPECT_EQ(talk.sink.take(), (Events{"reset 1 0", "closed 1"}));
  }
}

TEST(Rfc9113, S5_1_NothingLeavesOnAClosedStream) {
  const auto use = [](Talk& talk) {
    TestStream& stream = talk.stream();
    talk.headers(stream, kTrailers, EndStream::kYes);
    talk.data(stream, "x", EndStream::kYes);
    talk.session.credit(stream, 100000, Session::When::kNow);
    talk.session.reset(stream, ErrorCode::kCancel);
    EXPECT_EQ(talk.out(), "");
  };
  for (const Role role : kRoles) {
    Talk ended(role);
    ended.headers(ended.stream(), kTrailers, EndStream::kYes);
    ASSERT_TRUE(ended.feed(Wire().data(1, "", kEnd)).ok());
    ended.forget();
    use(ended);
    Talk theirs(role, {{SettingId::kInitialWindowSize, 1}});
    theirs.data(theirs.stream(), "waits for the window");
    (void)theirs.take();
    ASSERT_TRUE(theirs.feed(Wire().rst(1, ErrorCode::kCancel).window_update(1, 100)).ok());
    use(theirs);
    Talk ours(role);
    ours.session.reset(ours.stream(), ErrorCode::kCancel);
    (void)ours.take();
    use(ours);
  }
}

TEST(Rfc9113, S5_1_WhatCrossesOurResetIsProcessedAndDiscarded) {
  const Headers fields = {{"key", "some value"}};
  for (const Role role : kRoles) {
    Talk talk(role);
    talk.next(3);
    talk.session.reset(talk.stream(), ErrorCode::kCancel);
    talk.forget();
    HpackEncoder encoder;
    const std::string first(as_text(encode(encoder, fields)));
    Wire crossing;
    for (int i = 0; i < 2; ++i) crossing.data(1, std::string(16384, 'x'));
    crossing.window_update(1, 1).headers(1, first, kEndHeaders | kEnd).rst(1, ErrorCode::kCancel);
    EXPECT_TRUE(talk.takes(crossing, Wire().window_update(0, 32768)));
    EXPECT_TRUE(talk.sink.events.empty());
    // The table is in step.
    const std::string again(as_text(encode(encoder, fields)));
    ASSERT_EQ(again.size(), 1u);
    ASSERT_TRUE(talk.feed(Wire().headers(3, again, kEndHeaders | kEnd)).ok());
    EXPECT_EQ(talk.sink.take(), (Events{"header 3 key: some value", "end 3 last"}));
  }
}

TEST(Rfc9113, S5_1_1_ASkippedIdIsNotOpenedLater) {
  for (const StreamId skipped : {3u, 5u, 7u, 11u, 13u}) {
    Talk talk(Role::kServer);
    ASSERT_TRUE(talk.feed(Wire().headers(9, kRequest).headers(15, kRequest).headers(17, kRequest)).ok());
    // Those that were opened are closed or open, and no error of the connection.
    ASSERT_TRUE(talk.feed(Wire().rst(9, ErrorCode::kCancel).headers(9, kTrailers, kEnd)).ok());
    EXPECT_EQ(talk.breaks(Wire().headers(skipped, kRequest), ErrorCode::kProtocolError), "") << skipped;
  }
  // As far back as there is a memory of it; then the stream counts as any other that is closed.
  Talk far(Role::kServer);
  ASSERT_TRUE(far.feed(Wire().headers(2051, kRequest)).ok());
  EXPECT_TRUE(far.takes(Wire().headers(3, kRequest, kEnd)));
  EXPECT_EQ(far.breaks(Wire().headers(5, kRequest), ErrorCode::kProtocolError), "");
  Talk jump(Role::kServer);
  ASSERT_TRUE(jump.feed(Wire().headers(kMaxStreamId, kRequest)).ok());
  EXPECT_EQ(jump.breaks(Wire().headers(kMaxStreamId - 2, kRequest), ErrorCode::kProtocolError), "");
  // A place that was skipped once is used again, 1024 streams later.
  SessionOptions many_resets = options_of(Role::kServer);
  many_resets.limits = &kUnguarded;
  Talk again(many_resets);
  ASSERT_TRUE(again.feed(Wire().headers(5, kRequest)).ok());
  for (StreamId id = 7; id <= 3 + 2048; id += 2) {
    ASSERT_TRUE(again.feed(Wire().headers(id, kRequest).rst(id, ErrorCode::kCancel)).ok());
  }
  again.forget();
  EXPECT_TRUE(
      again.takes(Wire().headers(3 + 2048, kTrailers, kEnd), Wire().rst(3 + 2048, ErrorCode::kStreamClosed)));
}

TEST(Rfc9113, S5_1_1_OurIdsAreOddAndIncrease) {
  Bench client(client_options());
  client.shake();
  StreamId last = 0;
  for (int i = 0; i < 100; ++i) {
    const StreamId id = client.open(kRequest, EndStream::kYes).id();
    EXPECT_EQ(id % 2, 1u);
    EXPECT_GT(id, last);
    last = id;
    if (i % 3 != 0) continue;
    EXPECT_TRUE(client.feed(Wire().rst(id, ErrorCode::kRefusedStream)).ok());
  }
}

TEST(Rfc9113, S5_2_2_FramesAreProcessedWhateverWaits) {
  for (const Role role : kRoles) {
    Talk talk(role, {{SettingId::kInitialWindowSize, 1}});
    talk.data(talk.stream(), "stuck", EndStream::kYes);
    // Nobody takes the output, nobody gives credit for what came.
    ASSERT_TRUE(talk.feed(Wire().data(1, std::string(16384, 'x')).window_update(1, 4)).ok());
    EXPECT_EQ(talk.out(), describe(Wire().data(1, "stuck", kEnd)));
  }
}

TEST(Rfc9113, S5_4_TheConnectionsErrorIsReportedWhereAFrameBreaksBothRules) {
  for (const Role role : kRoles) {
    // On a stream that has ended, and beyond the connection's window.
    SessionOptions options = options_of(role);
    options.local.max_frame_size = 1 << 20;
    Talk data(options);
    ASSERT_TRUE(data.feed(Wire().data(1, "", kEnd)).ok());
    EXPECT_EQ(data.breaks(Wire().header(65536, FrameType::kData, 0, 1), ErrorCode::kFlowControlError), "");
    // There too, and no field block.
    Talk headers(role);
    ASSERT_TRUE(headers.feed(Wire().data(1, "", kEnd)).ok());
    EXPECT_EQ(headers.breaks(Wire().headers(1, "\x80"), ErrorCode::kCompressionError), "");
    Talk size(role);
    ASSERT_TRUE(size.feed(Wire().data(1, "", kEnd)).ok());
    EXPECT_EQ(size.breaks(Wire().header(16385 << 7, FrameType::kData, 0, 1), ErrorCode::kFrameSizeError), "");
  }
}

TEST(Rfc9113, S5_4_2_AResetIsNotAnsweredByAReset) {
  for (const Role role : kRoles) {
    Talk talk(role);
    EXPECT_TRUE(talk.takes(Wire().rst(1, ErrorCode::kProtocolError).rst(1, ErrorCode::kProtocolError)));
    EXPECT_EQ(talk.sink.take(), (Events{"reset 1 1", "closed 1"}));
    Talk half(role);
    ASSERT_TRUE(half.feed(Wire().data(1, "", kEnd)).ok());
    EXPECT_TRUE(half.takes(Wire().rst(1, ErrorCode::kStreamClosed)));
    Talk ours(role);
    ours.session.reset(ours.stream(), ErrorCode::kCancel);
    EXPECT_TRUE(ours.takes(Wire().rst(1, ErrorCode::kCancel).rst(1, ErrorCode::kStreamClosed)));
  }
}

TEST(Rfc9113, S5_5_ValuesThatAreUnknownAreIgnored) {
  SettingList settings = {{static_cast<SettingId>(0), 1}, {static_cast<SettingId>(7), 2}};
  for (std::uint32_t id = 8; id < 0x10000; id *= 2)
    settings.push_back({static_cast<SettingId>(id), 0xffffffff});
  for (const Role role : kRoles) {
    Talk talk(role);
    const Settings before = talk.session.peer_settings();
    EXPECT_TRUE(talk.takes(Wire().settings(settings), Wire().settings_ack()));
    const Settings& after = talk.session.peer_settings();
    EXPECT_EQ(after.header_table_size, before.header_table_size);
    EXPECT_EQ(after.max_concurrent_streams, before.max_concurrent_streams);
    EXPECT_EQ(after.initial_window_size, before.initial_window_size);
    EXPECT_EQ(after.max_frame_size, before.max_frame_size);
    EXPECT_EQ(after.max_header_list_size, before.max_header_list_size);
  }
}

TEST(Rfc9113, S5_5_FramesOfUnknownTypesMayNotInterruptABlock) {
  for (const Role role : kRoles) {
    for (const int type : {10, 77, 255}) {
      for (const StreamId id : {0u, 1u, 2u}) {
        Talk talk(role);
        ASSERT_TRUE(talk.feed(Wire().headers(1, "", kEnd)).ok());
        EXPECT_EQ(
            talk.breaks(Wire().frame(static_cast<FrameType>(type), 0xff, id, "x"), ErrorCode::kProtocolError),
            "");
      }
    }
  }
}

}  // namespace
}  // namespace sluice::inline v0::http2
