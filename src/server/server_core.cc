// ServerCore: making the parts, and serving a listener with them.
#include "server/server_core.h"

#include <utility>

namespace sluice::inline v0 {

ServerCore::ServerCore(net::Host& host, ServerOptions options, const call::Transports& transports)
    : options_(std::move(options)),
      transports_(transports),
      compression_(options_.compressors, options_.compression_algorithm) {
  const std::atomic<bool>* gone = host.loops().size() > 1 ? &stopping_.gone() : nullptr;
  for (Loop* loop : host.loops()) shards_.push_back(std::make_unique<ServerShard>(*this, *loop, gone));
}

Status ServerCore::check_options() const {
  if (options_.max_concurrent_streams == 0)
    return Status(StatusCode::kInvalidArgument, "max_concurrent_streams of 0 lets no call through");
  if (Status s = options_.limits.check(); !s.ok()) return s;
  if (Status s = options_.flow_control.check(); !s.ok()) return s;
  if (Status s = options_.compressors.check(options_.compression_algorithm); !s.ok()) return s;
  return options_.codecs.check();
}

Status ServerCore::serve(std::unique_ptr<net::Listener> listener) {
  if (!listener) return Status(StatusCode::kInvalidArgument, "serve() needs a listener");
  if (Status s = check_options(); !s.ok()) return s;
  const SharedListener shared = std::move(listener);
  if (!listeners_.add(shared)) {
    return Status(StatusCode::kFailedPrecondition, "serve() after drain(), stop() or close()");
  }
  methods_.freeze();
  on_shards([shared](ServerShard& shard) { shard.serve(shared); });
  return {};
}

}  // namespace sluice::inline v0
