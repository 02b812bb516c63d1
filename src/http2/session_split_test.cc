// However received bytes are cut, the session does the same; and no bytes, however mad, make it crash.
#include <gtest/gtest.h>

#include <random>

#include "http2/session.h"
#include "http2/session_test_util.h"

namespace sluice::inline v0::http2 {
namespace {

using namespace testing;  // NOLINT

// Everything observable: events, output and the last error.
struct Outcome {
  Events events;
  std::string output;
  ErrorCode code = ErrorCode::kNoError;

  bool operator==(const Outcome&) const = default;
};

// Answers and credits, so that there is something to observe.
void be_busy(Bench& bench) {
  bench.sink.block_tag = 3;
  bench.sink.tag = [](const Field& field) { return Tag{field.name.size()}; };
  bench.sink.then = [&bench](std::string_view what, Stream& s) {
    // Not per piece: that would depend on the cuts.
    if (what == "end") bench.session.credit(s, 16000);
    if (what == "end" && s.remote_closed() && bench.role == Role::kServer) {
      bench.headers(s, kResponse);
      bench.data(s, "answer");
      bench.headers(s, kTrailers, EndStream::kYes);
    }
  };
}

void prepare(Bench& bench) {
  be_busy(bench);
  if (bench.role == Role::kServer) return;
  for (int i = 0; i < 6; ++i) bench.data(bench.open(), "request", EndStream::kYes);
}

// `next` gives the size of each piece.
template <class F>
Outcome run(Role role, std::string_view wire, F next) {
  Bench bench({.role = role, .local = {.initial_window_size = 30000}});
  prepare(bench);
  Outcome outcome;
  while (!wire.empty()) {
    const std::size_t n = std::min<std::size_t>(wire.size(), next());
    if (const Error error = bench.feed(wire.substr(0, n)); !error.ok()) outcome.code = error.code;
    wire.remove_prefix(n);
  }
  outcome.output = bench.take();
  outcome.events = bench.sink.take();
  return outcome;
}

// A bit of everything that a client says.
std::string client_stream() {
  HpackEncoder encoder;
  Wire wire;
  wire.preface().settings({{SettingId::kInitialWindowSize, 100}}).window_update(0, 100000).settings_ack();
  for (StreamId id = 1; id < 9; id += 2) wire.headers(id, compressed(encoder, kRequest), kEndHeaders);
  wire.data(1, std::string(9000, 'a')).padded_data(3, "bcd", 17, kEnd).data(1, "", kEnd);
  wire.frame(FrameType::kPriority, 0, 9, "12345").ping("12345678").rst(5, ErrorCode::kCancel).data(5, "late");
  const std::string block = compressed(encoder, kRequest);
  wire.headers(11, block.substr(0, 2), kEnd)
      .continuation(11, "")
      .continuation(11, block.substr(2), kEndHeaders);
  wire.headers(13, Headers{{":path", "/"}, {"Bad", "x"}}).data(13, "ignored");
  wire.headers(15, compressed(encoder, kRequest), kEndHeaders | kEnd).window_update(15, 10);
  wire.headers(7, compressed(encoder, kTrailers), kEndHeaders | kEnd).data(7, "after the end");
  wire.frame(static_cast<FrameType>(0x55), 0xff, 77, "unknown")
      .settings({{SettingId::kInitialWindowSize, 5}});
  wire.headers(17, Wire::pad("12345" + compressed(encoder, kRequest), 4),
               kEndHeaders | flag::kPadded | flag::kPriority);
  return wire.data(17, std::string(16384, 'z')).goaway(0, ErrorCode::kNoError, "bye").ping("abcdefgh").str();
}

// A bit of everything that a server says.
std::string server_stream() {
  HpackEncoder encoder;
  Wire wire;
  wire.settings({{SettingId::kMaxConcurrentStreams, 9}}).settings_ack().window_update(0, 7);
  for (StreamId id = 1; id < 7; id += 2) {
    wire.headers(id, compressed(encoder, kResponse)).data(id, std::string(5000, 'x'));
    wire.headers(id, compressed(encoder, kTrailers), kEndHeaders | kEnd);
  }
  wire.data(1, "late")
      .headers(7, {{":status", "100"}})
      .headers(7, kResponse)
      .rst(7, ErrorCode::kInternalError);
  wire.ping("12345678").goaway(9, ErrorCode::kNoError, "drain").window_update(9, 0x7fffffff);
  return wire.data(9, "x").settings_ack().ping("never seen").str();
}

class SessionSplit : public ::testing::TestWithParam<Role> {
 protected:
  const Role role = GetParam();
  const std::string wire = role == Role::kServer ? client_stream() : server_stream();
  const Outcome whole = run(role, wire, [] { return std::size_t{1} << 30; });
};

TEST_P(SessionSplit, TheWholeHasTheExpectedEnd) {
  EXPECT_GT(whole.events.size(), 25u);
  EXPECT_EQ(whole.code, role == Role::kServer ? ErrorCode::kNoError : ErrorCode::kProtocolError);
}

TEST_P(SessionSplit, BytewiseIsTheSame) {
  const Outcome one = run(role, wire, [] { return std::size_t{1}; });
  EXPECT_EQ(one.events, whole.events);
  EXPECT_EQ(describe(one.output), describe(whole.output));
  EXPECT_EQ(one.code, whole.code);
}

TEST_P(SessionSplit, AnyTwoPiecesAreTheSame) {
  for (std::size_t cut = 1; cut < wire.size(); cut += cut < 1000 ? 1 : 37) {
    bool first = true;
    const auto next = [&] { return std::exchange(first, false) ? cut : wire.size(); };
    ASSERT_TRUE(run(role, wire, next) == whole) << "cut at " << cut;
  }
}

TEST_P(SessionSplit, RandomPiecesAreTheSame) {
  std::mt19937 random(1);
  for (int i = 0; i < 50; ++i) {
    const std::size_t most = 1 + random() % 60;
    ASSERT_TRUE(run(role, wire, [&] { return 1 + random() % most; }) == whole) << "round " << i;
  }
}

TEST_P(SessionSplit, SurvivesMutations) {
  std::mt19937 random(2);
  for (int i = 0; i < 400; ++i) {
    std::string bad = wire;
    for (std::uint32_t n = 1 + random() % 4; n > 0; --n) {
      const std::size_t at = (role == Role::kServer ? 24 : 0) + random() % (bad.size() - 24);
      const std::size_t some = std::min<std::size_t>(random() % 20, bad.size() - at);
      switch (random() % 4) {
        case 0:
          bad[at] = static_cast<char>(random());
          break;
        case 1:
          bad[at] = static_cast<char>(bad[at] ^ (1 << random() % 8));
          break;
        case 2:
          bad.erase(at, some);
          break;
        default:
          bad.insert(at, bad.substr(random() % (bad.size() - 24), some));
      }
    }
    const std::uint32_t seed = random();
    std::mt19937 cuts(seed);
    const Outcome all = run(role, bad, [] { return std::size_t{1} << 30; });
    const Outcome cut = run(role, bad, [&] { return 1 + cuts() % 3000; });
    ASSERT_TRUE(all == cut) << "round " << i;
  }
}

// Frames with plausible heads reach deeper than noise does.
TEST_P(SessionSplit, SurvivesGarbage) {
  std::mt19937 random(3);
  for (int i = 0; i < 400; ++i) {
    Wire bad;
    if (role == Role::kServer) bad.preface();
    bad.settings();
    for (int n = 0; n < 30; ++n) {
      std::string payload(random() % 3 == 0 ? 4 : random() % 40, '\0');
      for (char& c : payload) c = static_cast<char>(random() % 2 == 0 ? random() : random() % 4);
      if (random() % 3 == 0) payload = plain(random() % 2 == 0 ? kRequest : kResponse);
      bad.frame(static_cast<FrameType>(random() % 11),
                static_cast<std::uint8_t>(random() % 4 == 0 ? random() : 4), random() % 16, payload);
    }
    const Outcome all = run(role, bad, [] { return std::size_t{1} << 30; });
    ASSERT_TRUE(all == run(role, bad, [&] { return 1 + random() % 50; })) << "round " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(, SessionSplit, ::testing::Values(Role::kClient, Role::kServer),
                         [](const auto& role) { return role.param == Role::kClient ? "Client" : "Server"; });

}  // namespace
}  // namespace sluice::inline v0::http2
