// Header blocks that never end, that grow when they are decoded, or that shall confuse who reads the next.
#include "attacks/attack.h"

namespace sluice::attacks {
namespace {

using support::live_heap;

class HeaderAttacks : public Attack {
 protected:
  static constexpr std::int64_t kMebibyte = 1 << 20;

  // A literal that goes into the dynamic table: its index is 62 then.
  static std::string inserted(std::string_view name, std::string_view value) {
    http2::HpackEncoder encoder;
    const auto block = http2::testing::encode(encoder, {{std::string(name), std::string(value)}});
    return std::string(as_text(block));
  }
  static std::string head(std::string_view method) {
    return plain(request_head("/test.Raw/" + std::string(method)));
  }
  // Requests that say "x-large" so often each, in a byte. Heap that this took.
  std::int64_t bomb(ScriptedClient& attacker, int streams, std::size_t references) {
    const std::int64_t before = live_heap().bytes;
    attacker.send(Wire().headers(1, head("Bidi") + inserted("x-large", std::string(3'900, 'a'))));
    for (int i = 1; i <= streams && !attacker.closed(); ++i)
      attacker.send(Wire().headers(id_of(i), head("Bidi") + std::string(references, '\xbe')));
    return live_heap().bytes - before;
  }
};
INSTANTIATE_TEST_SUITE_P(Simulated, HeaderAttacks, ::testing::ValuesIn(kSeeds), support::name_of);

// CVE-2024-27316, CVE-2024-28182.
TEST_P(HeaderAttacks, ContinuationFlood) {
  const auto frame = [](int i) {
    if (i == 0) return Wire().headers(1, head("Unary"), 0).str();
    return Wire().continuation(1, std::string(15'000, '\x82')).str();
  };
  {
    Target target(runtime());
    ScriptedClient attacker(runtime(), "pipe:target");
    attacker.greet();
    const std::int64_t before = live_heap().bytes;
    EXPECT_EQ(send(attacker, 1'000, frame), 1 + 9);
    EXPECT_LE(live_heap().bytes - before, kMebibyte);
    expect_ended(target, attacker, Limit::kContinuationFrames);
  }
  {
    Target target(runtime(), {.continuation_frames = Limits::kOff});
    ScriptedClient attacker(runtime(), "pipe:target");
    attacker.greet();
    const std::int64_t before = live_heap().bytes;
    EXPECT_EQ(send(attacker, 1'000, frame), 1'000);
    EXPECT_GE(live_heap().bytes - before, 14 * kMebibyte);
    expect_unharmed(target, attacker);
  }
}

// CVE-2016-6581, CVE-2026-49975, CVE-2026-47774: a byte on the wire, four thousand in memory.
TEST_P(HeaderAttacks, HpackBomb) {
  {
    Target target(runtime());
    ScriptedClient attacker(runtime(), "pipe:target");
    attacker.greet();
    EXPECT_LE(bomb(attacker, 100, 147'000), kMebibyte);
    EXPECT_TRUE(attacker.frames("HEADERS").empty()) << "the first such block";
    expect_ended(target, attacker, Limit::kHeaderList);
  }
  {
    Target target(runtime(), kNoHeaderLimits);
    ScriptedClient attacker(runtime(), "pipe:target");
    attacker.greet();
    EXPECT_GE(bomb(attacker, 10, 1'000), 30 * kMebibyte);
    expect_unharmed(target, attacker);
  }
}

// The same with lists that a confused client might send: those fail their calls, the third the connection.
TEST_P(HeaderAttacks, ThirdListFarOverTheLimit) {
  Target target(runtime());
  ScriptedClient attacker(runtime(), "pipe:target");
  attacker.greet();
  EXPECT_LE(bomb(attacker, 100, 200), kMebibyte);
  for (const StreamId id : {3, 5}) {
    EXPECT_TRUE(attacker.outcome(id).starts_with("8 the request's header list exceeds"))
        << attacker.outcome(id);
  }
  expect_ended(target, attacker, Limit::kHeaderList);
}

// As many calls as may be open, with as many tiny fields as may be in each, none of which can be answered.
TEST_P(HeaderAttacks, TinyFieldsOnAllStreams) {
  for (const bool guarded : {true, false}) {
    Target target(runtime(), guarded ? Limits() : kNoHeaderLimits);
    ScriptedClient attacker(runtime(), "pipe:target");
    attacker.greet({{SettingId::kInitialWindowSize, 0}});
    const std::int64_t before = live_heap().bytes;
    attacker.send(Wire().headers(1, head("Bidi") + inserted("a", "b")));
    for (int i = 1; i < 100; ++i)
      attacker.send(Wire().headers(id_of(i), head("Bidi") + std::string(guarded ? 93 : 5'000, '\xbe')));
    const std::int64_t grown = live_heap().bytes - before;
    EXPECT_EQ(target.victim.running, 100);
    RecordProperty(guarded ? "bytes_guarded" : "bytes_unguarded", std::to_string(grown));
    if (guarded) {
      EXPECT_LE(grown, kMebibyte);
    } else {
      EXPECT_GE(grown, 10 * kMebibyte);
    }
    expect_unharmed(target, attacker);
  }
}

// CVE-2023-32731, CVE-2023-33953, CVE-2024-7246: what follows a block over the limit is read as it was meant.
TEST_P(HeaderAttacks, BlockOverTheLimitLeavesHpackInStep) {
  Target target(runtime());
  ScriptedClient attacker(runtime(), "pipe:target");
  attacker.greet();
  const std::string large = plain({{"x-large", std::string(20'000, 'a')}});
  attacker.send(Wire().headers(1, head("Unary") + large + inserted("x-kept", "alpha"), kEnd | kEndHeaders));
  EXPECT_TRUE(attacker.outcome(1).starts_with("8 ")) << attacker.outcome(1);
  attacker.send(Wire().headers(3, head("Unary") + "\xbe").data(3, message("m"), kEnd));
  EXPECT_EQ(attacker.stream(3).data, message("alpha"));
  EXPECT_EQ(attacker.outcome(3), "0");
  expect_unharmed(target, attacker);
}

// A byte a second.
TEST_P(HeaderAttacks, SlowHeaders) {
  const std::string head = open(1);
  for (const bool guarded : {true, false}) {
    Target target(runtime(), guarded ? Limits() : Limits{.header_block_timeout = Limits::kForever});
    ScriptedClient attacker(runtime(), "pipe:target");
    attacker.greet();
    const TimePoint begin = runtime().now();
    for (std::size_t i = 0; i < head.size() - 1 && !attacker.closed(); ++i) {
      attacker.send(head.substr(i, 1));
      pass(1s);
    }
    if (guarded) {
      EXPECT_LE(runtime().now() - begin, 15s);
      expect_ended(target, attacker, Limit::kHeaderBlockTimeout);
    } else {
      EXPECT_GE(runtime().now() - begin, 50s);
      expect_unharmed(target, attacker);
    }
  }
}

// The same in CONTINUATION frames: the block has ten seconds, not each of its frames.
TEST_P(HeaderAttacks, SlowContinuations) {
  Target target(runtime());
  ScriptedClient attacker(runtime(), "pipe:target");
  attacker.greet();
  attacker.send(Wire().headers(1, head("Unary"), 0));
  const TimePoint begin = runtime().now();
  while (!attacker.closed() && runtime().now() - begin < 1min) {
    pass(4s);
    attacker.send(Wire().continuation(1, "\x82"));
  }
  EXPECT_LE(runtime().now() - begin, 12s);
  expect_ended(target, attacker, Limit::kHeaderBlockTimeout);
}

}  // namespace
}  // namespace sluice::attacks
