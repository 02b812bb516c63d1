// RFC 9113 sections 3 and 4: how a connection starts, frames, and field blocks. The rows of
// docs/http2-conformance.md that the session's other tests do not prove for both roles.
#include <gtest/gtest.h>

#include "http2/conformance_test_util.h"

namespace sluice::inline v0::http2 {
namespace {

using namespace testing;  // NOLINT

// Everything that a session of `role` writes in a busy life: all frame types that it has.
std::string busy_life(Role role) {
  Bench bench(options_of(role));
  Wire wire;
  if (role == Role::kServer) wire.preface();
  EXPECT_TRUE(bench.feed(wire.settings({{SettingId::kInitialWindowSize, 100000}}).settings_ack()).ok());
  std::string out;
  for (const StreamId id : {1u, 3u}) {
    if (role == Role::kClient) bench.open();
    EXPECT_TRUE(bench.feed(Wire().headers(id, role == Role::kClient ? kResponse : kRequest)).ok());
    TestStream& stream = bench.sink[id];
    if (role == Role::kServer) bench.headers(stream, kResponse);
    bench.data(stream, std::string(20000, 'x'));
    bench.session.credit(stream, 5000, Session::When::kNow);
    out += bench.take();
  }
  EXPECT_TRUE(bench.feed(Wire().window_update(0, 100000).ping("12345678")).ok());
  bench.headers(bench.sink[1], {{"trailer", std::string(40000, '~')}}, EndStream::kYes);
  bench.session.reset(bench.sink[3], ErrorCode::kCancel);
  bench.session.submit_ping(7);
  bench.session.submit_goaway(kMaxStreamId, ErrorCode::kNoError, "bye");
  out += bench.take();
  (void)bench.feed(Wire().data(0, ""));
  return out + bench.take();
}

TEST(Rfc9113, S3_4_SettingsAreTheFirstFrameThatLeaves) {
  for (const Role role : kRoles) {
    Bench bench(options_of(role));
    Wire wire;
    if (role == Role::kServer) wire.preface();
    bench.session.submit_ping(1);
    ASSERT_TRUE(bench.feed(wire.settings().ping("12345678")).ok());
    const std::string out = bench.take();
    EXPECT_EQ(out.starts_with(kClientPreface), role == Role::kClient);
    EXPECT_EQ(frames_of(out)[0].type, FrameType::kSettings);
    EXPECT_FALSE(frames_of(out)[0].has(flag::kAck));
  }
}

TEST(Rfc9113, S3_4_TheFirstSettingsAreAcknowledgedBehindOurOwn) {
  for (const Role role : kRoles) {
    Bench bench(options_of(role));
    Wire wire;
    if (role == Role::kServer) wire.preface();
    ASSERT_TRUE(bench.feed(wire.settings({{SettingId::kMaxConcurrentStreams, 9}})).ok());
    const std::string out = bench.out();
    EXPECT_TRUE(out.ends_with(describe(Wire().settings_ack()))) << out;
    EXPECT_GT(out.size(), describe(Wire().settings_ack()).size());
  }
}

TEST(Rfc9113, S3_4_ThePrefaceMayEndWithEmptySettings) {
  Bench server(server_options());
  ASSERT_TRUE(server.feed(Wire().preface().settings()).ok());
  EXPECT_EQ(server.sink.take(), (Events{"settings"}));
  Bench client(client_options());
  ASSERT_TRUE(client.feed(Wire().settings()).ok());
  EXPECT_EQ(client.sink.take(), (Events{"settings"}));
}

TEST(Rfc9113, S4_1_NoFrameIsLongerThanThePeerAllows) {
  for (const Role role : kRoles) {
    Talk talk(role, {{SettingId::kInitialWindowSize, 1 << 20}});
    talk.data(talk.stream(), std::string(50000, 'x'));
    talk.headers(talk.stream(), {{"long", std::string(50000, '~')}}, EndStream::kYes);
    talk.session.submit_goaway(kMaxStreamId, ErrorCode::kNoError, std::string(50000, 'y'));
    const auto frames = frames_of(talk.take());
    EXPECT_EQ(frames.size(), 9u);
    for (const FrameHeader& frame : frames) EXPECT_LE(frame.length, 16384u);
    // More where the peer said so.
    Talk large(role, {{SettingId::kInitialWindowSize, 1 << 20}, {SettingId::kMaxFrameSize, 60000}});
    large.data(large.stream(), std::string(50000, 'x'));
    EXPECT_EQ(frames_of(large.take())[0].length, 50000u);
  }
}

TEST(Rfc9113, S4_1_FramesOfUnknownTypesArePassedOver) {
  for (const Role role : kRoles) {
    SessionOptions options = options_of(role);
    options.limits = &kUnguarded;
    Talk talk(options);
    talk.session.reset(talk.next(3), ErrorCode::kCancel);
    Wire wire;
    for (int type = 10; type < 256; ++type) {
      for (const StreamId id : {0u, 1u, 3u, 6u, 7u})
        wire.frame(static_cast<FrameType>(type), 0xff, id, "abc");
    }
    talk.forget();
    EXPECT_TRUE(talk.takes(wire));
    EXPECT_TRUE(talk.sink.events.empty() || talk.sink.events == Events{"closed 3"});
  }
}

TEST(Rfc9113, S4_1_UnusedFlagsAreIgnored) {
  for (const Role role : kRoles) {
    Talk talk(role);
    EXPECT_TRUE(talk.takes(Wire()
                               .frame(FrameType::kData, 0xf6, 1, "body")
                               .frame(FrameType::kSettings, 0xfe, 0, "")
                               .frame(FrameType::kPing, 0xfe, 0, "12345678")
                               .frame(FrameType::kWindowUpdate, 0xff, 1, Wire::u32(1u))
                               .frame(FrameType::kPriority, 0xff, 1, "12345")
                               .frame(FrameType::kHeaders, 0xd3 & ~kEndHeaders, 1, plain(kTrailers))
                               .frame(FrameType::kContinuation, 0xff, 1, ""),
                           Wire().settings_ack().ping("12345678", flag::kAck)));
    EXPECT_EQ(talk.sink.take(), (Events{"data 1 body", "settings", "header 1 grpc-status: 0", "end 1 last"}));
    Talk other(role);
    EXPECT_TRUE(other.takes(Wire()
                                .frame(FrameType::kRstStream, 0xff, 1, Wire::u32(8u))
                                .frame(FrameType::kGoaway, 0xff, 0, Wire::u32(1u) + Wire::u32(0u))));
    EXPECT_EQ(other.sink.take(), (Events{"reset 1 8", "closed 1", "goaway 1 0 "}));
  }
}

TEST(Rfc9113, S4_1_UnusedFlagsAreNotSet) {
  // By type, in the order of FrameType.
  constexpr std::uint8_t kUsed[] = {
      flag::kEndStream, flag::kEndStream | flag::kEndHeaders, 0, 0, flag::kAck, 0, flag::kAck, 0, 0,
      flag::kEndHeaders};
  for (const Role role : kRoles) {
    std::uint32_t types = 0;
    for (const FrameHeader& frame : frames_of(busy_life(role))) {
      const auto type = static_cast<std::size_t>(frame.type);
      ASSERT_LT(type, std::size(kUsed));
      types |= 1u << type;
      EXPECT_EQ(frame.flags & ~kUsed[type], 0) << type;
    }
    EXPECT_EQ(types, 0b11'1101'1011u);  // all but PRIORITY and PUSH_PROMISE
  }
}

TEST(Rfc9113, S4_1_TheReservedBitIsNotSet) {
  for (const Role role : kRoles) {
    std::string out = busy_life(role);
    std::string_view wire = out;
    if (role == Role::kClient) wire.remove_prefix(kClientPreface.size());
    while (!wire.empty()) {
      EXPECT_EQ(static_cast<std::uint8_t>(wire[5]) & 0x80, 0);
      wire.remove_prefix(kFrameHeaderSize + FrameHeader::parse(as_bytes(wire).data()).length);
    }
  }
}

TEST(Rfc9113, S4_1_TheReservedBitIsIgnored) {
  constexpr StreamId kBit = 0x80000000;
  for (const Role role : kRoles) {
    Talk talk(role);
    std::string wire = Wire()
                           .data(1, "body")
                           .settings()
                           .ping("12345678")
                           .window_update(0, kBit | 5)
                           .window_update(1, kBit | 5)
                           .goaway(kBit | 1, ErrorCode::kNoError)
                           .str();
    for (std::size_t at = 0; at < wire.size();
         at += kFrameHeaderSize + static_cast<std::uint8_t>(wire[at + 2])) {
      wire[at + 5] = static_cast<char>(wire[at + 5] | 0x80);
    }
    EXPECT_TRUE(talk.takes(wire, Wire().settings_ack().ping("12345678", flag::kAck)));
    EXPECT_EQ(talk.sink.take(), (Events{"data 1 body", "settings", "goaway 1 0 "}));
  }
}

TEST(Rfc9113, S4_2_FramesOf16384BytesAreTaken) {
  const std::string most(16384, '\0');
  for (const Role role : kRoles) {
    Talk talk(role);
    EXPECT_TRUE(talk.takes(Wire()
                               .data(1, most)
                               .frame(static_cast<FrameType>(77), 0, 1, most)
                               .frame(FrameType::kGoaway, 0, 0, most)
                               .frame(FrameType::kSettings, 0, 0, most.substr(0, 16380)),
                           Wire().settings_ack()));
    EXPECT_EQ(talk.sink.events[0], "data 1 " + most);
    Talk blocks(role);
    const std::string block = plain({{"a", std::string(7000, '~')}, {"b", std::string(7000, '~')}});
    const std::string priority(5, '\0');
    const std::string rest(16384 - 6 - block.size() - 255, '\x90');  // indices of accept-encoding
    EXPECT_TRUE(blocks.takes(Wire().headers(1, Wire::pad(priority + block + rest, 255),
                                            kEndHeaders | kEnd | flag::kPadded | flag::kPriority)));
    EXPECT_EQ(blocks.sink.events.back(), "end 1 last truncated");
  }
}

TEST(Rfc9113, S4_2_LongerFramesAndShorterOnesThanTheirTypeNeedsAreSizeErrors) {
  const std::string priority = "1234";
  for (const Role role : kRoles) {
    for (int type = 0; type < 256; ++type) {
      Talk talk(role);
      EXPECT_EQ(
          talk.breaks(Wire().header(16385, static_cast<FrameType>(type), 0, 1), ErrorCode::kFrameSizeError),
          "")
          << type;
    }
    const Wire wrong[] = {
        Wire().frame(FrameType::kRstStream, 0, 1, "123"),
        Wire().frame(FrameType::kPing, 0, 0, "1234567"),
        Wire().frame(FrameType::kGoaway, 0, 0, "1234567"),
        Wire().frame(FrameType::kWindowUpdate, 0, 1, "123"),
        Wire().headers(1, "", kEndHeaders | flag::kPadded),
        Wire().headers(1, priority, kEndHeaders | flag::kPriority),
    };
    for (const Wire& wire : wrong) {
      Talk talk(role);
      EXPECT_EQ(talk.breaks(wire, ErrorCode::kFrameSizeError), "") << describe(wire);
    }
  }
}

TEST(Rfc9113, S4_2_SizeErrorsOfFramesThatChangeTheConnectionEndIt) {
  const Wire wrong[] = {
      Wire().header(16385, FrameType::kHeaders, kEndHeaders, 1),
      Wire().headers(1, "", 0).header(16385, FrameType::kContinuation, kEndHeaders, 1),
      Wire().frame(FrameType::kSettings, 0, 0, "1"),
      Wire().frame(FrameType::kWindowUpdate, 0, 0, ""),
      Wire().frame(FrameType::kPing, flag::kAck, 0, "123456789"),
      Wire().header(16385, static_cast<FrameType>(0xf0), 0, 0),
  };
  for (const Role role : kRoles) {
    for (const Wire& wire : wrong) {
      Talk talk(role);
      EXPECT_EQ(talk.breaks(wire, ErrorCode::kFrameSizeError), "") << describe(wire);
    }
  }
}

TEST(Rfc9113, S4_3_NothingComesBetweenTheFramesOfABlock) {
  for (const Role role : kRoles) {
    Talk talk(role);
    talk.next(3);
    talk.data(talk.sink[3], "before");
    talk.headers(talk.stream(), {{"long", std::string(50000, '~')}}, EndStream::kYes);
    talk.session.submit_ping(1);
    talk.data(talk.sink[3], "behind");
    ASSERT_TRUE(talk.feed(Wire().ping("12345678").settings()).ok());
    const auto frames = frames_of(talk.take());
    std::size_t i = 0;
    while (frames[i].type != FrameType::kHeaders) ++i;
    std::size_t continuations = 0;
    for (; !frames[i].has(flag::kEndHeaders); ++i, ++continuations) {
      ASSERT_EQ(frames[i + 1].type, FrameType::kContinuation);
      ASSERT_EQ(frames[i + 1].stream, 1u);
    }
    EXPECT_EQ(continuations, 3u);
  }
}

TEST(Rfc9113, S4_3_BlocksThatNobodyWantsAreDecodedToo) {
  const std::string bad = "\x80";  // index 0
  for (const Role role : kRoles) {
    Talk talk(role);
    talk.session.reset(talk.stream(), ErrorCode::kCancel);
    talk.forget();
    EXPECT_EQ(talk.breaks(Wire().headers(1, bad), ErrorCode::kCompressionError), "");
    Talk ended(role);
    ASSERT_TRUE(ended.feed(Wire().headers(1, kTrailers, kEnd)).ok());
    EXPECT_EQ(ended.breaks(Wire().headers(1, bad), ErrorCode::kCompressionError), "");
  }
  Talk refusing(Role::kServer);
  refusing.sink.accept = [](StreamId) { return nullptr; };
  EXPECT_EQ(fatal(refusing, Wire().headers(3, bad), ErrorCode::kCompressionError, 3), "");
}

TEST(Rfc9113, S4_3_ABlockThatDoesNotDecodeEndsTheConnection) {
  const std::string whole = plain(kTrailers);
  const std::string bad[] = {"\x80", whole + "\xff", whole.substr(0, whole.size() - 1), "\xbe"};
  for (const Role role : kRoles) {
    for (const std::string& block : bad) {
      Talk talk(role);
      EXPECT_EQ(talk.breaks(Wire().headers(1, block, kEndHeaders | kEnd), ErrorCode::kCompressionError), "");
      Talk pieces(role);
      EXPECT_EQ(pieces.breaks(Wire().headers(1, "", kEnd).continuation(1, block, kEndHeaders),
                              ErrorCode::kCompressionError),
                "");
    }
  }
}

TEST(Rfc9113, S4_3_1_OurNextBlockBeginsWithTheReducedTableSize) {
  for (const Role role : kRoles) {
    Talk talk(role);
    ASSERT_TRUE(talk.feed(Wire().settings({{SettingId::kHeaderTableSize, 64}})).ok());
    talk.headers(talk.stream(), kTrailers, EndStream::kYes);
    const std::string update("\x3f\x21", 2);  // 64
    EXPECT_EQ(talk.out(),
              describe(Wire().settings_ack().headers(1, update + plain(kTrailers), kEndHeaders | kEnd)));
  }
}

TEST(Rfc9113, S4_3_1_TheirNextBlockMustBeginWithTheReducedTableSize) {
  const std::string update("\x3f\x21", 2);
  for (const Role role : kRoles) {
    SessionOptions options = options_of(role);
    options.local.header_table_size = 64;
    const Headers& first = role == Role::kClient ? kResponse : kRequest;
    const auto begin = [&](Bench& bench) {
      bench.shake();
      if (role == Role::kClient) bench.open();
      bench.take();
    };
    Bench lacking(options);
    begin(lacking);
    const StreamId last = role == Role::kClient ? 0 : 1;
    EXPECT_EQ(fatal(lacking, Wire().headers(1, first), ErrorCode::kCompressionError, last), "");
    Bench above(options);
    begin(above);
    EXPECT_EQ(fatal(above, Wire().headers(1, "\x3f\x22" + plain(first)), ErrorCode::kCompressionError, last),
              "");
    Bench good(options);
    begin(good);
    EXPECT_TRUE(good.feed(Wire().headers(1, update + plain(first))).ok());
    EXPECT_EQ(good.sink.events.back(), "end 1");
  }
}

}  // namespace
}  // namespace sluice::inline v0::http2
