// Unary calls: a method is a constant, a call is an Op.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "sluice/rpc/channel_base.h"
#include "sluice/rpc/message_traits.h"
#include "sluice/stub/detail/stream_ops.h"

namespace sluice::inline v0 {

// A unary method, for its callers. Generated code has one for each method; it can be made by hand for any two
// message types: `UnaryMethod<Chain, Chain> method("/helloworld.Greeter/SayHello");`. Lifetime: outlives its
// calls.
template <class Req, class Rep>
class UnaryMethod : public detail::OpKindOf<Rep> {
 public:
  constexpr explicit UnaryMethod(std::string_view path) : info{path, false, false} {
    this->loop = &loop_of;
    this->start = &start_call;
    this->cancel = &cancel_call;
    this->release = &release_call;
    this->capture = &capture_call;
    this->drop_captured = nullptr;
    this->header = &header_of;
    this->trailer = &trailer_of;
    this->peer = &peer_of;
    this->take = &detail::take_unary<Rep>;
  }

  Op<Rep> operator()(ChannelBase& channel, const Req& request, const CallOptions& options) const {
    return Op<Rep>(*this, &channel, &request, &options);
  }

  MethodInfo info;

 private:
  // A call that waits until the loop's leader starts it: copies of everything that its Op borrows.
  struct Captured : detail::OpKindOf<Rep> {
    Captured(const UnaryMethod& m, const detail::OpArgs& args)
        : detail::OpKindOf<Rep>(m),
          info(m.info),
          channel(static_cast<ChannelBase*>(args.object)->shared_from_this()),
          options(*static_cast<const CallOptions*>(args.options)) {
      this->start = &start_captured;
      this->drop_captured = &drop;
      compression_algorithm = options.compression_algorithm;
      codec = options.codec;
      status =
          detail::encode(channel->find_codec(codec).get(), MessageTraits<Req>::ops(), args.argument, request);
      for (std::size_t i = 0; i < options.metadata.size(); ++i) {
        metadata.add(options.metadata[i].key, options.metadata[i].value);
      }
      options.metadata = MetadataList(&metadata);
      options.compression_algorithm = compression_algorithm;
      options.codec = codec;
      if (options.context) {
        context = *options.context;
        options.context = &context;
      }
    }
    static detail::OpRecord* start_captured(const detail::OpArgs& args) {
      auto& self = *static_cast<Captured*>(const_cast<void*>(args.options));
      if (!self.status.ok()) return new detail::FailedRecord(std::move(self.status));
      return self.channel->start_unary(self.info, Message(std::move(self.request)), self.options);
    }
    static void drop(detail::OpArgs& args) { delete static_cast<Captured*>(const_cast<void*>(args.options)); }

    MethodInfo info;
    std::shared_ptr<ChannelBase> channel;  // shared: the Channel may be destroyed before the call starts
    CallOptions options;
    Metadata metadata;
    Context context;
    std::string compression_algorithm;
    std::string codec;
    Chain request;
    Status status;
  };

  static const UnaryMethod& self(const detail::OpArgs& args) {
    return static_cast<const UnaryMethod&>(*args.kind);
  }
  static detail::UnaryRecord& record_of(detail::OpRecord* r) { return static_cast<detail::UnaryRecord&>(*r); }

  static Loop& loop_of(const detail::OpArgs& args) { return static_cast<ChannelBase*>(args.object)->loop(); }
  static detail::OpRecord* start_call(const detail::OpArgs& args) {
    return static_cast<ChannelBase*>(args.object)
        ->start_unary(self(args).info, Message(args.argument, MessageTraits<Req>::ops()),
                      *static_cast<const CallOptions*>(args.options));
  }
  static void cancel_call(detail::OpRecord* r) { record_of(r).cancel(); }
  static void release_call(detail::OpRecord* r) { record_of(r).release(); }
  static void capture_call(detail::OpArgs& args) {
    auto* captured = new Captured(self(args), args);
    args.kind = captured;
    args.options = captured;
  }
  static const Metadata& header_of(detail::OpRecord* r) { return record_of(r).header(); }
  static const Metadata& trailer_of(detail::OpRecord* r) { return record_of(r).trailer(); }
  static const Addr& peer_of(detail::OpRecord* r) { return record_of(r).peer(); }
};

}  // namespace sluice::inline v0
