// ServerContext: what a handler knows of its call, and what it adds to the response.
#pragma once

#include <optional>

#include "sluice/async/context.h"
#include "sluice/async/task.h"
#include "sluice/base/addr.h"
#include "sluice/base/metadata.h"
#include "sluice/base/time.h"

namespace sluice {

// Thread: loop-only, that is: the handler's coroutine. context() may be kept and used anywhere. Lifetime:
// until the handler has ended. Cancel: when the client cancels, its connection is lost, the deadline passes
// or the server closes, cancelled() becomes true, context() is cancelled, and reads and writes end.
class ServerContext : public FrameAllocator {
 public:
  // "/helloworld.Greeter/SayHello", as it came.
  virtual std::string_view method() const = 0;
  // The request's metadata, with user-agent and :authority.
  virtual const Metadata& metadata() const = 0;
  virtual TimePoint deadline() const = 0;
  virtual bool cancelled() const = 0;
  virtual const Addr& peer() const = 0;
  virtual const Addr& local() const = 0;
  // Whose process is at the other end of a unix socket, as it was when it connected; nullopt elsewhere.
  virtual std::optional<PeerCredentials> peer_credentials() const = 0;
  // Pass it on to calls made for this one: `{.context = &context.context()}`.
  virtual const Context& context() = 0;
  virtual Loop& loop() const = 0;
  // What context() is from now on: one made from it, with values or a trace context. Interceptors tell
  // handlers who calls: `context.set_context(context.context().with_value(User{name}))`.
  virtual void set_context(Context context) = 0;

  // Sent by send_header(), with the first message or before the status. FAILED_PRECONDITION once sent,
  // INTERNAL with the reason for what cannot be sent. What came in metadata() is no error: odd values go back
  // as they came, without what is the request's own (:authority, user-agent).
  virtual Status add_header(std::string_view key, std::string_view value) = 0;
  virtual Status add_trailer(std::string_view key, std::string_view value) = 0;

  // Of the reply's messages, instead of what the server says: "identity", or one of its compressors. Before
  // the header is sent. INTERNAL for one that the server does not know, FAILED_PRECONDITION for one that the
  // client does not accept; the messages then go as they are. (grpc-go: SetSendCompressor)
  virtual Status set_compression_algorithm(std::string_view name) = 0;
  // Whether the request, or of a stream the message that was read last, came compressed.
  virtual bool message_compressed() const = 0;

  operator Context() { return context(); }

 protected:
  ~ServerContext() = default;
};

}  // namespace sluice
