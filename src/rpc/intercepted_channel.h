// InterceptedChannel: a channel with wrapping interceptors around its calls. It stands in front of the
// channel that makes the attempts, and only where there are such interceptors.
#pragma once

#include <memory>

#include "sluice/rpc/interceptor.h"

namespace sluice::inline v0::detail {

class InterceptedChannel final : public ChannelBase {
 public:
  InterceptedChannel(std::shared_ptr<ChannelBase> inner, InterceptorChain<ClientInterceptor> chain)
      : inner_(std::move(inner)), chain_(std::move(chain)) {}

  ChannelBase& inner() const { return *inner_; }
  const InterceptorChain<ClientInterceptor>& chain() const { return chain_; }

  Loop& loop() const override { return inner_->loop(); }
  OpRecord* start_unary(const MethodInfo& method, const Message& request,
                        const CallOptions& options) override;
  ClientStreamPtr new_stream(const MethodInfo& method, const Message* first,
                             const CallOptions& options) override;
  std::shared_ptr<const Codec> find_codec(std::string_view name) const override {
    return inner_->find_codec(name);
  }
  ConnectivityState state() const override { return inner_->state(); }
  LimitCounts limit_counts() const override { return inner_->limit_counts(); }
  LimitPeaks limit_peaks() const override { return inner_->limit_peaks(); }
  std::uint64_t long_waits() const override { return inner_->long_waits(); }
  void close() override { inner_->close(); }

 private:
  const std::shared_ptr<ChannelBase> inner_;  // shared: with its handles' closer
  const InterceptorChain<ClientInterceptor> chain_;
};

// `inner` itself if none of the chain wraps.
std::shared_ptr<ChannelBase> with_interceptors(std::shared_ptr<ChannelBase> inner,
                                               const InterceptorChain<ClientInterceptor>& chain);

}  // namespace sluice::inline v0::detail
