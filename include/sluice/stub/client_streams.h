// The client's typed streams, which stubs return.
#pragma once

#include <utility>

#include "sluice/stub/detail/stream_ops.h"

namespace sluice::inline v0 {

// The part that the three kinds share.
//
// Thread: any. Overlap: one read and one write, of two coroutines or threads; a second read or write
// meanwhile ends the call with FAILED_PRECONDITION. Lifetime: its Ops and Calls must be done before it is
// destroyed, which cancels an unfinished call. Errors: after the end of the call, reads have no message,
// and other operations a failed status; finish() gives the call's status.
class ClientStreamHandle {
 public:
  // Done when the server's header has come, or the call has ended without a header.
  Op<Status> wait_header() { return {detail::kHeader, rpc(), nullptr, nullptr}; }
  // Ends the call with CANCELLED, unless it has ended.
  void cancel() { stream_->cancel(); }
  // REQUIRES: a wait_header(), read or finish() is done.
  const Metadata& header() const { return stream_->header(); }
  // REQUIRE: finish() is done.
  const Metadata& trailer() const { return stream_->trailer(); }
  const Addr& peer() const { return stream_->peer(); }
  // Whether the last message came compressed. REQUIRES: a read, or the finish() of a ClientWriter, is done.
  bool message_compressed() const { return stream_->message_compressed(); }

 protected:
  explicit ClientStreamHandle(ClientStreamPtr stream) : stream_(std::move(stream)) {}
  RpcStream* rpc() const { return stream_.get(); }
  ClientStreamPtr stream_;
};

namespace detail {

template <class Rep, class Base>
class ClientReads : public Base {
 public:
  // The next message, or the end of the stream; finish() tells why it ended.
  Op<Read<Rep>> read() { return {kRead<Rep, OnCut::kSays>, this->rpc(), nullptr, nullptr}; }
  // The same, into an object that can be reused. False: the stream has ended.
  Op<bool> read_into(Rep& reply) { return {kReadInto<Rep, OnCut::kSays>, this->rpc(), &reply, nullptr}; }
  // Half-closes, discards unread messages, and gives the call's status.
  Op<Status> finish() { return {kFinish, this->rpc(), nullptr, nullptr}; }

 protected:
  using Base::Base;
};

template <class Req, class Base>
class ClientWrites : public Base {
 public:
  // Done when the stream is open on a connection and at most 64 KiB wait for the server's window; the message
  // may then be reused. Fails if the call has ended, with its status or CANCELLED; finish() tells why.
  Op<Status> write(const Req& request, WriteOptions options = {}) {
    return {kWrite<Req>, this->rpc(), &request, write_bits(options)};
  }
  // Half-closes: no more messages follow. Done when the stream has a connection, or has ended.
  Op<Status> close_write() { return {kCloseWrite, this->rpc(), nullptr, nullptr}; }

 protected:
  using Base::Base;
};

}  // namespace detail

// Server streaming: reads (grpc-go: ServerStreamingClient).
template <class Rep>
class ClientReader final : public detail::ClientReads<Rep, ClientStreamHandle> {
 public:
  explicit ClientReader(ClientStreamPtr stream)
      : detail::ClientReads<Rep, ClientStreamHandle>(std::move(stream)) {}
};

// Client streaming: writes, then one reply (grpc-go: ClientStreamingClient).
template <class Req, class Rep>
class ClientWriter final : public detail::ClientWrites<Req, ClientStreamHandle> {
 public:
  explicit ClientWriter(ClientStreamPtr stream)
      : detail::ClientWrites<Req, ClientStreamHandle>(std::move(stream)) {}
  // Half-closes, and gives the reply or the failure.
  Op<Rep> finish() { return {detail::kFinishUnary<Rep>, this->rpc(), nullptr, nullptr}; }
};

// Both ways (grpc-go: BidiStreamingClient).
template <class Req, class Rep>
class ClientReaderWriter final
    : public detail::ClientReads<Rep, detail::ClientWrites<Req, ClientStreamHandle>> {
 public:
  explicit ClientReaderWriter(ClientStreamPtr stream)
      : detail::ClientReads<Rep, detail::ClientWrites<Req, ClientStreamHandle>>(std::move(stream)) {}
};

}  // namespace sluice::inline v0
