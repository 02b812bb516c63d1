// What a channel says of itself in each call: ":authority" and "user-agent".
#pragma once

#include <string>

#include "sluice/base/addr.h"
#include "sluice/client/channel.h"

namespace sluice::inline v0 {

// The ":authority" of calls to an address, unless the options name one. A path in the file system is none:
// servers refuse it, and every gRPC says "localhost" instead.
std::string authority_of(const Addr& addr);
std::string user_agent_of(const ChannelOptions& options);
// Why the calls of a channel with these options could not be sent, or nothing.
std::string unsendable(const ChannelOptions& options);

}  // namespace sluice::inline v0
