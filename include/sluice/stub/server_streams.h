// The server's typed streams, which handlers are given.
#pragma once

#include <optional>

#include "sluice/stub/detail/stream_ops.h"

namespace sluice::inline v0 {

// The part that the three kinds share.
//
// Thread: coroutines of the handler's loop. Overlap: one read and one write. Lifetime: until the handler has
// ended. Errors: when the call is over, reads give nothing and writes fail with CANCELLED.
class ServerStreamHandle {
 public:
  explicit ServerStreamHandle(ServerStream& stream) : stream_(stream) {}
  ServerStreamHandle(const ServerStreamHandle&) = delete;
  ServerStreamHandle& operator=(const ServerStreamHandle&) = delete;
  // Sends the header now instead of with the first message.
  Status send_header() { return stream_.send_header(); }

 protected:
  RpcStream* rpc() const { return &stream_; }

 private:
  ServerStream& stream_;
};

namespace detail {

template <class Req, class Base>
class ServerReads : public Base {
 public:
  // The next message. Nullopt: the client has half-closed, or the call is over (context.cancelled()).
  Op<std::optional<Req>> read() { return {kRead<Req>, this->rpc(), nullptr, nullptr}; }
  Op<bool> read_into(Req& request) { return {kReadInto<Req>, this->rpc(), &request, nullptr}; }

 protected:
  using Base::Base;
};

template <class Rep, class Base>
class ServerWrites : public Base {
 public:
  // Done when the message is encoded and at most 64 KiB wait for the client's window; the message may then be
  // reused.
  Op<Status> write(const Rep& reply, WriteOptions options = {}) {
    return {kWrite<Rep>, this->rpc(), &reply, write_bits(options)};
  }

 protected:
  using Base::Base;
};

}  // namespace detail

template <class Req>
class ServerReader final : public detail::ServerReads<Req, ServerStreamHandle> {
 public:
  explicit ServerReader(ServerStream& stream) : detail::ServerReads<Req, ServerStreamHandle>(stream) {}
};

template <class Rep>
class ServerWriter final : public detail::ServerWrites<Rep, ServerStreamHandle> {
 public:
  explicit ServerWriter(ServerStream& stream) : detail::ServerWrites<Rep, ServerStreamHandle>(stream) {}
};

template <class Rep, class Req>
class ServerReaderWriter final
    : public detail::ServerReads<Req, detail::ServerWrites<Rep, ServerStreamHandle>> {
 public:
  explicit ServerReaderWriter(ServerStream& stream)
      : detail::ServerReads<Req, detail::ServerWrites<Rep, ServerStreamHandle>>(stream) {}
};

}  // namespace sluice::inline v0
