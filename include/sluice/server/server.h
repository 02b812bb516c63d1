// Server: takes connections from listeners and serves calls by registered services (grpc-go: grpc.Server).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sluice/async/context.h"
#include "sluice/async/op.h"
#include "sluice/base/flow_control.h"
#include "sluice/base/limits.h"
#include "sluice/net/host.h"
#include "sluice/rpc/codec.h"
#include "sluice/rpc/compressor.h"
#include "sluice/rpc/interceptor.h"
#include "sluice/rpc/service.h"

namespace sluice::inline v0 {

struct ServerOptions {
  std::uint32_t max_concurrent_streams = 100;  // open calls on one connection, 1 or more; others are refused
  std::size_t max_receive_message_size = 4 << 20;  // bytes; longer ones are RESOURCE_EXHAUSTED and not stored
  std::size_t max_send_message_size = SIZE_MAX;    // bytes; a longer reply is RESOURCE_EXHAUSTED
  // The compressors for requests and replies. (grpc-go: encoding.RegisterCompressor)
  CompressorSet compressors = {};
  // Compression of replies whose handler names none: the name of one of `compressors`. Empty or "identity":
  // none. Clients that do not accept it get uncompressed replies.
  std::string compression_algorithm = {};
  // Codecs for messages, both ways, besides their own encodings. The client chooses by its content-type.
  // (grpc-go: encoding.RegisterCodec)
  CodecSet codecs = {};
  Limits limits = {};             // what a client may cost; the defaults are safe
  FlowControl flow_control = {};  // for requests
  // Run around every call; the first is the outermost (interceptor.h).
  InterceptorChain<ServerInterceptor> interceptors = {};
  // Serves calls of unregistered methods as streams of raw messages; `object` is unknown_service_object.
  // Null: such calls are UNIMPLEMENTED. (grpc-go: UnknownServiceHandler)
  void (*unknown_service)(void* object, ServerCall& call) = nullptr;
  void* unknown_service_object = nullptr;
};

// The outcome of stop().
struct StopReport {
  struct Call {
    std::string method;
    std::string peer;
    Duration age{};
    std::string state;  // "running", "cancelled"
  };
  std::vector<Call> still_running;  // empty: everything ended
  std::size_t calls_cancelled = 0;  // calls that were open when the server closed
};

// Thread: any. On a thread that leads a loop use co_await instead of get() on its Ops. If the Runtime has
// several loops, handlers of one service run at once on different loops.
// Lifetime: the Runtime and the services must outlive it. The destructor closes the server and runs the loop
// until all handlers have ended. On a loop (in a coroutine or callback) it cannot wait: before, `co_await
// server.stop(deadline)`, and drain() if handlers still run. If it finds a running handler there whose
// service was registered by reference, it ends the process, because the service may be destroyed next.
class Server {
 public:
  explicit Server(net::Host& host, ServerOptions options = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // REQUIRE: before the first serve(), else FAILED_PRECONDITION. ALREADY_EXISTS names a service that is
  // registered already, INVALID_ARGUMENT an invalid name.
  Status register_service(Service& service);
  Status register_service(std::shared_ptr<Service> service);  // kept until ~Server and its last handler
  Status register_service(const ServiceDesc& desc, void* object);

  // Accepts from `listener` from now on, besides earlier ones. Returns at once. Errors, which close the
  // listener: INVALID_ARGUMENT names a wrong value in ServerOptions; FAILED_PRECONDITION after drain(),
  // stop() or close().
  Status serve(std::unique_ptr<net::Listener> listener);
  // The addresses of its listeners, in the order of serve(). Port 0 is replaced by the port that the kernel
  // chose.
  std::vector<Addr> addrs() const;
  // Closes the listener at `addr`, one of addrs(); its connections stay. NOT_FOUND names an unknown address.
  Status stop_listening(const Addr& addr);

  // How often each limit has ended or refused a connection so far.
  LimitCounts limit_counts() const;
  // The closest that an ended connection has come to each limit: it shows whether honest clients come near a
  // limit.
  LimitPeaks limit_peaks() const;

  // Refuses new connections and calls, lets open calls finish (GOAWAY, gRPC A9), and completes when they
  // have. A client that does not respond is given Limits::goodbye_timeout, or 5 s if it has a stream.
  Op<Status> drain();
  // Cancelled when the server begins to drain, stop or close: for what serves no call of its own. Handlers
  // have ServerContext::draining().
  Context draining() const;
  // Closes listeners and connections now. Handlers are cancelled, and run to their end. Idempotent.
  void close();
  // drain(), then close() at `deadline`. Completes at the latest then, and reports the handlers that still
  // run. A handler that computes without an await blocks its loop, and this report with it: use
  // run_blocking() for long work.
  Op<StopReport> stop(TimePoint deadline);

 private:
  std::shared_ptr<class ServerCore> core_;  // shared: with the connections on their loops
};

}  // namespace sluice::inline v0
