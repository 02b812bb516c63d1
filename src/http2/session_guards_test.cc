// The guards of a session, each at its limit, with it off, and with what honest peers do.
#include <gtest/gtest.h>

#include "http2/session.h"
#include "http2/session_test_util.h"

namespace sluice::inline v0::http2 {
namespace {

using namespace testing;  // NOLINT
using namespace std::chrono_literals;

// A session with limits of its own, and a clock.
struct Guarded : Bench {
  explicit Guarded(Role role, const Limits& limits = {}) : Guarded(role, std::make_unique<Limits>(limits)) {}

  Error at(Duration time, std::string_view bytes) {
    return session.feed(Bytes::copy(bytes), TimePoint(time), sink);
  }
  // Feeds `bytes` until that is an error, at most `most` times. How often it was none.
  int fed(std::string_view bytes, int most, Duration time = 1h) {
    for (int i = 0; i < most; ++i) {
      last = at(time, bytes);
      (void)take();
      if (!last.ok()) return i;
    }
    return most;
  }
  // The next stream of the peer, answered if `headers`.
  StreamId next(EndStream answer = EndStream::kNo, bool headers = false) {
    id += 2;
    EXPECT_TRUE(at(1h, Wire().headers(id, kRequest)).ok());
    if (headers) this->headers(sink[id], kResponse, answer);
    return id;
  }

  Error last;
  StreamId id = static_cast<StreamId>(-1);

 private:
  Guarded(Role role, std::unique_ptr<Limits> l) : Bench(options(role, *l)), limits_(std::move(l)) { shake(); }
  static SessionOptions options(Role role, const Limits& limits) {
    SessionOptions options = role == Role::kServer ? server_options() : client_options();
    options.limits = &limits;
    return options;
  }
  const std::unique_ptr<Limits> limits_;
};

constexpr RateLimit kNoRate = {Limits::kOff, 0};

void expect_exceeded(const Error& error, Limit limit) {
  EXPECT_EQ(error.scope, Scope::kConnection);
  EXPECT_EQ(error.code, ErrorCode::kEnhanceYourCalm);
  EXPECT_EQ(error.limit, limit) << error.what;
  EXPECT_EQ(error.what, to_string(limit));
}

TEST(Bucket, RefillsWithTimeAndKeepsTheRestOfAToken) {
  const RateLimit rate{10, 4};
  Bucket bucket;
  TimePoint now(1h);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(bucket.take(rate, now));
  EXPECT_FALSE(bucket.take(rate, now));
  now += 150ms;
  EXPECT_FALSE(bucket.take(rate, now)) << "a token takes 250 ms";
  now += 100ms;
  EXPECT_TRUE(bucket.take(rate, now));
  EXPECT_FALSE(bucket.take(rate, now));
  now += 24h;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(bucket.take(rate, now));
  EXPECT_FALSE(bucket.take(rate, now)) << "no more than the burst";
}

TEST(Bucket, TakesWhatWasEarnedButNoMoreThanItsBurst) {
  const RateLimit rate{2, 0};
  Bucket bucket;
  EXPECT_TRUE(bucket.take(rate, TimePoint(1h), 100));
  EXPECT_TRUE(bucket.take(rate, TimePoint(1h)));
  EXPECT_FALSE(bucket.take(rate, TimePoint(2h)));
  EXPECT_TRUE(bucket.take(rate, TimePoint(2h), 1));
  EXPECT_FALSE(bucket.take(rate, TimePoint(2h)));
}

TEST(Bucket, GivesItsRateInTheLongRun) {
  const RateLimit rate{100, 10};
  Bucket bucket;
  int taken = 0;
  for (TimePoint now(1h); now < TimePoint(1h) + 100s; now += 7ms) taken += bucket.take(rate, now) ? 1 : 0;
  EXPECT_NEAR(taken, 100 + 10 * 100, 2);
}

TEST(SessionGuards, PingsBeyondTheBurstEndTheConnection) {
  for (const Role role : {Role::kServer, Role::kClient}) {
    for (const std::uint8_t flags : {std::uint8_t{0}, flag::kAck}) {
      Guarded peer(role);
      EXPECT_EQ(peer.fed(Wire().ping("12345678", flags), 2000), 1000);
      expect_exceeded(peer.last, Limit::kPings);
      Guarded off(role, {.pings = kNoRate});
      EXPECT_EQ(off.fed(Wire().ping("12345678", flags), 20'000), 20'000);
    }
  }
}

TEST(SessionGuards, PingsAtTheRateGoOnForever) {
  Guarded server(Role::kServer);
  for (Duration now = 1h; now < 1h + 100s; now += 10ms)
    ASSERT_TRUE(server.at(now, Wire().ping("12345678")).ok()) << now.count();
}

// grpc-go's window estimator pings with every message it gets.
TEST(SessionGuards, APingForEachFrameWeSendIsHonest) {
  Guarded server(Role::kServer);
  TestStream& stream = server.sink[server.next(EndStream::kNo, true)];
  for (int i = 0; i < 50'000; ++i) {
    server.data(stream, "x");
    (void)server.take();
    ASSERT_TRUE(server.at(1h, Wire().ping("12345678").window_update(0, 1).window_update(1, 1)).ok()) << i;
  }
}

TEST(SessionGuards, AcknowledgementsOfOurPingsAreNotCounted) {
  Guarded server(Role::kServer);
  for (int i = 0; i < 5000; ++i) {
    server.session.submit_ping(7);
    ASSERT_TRUE(server.at(1h, Wire().ping("12345678", flag::kAck)).ok());
  }
}

TEST(SessionGuards, ControlFramesBeyondTheBurstEndTheConnection) {
  const std::vector<std::string> frames = {
      Wire().settings().str(),
      Wire().settings({{SettingId::kInitialWindowSize, 5}, {SettingId::kInitialWindowSize, 65535}}).str(),
      Wire().frame(FrameType::kPriority, 0, 3, "12345").str(),
      Wire().frame(static_cast<FrameType>(0xfa), 0, 0, "what").str(),
      Wire().frame(static_cast<FrameType>(0xfa), 0, 0, "").str(),
      Wire().goaway(0, ErrorCode::kNoError).str(),
  };
  for (const std::string& frame : frames) {
    Guarded server(Role::kServer);
    EXPECT_EQ(server.fed(frame, 2000), 1000);
    expect_exceeded(server.last, Limit::kControlFrames);
    Guarded off(Role::kServer, {.control_frames = kNoRate});
    EXPECT_EQ(off.fed(frame, 20'000), 20'000);
  }
}

// Opens and resets streams, `early_of_ten` of ten of them before their response headers.
int opened_and_reset(Guarded& server, int most, int early_of_ten, Duration apart = 0s) {
  for (int i = 0; i < most; ++i) {
    const StreamId id = server.next(EndStream::kNo, i % 10 >= early_of_ten);
    server.last = server.at(1h + i * apart, Wire().rst(id, ErrorCode::kCancel));
    (void)server.take();
    if (!server.last.ok()) return i;
  }
  return most;
}

TEST(SessionGuards, RapidResetEndsTheConnection) {
  Guarded server(Role::kServer);
  EXPECT_EQ(opened_and_reset(server, 2000, 10), 500);
  expect_exceeded(server.last, Limit::kResets);
  Guarded off(Role::kServer, {.resets = Limits::kOff});
  EXPECT_EQ(opened_and_reset(off, 10'000, 10), 10'000);
}

TEST(SessionGuards, ResetsAfterResponseHeadersAreHonest) {
  Guarded server(Role::kServer);
  EXPECT_EQ(opened_and_reset(server, 10'000, 0), 10'000);
}

TEST(SessionGuards, HalfOfTheStreamsMayBeResetEarly) {
  Guarded hedging(Role::kServer);
  EXPECT_EQ(opened_and_reset(hedging, 10'000, 5), 10'000);
  Guarded server(Role::kServer);
  EXPECT_LT(opened_and_reset(server, 10'000, 7), 1000);
}

TEST(SessionGuards, ResetsFarApartAreHonest) {
  Guarded server(Role::kServer);
  EXPECT_EQ(opened_and_reset(server, 2000, 10, 61ms), 2000) << "at most 500 in 30 s";
}

// Of six hundred calls that time out together each has been open for its time.
TEST(SessionGuards, ResetsOfStreamsThatWereOpenForAWhileAreHonest) {
  for (const bool honest : {true, false}) {
    Guarded server(Role::kServer);
    constexpr int kCalls = 600;
    std::string resets;
    for (int i = 0; i < kCalls; ++i) {
      const StreamId id = server.next();
      resets += Wire().rst(id, ErrorCode::kCancel).str();
    }
    server.last = server.at(honest ? 1h + 20ms : 1h + 19ms, resets);
    EXPECT_EQ(server.last.ok(), honest);
  }
}

// What was there before the window is no excuse.
TEST(SessionGuards, OldStreamsDoNotDiluteRapidReset) {
  Guarded server(Role::kServer);
  const StreamId old = server.next();
  for (int i = 0; i < 5000; ++i) {
    const StreamId id = server.next(EndStream::kYes, true);
    ASSERT_TRUE(server.at(1h, Wire().data(id, "x", kEnd)).ok());
  }
  ASSERT_TRUE(server.at(1h, Wire().rst(old, ErrorCode::kCancel)).ok());
  EXPECT_EQ(opened_and_reset(server, 2000, 10), 499);
}

TEST(SessionGuards, SkippedStreamIdsDoNotDiluteRapidReset) {
  Guarded server(Role::kServer);
  int resets = 0;
  for (StreamId id = 1; resets < 2000; id += 1000, ++resets) {
    server.last = server.at(1h, Wire().headers(id, kRequest).rst(id, ErrorCode::kCancel));
    if (!server.last.ok()) break;
  }
  EXPECT_EQ(resets, 500);
  expect_exceeded(server.last, Limit::kResets);
}

// A second reset may be honest where frames crossed; a thousand are not, from either side.
TEST(SessionGuards, ResetsOfStreamsThatAreGoneEndTheConnection) {
  for (const Role role : {Role::kServer, Role::kClient}) {
    for (const bool guarded : {true, false}) {
      Guarded peer(role, guarded ? Limits() : Limits{.resets = Limits::kOff});
      constexpr int kStreams = 10;
      for (int i = 0; i < kStreams; ++i) {
        const StreamId id = role == Role::kServer ? peer.next() : peer.open().id();
        ASSERT_TRUE(peer.at(1h, Wire().rst(id, ErrorCode::kCancel)).ok());
      }
      const int most = guarded ? 500 + 2 * kStreams - kStreams : 20'000;
      EXPECT_EQ(peer.fed(Wire().rst(1, ErrorCode::kCancel), 20'000), most);
      if (guarded) expect_exceeded(peer.last, Limit::kResets);
    }
  }
}

// Some answer each DATA frame that comes behind their reset by another.
TEST(SessionGuards, OneResetForEachDataFrameIsHonest) {
  constexpr int kFrames = 4'000;
  for (const Role role : {Role::kServer, Role::kClient}) {
    Guarded peer(role);
    TestStream& stream = role == Role::kServer ? peer.sink[peer.next(EndStream::kNo, true)] : peer.open();
    const StreamId id = stream.id();
    ASSERT_TRUE(peer.at(1h, Wire().window_update(id, 1'000'000).window_update(0, 1'000'000)).ok());
    for (int i = 0; i < kFrames; ++i) {
      peer.data(stream, "x");
      (void)peer.take();
    }
    EXPECT_EQ(peer.fed(Wire().rst(id, ErrorCode::kCancel), 20'000), 500 + 2 + kFrames);
    expect_exceeded(peer.last, Limit::kResets);
  }
}

TEST(SessionGuards, ResetsByAServerAreItsOwnAffair) {
  Guarded client(Role::kClient);
  for (int i = 0; i < 5000; ++i) {
    TestStream& stream = client.open();
    ASSERT_TRUE(client.at(1h, Wire().rst(stream.id(), ErrorCode::kInternalError)).ok());
  }
}

// MadeYouReset (CVE-2025-8671): whatever makes us send RST_STREAM.
TEST(SessionGuards, ProvokedResetsBeyondTheBurstEndTheConnection) {
  const auto open = [](StreamId id) { return Wire().headers(id, kRequest); };
  const auto half_closed = [](StreamId id) { return Wire().headers(id, kRequest, kEnd); };
  const std::vector<std::function<std::string(StreamId)>> ways = {
      [&](StreamId id) { return open(id).window_update(id, 0).str(); },
      [&](StreamId id) { return open(id).window_update(id, 0x7fffffff).str(); },
      [&](StreamId id) { return half_closed(id).data(id, "x").str(); },
      [&](StreamId id) { return half_closed(id).headers(id, kRequest).str(); },
      [&](StreamId id) { return open(id).frame(FrameType::kPriority, 0, id, "1234").str(); },
      [&](StreamId id) {
        return Wire().headers(id, Headers{{"Upper", "x"}}).str();
      },
      [&](StreamId id) { return open(id).headers(id, kRequest).str(); },
  };
  for (std::size_t way = 0; way < ways.size(); ++way) {
    for (const bool on : {true, false}) {
      Guarded server(Role::kServer,
                     on ? Limits() : Limits{.provoked_resets = kNoRate, .control_frames = kNoRate});
      int provoked = 0;
      for (StreamId id = 1; provoked < 10'000; id += 2, ++provoked) {
        server.last = server.at(1h, ways[way](id));
        (void)server.take();
        if (!server.last.ok()) break;
      }
      EXPECT_EQ(provoked, on ? 100 : 10'000) << "way " << way;
      if (on) {
        expect_exceeded(server.last, Limit::kProvokedResets);
      }
    }
  }
}

TEST(SessionGuards, StreamsBeyondTheLimitCountAsProvokedResets) {
  SessionOptions options = server_options();
  options.local.max_concurrent_streams = 1;
  Bench server(options);
  server.shake();
  Error error;
  int opened = 0;
  for (; error.ok() && opened < 2000; ++opened)
    error = server.feed(Wire().headers(static_cast<StreamId>(2 * opened + 1), kRequest));
  EXPECT_EQ(opened, 102);
  expect_exceeded(error, Limit::kProvokedResets);
}

TEST(SessionGuards, WindowUpdatesForNothingEndTheConnection) {
  Guarded server(Role::kServer);
  EXPECT_EQ(server.fed(Wire().window_update(0, 1), 100), 5);
  expect_exceeded(server.last, Limit::kWindowUpdates);
  Guarded off(Role::kServer, {.window_updates_per_data = Limits::kOff});
  EXPECT_EQ(off.fed(Wire().window_update(0, 1), 20'000), 20'000);
}

TEST(SessionGuards, WindowUpdatesMayComeForStreamsAndDataSent) {
  Guarded server(Role::kServer);
  TestStream& stream = server.sink[server.next(EndStream::kNo, true)];
  EXPECT_EQ(server.fed(Wire().window_update(1, 1), 7), 7) << "5, and 2 for the stream";
  server.data(stream, "x");
  (void)server.take();
  EXPECT_EQ(server.fed(Wire().window_update(1, 1), 100), 20);
  expect_exceeded(server.last, Limit::kWindowUpdates);
}

// Lets a mebibyte wait for window, and gives it `bytes` at a time, on the stream or for all of them.
int dribbled(Guarded& server, StreamId on, std::uint32_t bytes) {
  EXPECT_TRUE(server.at(1h, Wire().settings({{SettingId::kInitialWindowSize, on == 0 ? 1 << 20 : 0}})).ok());
  TestStream& stream = server.sink[server.next(EndStream::kNo, true)];
  server.data(stream, std::string(1 << 20, 'x'));
  (void)server.take();
  return server.fed(Wire().window_update(on, bytes), 5000);
}

// The data dribble (CVE-2019-9511).
TEST(SessionGuards, WindowInCrumbsEndsTheConnection) {
  for (const StreamId on : {StreamId{0}, StreamId{1}}) {
    for (const std::uint32_t bytes : {1u, 63u}) {
      Guarded server(Role::kServer);
      EXPECT_EQ(dribbled(server, on, bytes), 999);
      expect_exceeded(server.last, Limit::kMeanWindowUpdate);
      Guarded off(Role::kServer, {.mean_window_update = 0});
      EXPECT_EQ(dribbled(off, on, bytes), 5000);
    }
    Guarded small(Role::kServer);
    EXPECT_EQ(dribbled(small, on, 64), 5000);
  }
}

TEST(SessionGuards, EmptyFramesInARowEndTheConnection) {
  Guarded server(Role::kServer);
  server.next();
  EXPECT_EQ(server.fed(Wire().data(1, ""), 100), 10);
  expect_exceeded(server.last, Limit::kEmptyFrames);
  Guarded padded(Role::kServer);
  padded.next();
  EXPECT_EQ(padded.fed(Wire().padded_data(1, "", 9).ping("12345678"), 100), 10) << "others do not count";
  expect_exceeded(padded.last, Limit::kEmptyFrames);
  Guarded off(Role::kServer, {.empty_frames = Limits::kOff});
  off.next();
  EXPECT_EQ(off.fed(Wire().data(1, ""), 20'000), 20'000);
}

TEST(SessionGuards, EmptyFramesWithOthersBetweenAreHonest) {
  Guarded server(Role::kServer);
  server.next();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(server.at(1h, Wire().data(1, "").data(1, "x")).ok());
}

TEST(SessionGuards, ContinuationsBeyondTheLimitEndTheConnection) {
  Guarded server(Role::kServer, {.continuation_frames = 3});
  ASSERT_TRUE(server.at(1h, Wire().headers(1, "", 0)).ok());
  EXPECT_EQ(server.fed(Wire().continuation(1, "\x82"), 100), 3);
  expect_exceeded(server.last, Limit::kContinuationFrames);
  Guarded off(Role::kServer, {.continuation_frames = Limits::kOff});
  ASSERT_TRUE(off.at(1h, Wire().headers(1, "", 0)).ok());
  EXPECT_EQ(off.fed(Wire().continuation(1, std::string(16384, 'x')), 1000), 1000);
}

TEST(SessionGuards, ThirdListBeyondTheHardLimitEndsTheConnection) {
  Headers many = kRequest;
  for (int i = 0; i < 100; ++i) many.push_back({"n" + std::to_string(i), "v"});
  Headers big = kRequest;
  big.push_back({"big", std::string(20'000, 'a')});
  for (const Headers& list : {many, big}) {
    Guarded server(Role::kServer);
    for (const StreamId id : {1, 3}) ASSERT_TRUE(server.at(1h, Wire().headers(id, list)).ok());
    ASSERT_TRUE(server.at(1h, Wire().headers(5, kRequest)).ok());
    expect_exceeded(server.at(1h, Wire().headers(7, list)), Limit::kHeaderList);
    Guarded off(Role::kServer, {.header_list_breaches = Limits::kOff});
    for (StreamId id = 1; id < 200; id += 2) ASSERT_TRUE(off.at(1h, Wire().headers(id, list)).ok());
  }
}

// Nobody waits for what such a block says, but it is read all the same.
TEST(SessionGuards, ListsOfStreamsThatAreGoneCountToo) {
  Headers big = kRequest;
  big.push_back({"big", std::string(20'000, 'a')});
  Guarded server(Role::kServer);
  server.next();
  ASSERT_TRUE(server.at(1h, Wire().rst(1, ErrorCode::kCancel)).ok());
  EXPECT_EQ(server.fed(Wire().headers(1, big), 1000), 2);
  expect_exceeded(server.last, Limit::kHeaderList);
  Guarded malformed(Role::kServer);
  big.insert(big.begin() + 1, {"Upper", "case"});
  ASSERT_TRUE(malformed.at(1h, Wire().headers(1, big)).ok());
  ASSERT_TRUE(malformed.at(1h, Wire().headers(3, big)).ok());
  expect_exceeded(malformed.at(1h, Wire().headers(5, big)), Limit::kHeaderList);
  Guarded off(Role::kServer, {.header_list_breaches = Limits::kOff});
  off.next();
  ASSERT_TRUE(off.at(1h, Wire().rst(1, ErrorCode::kCancel)).ok());
  EXPECT_EQ(off.fed(Wire().headers(1, big), 1000), 1000);
}

// Sixty-four times the hard limit in one block: it is not read to its end.
TEST(SessionGuards, BombEndsTheConnectionAtOnce) {
  HpackEncoder encoder;
  const std::string entry(as_text(encode(encoder, {{"large", std::string(3'900, 'a')}})));
  const auto bomb = [&](std::size_t references) {
    return Wire().headers(1, plain(kRequest) + entry + std::string(references, '\xbe')).str();
  };
  constexpr std::size_t kMost = 64 * (16 << 10) / (3'900 + 5 + 32) - 2;
  Guarded server(Role::kServer);
  ASSERT_TRUE(server.at(1h, bomb(kMost)).ok());
  Guarded exceeded(Role::kServer);
  expect_exceeded(exceeded.at(1h, bomb(kMost + 2)), Limit::kHeaderList);
  SessionOptions options = server_options();
  options.max_headers = options.header_list_hard_limit = Limits::kOff;
  Bench off(options);
  ASSERT_TRUE(off.shake().feed(bomb(12'000)).ok());
}

TEST(SessionGuards, TellWhatWaitsToBeTaken) {
  Guarded server(Role::kServer);
  EXPECT_EQ(server.session.queued_replies(), 0u);
  TestStream& stream = server.sink[server.next(EndStream::kNo, true)];
  (void)server.take();
  ASSERT_TRUE(server.at(1h, Wire().ping("12345678").settings().headers(3, Headers{{"Upper", "y"}})).ok());
  EXPECT_EQ(server.session.queued_replies(), 3u);
  EXPECT_EQ(server.session.queued_bytes(), 17u + 9 + 13);
  server.data(stream, "payload");
  EXPECT_EQ(server.session.queued_bytes(), 17u + 9 + 13 + 9) << "without DATA's payload";
  (void)server.take();
  EXPECT_EQ(server.session.queued_replies(), 0u);
  EXPECT_EQ(server.session.queued_bytes(), 0u);
}

TEST(SessionGuards, TellOfAHeaderBlockThatIsUnderWay) {
  Guarded server(Role::kServer);
  const std::string headers = Wire().headers(1, plain(kRequest), 0).str();
  EXPECT_FALSE(server.session.in_header_block());
  ASSERT_TRUE(server.at(1h, headers.substr(0, 5)).ok());
  EXPECT_TRUE(server.session.in_header_block());
  ASSERT_TRUE(server.at(1h, headers.substr(5)).ok());
  EXPECT_TRUE(server.session.in_header_block());
  ASSERT_TRUE(server.at(1h, Wire().continuation(1, "", kEndHeaders)).ok());
  EXPECT_FALSE(server.session.in_header_block());
  ASSERT_TRUE(server.at(1h, Wire().data(1, "12345").str().substr(0, 6)).ok());
  EXPECT_FALSE(server.session.in_header_block()) << "DATA is not";
}

}  // namespace
}  // namespace sluice::inline v0::http2
