// A world as small as it can be: one server, one channel, one exchange on it, and one thing that goes wrong
// at one point. Tests of this folder visit every point.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "sluice/rpc/compressor.h"
#include "sluice/testing/fault_network.h"
#include "support/exchange.h"

namespace sluice::scopes {

using support::Kind;

// Which loop: with virtual time and no inline completions, or in real time with inline completions, driven by
// hand.
enum class Mode : std::uint8_t { kSimulated, kInline };
inline constexpr Mode kModes[] = {Mode::kSimulated, Mode::kInline};
inline const char* name_of(Mode mode) { return mode == Mode::kSimulated ? "Simulated" : "Inline"; }

// What happens to the exchange at one step of its loop.
enum class Interruption : std::uint8_t { kNone, kCancel, kDeadline };

struct Scenario {
  Kind kind = Kind::kUnary;
  Mode mode = Mode::kSimulated;
  // With gzip in it the messages of both sides are compressed, and long and dull enough to get shorter. Of
  // many worlds: what it keeps for the next message is dear to make.
  CompressorSet compressors = {};
  std::uint64_t seed = 1;  // of a simulation
  // Of the first connection, its two ends.
  testing::FaultOptions client = {};
  testing::FaultOptions server = {};
  Interruption interruption = Interruption::kNone;
  std::uint64_t at_step = 0;  // from 0
};

struct Seen {
  std::vector<std::string> wrong;  // empty: all is well
  Status status;                   // of the exchange
  std::uint64_t steps = 0;         // of the loop, from the start of the exchange to its end
  bool interrupted = false;
  int cuts = 0;
  int holes = 0;
  // Of the first connection, from its beginning to its end.
  testing::FaultProgress client, server;
  // Messages of the exchange that went with the compressed flag, there and back. Counted with an encoding.
  int compressed_up = 0, compressed_down = 0;
};

// Runs the exchange, with 20 to 90 bytes a message on the wire, and checks what must hold whatever happens:
// one status, of `allowed`; the channel's next call succeeds, after a cut on another connection (in virtual
// time only, where the wait is short), and so does a call of another channel; every handler ends; nothing is
// left on the loop.
Seen run(const Scenario& scenario, std::initializer_list<StatusCode> allowed);

// The same without the calls afterwards, so that the first connection carries the exchange and nothing else.
Seen measure(const Scenario& scenario);

}  // namespace sluice::scopes
