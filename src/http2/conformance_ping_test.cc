// RFC 9113 sections 6.7, 6.8, 6.10 and 7: PING, GOAWAY, CONTINUATION and error codes. The rows of
// docs/http2-conformance.md that the session's other tests do not prove for both roles.
#include <gtest/gtest.h>

#include "http2/conformance_test_util.h"

namespace sluice::inline v0::http2 {
namespace {

using namespace testing;  // NOLINT

TEST(Rfc9113, S6_7_OurPingIsEightBytes) {
  for (const Role role : kRoles) {
    Talk talk(role);
    talk.session.submit_ping(0x0102030405060708);
    EXPECT_EQ(talk.out(), describe(Wire().ping("\x01\x02\x03\x04\x05\x06\x07\x08")));
  }
}

TEST(Rfc9113, S6_7_APingIsAnsweredByItsOwnBytes) {
  for (const Role role : kRoles) {
    Talk talk(role);
    ASSERT_TRUE(talk.feed(Wire().ping(std::string("\0\xff\1\xfe\2\xfd\3\xfc", 8)).ping("abcdefgh")).ok());
    const auto frames = frames_of(talk.take());
    ASSERT_EQ(frames.size(), 2u);
    ASSERT_TRUE(talk.feed(Wire().ping(std::string("\0\xff\1\xfe\2\xfd\3\xfc", 8))).ok());
    EXPECT_EQ(talk.take(), Wire().ping(std::string("\0\xff\1\xfe\2\xfd\3\xfc", 8), flag::kAck).str());
  }
}

TEST(Rfc9113, S6_7_TheAnswerCarriesTheFlag) {
  for (const Role role : kRoles) {
    Talk talk(role);
    ASSERT_TRUE(talk.feed(Wire().ping("12345678")).ok());
    EXPECT_EQ(frames_of(talk.take())[0].flags, flag::kAck);
  }
}

TEST(Rfc9113, S6_7_AnAnswerIsNotAnswered) {
  for (const Role role : kRoles) {
    Talk talk(role);
    EXPECT_TRUE(talk.takes(Wire().ping("neverask", flag::kAck).ping("neverask", 0xff)));
    EXPECT_EQ(talk.sink.take().size(), 2u);
  }
}

TEST(Rfc9113, S6_7_APingOfAStreamEndsTheConnection) {
  for (const Role role : kRoles) {
    for (const StreamId id : {1u, 2u, kMaxStreamId}) {
      for (const std::uint8_t flags : {std::uint8_t{0}, flag::kAck}) {
        Talk talk(role);
        EXPECT_EQ(
            talk.breaks(Wire().frame(FrameType::kPing, flags, id, "12345678"), ErrorCode::kProtocolError),
            "");
      }
    }
  }
}

TEST(Rfc9113, S6_7_APingOfAnotherSizeEndsTheConnection) {
  for (const Role role : kRoles) {
    for (const std::size_t size : {0u, 7u, 9u, 16u}) {
      for (const std::uint8_t flags : {std::uint8_t{0}, flag::kAck}) {
        Talk talk(role);
        EXPECT_EQ(talk.breaks(Wire().frame(FrameType::kPing, flags, 0, std::string(size, 'x')),
                              ErrorCode::kFrameSizeError),
                  "");
      }
    }
  }
}

TEST(Rfc9113, S6_8_NoStreamIsOpenedAfterAGoaway) {
  for (const StreamId last : {0u, 1u, kMaxStreamId}) {
    for (const ErrorCode code : {ErrorCode::kNoError, ErrorCode::kEnhanceYourCalm}) {
      Talk client(Role::kClient);
      EXPECT_TRUE(client.session.can_open());
      ASSERT_TRUE(client.feed(Wire().goaway(last, code)).ok());
      EXPECT_FALSE(client.session.can_open());
    }
  }
}

TEST(Rfc9113, S6_8_AGoawayOfAStreamEndsTheConnection) {
  for (const Role role : kRoles) {
    for (const StreamId id : {1u, 2u, kMaxStreamId}) {
      Talk talk(role);
      EXPECT_EQ(talk.breaks(Wire().frame(FrameType::kGoaway, 0, id, Wire::u32(1u) + Wire::u32(0u)),
                            ErrorCode::kProtocolError),
                "");
    }
  }
}

TEST(Rfc9113, S6_8_OurLastStreamDoesNotIncrease) {
  Talk server(Role::kServer);
  server.session.submit_goaway(1, ErrorCode::kNoError, "");
  server.session.submit_goaway(kMaxStreamId, ErrorCode::kNoError, "");
  EXPECT_EQ(server.out(), describe(Wire().goaway(1, ErrorCode::kNoError).goaway(1, ErrorCode::kNoError)));
  // Nor by streams that came too late, when an error ends the connection.
  ASSERT_TRUE(server.feed(Wire().headers(3, kRequest).headers(5, kRequest)).ok());
  EXPECT_EQ(fatal(server, Wire().data(0, ""), ErrorCode::kProtocolError, 1), "");
  Talk client(Role::kClient);
  client.session.submit_goaway(0, ErrorCode::kNoError, "");
  client.session.submit_goaway(kMaxStreamId, ErrorCode::kNoError, "");
  EXPECT_EQ(client.out(), describe(Wire().goaway(0, ErrorCode::kNoError).goaway(0, ErrorCode::kNoError)));
}

TEST(Rfc9113, S6_8_BlocksBehindOurGoawayAreDecoded) {
  Talk server(Role::kServer);
  server.session.submit_goaway(1, ErrorCode::kNoError, "");
  server.forget();
  HpackEncoder encoder;
  const Headers fields = {{"key", "some value"}};
  const std::string first(as_text(encode(encoder, fields)));
  EXPECT_TRUE(server.takes(Wire().headers(3, "", 0).continuation(3, first, kEndHeaders)));
  EXPECT_TRUE(server.sink.events.empty());
  const std::string again(as_text(encode(encoder, fields)));
  ASSERT_TRUE(server.feed(Wire().headers(1, again, kEndHeaders | kEnd)).ok());
  EXPECT_EQ(server.sink.take(), (Events{"header 1 key: some value", "end 1 last"}));
  EXPECT_EQ(server.breaks(Wire().headers(5, "\x80"), ErrorCode::kCompressionError), "");
}

TEST(Rfc9113, S6_8_DataBehindOurGoawayAreCounted) {
  Talk server(Role::kServer);
  server.session.submit_goaway(1, ErrorCode::kNoError, "");
  server.forget();
  Wire wire;
  wire.headers(3, kRequest);
  for (int i = 0; i < 4; ++i) wire.data(3, std::string(16384, 'x'));
  EXPECT_TRUE(server.takes(wire, Wire().window_update(0, 32768).window_update(0, 32768)));
  EXPECT_EQ(server.breaks(Wire()
                              .data(3, std::string(16384, 'x'))
                              .data(3, std::string(16384, 'x'), kEnd)
                              .header(16385, FrameType::kData, 0, 3),
                          ErrorCode::kFrameSizeError),
            "");
}

TEST(Rfc9113, S6_10_TheBlockGoesOnUntilItsEnd) {
  for (const Role role : kRoles) {
    for (int type = 0; type < 12; ++type) {
      for (const StreamId id : {0u, 1u, 3u}) {
        if (static_cast<FrameType>(type) == FrameType::kContinuation && id == 1) continue;
        Talk talk(role);
        ASSERT_TRUE(talk.feed(Wire().headers(1, "", kEnd).continuation(1, "")).ok());
        EXPECT_EQ(talk.breaks(Wire().frame(static_cast<FrameType>(type), 0, id, std::string(8, '\0')),
                              ErrorCode::kProtocolError),
                  "");
      }
    }
  }
}

TEST(Rfc9113, S6_10_ContinuationBelongsToAStream) {
  for (const Role role : kRoles) {
    Talk talk(role);
    EXPECT_EQ(talk.breaks(Wire().continuation(0, "", kEndHeaders), ErrorCode::kProtocolError), "");
    Talk within(role);
    ASSERT_TRUE(within.feed(Wire().headers(1, "", kEnd)).ok());
    EXPECT_EQ(within.breaks(Wire().continuation(0, "", kEndHeaders), ErrorCode::kProtocolError), "");
  }
}

TEST(Rfc9113, S6_10_ContinuationFollowsABlockThatIsOpen) {
  for (const Role role : kRoles) {
    const Wire before[] = {Wire(), Wire().data(1, "x"), Wire().headers(1, kTrailers, kEnd),
                           Wire().headers(1, "", kEnd).continuation(1, "", kEndHeaders), Wire().settings()};
    for (const Wire& wire : before) {
      Talk talk(role);
      ASSERT_TRUE(talk.feed(wire).ok());
      EXPECT_EQ(talk.breaks(Wire().continuation(1, "", kEndHeaders), ErrorCode::kProtocolError), "");
    }
  }
}

TEST(Rfc9113, S7_UnknownCodesDoNothingSpecial) {
  for (const Role role : kRoles) {
    for (const std::uint32_t code : {14u, 0x100u, 0xffffffffu}) {
      Talk talk(role);
      EXPECT_TRUE(talk.takes(Wire().rst(1, static_cast<ErrorCode>(code))));
      EXPECT_EQ(talk.sink.take(), (Events{"reset 1 " + std::to_string(static_cast<int>(code)), "closed 1"}));
      Talk away(role);
      EXPECT_TRUE(away.takes(Wire().goaway(1, static_cast<ErrorCode>(code))));
      EXPECT_TRUE(away.stream().attached());
    }
  }
}

}  // namespace
}  // namespace sluice::inline v0::http2
