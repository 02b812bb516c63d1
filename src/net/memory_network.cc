// The MemoryNetwork and its listeners: thin handles on a PipeHub.
#include "sluice/net/memory_network.h"

#include <utility>

#include "net/pipe_hub.h"

namespace sluice::inline v0::net {
namespace {

class PipeListener final : public Listener {
 public:
  PipeListener(std::shared_ptr<PipeHub> hub, std::shared_ptr<PipePort> port)
      : hub_(std::move(hub)), port_(std::move(port)) {}
  ~PipeListener() override { static_cast<void>(hub_->close(*port_)); }

  bool start_accept(AcceptOp& op, Loop& loop) override { return hub_->accept(*port_, op, loop); }
  Status close() override { return hub_->close(*port_); }
  const Addr& addr() const override { return port_->addr; }

 private:
  const std::shared_ptr<PipeHub> hub_;
  const std::shared_ptr<PipePort> port_;
};

}  // namespace

MemoryNetwork::MemoryNetwork(MemoryNetworkOptions options) : hub_(std::make_shared<PipeHub>(options)) {}

MemoryNetwork::~MemoryNetwork() = default;

Result<std::unique_ptr<Listener>> MemoryNetwork::listen(const Addr& addr) {
  Result<std::shared_ptr<PipePort>> port = hub_->open(addr);
  if (!port.ok()) return port.status();
  return std::unique_ptr<Listener>(std::make_unique<PipeListener>(hub_, std::move(*port)));
}

bool MemoryNetwork::start_dial(DialOp& op, Loop& loop) { return hub_->dial(op, loop); }

void MemoryNetwork::cancel_dial(DialOp& op) {
  // Keeps it alive past the decision.
  const std::shared_ptr<WaitingDial> dial = std::static_pointer_cast<WaitingDial>(op.pending);
  if (dial)
    hub_->fail(*dial, Status(StatusCode::kCancelled, "dial of " + op.addr.to_string() + " cancelled"));
}

}  // namespace sluice::inline v0::net
