// ServerShard: a server on one loop, with its connections and streams.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "server/served_listeners.h"
#include "server/strangers.h"
#include "sluice/server/server.h"
#include "transport/connection.h"
#include "transport/farewell.h"
#include "transport/server_stream.h"

namespace sluice {

class ServerCore;

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
  State state_ = State::kServing;
  std::shared_ptr<ServerCore> self_;  // shared: while not quiet it outlives the Server
};

}  // namespace sluice
