// The in-memory Conn: two ends that hand slices to each other. Here is what every end does; how bytes reach
// the other end is direct on one loop (pipe.cc) and by parcels across loops (cross_pipe.h).
#pragma once

#include <cstddef>
#include <memory>

#include "sluice/net/conn.h"

namespace sluice::inline v0::net {

// One end of a pipe: its ops, their deadlines, back pressure and the ways to end.
//
// A write is accepted while room_ lasts; the reader gives room back as it takes bytes. Nothing here calls the
// peer's owner: an op of the peer that becomes done is posted.
// Thread: loop-only, but for construction. Lifetime: close()d by its destructor; no op may be in flight then.
class PipeEnd : public Conn, private detail::StuckReporter {
 public:
  ~PipeEnd() override;
  PipeEnd(const PipeEnd&) = delete;
  PipeEnd& operator=(const PipeEnd&) = delete;

  // From here on the end counts as living on its loop. Once, on that loop, before its owner gets it; apart
  // from construction because whoever matches a dial with an accept leads only one of the two loops.
  void adopt();

  bool start_read(ReadOp& op) final;
  bool start_write(WriteOp& op) final;
  void close_write() final;
  void close() final;
  Loop& loop() const final { return loop_; }
  const Addr& local_addr() const final { return local_addr_; }
  const Addr& peer_addr() const final { return peer_addr_; }
  bool in_memory() const final { return true; }

  // What the peer did, told on this end's loop. Chains are handed on by reference: each move costs as much as
  // the rest of the way.
  void on_data(Chain&& data);
  void on_room(std::size_t n);
  void on_eof();
  void on_closed();

 protected:
  PipeEnd(Loop& loop, Addr local, Addr peer, std::size_t capacity);

  // Tell the peer; nothing once it is gone. `data` owns its bytes.
  virtual void send_data(Chain&& data) = 0;
  virtual void send_room(std::size_t n) = 0;
  virtual void send_eof() = 0;
  virtual void send_closed() = 0;
  // Undoes adopt() but for the loop's count of conns, which is the caller's; false if it was never adopted.
  bool forget();

 private:
  struct Deadline : Timer {
    Deadline(Run run, PipeEnd& e) : Timer(run), end(e) {}
    PipeEnd& end;
  };

  void take_into(ReadOp& op);
  void end_read(Status status);
  void end_write(Status status);
  Status write_refused(const WriteOp& op);
  void write_on();
  void describe(std::string& out) const override;
  static void read_expired(Runnable& timer) noexcept;
  static void write_expired(Runnable& timer) noexcept;

  Loop& loop_;
  ReadOp* read_op_ = nullptr;    // waits for bytes
  WriteOp* write_op_ = nullptr;  // waits for room
  Chain inbox_;                  // sent by the peer, not read yet
  std::size_t room_;             // what may still be sent before the writer waits
  bool eof_ = false;             // the peer writes no more
  bool peer_closed_ = false;     // nor does it read
  bool write_closed_ = false;
  bool write_begun_ = false;  // some of write_op_'s bytes are sent
  bool write_cut_ = false;    // the rest of a write is missing
  bool closed_ = false;
  bool adopted_ = false;
  Deadline read_timer_{&read_expired, *this};
  Deadline write_timer_{&write_expired, *this};
  const Addr local_addr_;
  const Addr peer_addr_;
};

// Both ends of one pipe; adopt each on its loop.
struct PipeEnds {
  std::unique_ptr<PipeEnd> a, b;
};
// `addr_a` is the local address of end a. May be called on any thread that has the loops' future to itself:
// nothing of them is touched. Capacity is at least 1.
PipeEnds make_pipe_ends(Loop& a, Loop& b, Addr addr_a, Addr addr_b, std::size_t capacity);
// The same for two different loops (cross_pipe.cc).
PipeEnds make_cross_pipe_ends(Loop& a, Loop& b, Addr addr_a, Addr addr_b, std::size_t capacity);

}  // namespace sluice::inline v0::net
