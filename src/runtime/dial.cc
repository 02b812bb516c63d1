// dial(): what a channel to a target needs, or what is wrong with it.
#include <memory>
#include <string>
#include <utility>

#include "client/channel_identity.h"
#include "client/client_channel.h"
#include "rpc/intercepted_channel.h"
#include "transport/http2_transports.h"

namespace sluice::inline v0 {
namespace {

// A channel lives on the loop that dials it; those that other threads dial are spread.
Loop& home_of(net::Host& host) {
  for (Loop* loop : host.loops()) {
    if (loop->leads()) return *loop;
  }
  return host.next_loop();
}

}  // namespace

Result<Channel> dial(net::Host& host, std::string_view target, ChannelOptions options) {
  Result<Addr> addr = Addr::parse(target);
  if (!addr.ok()) return std::move(addr).status();
  if (std::string why = unsendable(options); !why.empty())
    return Status(StatusCode::kInvalidArgument, std::move(why));
  if (Status s = options.backoff.check(); !s.ok()) return s;
  if (Status s = options.limits.check(); !s.ok()) return s;
  if (Status s = options.flow_control.check(); !s.ok()) return s;
  net::Network* network = host.network(addr->scheme);
  if (!network) return host.no_network(addr->scheme);
  if (Status s = network->check_dial(*addr); !s.ok()) return s;
  if (Status s = options.compressors.check(options.compression_algorithm); !s.ok()) return s;
  if (Status s = options.codecs.check(options.codec); !s.ok()) return s;
  auto channel = std::make_shared<ClientChannel>(home_of(host), *network, std::move(*addr),
                                                 std::move(options), transport::kHttp2);
  channel->loop().count_owner(1);
  std::shared_ptr<void> closer(nullptr, [channel](void*) {
    channel->loop().count_owner(-1);
    channel->close();
  });
  return Channel(detail::with_interceptors(channel, channel->interceptors()), std::move(closer));
}

}  // namespace sluice::inline v0
