// ServerContext: what a handler knows about its call, and what it adds to the response.
#pragma once

#include <optional>

#include "sluice/async/context.h"
#include "sluice/async/task.h"
#include "sluice/base/addr.h"
#include "sluice/base/metadata.h"
#include "sluice/base/time.h"

namespace sluice::inline v0 {

// Thread: loop-only: the handler's coroutine. A copy of context() may be used anywhere. Lifetime: until the
// handler has ended. Cancel: when the client cancels, the connection is lost, the deadline passes or the
// server closes, cancelled() becomes true, context() is cancelled, and reads and writes end.
class ServerContext : public detail::FrameAllocator {
 public:
  // "/helloworld.Greeter/SayHello", as received.
  virtual std::string_view method() const = 0;
  // The request's metadata, with user-agent and :authority.
  virtual const Metadata& metadata() const = 0;
  virtual TimePoint deadline() const = 0;
  virtual bool cancelled() const = 0;
  virtual const Addr& peer() const = 0;
  virtual const Addr& local() const = 0;
  // The process at the other end of a unix socket when it connected; nullopt for other connections.
  virtual std::optional<PeerCredentials> peer_credentials() const = 0;
  // Pass it to calls made on behalf of this one: `{.context = &context.context()}`.
  virtual const Context& context() = 0;
  // Cancelled when the server begins to drain, stop or close. The call goes on after it; a handler that would
  // go on for long ends then: `co_await when_any(queue.pop(), context.draining().done())`. Made part of
  // another context by joined_with().
  virtual const Context& draining() const = 0;
  virtual Loop& loop() const = 0;
  // Replaces context() by one made from it, with values or a trace context. Interceptors tell handlers the
  // caller: `context.set_context(context.context().with_value(User{name}))`.
  virtual void set_context(Context context) = 0;

  // The header is sent by send_header(), with the first message, or before the status. FAILED_PRECONDITION if
  // it was sent, INTERNAL with the reason for a pair that cannot be sent. Pairs of metadata() may be sent
  // back, even odd ones; :authority and user-agent are then left out.
  virtual Status add_header(std::string_view key, std::string_view value) = 0;
  virtual Status add_trailer(std::string_view key, std::string_view value) = 0;

  // Compression of the reply's messages, instead of the server's default: "identity", or one of its
  // compressors. REQUIRES: the header is not sent. INTERNAL for a name that the server does not know,
  // FAILED_PRECONDITION for one that the client does not accept; messages are then sent uncompressed.
  // (grpc-go: SetSendCompressor)
  virtual Status set_compression_algorithm(std::string_view name) = 0;
  // Whether the request, or the last message read from a stream, came compressed.
  virtual bool message_compressed() const = 0;

  operator Context() { return context(); }

 protected:
  ~ServerContext() = default;
};

}  // namespace sluice::inline v0
