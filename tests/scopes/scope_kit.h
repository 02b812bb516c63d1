// What the tests of small scopes share: their parameters, the four ways that bytes go, and how a failure is
// told.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "scopes/small_world.h"
#include "sluice/compression/compressors.h"

namespace sluice::scopes {

// Every so many bytes or steps, from the first: 1 but where a sanitizer makes it slow and sees nothing new.
inline constexpr std::uint64_t kEvery = SLUICE_SCOPES_EVERY;

// How messages travel.
enum class Encoding : std::uint8_t { kPlain, kGzip };
inline constexpr Encoding kEncodings[] = {Encoding::kPlain, Encoding::kGzip};
inline const char* name_of(Encoding encoding) { return encoding == Encoding::kPlain ? "" : "Gzip"; }

struct KindAndMode {
  Kind kind;
  Mode mode;
  Encoding encoding;
  friend void PrintTo(const KindAndMode& p, std::ostream* out) { *out << name(p); }
  static std::string name(const KindAndMode& p) {
    return std::string(support::kind_name(p.kind)) + name_of(p.mode) + name_of(p.encoding);
  }
};
inline std::vector<KindAndMode> every_kind_and_mode() {
  std::vector<KindAndMode> all;
  for (const Encoding encoding : kEncodings) {
    for (const Kind kind : support::kKinds) {
      for (const Mode mode : kModes) all.push_back({kind, mode, encoding});
    }
  }
  return all;
}
inline std::vector<KindAndMode> every_kind_simulated() {
  std::vector<KindAndMode> all;
  for (const Encoding encoding : kEncodings) {
    for (const Kind kind : support::kKinds) all.push_back({kind, Mode::kSimulated, encoding});
  }
  return all;
}
inline std::string name_of_param(const ::testing::TestParamInfo<KindAndMode>& info) {
  return KindAndMode::name(info.param);
}

// One direction at one end of the connection.
struct Way {
  const char* name;
  testing::FaultOptions Scenario::*end;
  testing::FaultPlan testing::FaultOptions::*direction;
  testing::FaultProgress Seen::*seen_end;
  std::uint64_t testing::FaultProgress::*bytes;

  testing::FaultPlan& plan(Scenario& scenario) const { return scenario.*end.*direction; }
  std::uint64_t passed(const Seen& seen) const { return seen.*seen_end.*bytes; }
};
inline constexpr Way kWays[] = {
    {"client's writes", &Scenario::client, &testing::FaultOptions::writes, &Seen::client,
     &testing::FaultProgress::bytes_written},
    {"client's reads", &Scenario::client, &testing::FaultOptions::reads, &Seen::client,
     &testing::FaultProgress::bytes_read},
    {"server's writes", &Scenario::server, &testing::FaultOptions::writes, &Seen::server,
     &testing::FaultProgress::bytes_written},
    {"server's reads", &Scenario::server, &testing::FaultOptions::reads, &Seen::server,
     &testing::FaultProgress::bytes_read},
};

inline unsigned long long ull(std::uint64_t n) { return n; }

class SmallScope : public ::testing::TestWithParam<KindAndMode> {
 protected:
  Scenario scenario() const {
    Scenario scenario;
    scenario.kind = GetParam().kind;
    scenario.mode = GetParam().mode;
    if (GetParam().encoding == Encoding::kGzip) scenario.compressors = gzip_;
    return scenario;
  }
  // The exchange as it is when nothing goes wrong. With an encoding every message that is not empty has it.
  Seen measure_whole(const Scenario& scenario) {
    const Seen whole = measure(scenario);
    EXPECT_EQ(whole.wrong, std::vector<std::string>());
    const bool gzip = !scenario.compressors.empty();
    const bool many_up = scenario.kind == Kind::kRequestStream || scenario.kind == Kind::kBidi;
    const int down = scenario.kind == Kind::kReplyStream ? 3 : scenario.kind == Kind::kBidi ? 2 : 1;
    EXPECT_EQ(whole.compressed_up, !gzip ? 0 : many_up ? 2 : 1);
    EXPECT_EQ(whole.compressed_down, gzip ? down : 0);
    return whole;
  }
  bool simulated() const { return GetParam().mode == Mode::kSimulated; }
  // The first few that are not are told.
  void expect_well(const Seen& seen, const char* where, std::uint64_t at) {
    if (seen.wrong.empty() || ++told_ > 5) return;
    for (const std::string& wrong : seen.wrong) {
      ADD_FAILURE() << where << " at " << at << " (the call: " << seen.status << "): " << wrong;
    }
  }

 private:
  const CompressorSet gzip_{gzip_compressor()};
  int told_ = 0;
};

}  // namespace sluice::scopes
