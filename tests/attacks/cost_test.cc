// What attacks cost those who are attacked: work, counted in allocations, and the processor's time, which is
// noted and bounded loosely; and what a neighbour has to wait for, counted in pieces of work of the loop.
#include <time.h>

#include "attacks/scripts.h"
#include "support/uploads.h"

namespace sluice::attacks {
namespace {

using support::live_heap;
using support::Uploads;

// The processor's time of this thread, which does the attacker's work too.
double cpu_ms() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

class Costs : public Attack {
 protected:
  struct Cost {
    double ms = 0;
    std::int64_t allocations = 0;
    std::int64_t grown = 0;  // bytes
  };
  template <class F>
  static Cost cost_of(F attack) {
    const support::LiveHeap before = live_heap();
    const double begin = cpu_ms();
    attack();
    const double ms = cpu_ms() - begin;
    const support::LiveHeap after = live_heap();
    return {ms, after.allocations - before.allocations, after.bytes - before.bytes};
  }
  // A name in the report, where blanks would break it.
  static std::string figure(std::string name) {
    std::replace(name.begin(), name.end(), ' ', '_');
    return name;
  }
  void note(const std::string& name, const Cost& cost) {
    RecordProperty(figure(name), std::to_string(cost.ms) + " ms, " + std::to_string(cost.allocations) +
                                     " allocations, " + std::to_string(cost.grown) + " bytes");
  }
  // A request, its block in as many frames as it needs.
  static std::string in_frames(StreamId id, std::string_view block) {
    constexpr std::size_t kFrame = 16'384;
    Wire wire;
    for (std::size_t at = 0; at < block.size(); at += kFrame) {
      const std::uint8_t flags = at + kFrame < block.size() ? 0 : kEndHeaders;
      at == 0 ? wire.headers(id, block.substr(0, kFrame), flags)
              : wire.continuation(id, block.substr(at, kFrame), flags);
    }
    return wire.str();
  }
  static std::string head() { return plain(request_head("/test.Raw/Bidi")); }
  static std::string inserted(const std::string& name, const std::string& value) {
    http2::HpackEncoder encoder;
    return std::string(as_text(http2::testing::encode(encoder, {{name, value}})));
  }
  static std::string repeated(std::string_view text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i) all += text;
    return all;
  }
};
INSTANTIATE_TEST_SUITE_P(Simulated, Costs, ::testing::Values(kSeeds[0]), support::name_of);

// Header blocks of 140 KiB, about the most there may be, that are work to read. CVE-2016-6581,
// CVE-2026-49975.
TEST_P(Costs, HeaderBlocks) {
  constexpr std::size_t kBlock = 144'000;
  const struct {
    const char* name;
    std::string first;   // a block that is within the limits
    std::string second;  // and the attack, as often as it is taken
    std::int64_t allocations;
  } blocks[] = {
      {"references to a large entry", inserted("x", std::string(3'900, 'a')), std::string(kBlock, '\xbe'),
       100},
      {"copies of a large name", inserted(std::string(3'900, 'a'), "x"),
       repeated(std::string("\x7e\0", 2), kBlock / 2), 1'000},
      {"insertions that displace one", "", repeated(std::string("\x40\x01") + "a" + "\x01" + "b", kBlock / 5),
       300},
      {"literals", "", repeated(std::string("\0\x01", 2) + "a" + "\x01" + "b", kBlock / 5), 300},
      // 228,800 times '0', of five bits each.
      {"Huffman", "", std::string("\0\x01", 2) + "a" + "\xff\x99\xdc\x08" + std::string(143'000, '\0'), 300},
  };
  for (const auto& block : blocks) {
    SCOPED_TRACE(block.name);
    for (const bool guarded : {true, false}) {
      Target target(runtime(), guarded ? Limits() : kNoHeaderLimits);
      ScriptedClient attacker(runtime(), "pipe:target");
      attacker.greet();
      attacker.send(Wire().headers(1, head() + block.first));
      // Unguarded a tenth of it: some of it would be half a gigabyte.
      const std::string attack = guarded ? block.second : block.second.substr(0, kBlock / 10);
      const std::string text =
          in_frames(3, head() + attack) + in_frames(5, head() + attack) + in_frames(7, head() + attack);
      if (!guarded && block.name == std::string_view("Huffman")) continue;  // cut, it is malformed
      const Cost cost = cost_of([&] { attacker.send(text); });
      note(std::string(guarded ? "" : "unguarded_") + block.name, cost);
      if (guarded) {
        EXPECT_LE(cost.ms, 1'000) << "some milliseconds, on machines that have time";
        EXPECT_LE(cost.allocations, block.allocations);
        EXPECT_LE(cost.grown, 1 << 20);
        EXPECT_TRUE(attacker.closed());
        EXPECT_EQ(target.counts()[Limit::kHeaderList], 1u);
        EXPECT_TRUE(target.serves());
      } else {
        EXPECT_FALSE(attacker.closed());
        EXPECT_GE(cost.grown, 100 << 10) << "each field is kept";
        expect_unharmed(target, attacker);
      }
    }
  }
}

// Floods to their end.
TEST_P(Costs, Floods) {
  const struct {
    const char* name;
    std::string (*frames)(int i);
    std::int64_t allocations;  // for each frame
  } floods[] = {
      {"PING", [](int) { return Wire().ping("12345678").str(); }, 20},
      {"SETTINGS",
       [](int) {
         return Wire()
             .settings({{SettingId::kInitialWindowSize, 1}, {SettingId::kInitialWindowSize, 65'535}})
             .str();
       },
       20},
      {"rapid reset", [](int i) { return open(id_of(i)) + Wire().rst(id_of(i), ErrorCode::kCancel).str(); },
       60},
  };
  for (const auto& flood : floods) {
    Target target(runtime());
    ScriptedClient attacker(runtime(), "pipe:target");
    attacker.greet();
    std::string all;
    for (int i = 0; i < 10'000; ++i) all += flood.frames(i);
    const Cost cost = cost_of([&] { attacker.send(all); });
    note(flood.name, cost);
    EXPECT_TRUE(attacker.closed());
    EXPECT_LE(cost.ms, 2'000);
    EXPECT_LE(cost.allocations, 1'001 * flood.allocations);
    EXPECT_TRUE(target.serves());
  }
}

// Whoever calls while an attack's bytes lie before the server has as many pieces of work run before the
// answer comes as on a quiet loop, and some of the attack's: not its ten thousand.
class Neighbours : public Costs {
 protected:
  std::uint64_t steps_of_a_call(Target& target) {
    const std::uint64_t before = runtime().simulation()->choices();
    EXPECT_TRUE(target.serves());
    return runtime().simulation()->choices() - before;
  }
  // The most that one of fifty calls needs, each with a fresh attack beside it.
  std::uint64_t most_steps(const Limits& limits, std::string_view attack) {
    Target target(runtime(), limits);
    EXPECT_TRUE(target.serves());
    std::uint64_t most = 0;
    for (int i = 0; i < 50; ++i) {
      ScriptedClient attacker(runtime(), "pipe:target");
      attacker.greet();
      if (!attack.empty()) attacker.send_later(attack);
      most = std::max(most, steps_of_a_call(target));
    }
    return most;
  }
};
INSTANTIATE_TEST_SUITE_P(Simulated, Neighbours, ::testing::ValuesIn(kSeeds), support::name_of);

TEST_P(Neighbours, WaitForLittle) {
  const auto times = [](int n, auto frames) {
    std::string all;
    for (int i = 0; i < n; ++i) all += frames(i);
    return all;
  };
  const std::string resets = rapid_reset(10'000);
  const struct {
    const char* name;
    std::string bytes;
  } attacks[] = {
      {"nothing", ""},
      {"PING", times(10'000, [](int) { return Wire().ping("12345678").str(); })},
      {"SETTINGS", times(10'000, [](int) { return Wire().settings().str(); })},
      {"rapid reset", resets},
      {"MadeYouReset",
       times(10'000, [](int i) { return open(id_of(i)) + Wire().window_update(id_of(i), 0).str(); })},
      {"requests", times(10'000, [](int i) { return support::unary_request(id_of(i)); })},
      {"CONTINUATION", Wire().headers(1, "", 0).str() +
                           times(10'000, [](int) { return Wire().continuation(1, "\x82").str(); })},
      {"bomb", Wire().headers(1, head() + inserted("x", std::string(3'900, 'a'))).str() +
                   in_frames(3, head() + std::string(140'000, '\xbe'))},
  };
  std::uint64_t quiet = 0;
  for (const auto& attack : attacks) {
    const std::uint64_t steps = most_steps({}, attack.bytes);
    if (attack.bytes.empty()) quiet = steps;
    RecordProperty(figure(attack.name), std::to_string(steps));
    EXPECT_LE(steps, quiet + 1'500) << attack.name;
  }
  const std::uint64_t unguarded =
      most_steps({.running_handlers = Limits::kOff, .resets = Limits::kOff}, resets);
  RecordProperty("rapid_reset_unguarded", std::to_string(unguarded));
  EXPECT_GE(unguarded, 5'000u) << "each handler runs first";
}

// Each handler that ends lets one of them start, and does not ask all the others.
TEST_P(Costs, CallsThatWaitForAPlace) {
  constexpr int kCalls = 100;
  Target target(runtime(), {.running_handlers = 1});
  ScriptedClient client(runtime(), "pipe:target");
  client.greet();
  std::string calls;
  for (int i = 0; i < kCalls; ++i) calls += open(id_of(i), "Bidi", kEnd);
  client.send(calls);
  settle();
  EXPECT_EQ(target.victim.running, 1);
  const std::uint64_t before = runtime().simulation()->choices();
  target.victim.let_go.count_down();
  for (int i = 0; i < kCalls; ++i) client.until([&] { return client.ended(id_of(i)); });
  const std::uint64_t steps = runtime().simulation()->choices() - before;
  RecordProperty("steps", std::to_string(steps));
  EXPECT_LE(steps, 15 * kCalls) << "pieces of work";
  EXPECT_EQ(target.victim.most, 1);
  for (int i = 0; i < kCalls; ++i) EXPECT_EQ(client.outcome(id_of(i)), "0");
}

// Who gives up while waiting does not stand in the way of those behind.
TEST_P(Costs, CallsThatWaitForAPlaceAndGiveUp) {
  Target target(runtime(), {.running_handlers = 1});
  ScriptedClient client(runtime(), "pipe:target");
  client.greet();
  std::string calls;
  for (int i = 0; i < 5; ++i) calls += open(id_of(i), "Bidi", kEnd);
  client.send(calls);
  settle();
  client.send(Wire().rst(id_of(1), ErrorCode::kCancel).rst(id_of(3), ErrorCode::kCancel));
  target.victim.let_go.count_down();
  for (const int i : {0, 2, 4}) {
    client.until([&] { return client.ended(id_of(i)); });
    EXPECT_EQ(client.outcome(id_of(i)), "0");
  }
  EXPECT_TRUE(target.serves());
}

// Requests that nobody reads: of each stream its window, and of large messages the room that may be reserved.
TEST_P(Costs, MessagesThatNobodyTakes) {
  runtime().add_network(
      "tap", std::make_shared<TapNetwork>(TapNetwork::Windows::kOfSockets, TapNetwork::Record::kNo));
  constexpr int kStreams = 20;
  constexpr std::size_t kMessage = 4'000'000;
  for (const bool guarded : {true, false}) {
    Target target(runtime(), guarded ? Limits() : Limits{.assembly_budget = SIZE_MAX}, "tap:target");
    ScriptedClient attacker(runtime(), "tap:target");
    attacker.greet();
    // Unary calls, each of which is to have all of its message but the end.
    Uploads uploads(attacker);
    for (int i = 0; i < kStreams; ++i) uploads.open(id_of(i), kMessage);
    const std::int64_t before = live_heap().bytes;
    for (bool more = true; more;) {
      more = false;
      for (int i = 0; i < kStreams; ++i) {
        const std::size_t n = std::min<std::size_t>(16'000, uploads.missing(id_of(i)) - 10);
        more = (n > 0 && uploads.send(id_of(i), n) > 0) || more;
      }
    }
    const std::int64_t grown = live_heap().bytes - before;
    RecordProperty(guarded ? "bytes_sent" : "bytes_sent_unguarded", std::to_string(uploads.sent()));
    RecordProperty(guarded ? "bytes_held" : "bytes_held_unguarded", std::to_string(grown));
    if (guarded) {
      EXPECT_LE(grown, (64 << 20) + kStreams * 65'535);
    } else {
      EXPECT_GE(grown, static_cast<std::int64_t>(kStreams * (kMessage - 20)));
    }
    // The others on the connection go on, and those of other connections.
    attacker.send(support::unary_request(id_of(kStreams)));
    EXPECT_EQ(attacker.outcome(id_of(kStreams)), "0");
    EXPECT_TRUE(target.serves());
    expect_unharmed(target, attacker);
  }
}

}  // namespace
}  // namespace sluice::attacks
