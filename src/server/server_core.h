// ServerCore: what a Server is on its loops: the methods, and on each loop a shard with its connections and
// streams.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "rpc/wrapped_method.h"
#include "server/admission.h"
#include "server/strangers.h"
#include "sluice/server/server.h"
#include "transport/connection.h"
#include "transport/farewell.h"
#include "transport/limit_counters.h"
#include "transport/server_stream.h"

namespace sluice {

class ServerCore;

// One listener served by the shards.
using SharedListener = std::shared_ptr<net::Listener>;  // shared: by the shards that accept from it

// The server on one loop. Loop-only. Lifetime: the core's; it keeps the core while anything on the loop
// refers to it. On cache lines of its own: each call writes to it, and its neighbour is another loop's.
class alignas(64) ServerShard final : private transport::ConnectionOwner,
                                      private transport::Farewell::Owner,
                                      private transport::ServedMethods,
                                      private StuckReporter {
 public:
  ServerShard(ServerCore& core, Loop& loop, const std::atomic<bool>* gone)
      : ServedMethods(gone), core_(core), loop_(loop) {}

  Loop& loop() const { return loop_; }
  const transport::RunningHandlers& running_handlers() const { return handlers; }
  void serve(SharedListener listener);
  void drain();
  void close();
  // Nothing accepts, no connection and no stream is left.
  bool quiet() const { return accepting_ == 0 && connections_.empty() && farewells_.empty() && !streams_; }
  std::size_t open_calls() const;
  void report(std::vector<StopReport::Call>& out) const;

 private:
  struct Accept final : net::AcceptOp {
    Accept(ServerShard& s, SharedListener l) : AcceptOp(&done), shard(s), listener(std::move(l)) {}
    static void done(Runnable& self) noexcept;
    ServerShard& shard;
    const SharedListener listener;
  };
  void accept_on(Accept& accept);
  bool accepted(Accept& accept);  // false: no more to accept; `accept` is gone
  void take(std::unique_ptr<net::Conn> conn);
  void note_strangers();
  bool make_room(const Addr& peer);
  [[gnu::cold]] void turn_away(std::unique_ptr<net::Conn> conn, Limit limit);
  void on_said(transport::Farewell& farewell) override;
  void release_if_quiet();

  // transport::ConnectionOwner
  transport::CallStream* on_incoming(transport::Connection& connection) override;
  void on_ready(transport::Connection& connection) override { strangers_.remove(connection); }
  void on_capacity(transport::Connection&) override {}
  void on_draining(transport::Connection&) override {}
  void on_closed(transport::Connection& connection, const Status& why) override;
  // transport::ServedMethods
  const transport::ServedMethod* find(std::string_view path) const override;
  Status not_found(std::string_view path) const override;
  const transport::Compression& compression() const override;
  const CodecSet& codecs() const override;
  void on_stream_gone(transport::ServerStream& stream) override;
  void describe(std::string& out) const override;

  ServerCore& core_;
  Loop& loop_;
  std::vector<std::unique_ptr<transport::Connection>> connections_;
  transport::ServerStream* streams_ = nullptr;
  int accepting_ = 0;
  Strangers strangers_;
  std::vector<std::unique_ptr<transport::Farewell>> farewells_;
  bool draining_ = false;
  bool closed_ = false;
  std::shared_ptr<ServerCore> self_;  // shared: while not quiet it outlives the Server
};

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

  // Any thread, before serve().
  Status add(const ServiceDesc& desc, void* object, std::shared_ptr<void> keep);
  // Any thread.
  Status serve(std::unique_ptr<net::Listener> listener);
  std::vector<Addr> addrs() const;
  Status stop_listening(const Addr& addr);
  // Forgets a listener that accepts no more; false if it was closed from here.
  bool listener_ended(const SharedListener& listener);
  void drain();
  void close();
  // Lets go of the services registered by shared_ptr, though loops may still refer to the core. REQUIRES that
  // all is quiet and stays so.
  void drop_services() { kept_.clear(); }
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
  const transport::ServedMethod* find(std::string_view path) const;
  Status not_found(std::string_view path) const;
  const transport::Compression& compression() const { return compression_; }
  void shard_quiet();  // any loop: one of them may just have become so

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
  };
  template <class Fn>
  void on_shards(Fn fn);
  // Puts the interceptors around a method that is complete but for them.
  void intercept(transport::ServedMethod& served, bool server_streams);
  Status check_options() const;
  void close_listeners();
  std::size_t running_handlers() const;
  void collect_from(QuietRecord& record, std::size_t shard);
  void check_quiet();
  void ask_quiet(std::size_t shard);

  const ServerOptions options_;
  const transport::Compression compression_;
  // Constant once serving.
  std::unordered_map<std::string, transport::ServedMethod, TextHash, std::equal_to<>> methods_;
  std::vector<std::string> services_;
  std::vector<std::shared_ptr<void>> kept_;  // services registered by shared_ptr
  bool borrows_ = false;                     // other services, or interceptors, that handlers run in
  std::unique_ptr<transport::ServedMethod> unknown_;
  std::vector<std::unique_ptr<detail::WrappedMethod>> wrapped_;  // what served methods point to
  std::vector<std::unique_ptr<ServerShard>> shards_;

  std::atomic<bool> serving_{false};
  std::atomic<bool> ending_{false};
  // The Server was destroyed on a loop; other loops may not know of the close yet.
  std::atomic<bool> gone_{false};
  transport::LimitCounters limit_counters_;
  Admission admission_{options_.limits};
  mutable std::mutex listeners_mutex_;  // serve() and close() come from any thread
  std::vector<SharedListener> listeners_;

  // Home loop.
  std::vector<QuietRecord*> waiting_;
};

}  // namespace sluice
