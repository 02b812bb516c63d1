// SocketConn: a Conn over a connected stream socket of the kernel, tcp and unix alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "net/fd.h"
#include "sluice/net/conn.h"

namespace sluice::inline v0::net {

// Watched once and for life, edge-triggered: what the kernel said last is kept here, so a read or write costs
// one system call, and none that is known to bring nothing.
//
// Ops that do not end inline end from on_ready, from a timer, or from the conn's own nodes, which are posted
// in their place: an op is in flight as long as a node of the conn is in a queue, and so the conn outlives
// its nodes.
// Thread: loop-only.
class SocketConn final : public Conn, private FdWatch {
 public:
  // Takes a connected socket that does not block. Fails when the loop cannot watch it.
  static Result<std::unique_ptr<Conn>> make(Fd fd, Loop& loop, Addr local, Addr peer);
  ~SocketConn() override;
  SocketConn(const SocketConn&) = delete;
  SocketConn& operator=(const SocketConn&) = delete;

  bool start_read(ReadOp& op) override;
  bool start_write(WriteOp& op) override;
  void close_write() override;
  void close() override;
  Loop& loop() const override { return loop_; }
  const Addr& local_addr() const override { return local_addr_; }
  const Addr& peer_addr() const override { return peer_addr_; }
  std::optional<PeerCredentials> peer_credentials() const override;

 private:
  // May what a read brings lie in the loop's scratch until its function returns?
  enum class Lend { kNo, kYes };
  enum class Progress { kDone, kBlocked, kMore };
  struct Node : Runnable {
    Node(Run run, SocketConn& c) : Runnable(run), conn(c) {}
    SocketConn& conn;
  };
  struct Deadline : Timer {
    Deadline(Run run, SocketConn& c) : Timer(run), conn(c) {}
    SocketConn& conn;
  };

  SocketConn(Fd fd, Loop& loop, Addr local, Addr peer);
  void on_ready(std::uint32_t events) override;

  bool read_refused(ReadOp& op);
  bool read_some(ReadOp& op, Lend lend);
  void take(ReadOp& op, Buffer* block, std::size_t n, Lend lend);
  void post_read();
  void read_later();
  void read_on();
  void end_read();
  static void read_expired(Runnable& timer) noexcept;

  Status write_refused(const WriteOp& op);
  Progress write_some(WriteOp& op);
  Progress blocked(WriteOp& op);
  Progress fail_write(WriteOp& op, int error);
  void post_write();
  void write_later();
  void write_on();
  void end_write();
  static void write_expired(Runnable& timer) noexcept;

  void discard_unread();

  Loop& loop_;
  Fd fd_;
  const Opener opener_;
  bool closed_ = false;
  bool write_closed_ = false;

  // A unix socket says that it is writable whenever its peer has read, which would wake the loop for each
  // message that was sent: it is asked only while a write waits. A tcp socket says so only after it was full.
  const bool out_on_demand_;
  bool out_demanded_ = false;

  // What the kernel said last.
  bool readable_ = false;
  bool writable_ = true;
  bool read_to_the_end_ = false;  // an end, an error or urgent bytes: less than asked for is not all there is

  ReadOp* read_op_ = nullptr;
  bool read_queued_ = false;   // read_node_ is posted and ends read_op_, or reads for it first
  bool read_decided_ = false;  // read_op_ has its result
  bool eof_ = false;
  int reads_in_turn_ = 0;
  Buffer* lent_ = nullptr;  // the scratch that read_op_'s result lies in
  Status read_failure_;     // of the conn; later reads get it too

  WriteOp* write_op_ = nullptr;
  bool write_queued_ = false;
  bool write_decided_ = false;
  bool write_begun_ = false;  // some of write_op_'s bytes are sent
  Status write_failure_;

  Node read_node_{[](Runnable& r) noexcept { static_cast<Node&>(r).conn.read_on(); }, *this};
  Node write_node_{[](Runnable& r) noexcept { static_cast<Node&>(r).conn.write_on(); }, *this};
  Deadline read_timer_{&read_expired, *this};
  Deadline write_timer_{&write_expired, *this};
  const Addr local_addr_;
  const Addr peer_addr_;
};

}  // namespace sluice::inline v0::net
