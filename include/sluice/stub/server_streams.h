// The server's typed streams, which handlers are given.
#pragma once

#include "sluice/stub/detail/stream_ops.h"

namespace sluice::inline v0 {

// The part that the three kinds share.
//
// Thread: coroutines of the handler's loop. Overlap: one read and one write. Lifetime: until the handler has
// ended. A read or write that is still in flight then ends the process. Errors: when the call is over, reads
// are cut off (see Read) and writes fail with CANCELLED. A read or write whose Call is dropped does not end
// the call: its message is the next read's, or is sent. While a dropped write waits for the client, further
// writes fail with FAILED_PRECONDITION.
class ServerStreamHandle {
 public:
  explicit ServerStreamHandle(ServerStream& stream) : stream_(stream) {}
  ServerStreamHandle(const ServerStreamHandle&) = delete;
  ServerStreamHandle& operator=(const ServerStreamHandle&) = delete;
  // Sends the header now instead of with the first message.
  Status send_header() { return stream_.send_header(); }
  // Any thread, while the handler runs. Ends the call with `status` from outside of the handler, which goes
  // on: its context is cancelled, its reads and writes end, and the status that it returns is discarded. Does
  // nothing if the call is over. Of a method with one reply, OK is INTERNAL: there is no reply.
  //
  // Called on the handler's loop, it does not run the handler: a lock that the handler's destructors take may
  // be held. Called by a thread from outside, on a loop without a thread, it may: as after Event::set().
  void finish(Status status) { stream_.finish(std::move(status)); }

 protected:
  RpcStream* rpc() const { return &stream_; }

 private:
  ServerStream& stream_;
};

namespace detail {

template <class Req, class Base>
class ServerReads : public Base {
 public:
  // The next message, or the end of the stream: the client has half-closed. See Read for a stream that was
  // cut off.
  Op<Read<Req>> read() { return {kRead<Req, OnCut::kThrows>, this->rpc(), nullptr, nullptr}; }
  // The same, into an object that can be reused. False: the client has half-closed. Errors: throws a
  // StatusError if the stream was cut off.
  Op<bool> read_into(Req& request) {
    return {kReadInto<Req, OnCut::kThrows>, this->rpc(), &request, nullptr};
  }
  // Does not throw: false and a failed `status` if the stream was cut off. `status` lives until it is done.
  Op<bool> read_into(Req& request, Status& status) {
    return {kReadInto<Req, OnCut::kSays>, this->rpc(), &request, &status};
  }

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
