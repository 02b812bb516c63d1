// ServerShard: a server on one loop, with its connections and calls.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "call/served_call.h"
#include "call/transport.h"
#include "server/served_listeners.h"
#include "server/strangers.h"
#include "sluice/server/server.h"

namespace sluice::inline v0 {

class ServerCore;

// The server on one loop. Loop-only. Lifetime: the core's; it keeps the core while anything on the loop
// refers to it. On cache lines of its own: each call writes to it, and its neighbour is another loop's.
class alignas(64) ServerShard final : private call::TransportOwner,
                                      private call::Farewell::Owner,
                                      private call::ServedMethods,
                                      private detail::StuckReporter {
 public:
  ServerShard(ServerCore& core, Loop& loop, const std::atomic<bool>* gone)
      : ServedMethods(gone), core_(core), loop_(loop) {}

  Loop& loop() const { return loop_; }
  const call::RunningHandlers& running_handlers() const { return handlers; }
  void serve(SharedListener listener);
  void drain();
  void close();
  // Nothing accepts, no connection and no call is left.
  bool quiet() const { return accepting_ == 0 && connections_.empty() && farewells_.empty() && !calls_; }
  std::size_t open_calls() const;
  void report(std::vector<StopReport::Call>& out) const;

 private:
  enum class State { kServing, kDraining, kClosed };  // only to the right
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
  void on_said(call::Farewell& farewell) override;
  void release_if_quiet();

  // call::TransportOwner
  call::ServedCall* on_incoming(call::Transport& transport, std::size_t stream_size) override;
  void on_ready(call::Transport& connection) override { strangers_.remove(connection); }
  void on_capacity(call::Transport&) override {}
  void on_draining(call::Transport&) override {}
  void on_unprocessed(call::MadeCall&) override {}
  void on_closed(call::Transport& connection, const call::TransportEnd& end) override;
  // call::ServedMethods
  const call::ServedMethod* find(std::string_view path) const override;
  Status not_found(std::string_view path) const override;
  const Context& draining() const override;
  const call::Compression& compression() const override;
  const CodecSet& codecs() const override;
  void on_call_gone(call::ServedCall& call) override;
  void describe(std::string& out) const override;

  ServerCore& core_;
  Loop& loop_;
  std::vector<std::unique_ptr<call::Transport>> connections_;
  call::ServedCall* calls_ = nullptr;
  int accepting_ = 0;
  Strangers strangers_;
  std::vector<std::unique_ptr<call::Farewell>> farewells_;
  State state_ = State::kServing;
  std::shared_ptr<ServerCore> self_;  // shared: while not quiet it outlives the Server
};

}  // namespace sluice::inline v0
