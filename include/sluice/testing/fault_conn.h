// FaultConn: a Conn over another one, with the faults of networks: short reads and writes, delays, stalls,
// corruption, cuts and black holes, all chosen by a seed. fault_network.h puts it under servers and channels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sluice/net/conn.h"

namespace sluice::inline v0::testing {

enum class FaultKind : std::uint8_t {
  kSplit,      // "short": a read or write of fewer bytes than there were
  kDelay,      // a piece is late
  kStall,      // a longer pause at one byte
  kCorrupt,    // one byte changed
  kCut,        // the connection ends: UNAVAILABLE here, eof at the peer
  kBlackHole,  // bytes vanish from here on: writes succeed, reads wait
};
inline constexpr int kNumFaultKinds = 6;

enum class Direction : std::uint8_t { kRead, kWrite };

// A fault at one place: kSplit, kStall, kCorrupt, kCut or kBlackHole.
struct Fault {
  FaultKind kind = FaultKind::kSplit;
  std::uint64_t at = 0;              // bytes of its direction that pass before it
  Duration time = Duration::zero();  // kStall: how long
};

// The faults of one direction.
struct FaultPlan {
  std::size_t max_piece = 0;  // bytes; each read or write moves a random 1 … max_piece; 0: no limit
  Duration max_delay = Duration::zero();  // each piece waits a random time up to this
  std::vector<Fault> faults = {};         // in the order of `at`
};

// A fault that has happened to a conn.
struct FaultEvent {
  FaultKind kind = FaultKind::kSplit;
  Direction direction = Direction::kRead;
  std::uint64_t at = 0;              // bytes of its direction that passed before it
  std::size_t size = 0;              // kSplit: of the piece
  Duration time = Duration::zero();  // kDelay, kStall
  std::string to_string() const;     // "cut at byte 17 of its reads"
};

// Bytes that have passed through a conn, those lost in a black hole included. Written on its loop; must
// outlive the conn.
struct FaultProgress {
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_written = 0;
};

struct FaultOptions {
  std::uint64_t seed = 1;
  FaultPlan reads = {};
  FaultPlan writes = {};
  bool as_socket = false;  // in_memory() is false: windows and frames are those of sockets
  // Called for each fault, on the conn's loop. Must not throw.
  std::function<void(const FaultEvent&)> observe = {};
  FaultProgress* progress = nullptr;
};

// Options chosen by a seed: splits both ways, delays and a stall; for half of the seeds also one to three
// corruptions, cuts and black holes. All are within the first `horizon` bytes of a direction.
FaultOptions random_faults(std::uint64_t seed, std::uint64_t horizon);

// Thread, overlap, lifetime, errors: as a Conn (net/conn.h). Made on the loop of the conn below. With default
// options it behaves as the conn below. After a cut, everything fails with UNAVAILABLE and the place of the
// cut. In a black hole, reads end at their deadline or with close(), which the peer sees.
class FaultConn final : public net::Conn, private detail::StuckReporter {
 public:
  FaultConn(std::unique_ptr<net::Conn> below, FaultOptions options);
  ~FaultConn() override;
  FaultConn(const FaultConn&) = delete;
  FaultConn& operator=(const FaultConn&) = delete;

  bool start_read(net::ReadOp& op) override;
  bool start_write(net::WriteOp& op) override;
  void close_write() override;
  void close() override;
  Loop& loop() const override { return below_->loop(); }
  const Addr& local_addr() const override { return below_->local_addr(); }
  const Addr& peer_addr() const override { return below_->peer_addr(); }
  std::optional<PeerCredentials> peer_credentials() const override { return below_->peer_credentials(); }
  bool in_memory() const override { return !options_.as_socket && below_->in_memory(); }

 private:
  struct Way : Timer {
    Way(FaultConn& c, Direction d, const FaultPlan& p) : Timer(&held_until), conn(c), direction(d), plan(p) {}
    FaultConn& conn;
    const Direction direction;
    const FaultPlan& plan;
    std::uint64_t passed = 0;
    std::size_t next = 0;   // of plan.faults
    std::size_t piece = 0;  // chosen, not passed yet
    TimePoint hold{};       // the piece waits until then
    bool below = false;     // an op of the conn below is in flight
    bool corrupt = false;   // the next byte will be
    bool black = false;
  };
  enum class Data : bool { kNone, kThere };
  struct ReadBelow : net::ReadOp {
    explicit ReadBelow(FaultConn& c) : ReadOp(&read_below), conn(c) {}
    FaultConn& conn;
  };
  struct WriteBelow : net::WriteOp {
    explicit WriteBelow(FaultConn& c) : WriteOp(&written_below), conn(c) {}
    FaultConn& conn;
  };

  bool read_on();
  bool write_on();
  bool take_read();
  bool take_written();
  void deliver(net::ReadOp& op);
  bool reach_faults(Way& way, Data data);
  bool may_pass(Way& way, std::size_t available, TimePoint deadline);
  Chain corrupted(Chain data);
  void cut(Way& way, std::uint64_t at);
  void end_waiting(Way& way, const Status& why);
  void pass(Way& way, std::size_t n);
  Status refusal(TimePoint deadline, const char* expired) const;
  Status failure(Status below) const;
  void tell(const Way& way, FaultKind kind, std::size_t size, Duration time);
  std::uint64_t random();
  void describe(std::string& out) const override;
  static void read_below(Runnable& op) noexcept;
  static void written_below(Runnable& op) noexcept;
  static void held_until(Runnable& way) noexcept;
  void run_read();
  void run_write();
  void note_cut_write(const net::WriteOp& op);

  const FaultOptions options_;
  const std::unique_ptr<net::Conn> below_;
  std::uint64_t random_;
  Way in_{*this, Direction::kRead, options_.reads};
  Way out_{*this, Direction::kWrite, options_.writes};
  ReadBelow read_below_{*this};
  WriteBelow write_below_{*this};
  net::ReadOp* read_op_ = nullptr;    // the owner's, in flight
  net::WriteOp* write_op_ = nullptr;  // the same; holds the unwritten rest
  Chain inbox_;                       // read below, not delivered yet
  bool eof_ = false;
  bool write_closed_ = false;
  bool closed_ = false;
  Status broken_;                  // not OK once cut
  std::uint64_t write_began_ = 0;  // out_.passed when write_op_ started
  bool write_cut_ = false;         // the rest of a write is missing
};

}  // namespace sluice::inline v0::testing
