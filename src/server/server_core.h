// ServerCore: what a Server is on its loops: the methods, and on each loop a shard with its connections and
// streams.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "server/admission.h"
#include "server/method_table.h"
#include "server/served_listeners.h"
#include "server/server_shard.h"
#include "sluice/server/server.h"
#include "transport/limit_counters.h"

namespace sluice {

// Waits until every shard is quiet, or until stop()'s deadline. On the home loop.
struct QuietRecord : OpRecord {
  using OpRecord::begin;
  using OpRecord::complete;
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

// Thread: any for what says so; the rest is on the home loop, host's first.
class ServerCore final : public std::enable_shared_from_this<ServerCore> {
 public:
  ServerCore(net::Host& host, ServerOptions options);

  // Any thread.
  Status serve(std::unique_ptr<net::Listener> listener);
  void drain();
  void close();
  // After close(), by a Server that is destroyed on a loop and cannot wait: no handler begins any more. Ends
  // the process if one runs that uses what may go now.
  void let_go_on_a_loop();

  // Home loop.
  void wait_quiet(QuietRecord& record);
  void forget(QuietRecord& record);
  void collect(QuietRecord& record);

  Loop& home() const { return shards_.front()->loop(); }
  const ServerOptions& options() const { return options_; }
  // Any thread.
  transport::LimitCounters& limit_counters() { return limit_counters_; }
  Admission& admission() { return admission_; }
  MethodTable& methods() { return methods_; }
  ServedListeners& listeners() { return listeners_; }
  const transport::Compression& compression() const { return compression_; }
  void shard_quiet();  // any loop: one of them may just have become so

 private:
  template <class Fn>
  void on_shards(Fn fn);
  Status check_options() const;
  std::size_t running_handlers() const;
  void collect_from(QuietRecord& record, std::size_t shard);
  void check_quiet();
  void ask_quiet(std::size_t shard);

  const ServerOptions options_;
  const transport::Compression compression_;
  MethodTable methods_{options_};
  ServedListeners listeners_;
  std::vector<std::unique_ptr<ServerShard>> shards_;

  // The Server was destroyed on a loop; other loops may not know of the close yet.
  std::atomic<bool> gone_{false};
  transport::LimitCounters limit_counters_;
  Admission admission_{options_.limits};

  // Home loop.
  std::vector<QuietRecord*> waiting_;
};

}  // namespace sluice
