// Server's constructor: what it serves with.
#include "sluice/server/server.h"

#include <memory>
#include <utility>

#include "server/server_core.h"
#include "transport/http2_transports.h"

namespace sluice::inline v0 {

Server::Server(net::Host& host, ServerOptions options)
    : core_(std::make_shared<ServerCore>(host, std::move(options), transport::kHttp2)) {
  core_->home().count_owner(1);
}

}  // namespace sluice::inline v0
