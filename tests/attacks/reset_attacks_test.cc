// Streams that are opened and reset, by the client or by what it makes the server say.
#include "attacks/scripts.h"

namespace sluice::attacks {
namespace {

class ResetAttacks : public Attack {
 protected:
  // Opens a stream, lets its handler start and resets it, again and again; somebody else calls meanwhile.
  int reset_one_by_one(Target& target, ScriptedClient& attacker) {
    for (int i = 0; i < 10'000; ++i) {
      if (attacker.closed()) return i;
      attacker.send(open(id_of(i)));
      attacker.send(Wire().rst(id_of(i), ErrorCode::kCancel));
      if (i % 1'000 == 0) {
        EXPECT_TRUE(target.serves());
      }
    }
    return 10'000;
  }
};
INSTANTIATE_TEST_SUITE_P(Simulated, ResetAttacks, ::testing::ValuesIn(kSeeds), support::name_of);

// CVE-2023-44487.
TEST_P(ResetAttacks, RapidReset) {
  Target target(runtime());
  ScriptedClient attacker(runtime(), "pipe:target");
  attacker.greet();
  EXPECT_EQ(reset_one_by_one(target, attacker), 501);
  EXPECT_EQ(target.victim.most, 100) << "handlers at once";
  expect_ended(target, attacker, Limit::kResets);
}

// All at once the server has not even started the handlers when they are reset.
TEST_P(ResetAttacks, RapidResetInOneWrite) {
  Target target(runtime());
  ScriptedClient attacker(runtime(), "pipe:target");
  attacker.greet();
  attacker.send(rapid_reset(10'000));
  EXPECT_LE(target.victim.most, 100);
  expect_ended(target, attacker, Limit::kResets);
}

// Without the guard of resets the places of handlers still hold.
TEST_P(ResetAttacks, RapidResetFindsNoMoreHandlersThanPlaces) {
  Target target(runtime(), {.resets = Limits::kOff});
  ScriptedClient attacker(runtime(), "pipe:target");
  attacker.greet();
  EXPECT_EQ(reset_one_by_one(target, attacker), 10'000);
  EXPECT_EQ(target.victim.most, 100);
  expect_unharmed(target, attacker);
}

// Just too slow for the guard of resets: so it is bounded by the streams that may be open at once.
TEST_P(ResetAttacks, RapidResetThatTakesItsTime) {
  Target target(runtime());
  ScriptedClient attacker(runtime(), "pipe:target");
  attacker.greet();
  for (int round = 0; round < 20; ++round) {
    std::string opens, resets;
    for (int i = 100 * round; i < 100 * (round + 1); ++i) {
      opens += open(id_of(i));
      resets += Wire().rst(id_of(i), ErrorCode::kCancel).str();
    }
    attacker.send(opens);
    pass(20ms);
    EXPECT_TRUE(target.serves());
    attacker.send(resets);
  }
  EXPECT_EQ(target.victim.most, 100);
  expect_unharmed(target, attacker);
}

TEST_P(ResetAttacks, RapidResetSucceedsWithoutGuards) {
  Target target(runtime(), {.running_handlers = Limits::kOff, .resets = Limits::kOff});
  ScriptedClient attacker(runtime(), "pipe:target");
  attacker.greet();
  EXPECT_EQ(reset_one_by_one(target, attacker), 10'000);
  EXPECT_EQ(target.victim.most, 10'000);
  expect_unharmed(target, attacker);
}

// CVE-2025-8671.
TEST_P(ResetAttacks, MadeYouReset) {
  for (const Way& way : kWays) {
    SCOPED_TRACE(way.name);
    Target target(runtime());
    ScriptedClient attacker(runtime(), "pipe:target");
    attacker.greet();
    int tried = 0;
    for (; tried < 10'000 && !attacker.closed(); ++tried) {
      attacker.send(open(id_of(tried), "Bidi", way.flags));
      attacker.send(way.provoke(id_of(tried)));
    }
    EXPECT_EQ(tried, 101);
    EXPECT_LE(target.victim.most, 100);
    expect_ended(target, attacker, Limit::kProvokedResets);
  }
}

TEST_P(ResetAttacks, MadeYouResetSucceedsWithoutGuards) {
  for (const Way& way : kWays) {
    SCOPED_TRACE(way.name);
    Target target(runtime(),
                  {.running_handlers = Limits::kOff, .provoked_resets = kNoRate, .control_frames = kNoRate});
    ScriptedClient attacker(runtime(), "pipe:target");
    attacker.greet();
    for (int i = 0; i < 1'000; ++i) {
      attacker.send(open(id_of(i), "Bidi", way.flags));
      attacker.send(way.provoke(id_of(i)));
    }
    EXPECT_EQ(target.victim.most, 1'000);
    EXPECT_EQ(attacker.frames("RST_STREAM").size(), 1'000u);
    expect_unharmed(target, attacker);
  }
}

}  // namespace
}  // namespace sluice::attacks
