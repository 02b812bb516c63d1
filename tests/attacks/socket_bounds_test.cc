// What attacks may cost over sockets, where a read has a block of 64 KiB and bytes come in other pieces than
// they were sent in. In real time: what is bounded here are counts and memory, no waits.
#include "attacks/scripts.h"
#include "support/uploads.h"

namespace sluice::attacks {
namespace {

using support::live_heap;

class BoundsOverSockets : public Attack {
 protected:
  // What came of bytes that were all sent at once.
  struct Cost {
    std::int64_t grown = 0;  // bytes of heap, at most
    int handlers = 0;        // that ran at once
  };

  // Until `done`, or for a minute; `each` after whatever ran.
  template <class Done, class Each>
  bool run_until(Done done, Each each) {
    const TimePoint end = runtime().now() + 1min;
    while (!done()) {
      if (runtime().now() > end) return false;
      if (runtime().poll() > 0) each();
    }
    return true;
  }
  // Runs what comes of itself, until nothing has come for some milliseconds.
  void settle_down() {
    TimePoint last = runtime().now();
    while (runtime().now() - last < 5ms) {
      if (runtime().poll() > 0) last = runtime().now();
    }
  }
  // Sends everything, and waits until `limit` has ended the connection.
  Cost attack(std::string_view all, Limit limit, std::string_view first = {}) {
    Target target(runtime(), {.goodbye_timeout = 10ms}, some_address());
    ScriptedClient attacker(runtime(), target.served.server().addrs().at(0).to_string());
    attacker.greet();
    if (!first.empty()) attacker.send(first);
    settle_down();
    attacker.send_later(all);
    const std::int64_t before = live_heap().bytes;
    Cost cost;
    EXPECT_TRUE(run_until([&] { return target.counts()[limit] > 0; },
                          [&] { cost.grown = std::max(cost.grown, live_heap().bytes - before); }))
        << to_string(limit);
    settle_down();
    cost.handlers = target.victim.most;
    EXPECT_EQ(target.counts().total(), 1u);
    EXPECT_TRUE(target.serves());
    return cost;
  }
  void expect_bound(std::string name, const Cost& cost, std::int64_t most) {
    EXPECT_LE(cost.grown, most) << name;
    EXPECT_LE(cost.handlers, 100) << name;
    std::replace(name.begin(), name.end(), ' ', '_');
    RecordProperty(name,
                   std::to_string(cost.grown) + " bytes, " + std::to_string(cost.handlers) + " handlers");
  }
  static std::string repeated(int times, const std::function<std::string(int)>& frames) {
    std::string all;
    for (int i = 0; i < times; ++i) all += frames(i);
    return all;
  }
  static std::string head(std::string_view method = "Bidi") {
    return plain(request_head("/test.Raw/" + std::string(method)));
  }
  static std::string inserted(std::string_view name, std::string_view value) {
    http2::HpackEncoder encoder;
    return std::string(as_text(http2::testing::encode(encoder, {{std::string(name), std::string(value)}})));
  }
};
INSTANTIATE_TEST_SUITE_P(Nets, BoundsOverSockets,
                         ::testing::Values(support::kThreadlessNetworks[2], support::kThreadlessNetworks[3]),
                         support::name_of);

TEST_P(BoundsOverSockets, RapidReset) {
  expect_bound("rapid reset", attack(rapid_reset(10'000), Limit::kResets), 1 << 20);
}

TEST_P(BoundsOverSockets, MadeYouReset) {
  for (const Way& way : kWays) {
    const std::string all =
        repeated(10'000, [&](int i) { return open(id_of(i), "Bidi", way.flags) + way.provoke(id_of(i)); });
    expect_bound(way.name, attack(all, Limit::kProvokedResets), 1 << 20);
  }
}

TEST_P(BoundsOverSockets, Floods) {
  for (const Flood& flood : kFloods) {
    const std::string all = repeated(20'000, [&](int) { return flood.frame(); });
    expect_bound(flood.name, attack(all, flood.limit, open(1)), 1 << 20);
  }
}

TEST_P(BoundsOverSockets, ContinuationFlood) {
  const std::string all = Wire().headers(1, head(), 0).str() + repeated(1'000, [](int) {
                            return Wire().continuation(1, std::string(15'000, '\x82')).str();
                          });
  expect_bound("CONTINUATION", attack(all, Limit::kContinuationFrames), 1 << 20);
}

TEST_P(BoundsOverSockets, HpackBomb) {
  const std::string first = Wire().headers(1, head() + inserted("x-large", std::string(3'900, 'a'))).str();
  const std::string all = repeated(
      100, [](int i) { return Wire().headers(id_of(i + 1), head() + std::string(16'000, '\xbe')).str(); });
  expect_bound("bomb", attack(all, Limit::kHeaderList, first), 1 << 20);
}

TEST_P(BoundsOverSockets, TinyFieldsOnAllStreams) {
  for (const bool guarded : {true, false}) {
    Target target(runtime(), guarded ? Limits() : kNoHeaderLimits, some_address());
    ScriptedClient attacker(runtime(), target.served.server().addrs().at(0).to_string());
    attacker.greet({{SettingId::kInitialWindowSize, 0}});
    settle_down();
    const std::int64_t before = live_heap().bytes;
    attacker.send(Wire().headers(1, head() + inserted("a", "b")));
    for (int i = 1; i < 100; ++i)
      attacker.send(Wire().headers(id_of(i), head() + std::string(guarded ? 93 : 5'000, '\xbe')));
    EXPECT_TRUE(run_until([&] { return target.victim.running == 100; }, [] {}));
    settle_down();
    const std::int64_t grown = live_heap().bytes - before;
    RecordProperty(guarded ? "bytes" : "bytes_unguarded", std::to_string(grown));
    if (guarded) {
      EXPECT_LE(grown, 1 << 20);
    } else {
      EXPECT_GE(grown, 10 << 20);
    }
    expect_unharmed(target, attacker);
  }
}

// Answers that are not read: what the kernel does not take is bounded, and after that nothing more is read.
TEST_P(BoundsOverSockets, AnswersThatNobodyReads) {
  // A path of one byte, once it is in the table, and an answer that quotes all of it.
  const std::string begin = plain({{":method", "POST"}, {":scheme", "http"}});
  const std::string rest = plain({{"te", "trailers"}, {"content-type", "application/grpc"}});
  const std::string path = inserted(":path", "/" + std::string(240, 'm') + "/x");
  constexpr int kBatches = 120, kBatch = 500;
  for (const bool guarded : {true, false}) {
    Limits limits{.output_stall_timeout = Limits::kForever, .write_stall_timeout = Limits::kForever};
    if (!guarded) limits.queued_bytes = Limits::kOff;
    Target target(runtime(), limits, some_address());
    ScriptedClient attacker(runtime(), target.served.server().addrs().at(0).to_string());
    attacker.greet();
    settle_down();
    attacker.stop_reading();
    const std::int64_t before = live_heap().bytes;
    int sent = 0;
    for (; sent < kBatches && !attacker.has_unsent(); ++sent) {
      attacker.send_later(repeated(kBatch, [&](int i) {
        const int n = sent * kBatch + i;
        return Wire().headers(id_of(n), begin + (n == 0 ? path : "\xbe") + rest, kEnd | kEndHeaders).str();
      }));
      settle_down();
    }
    const std::int64_t grown = live_heap().bytes - before;
    RecordProperty(guarded ? "bytes" : "bytes_unguarded", std::to_string(grown));
    if (guarded) {
      EXPECT_LE(grown, 3 << 20);
    } else {
      EXPECT_GE(grown, 6 << 20);
    }
    EXPECT_TRUE(target.serves());
    EXPECT_EQ(target.counts().total(), 0u);
  }
}

// Large requests that never end: the budget, and of each stream its window.
TEST_P(BoundsOverSockets, MessagesThatNobodyTakes) {
  constexpr int kStreams = 20;
  constexpr std::size_t kMessage = 4'000'000;
  Target target(runtime(), {}, some_address());
  ScriptedClient attacker(runtime(), target.served.server().addrs().at(0).to_string());
  attacker.greet();
  support::Uploads uploads(attacker);
  for (int i = 0; i < kStreams; ++i) uploads.open(id_of(i), kMessage);
  settle_down();
  const std::int64_t before = live_heap().bytes;
  for (int quiet = 0; quiet < 3;) {
    bool more = false;
    for (int i = 0; i < kStreams; ++i) {
      const std::size_t n = std::min<std::size_t>(16'000, uploads.missing(id_of(i)) - 10);
      more = (n > 0 && uploads.send(id_of(i), n) > 0) || more;
    }
    quiet = more ? 0 : quiet + 1;
    if (!more) settle_down();
  }
  const std::int64_t grown = live_heap().bytes - before;
  RecordProperty("bytes_sent", std::to_string(uploads.sent()));
  RecordProperty("bytes_held", std::to_string(grown));
  EXPECT_GE(grown, 48 << 20) << "honest requests have this room";
  EXPECT_LE(grown, (64 << 20) + kStreams * 65'535 + (1 << 20));
  EXPECT_TRUE(target.serves());
}

}  // namespace
}  // namespace sluice::attacks
