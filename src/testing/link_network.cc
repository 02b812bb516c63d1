// LinkNetwork: conns of the network below, each with a link before its end.
#include "sluice/testing/link_network.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "testing/link_conn.h"

namespace sluice::inline v0::testing {
namespace {

constexpr std::size_t kSmallestBuffer = 256 << 10;
constexpr std::size_t kBufferWithoutBandwidth = 16 << 20;

LinkOptions resolved(LinkOptions options) {
  if (options.buffer > 0) return options;
  if (options.bytes_per_second == 0) {
    options.buffer = kBufferWithoutBandwidth;
  } else {
    const double seconds = std::chrono::duration<double>(options.latency + options.jitter).count();
    const auto under_way = static_cast<std::size_t>(static_cast<double>(options.bytes_per_second) * seconds);
    options.buffer = std::max(2 * under_way, kSmallestBuffer);
  }
  return options;
}

WrapConn wrap_with(const LinkOptions& options) {
  return [options = resolved(options), made = std::make_shared<std::atomic<std::uint64_t>>(0)](
             std::unique_ptr<net::Conn> conn, ConnSide) -> std::unique_ptr<net::Conn> {
    const std::uint64_t number = made->fetch_add(1, std::memory_order_relaxed);
    return std::make_unique<detail::LinkConn>(std::move(conn), options, options.seed + number);
  };
}

}  // namespace

LinkNetwork::LinkNetwork(std::shared_ptr<net::Network> below, const LinkOptions& options, std::string scheme)
    : WrappingNetwork(std::move(below), wrap_with(options), std::move(scheme)) {}

}  // namespace sluice::inline v0::testing
