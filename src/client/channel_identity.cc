// What may be an authority or a user agent, and what they are by default.
#include "client/channel_identity.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "base/escape.h"

namespace sluice::inline v0 {
namespace {

// RFC 3986 section 3.2, without userinfo, which HTTP/2 does not allow (RFC 9113 section 8.3.1).
bool is_authority(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || std::string_view("-._~!$&'()*+,;=:[]%").find(char(c)) != std::string_view::npos;
  });
}

}  // namespace

std::string authority_of(const Addr& addr) {
  const std::string_view host = std::string_view(addr.text).substr(addr.text.rfind('@') + 1);
  return addr.scheme.starts_with("unix") || !is_authority(host) ? "localhost" : std::string(host);
}

std::string user_agent_of(const ChannelOptions& options) {
  const std::string own = "grpc-c++-sluice/0.1";
  return options.user_agent.empty() ? own : options.user_agent + " " + own;
}

std::string unsendable(const ChannelOptions& options) {
  if (!is_authority(options.authority))
    return "authority \"" + escaped(options.authority, Keep::kAscii) + "\" is no host with or without a port";
  const std::string_view agent = options.user_agent;
  const auto printable = [](char c) { return c >= 0x20 && c <= 0x7e; };
  if (agent.starts_with(' ') || !std::all_of(agent.begin(), agent.end(), printable))
    return "user agent \"" + escaped(agent, Keep::kAscii) +
           "\" is not printable ascii, or begins with a space";
  return {};
}

}  // namespace sluice::inline v0
