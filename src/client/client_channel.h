// ClientChannel: the channel behind sluice::Channel: one address, one connection at a time, calls that wait
// for it. How it connects is the Connector's.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "call/limit_counters.h"
#include "call/made_call.h"
#include "call/transport.h"
#include "client/connector.h"
#include "sluice/client/channel.h"

namespace sluice::inline v0 {

// Thread: any for ChannelBase's members where it says so; the rest is loop-only. Lifetime: shared; keeps
// itself while a connection or a dial is alive.
class ClientChannel final : public ChannelBase,
                            private call::TransportOwner,
                            private Connector::Owner,
                            private call::PendingCalls::Owner,
                            private detail::StuckReporter {
 public:
  // Lifetime: `transports` outlives the channel.
  ClientChannel(Loop& loop, net::Network& network, Addr addr, ChannelOptions options,
                const call::Transports& transports);
  ~ClientChannel() override;

  const InterceptorChain<ClientInterceptor>& interceptors() const { return interceptors_; }

  // ChannelBase
  Loop& loop() const override { return loop_; }
  detail::OpRecord* start_unary(const MethodInfo& method, const Message& request,
                                const CallOptions& options) override;
  ClientStreamPtr new_stream(const MethodInfo& method, const Message* first,
                             const CallOptions& options) override;
  std::shared_ptr<const Codec> find_codec(std::string_view name) const override {
    return identity_.codecs.find(name);
  }
  ConnectivityState state() const override { return state_.load(std::memory_order_relaxed); }
  LimitCounts limit_counts() const override { return limit_counters_.read(); }
  LimitPeaks limit_peaks() const override { return limit_counters_.read_peaks(); }
  std::uint64_t long_waits() const override { return long_waits_.load(std::memory_order_relaxed); }
  void close() override;

 private:
  using TransportPtr = std::unique_ptr<call::Transport>;

  void submit(call::MadeCall& call);
  void open_pending();
  void connect();
  void attempt_failed(std::string_view why);
  void fail_calls(std::string_view why);
  bool proved_itself(const call::Transport& connection) const;
  bool spent(const call::Transport& connection, std::string_view why);
  void go_idle();
  Status last_failure() const;
  Status failure_in_backoff() const;
  void fail_pending(const Status& why);
  void close_now();
  void release_if_quiet();
  void set_state(ConnectivityState state) { state_.store(state, std::memory_order_relaxed); }

  // call::TransportOwner
  call::ServedCall* on_incoming(call::Transport&, std::size_t) override { return nullptr; }
  void on_ready(call::Transport& connection) override;
  void on_capacity(call::Transport& connection) override;
  void on_draining(call::Transport& connection) override;
  void on_unprocessed(call::MadeCall& call) override;
  void on_closed(call::Transport& connection, const call::TransportEnd& end) override;

  // Connector::Owner
  void on_dialled(std::unique_ptr<net::Conn> conn, const Status& dialled) override;
  void on_backoff_over() override;

  // call::PendingCalls::Owner
  std::string awaited() const override;
  bool streams_are_awaited() const override;
  void on_long_wait(const call::MadeCall& first, std::size_t count) override;

  void describe(std::string& out) const override;

  // Constant after construction.
  Loop& loop_;
  // Of the ChannelOptions what is needed later: a channel is to be small.
  const CompressorSet compressors_;
  const CodecSet codecs_;
  const Limits connection_limits_;
  const InterceptorChain<ClientInterceptor> interceptors_;
  const FlowControl flow_control_;
  const call::Transports& transports_;
  const call::ClientIdentity identity_;
  const call::MessageLimits limits_;

  // Any thread; written on the loop.
  std::atomic<ConnectivityState> state_{ConnectivityState::kIdle};
  std::atomic<std::uint32_t> long_waits_{0};
  call::LimitCounters limit_counters_;

  // Loop-only.
  TransportPtr connection_;             // the one for new calls; null, in handshake or ready
  std::vector<TransportPtr> retiring_;  // calls of theirs may still run
  call::PendingCalls pending_;
  Connector connector_;
  Status last_error_;                    // of the failures
  bool long_wait_told_ = false;          // in the log, since calls began to wait
  bool waiting_ = false;                 // registered as a StuckReporter
  std::shared_ptr<ClientChannel> self_;  // while anything on the loop refers to it
};

}  // namespace sluice::inline v0
