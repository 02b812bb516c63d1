// Every state of a stream with every frame that a peer can send (RFC 9113 section 5.1), on the wire and for
// both roles. The table behind it is in state.h, and has a test of its own.
#include <gtest/gtest.h>

#include "http2/conformance_test_util.h"

namespace sluice::inline v0::http2 {
namespace {

using namespace testing;  // NOLINT

// "Local" is the session, "remote" its peer.
enum class Life { kIdle, kOpen, kLocalEnded, kRemoteEnded, kBothEnded, kLocalReset, kRemoteReset };
constexpr Life kLives[] = {Life::kIdle,      Life::kOpen,       Life::kLocalEnded, Life::kRemoteEnded,
                           Life::kBothEnded, Life::kLocalReset, Life::kRemoteReset};

// Brings stream 1 there; an idle one is stream 3, which a peer of a server may open.
StreamId live(Talk& talk, Life life) {
  const bool local = life == Life::kLocalEnded || life == Life::kBothEnded;
  const bool remote = life == Life::kRemoteEnded || life == Life::kBothEnded;
  if (local) talk.headers(talk.stream(), kTrailers, EndStream::kYes);
  if (remote) (void)talk.feed(Wire().data(1, "", kEnd));
  if (life == Life::kLocalReset) talk.session.reset(talk.stream(), ErrorCode::kCancel);
  if (life == Life::kRemoteReset) (void)talk.feed(Wire().rst(1, ErrorCode::kCancel));
  talk.forget();
  return life == Life::kIdle ? 3 : 1;
}

struct Row {
  const char* name;
  Wire (*frame)(StreamId id);
  // In the order of kLives: '.' passed over, 'd' delivered, 'S' answered by RST_STREAM(STREAM_CLOSED), 's'
  // the same and told to the sink, 'P' the end of the connection, PROTOCOL_ERROR. 'h': delivered by a server,
  // 'P' by a client.
  const char* outcome;
};

constexpr Row kRows[] = {
    {"DATA", [](StreamId id) { return Wire().data(id, "x"); }, "PddsS.S"},
    {"last DATA", [](StreamId id) { return Wire().data(id, "x", kEnd); }, "PddsS.S"},
    {"HEADERS", [](StreamId id) { return Wire().headers(id, id == 3 ? kRequest : kTrailers, kEnd); },
     "hddsS.S"},
    {"PRIORITY", [](StreamId id) { return Wire().frame(FrameType::kPriority, 0, id, "12345"); }, "......."},
    {"RST_STREAM", [](StreamId id) { return Wire().rst(id, ErrorCode::kCancel); }, "Pddd..."},
    {"WINDOW_UPDATE", [](StreamId id) { return Wire().window_update(id, 1); }, "P......"},
    {"CONTINUATION", [](StreamId id) { return Wire().continuation(id, "", kEndHeaders); }, "PPPPPPP"},
    {"PUSH_PROMISE",
     [](StreamId id) { return Wire().frame(FrameType::kPushPromise, kEndHeaders, id, Wire::u32(2u)); },
     "PPPPPPP"},
    {"unknown", [](StreamId id) { return Wire().frame(static_cast<FrameType>(99), 0xff, id, "x"); },
     "......."},
};

TEST(State, HasAnAnswerToEveryFrameOnTheWire) {
  for (const Role role : kRoles) {
    for (const Row& row : kRows) {
      for (std::size_t i = 0; i < std::size(kLives); ++i) {
        SCOPED_TRACE(role_name(role) + std::string(": ") + row.name + " in life " + std::to_string(i));
        Talk talk(role);
        const StreamId id = live(talk, kLives[i]);
        char outcome = row.outcome[i];
        if (outcome == 'h') outcome = role == Role::kServer ? 'd' : 'P';
        const Wire wire = row.frame(id);
        if (outcome == 'P') {
          EXPECT_EQ(talk.breaks(wire, ErrorCode::kProtocolError), "");
          continue;
        }
        const bool answered = outcome == 's' || outcome == 'S';
        const Wire reply = answered ? Wire().rst(id, ErrorCode::kStreamClosed) : Wire();
        EXPECT_TRUE(talk.takes(wire, reply));
        EXPECT_EQ(talk.sink.events.empty(), outcome == '.' || outcome == 'S');
        const bool told = !talk.sink.events.empty() && talk.sink.events[0].starts_with("error 1 5 ");
        EXPECT_EQ(told, outcome == 's');
      }
    }
  }
}

struct LocalRow {
  const char* name;
  void (*act)(Talk& talk, Stream& stream);
  Wire (*frame)(StreamId id);
  const char* outcome;  // in the order of kLives: '+' the frame leaves, '.' nothing does
};

constexpr LocalRow kLocalRows[] = {
    {"headers", [](Talk& t, Stream& s) { t.headers(s, kResponse); },
     [](StreamId id) { return Wire().headers(id, kResponse); }, ".+.+..."},
    {"trailers", [](Talk& t, Stream& s) { t.headers(s, kTrailers, EndStream::kYes); },
     [](StreamId id) { return Wire().headers(id, kTrailers, kEnd); }, ".+.+..."},
    {"data", [](Talk& t, Stream& s) { t.data(s, "x"); }, [](StreamId id) { return Wire().data(id, "x"); },
     ".+.+..."},
    {"last data", [](Talk& t, Stream& s) { t.data(s, "x", EndStream::kYes); },
     [](StreamId id) { return Wire().data(id, "x", kEnd); }, ".+.+..."},
    {"the end alone", [](Talk& t, Stream& s) { t.data(s, "", EndStream::kYes); },
     [](StreamId id) { return Wire().data(id, "", kEnd); }, ".+.+..."},
    {"reset", [](Talk& t, Stream& s) { t.session.reset(s, ErrorCode::kCancel); },
     [](StreamId id) { return Wire().rst(id, ErrorCode::kCancel); }, ".+++..."},
    {"release", [](Talk& t, Stream& s) { t.session.release(s); },
     [](StreamId id) { return Wire().rst(id, ErrorCode::kCancel); }, ".+++..."},
    {"credit", [](Talk& t, Stream& s) { t.session.credit(s, 9, Session::When::kNow); },
     [](StreamId id) { return Wire().window_update(id, 9); }, ".++...."},
};

TEST(State, HasAnAnswerToEverythingThatIsSubmitted) {
  for (const Role role : kRoles) {
    for (const LocalRow& row : kLocalRows) {
      for (std::size_t i = 0; i < std::size(kLives); ++i) {
        SCOPED_TRACE(role_name(role) + std::string(": ") + row.name + " in life " + std::to_string(i));
        TestStream never_opened;
        Talk talk(role);
        const bool idle = kLives[i] == Life::kIdle;
        if (!idle) live(talk, kLives[i]);
        row.act(talk, idle ? never_opened : talk.stream());
        EXPECT_EQ(talk.out(), row.outcome[i] == '+' ? describe(row.frame(1)) : "");
        EXPECT_TRUE(talk.takes(""));  // nothing is broken
      }
    }
  }
}

}  // namespace
}  // namespace sluice::inline v0::http2
