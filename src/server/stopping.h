// Stopping: how a server ends: drain, close, who waits for the end, and the report of who runs on.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "sluice/async/context.h"
#include "sluice/async/op.h"
#include "sluice/async/timer.h"
#include "sluice/server/server.h"

namespace sluice::inline v0 {

class ServerCore;

// Waits until every shard is quiet, or until stop()'s deadline. On the home loop.
struct QuietRecord : detail::OpRecord {
  using detail::OpRecord::begin;
  using detail::OpRecord::complete;
  explicit QuietRecord(std::shared_ptr<ServerCore> core);
  ~QuietRecord();
  // The server goes on as it was told; only the waiting ends. Nothing once the deadline has come.
  void cancel();
  struct DeadlineTimer : Timer {
    explicit DeadlineTimer(QuietRecord& r) : Timer(&expired), record(r) {}
    static void expired(Runnable& self) noexcept;
    QuietRecord& record;
  };
  std::shared_ptr<ServerCore> core;  // shared: with the operation's caller, who may outlive the Server
  Status status;                     // CANCELLED: gave up waiting
  StopReport report;
  DeadlineTimer timer;
  bool collecting = false;  // in use by loops: it goes later
  bool abandoned = false;
};

// Lifetime: the core's, of which it is a part.
class Stopping {
 public:
  explicit Stopping(ServerCore& core) : core_(core) {}

  // Any thread. Both tell every shard, and wait for none.
  void drain();
  void close();
  // After close(), by a Server that is destroyed on a loop and cannot wait: no handler begins any more. Ends
  // the process if one runs that uses what may go now.
  void let_go_on_a_loop();
  // True: the Server was destroyed on a loop; other loops may not know of the close yet.
  const std::atomic<bool>& gone() const { return gone_; }
  // Cancelled by drain() and close(). Any thread.
  const Context& draining() const { return draining_; }
  // One of the shards may just have become quiet.
  void on_shard_quiet();

  // Home loop.
  // Completes `record` when all is quiet. REQUIRES drain() or close(): what is quiet then stays so.
  void wait(QuietRecord& record);
  void forget(QuietRecord& record);
  // stop()'s: closes, and completes the record with a report as soon as every shard has made its own.
  void on_deadline(QuietRecord& record);
  void on_all_quiet();

 private:
  void ask_whether_quiet();
  std::size_t running_handlers() const;

  ServerCore& core_;
  const Context draining_ = Context().with_cancel();
  std::atomic<bool> gone_{false};
  // Home loop.
  std::vector<QuietRecord*> waiting_;
};

}  // namespace sluice::inline v0
