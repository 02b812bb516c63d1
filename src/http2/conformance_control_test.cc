// RFC 9113 sections 6.1 to 6.8: padding, blocks, resets, SETTINGS, PUSH_PROMISE, PING and GOAWAY. The rows of
// docs/http2-conformance.md that the session's other tests do not prove for both roles.
#include <gtest/gtest.h>

#include <algorithm>

#include "http2/conformance_test_util.h"

namespace sluice::inline v0::http2 {
namespace {

using namespace testing;  // NOLINT

// A payload of `size` bytes whose first one says `padding`.
std::string padded(std::size_t size, std::uint8_t padding) {
  std::string payload(size, '\0');
  payload[0] = static_cast<char>(padding);
  return payload;
}

TEST(Rfc9113, S6_1_DataBelongToAStream) {
  for (const Role role : kRoles) {
    for (const std::uint8_t flags : {std::uint8_t{0}, kEnd}) {
      Talk talk(role);
      EXPECT_EQ(talk.breaks(Wire().data(0, "x", flags), ErrorCode::kProtocolError), "");
    }
  }
}

TEST(Rfc9113, S6_1_PaddingOfDataIsShorterThanItsFrame) {
  for (const Role role : kRoles) {
    for (const auto& [size, padding] : {std::pair{1, 1}, {1, 255}, {2, 2}, {5, 5}, {5, 6}, {255, 255}}) {
      const std::string payload = padded(static_cast<std::size_t>(size), static_cast<std::uint8_t>(padding));
      Talk talk(role);
      EXPECT_EQ(
          talk.breaks(Wire().frame(FrameType::kData, flag::kPadded, 1, payload), ErrorCode::kProtocolError),
          "");
    }
    for (const auto& [size, padding] : {std::pair{1, 0}, {2, 1}, {5, 4}, {256, 255}, {2, 0}}) {
      const std::string payload = padded(static_cast<std::size_t>(size), static_cast<std::uint8_t>(padding));
      Talk talk(role);
      EXPECT_TRUE(talk.takes(Wire().frame(FrameType::kData, flag::kPadded, 1, payload)));
    }
  }
}

TEST(Rfc9113, S6_2_ABlockThatIsOpenTakesItsContinuationOnly) {
  for (const Role role : kRoles) {
    for (int type = 0; type < 12; ++type) {
      const auto frame = static_cast<FrameType>(type);
      if (frame == FrameType::kContinuation) continue;
      for (const StreamId id : {0u, 1u, 3u}) {
        Talk talk(role);
        ASSERT_TRUE(talk.feed(Wire().headers(1, "", kEnd)).ok());
        EXPECT_EQ(talk.breaks(Wire().frame(frame, 0, id, std::string(8, '\0')), ErrorCode::kProtocolError),
                  "")
            << type;
      }
    }
  }
}

TEST(Rfc9113, S6_2_HeadersBelongToAStream) {
  for (const Role role : kRoles) {
    for (const std::uint8_t flags : {std::uint8_t{0}, kEndHeaders}) {
      Talk talk(role);
      EXPECT_EQ(talk.breaks(Wire().headers(0, plain(kTrailers), flags), ErrorCode::kProtocolError), "");
    }
  }
}

TEST(Rfc9113, S6_2_PaddingOfHeadersIsShorterThanItsFrame) {
  const std::uint8_t kBoth = flag::kPadded | flag::kPriority;
  for (const Role role : kRoles) {
    const Wire wrong[] = {
        Wire().headers(1, padded(1, 1), kEndHeaders | kEnd | flag::kPadded),
        Wire().headers(1, padded(5, 5), kEndHeaders | kEnd | flag::kPadded),
        Wire().headers(1, padded(5, 255), kEndHeaders | kEnd | flag::kPadded),
        Wire().headers(1, padded(6, 1), kEndHeaders | kEnd | kBoth),
        Wire().headers(1, padded(9, 4), kEndHeaders | kEnd | kBoth),
    };
    for (const Wire& wire : wrong) {
      Talk talk(role);
      EXPECT_EQ(talk.breaks(wire, ErrorCode::kProtocolError), "") << describe(wire);
    }
    for (const Wire& wire : {Wire().headers(1, padded(5, 4), kEndHeaders | kEnd | flag::kPadded),
                             Wire().headers(1, padded(9, 3), kEndHeaders | kEnd | kBoth)}) {
      Talk talk(role);
      EXPECT_TRUE(talk.takes(wire));
      EXPECT_EQ(talk.sink.take(), (Events{"end 1 last"}));
    }
  }
}

TEST(Rfc9113, S6_3_PriorityNamesAStream) {
  for (const Role role : kRoles) {
    Talk talk(role);
    EXPECT_EQ(talk.breaks(Wire().frame(FrameType::kPriority, 0, 0, "12345"), ErrorCode::kProtocolError), "");
  }
}

TEST(Rfc9113, S6_3_PriorityIsFiveBytes) {
  for (const Role role : kRoles) {
    for (const std::size_t size : {0u, 4u, 6u, 16384u}) {
      const Wire wire = Wire().frame(FrameType::kPriority, 0, 1, std::string(size, '\0'));
      Talk talk(role);
      EXPECT_TRUE(talk.takes(wire, Wire().rst(1, ErrorCode::kFrameSizeError)));
      ASSERT_EQ(talk.sink.events.size(), 2u);
      EXPECT_TRUE(talk.sink.events[0].starts_with("error 1 6 "));
      // Idle or closed: there is nothing to reset.
      EXPECT_EQ(talk.breaks(wire, ErrorCode::kFrameSizeError), "");
      Talk idle(role);
      EXPECT_EQ(idle.breaks(Wire().frame(FrameType::kPriority, 0, 99, std::string(size, '\0')),
                            ErrorCode::kFrameSizeError),
                "");
    }
  }
}

TEST(Rfc9113, S6_4_NothingIsSentOnAStreamThatThePeerReset) {
  for (const Role role : kRoles) {
    Talk talk(role, {{SettingId::kInitialWindowSize, 2}});
    talk.data(talk.stream(), "waits");
    if (role == Role::kServer) talk.headers(talk.stream(), kTrailers, EndStream::kYes);
    EXPECT_EQ(talk.out(), describe(Wire().data(1, "wa")));
    EXPECT_TRUE(talk.takes(Wire().rst(1, ErrorCode::kCancel).window_update(1, 100)));
    talk.data(talk.stream(), "more", EndStream::kYes);
    EXPECT_EQ(talk.out(), "");
  }
}

TEST(Rfc9113, S6_4_AResetNamesAStream) {
  for (const Role role : kRoles) {
    Talk talk(role);
    EXPECT_EQ(talk.breaks(Wire().rst(0, ErrorCode::kCancel), ErrorCode::kProtocolError), "");
  }
}

TEST(Rfc9113, S6_4_NoResetIsSentOnAnIdleStream) {
  for (const Role role : kRoles) {
    Bench bench(options_of(role));
    bench.shake();
    TestStream stream;
    bench.session.reset(stream, ErrorCode::kCancel);
    bench.session.release(stream);
    EXPECT_EQ(bench.out(), "");
    // What is wrong with an idle stream's frames is told by GOAWAY.
    for (const Wire& wire : {Wire().data(2, "x"), Wire().window_update(2, 0), Wire().continuation(2, "")}) {
      Talk talk(role);
      EXPECT_FALSE(talk.feed(wire).ok());
      for (const FrameHeader& frame : frames_of(talk.take())) EXPECT_EQ(frame.type, FrameType::kGoaway);
    }
  }
}

TEST(Rfc9113, S6_4_AResetOfAnIdleStreamEndsTheConnection) {
  for (const Role role : kRoles) {
    for (const StreamId id : {2u, 3u, kMaxStreamId}) {
      Talk talk(role);
      EXPECT_EQ(talk.breaks(Wire().rst(id, ErrorCode::kNoError), ErrorCode::kProtocolError), "");
    }
  }
}

TEST(Rfc9113, S6_4_AResetIsFourBytes) {
  for (const Role role : kRoles) {
    for (const std::size_t size : {0u, 3u, 5u, 8u}) {
      Talk talk(role);
      EXPECT_EQ(talk.breaks(Wire().frame(FrameType::kRstStream, 0, 1, std::string(size, '\0')),
                            ErrorCode::kFrameSizeError),
                "");
    }
  }
}

TEST(Rfc9113, S6_5_AllSettingsAreSupported) {
  for (const Role role : kRoles) {
    Talk talk(role);
    SettingList all = {{SettingId::kHeaderTableSize, 1},   {SettingId::kMaxConcurrentStreams, 3},
                       {SettingId::kInitialWindowSize, 4}, {SettingId::kMaxFrameSize, 16385},
                       {SettingId::kMaxHeaderListSize, 6}, {SettingId::kEnablePush, 0}};
    EXPECT_TRUE(talk.takes(Wire().settings(all), Wire().settings_ack()));
    const Settings& peer = talk.session.peer_settings();
    EXPECT_EQ(peer.header_table_size, 1u);
    EXPECT_FALSE(peer.enable_push);
    EXPECT_EQ(peer.max_concurrent_streams, 3u);
    EXPECT_EQ(peer.initial_window_size, 4u);
    EXPECT_EQ(peer.max_frame_size, 16385u);
    EXPECT_EQ(peer.max_header_list_size, 6u);
  }
}

TEST(Rfc9113, S6_5_OurAcknowledgementIsEmptyAndOfTheConnection) {
  for (const Role role : kRoles) {
    Talk talk(role);
    ASSERT_TRUE(talk.feed(Wire().settings({{SettingId::kMaxFrameSize, 20000}})).ok());
    EXPECT_EQ(talk.take(), Wire().frame(FrameType::kSettings, flag::kAck, 0, "").str());
  }
}

TEST(Rfc9113, S6_5_AnAcknowledgementIsEmpty) {
  for (const Role role : kRoles) {
    for (const std::size_t size : {1u, 6u, 12u}) {
      Talk talk(role);
      EXPECT_EQ(talk.breaks(Wire().frame(FrameType::kSettings, flag::kAck, 0, std::string(size, '\0')),
                            ErrorCode::kFrameSizeError),
                "");
    }
  }
}

TEST(Rfc9113, S6_5_OurSettingsAreOfTheConnection) {
  for (const Role role : kRoles) {
    Bench bench({.role = role, .local = {.header_table_size = 1, .max_header_list_size = 7}});
    EXPECT_EQ(frames_of(bench.take())[0].stream, 0u);
  }
}

TEST(Rfc9113, S6_5_SettingsOfAStreamEndTheConnection) {
  for (const Role role : kRoles) {
    for (const StreamId id : {1u, 2u, kMaxStreamId}) {
      for (const std::uint8_t flags : {std::uint8_t{0}, flag::kAck}) {
        Talk talk(role);
        EXPECT_EQ(talk.breaks(Wire().frame(FrameType::kSettings, flags, id, ""), ErrorCode::kProtocolError),
                  "");
      }
    }
  }
}

TEST(Rfc9113, S6_5_SettingsAreSixBytesEach) {
  for (const Role role : kRoles) {
    for (std::size_t size = 1; size < 20; ++size) {
      if (size % 6 == 0) continue;
      Talk talk(role);
      EXPECT_EQ(talk.breaks(Wire().frame(FrameType::kSettings, 0, 0, std::string(size, '\0')),
                            ErrorCode::kFrameSizeError),
                "");
    }
  }
}

TEST(Rfc9113, S6_5_2_PushIsZeroOrOne) {
  for (const Role role : kRoles) {
    for (const std::uint32_t value : {2u, 256u, 0x80000000u, 0xffffffffu}) {
      Talk talk(role);
      EXPECT_EQ(talk.breaks(Wire().settings({{SettingId::kEnablePush, value}}), ErrorCode::kProtocolError),
                "");
    }
  }
}

TEST(Rfc9113, S6_5_2_AServerAllowsNoPush) {
  Bench server({.role = Role::kServer, .local = {.enable_push = true, .max_concurrent_streams = 5}});
  EXPECT_EQ(server.out(), describe(Wire().settings({{SettingId::kMaxConcurrentStreams, 5}})));
}

TEST(Rfc9113, S6_5_2_AWindowBeginsWithNoMoreThan2To31Minus1) {
  for (const Role role : kRoles) {
    for (const std::uint32_t value : {0x80000000u, 0xffffffffu}) {
      Talk talk(role);
      EXPECT_EQ(talk.breaks(Wire().settings({{SettingId::kInitialWindowSize, value}}),
                            ErrorCode::kFlowControlError),
                "");
    }
    Talk talk(role);
    EXPECT_TRUE(
        talk.takes(Wire().settings({{SettingId::kInitialWindowSize, 0x7fffffff}}), Wire().settings_ack()));
  }
}

TEST(Rfc9113, S6_5_2_OurFramesMayBeOfAnySizeThatIsAllowed) {
  for (const Role role : kRoles) {
    for (const std::uint32_t size : {16384u, 16385u, 16777215u}) {
      Bench bench({.role = role, .local = {.max_frame_size = size}});
      const std::string out = bench.out();
      EXPECT_EQ(out.find(hex(as_bytes(std::string("\0\5", 2) + Wire::u32(size)))) != std::string::npos,
                size != 16384u);
    }
  }
}

TEST(Rfc9113, S6_5_2_FrameSizesOutOfRangeEndTheConnection) {
  for (const Role role : kRoles) {
    for (const std::uint32_t value : {0u, 16383u, 16777216u, 0xffffffffu}) {
      Talk talk(role);
      EXPECT_EQ(talk.breaks(Wire().settings({{SettingId::kMaxFrameSize, value}}), ErrorCode::kProtocolError),
                "");
    }
    for (const std::uint32_t value : {16384u, 16777215u}) {
      Talk talk(role);
      EXPECT_TRUE(talk.takes(Wire().settings({{SettingId::kMaxFrameSize, value}}), Wire().settings_ack()));
    }
  }
}

TEST(Rfc9113, S6_5_3_SettingsActAtOnce) {
  for (const Role role : kRoles) {
    Talk talk(role, {{SettingId::kInitialWindowSize, 0}});
    talk.data(talk.stream(), "waits", EndStream::kYes);
    ASSERT_TRUE(talk.feed(Wire().settings({{SettingId::kInitialWindowSize, 5}})).ok());
    EXPECT_EQ(talk.out(), describe(Wire().settings_ack().data(1, "waits", kEnd)));
  }
}

TEST(Rfc9113, S6_5_3_ValuesAreProcessedInTheirOrder) {
  for (const Role role : kRoles) {
    Talk talk(role);
    EXPECT_TRUE(talk.takes(Wire().settings({{SettingId::kInitialWindowSize, 1},
                                            {SettingId::kMaxFrameSize, 20000},
                                            {SettingId::kInitialWindowSize, 70000},
                                            {SettingId::kMaxFrameSize, 16384},
                                            {SettingId::kInitialWindowSize, 3}}),
                           Wire().settings_ack()));
    EXPECT_EQ(talk.sink.take(), (Events{"settings"}));
    EXPECT_EQ(talk.session.peer_settings().max_frame_size, 16384u);
    talk.data(talk.stream(), "abcdef");
    EXPECT_EQ(talk.out(), describe(Wire().data(1, "abc")));
  }
}

TEST(Rfc9113, S6_5_3_SettingsThatAreUnknownAreIgnoredAmongOthers) {
  for (const Role role : kRoles) {
    Talk talk(role);
    EXPECT_TRUE(talk.takes(Wire().settings({{static_cast<SettingId>(0xffff), 0xffffffff},
                                            {SettingId::kMaxHeaderListSize, 77},
                                            {static_cast<SettingId>(0), 0}}),
                           Wire().settings_ack()));
    EXPECT_EQ(talk.session.peer_settings().max_header_list_size, 77u);
  }
}

TEST(Rfc9113, S6_5_3_EachSettingsFrameIsAcknowledgedAtOnceAndInOrder) {
  for (const Role role : kRoles) {
    Talk talk(role);
    EXPECT_TRUE(talk.takes(Wire().settings().ping("12345678").settings(),
                           Wire().settings_ack().ping("12345678", flag::kAck).settings_ack()));
  }
}

TEST(Rfc9113, S6_6_APushPromiseEndsTheConnection) {
  for (const Role role : kRoles) {
    for (const StreamId id : {0u, 1u, 2u, 9u}) {
      for (const StreamId promised : {0u, 1u, 2u, 3u}) {
        Talk talk(role);
        EXPECT_EQ(talk.breaks(Wire().frame(FrameType::kPushPromise, kEndHeaders, id, Wire::u32(promised)),
                              ErrorCode::kProtocolError),
                  "");
      }
    }
    Talk reset(role);
    reset.session.reset(reset.stream(), ErrorCode::kCancel);
    reset.forget();
    EXPECT_EQ(reset.breaks(Wire().frame(FrameType::kPushPromise, kEndHeaders, 1, Wire::u32(2u)),
                           ErrorCode::kProtocolError),
              "");
    Talk padding(role);
    EXPECT_EQ(padding.breaks(Wire().frame(FrameType::kPushPromise, flag::kPadded, 1, padded(5, 9)),
                             ErrorCode::kProtocolError),
              "");
  }
}

TEST(Rfc9113, S6_6_EveryFaultOfAPushPromiseEndsTheConnection) {
  const auto promise = [](StreamId id, std::string_view payload, std::uint8_t flags = kEndHeaders) {
    return Wire().frame(FrameType::kPushPromise, flags, id, payload);
  };
  const std::string request = plain(kRequest);
  const Wire cases[] = {
      promise(0, Wire::u32(2u) + request),              // no stream
      promise(3, Wire::u32(2u) + request),              // an idle one
      Wire().raw(promise(1, Wire::u32(1u) + request)),  // promises one in use
      promise(1, Wire::u32(0u) + request),              // promises none
      promise(1, Wire::pad(Wire::u32(2u), 0).replace(0, 1, 1, '\x05'), flag::kPadded | kEndHeaders),
      promise(1, Wire::u32(2u) + request, 0).data(1, "x"),  // a block interrupted
      promise(1, "12"),                                     // too short
  };
  for (const Role role : kRoles) {
    for (const Wire& wire : cases) {
      EXPECT_EQ(Talk(role).breaks(wire, ErrorCode::kProtocolError), "") << describe(wire);
    }
    Talk ended(role);
    ended.headers(ended.stream(), kTrailers, EndStream::kYes);
    ASSERT_TRUE(ended.feed(Wire().data(1, "", kEnd)).ok());
    ended.forget();
    EXPECT_EQ(ended.breaks(promise(1, Wire::u32(2u) + request), ErrorCode::kProtocolError), "");
  }
}

TEST(Rfc9113, S10_5_1_ABlockOverTheLimitIsProcessed) {
  for (const Role role : kRoles) {
    SessionOptions options = options_of(role);
    options.header_list_hard_limit = 400;
    Talk talk(options);
    if (role == Role::kClient) talk.open(), talk.open();
    const Headers& head = role == Role::kClient ? kResponse : kRequest;
    HpackEncoder encoder;
    Headers large = head;
    for (int i = 0; i < 10; ++i) large.push_back({"key-" + std::to_string(i), std::string(40, 'v')});
    large.push_back({"last", "one"});
    ASSERT_TRUE(talk.feed(Wire().headers(3, as_text(encode(encoder, large)))).ok());
    EXPECT_EQ(talk.sink.events.back(), "end 3 truncated");
    // What was not delivered is in the table all the same.
    Headers next = head;
    next.push_back({"last", "one"});
    const auto block = encode(encoder, next);
    ASSERT_EQ(std::count(block.begin(), block.end(), std::byte{0x40}), 0);
    ASSERT_TRUE(talk.feed(Wire().headers(5, as_text(block))).ok());
    EXPECT_EQ(talk.sink.events[talk.sink.events.size() - 2], "header 5 last: one");
    EXPECT_EQ(talk.sink.events.back(), "end 5");
  }
}

}  // namespace
}  // namespace sluice::inline v0::http2
