// MemoryNetwork: named pipes inside the process; no port, no descriptor, no system call.
#pragma once

#include <cstddef>
#include <memory>

#include "sluice/net/network.h"

namespace sluice::inline v0::net {

class PipeHub;

struct MemoryNetworkOptions {
  // Bytes that one direction of a pipe holds before its writer waits. HTTP/2's windows usually stop the
  // writer first; this bounds the memory if a reader stops.
  std::size_t pipe_capacity = 1 << 20;
  // Dials that may wait on one listener for an accept; further dials fail with RESOURCE_EXHAUSTED.
  std::size_t backlog = 1024;
};

// Serves addresses "pipe:NAME". Listeners and dialers may be on different loops and of different Runtimes. If
// several loops accept on a listener, the dialer's loop is preferred.
class MemoryNetwork final : public Network {
 public:
  explicit MemoryNetwork(MemoryNetworkOptions options = {});
  ~MemoryNetwork() override;
  Result<std::unique_ptr<Listener>> listen(const Addr& addr) override;
  bool start_dial(DialOp& op, Loop& loop) override;
  void cancel_dial(DialOp& op) override;

 private:
  std::shared_ptr<PipeHub> hub_;  // shared: listeners, and dials that still wait, may outlive the network
};

// Two connected ends without a name, for tests and custom networks; each belongs to its loop. REQUIRES: the
// caller leads both loops, or nobody runs them yet.
struct PipePair {
  std::unique_ptr<Conn> a, b;
};
PipePair make_pipe(Loop& a, Loop& b, std::size_t capacity = 1 << 20);

}  // namespace sluice::inline v0::net
