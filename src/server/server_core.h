// ServerCore: a Server's parts: its methods, its listeners, its end, and on each loop a shard with its
// connections and streams.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "call/limit_counters.h"
#include "call/transport.h"
#include "server/admission.h"
#include "server/method_table.h"
#include "server/served_listeners.h"
#include "server/server_shard.h"
#include "server/stopping.h"
#include "sluice/async/run_on.h"
#include "sluice/server/server.h"

namespace sluice::inline v0 {

// Thread: any, but for the parts that say otherwise. Lifetime: shared by the Server, by the shards on which
// something is left, and by the operations that wait for its end. The home loop is the host's first.
class ServerCore final : public std::enable_shared_from_this<ServerCore> {
 public:
  // Lifetime: `transports` outlives the core.
  ServerCore(net::Host& host, ServerOptions options, const call::Transports& transports);

  Status serve(std::unique_ptr<net::Listener> listener);
  // Calls fn(shard) on each shard's loop: now where that is free, else by a post. Waits for none.
  template <class Fn>
  void on_shards(Fn fn) {
    for (const auto& shard : shards_) {
      run_on(shard->loop(), [self = shared_from_this(), shard = shard.get(), fn] { fn(*shard); });
    }
  }

  Loop& home() const { return shards_.front()->loop(); }
  std::span<const std::unique_ptr<ServerShard>> shards() const { return shards_; }
  const ServerOptions& options() const { return options_; }
  const call::Transports& transports() const { return transports_; }
  const call::Compression& compression() const { return compression_; }
  MethodTable& methods() { return methods_; }
  ServedListeners& listeners() { return listeners_; }
  Stopping& stopping() { return stopping_; }
  call::LimitCounters& limit_counters() { return limit_counters_; }
  Admission& admission() { return admission_; }

 private:
  Status check_options() const;

  const ServerOptions options_;
  const call::Transports& transports_;
  const call::Compression compression_;
  MethodTable methods_{options_};
  ServedListeners listeners_;
  Stopping stopping_{*this};
  call::LimitCounters limit_counters_;
  Admission admission_{options_.limits};
  std::vector<std::unique_ptr<ServerShard>> shards_;  // constant after construction
};

}  // namespace sluice::inline v0
