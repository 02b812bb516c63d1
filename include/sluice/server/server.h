// Server: takes connections from listeners and serves calls by registered services (grpc-go: grpc.Server).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sluice/async/op.h"
#include "sluice/base/flow_control.h"
#include "sluice/base/limits.h"
#include "sluice/net/host.h"
#include "sluice/rpc/codec.h"
#include "sluice/rpc/compressor.h"
#include "sluice/rpc/interceptor.h"
#include "sluice/rpc/service.h"

namespace sluice {

struct ServerOptions {
  std::uint32_t max_concurrent_streams =
      100;  // calls open at once on one connection, 1 or more; others are refused
  std::size_t max_receive_message_size =
      4 << 20;  // bytes; a longer request is RESOURCE_EXHAUSTED before it is stored
  std::size_t max_send_message_size = SIZE_MAX;  // bytes; a longer reply is RESOURCE_EXHAUSTED
  // What requests may be encoded with, and replies. (grpc-go: encoding.RegisterCompressor)
  CompressorSet compressors = {};
  // Of replies, unless their handler says otherwise: one of `compressors`; empty or "identity": none. Clients
  // that do not accept it get them as they are.
  std::string compression_algorithm = {};
  // What calls may be encoded with, both ways, beside their messages' own encodings: the client chooses, by
  // its content-type. (grpc-go: encoding.RegisterCodec)
  CodecSet codecs = {};
  Limits limits = {};             // of what a client may cost; the defaults are safe
  FlowControl flow_control = {};  // of requests
  // Around every call, the first outermost (interceptor.h).
  InterceptorChain<ServerInterceptor> interceptors = {};
  // Serves the calls of methods nobody registered, as a stream of raw messages; its object is the second
  // argument. Without it they are UNIMPLEMENTED. (grpc-go: UnknownServiceHandler)
  void (*unknown_service)(void* object, ServerCall& call) = nullptr;
  void* unknown_service_object = nullptr;
};

// What stop() found when its time was up.
struct StopReport {
  struct Call {
    std::string method;
    std::string peer;
    Duration age{};
    std::string state;  // "running", "cancelled"
  };
  std::vector<Call> still_running;  // empty: everything ended
  std::size_t calls_cancelled = 0;  // that were open when the server closed
};

// Thread: any, except that get() on its Ops must not be called on a thread that leads a loop (co_await
// there). Lifetime: the Runtime and the services must outlive it; its destructor closes, and runs the loop
// until no handler lives. On a loop (in a coroutine or callback) it cannot wait for them: `co_await
// server.stop(deadline)`, and drain() if some still ran then, before it goes. A destructor there that finds a
// handler of a service that was registered by reference ends the process, for the service would go under it.
// Handlers of one service run at the same time on different loops if the Runtime has several.
class Server {
 public:
  explicit Server(net::Host& host, ServerOptions options = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Before the first serve(). ALREADY_EXISTS names a service that is registered, INVALID_ARGUMENT a name that
  // is none; FAILED_PRECONDITION after serve().
  Status register_service(Service& service);
  Status register_service(std::shared_ptr<Service> service);  // kept until ~Server, or the last handler
  Status register_service(const ServiceDesc& desc, void* object);

  // Accepts from `listener` from now on; several listeners may be served at once. Returns at once.
  // INVALID_ARGUMENT names the value in ServerOptions that is wrong, FAILED_PRECONDITION after drain(),
  // stop() or close(); the listener is then closed.
  Status serve(std::unique_ptr<net::Listener> listener);
  // Where it accepts now, in the order of serve(); a port 0 has become the one the kernel chose.
  std::vector<Addr> addrs() const;
  // Closes the listener at `addr`, one of addrs(); connections that it brought live on. NOT_FOUND names it.
  Status stop_listening(const Addr& addr);

  // How often each limit has ended or refused a connection so far.
  LimitCounts limit_counts() const;
  // The nearest that a connection has come to each limit, of those that have ended: what room there is before
  // an honest client meets it. to_string() has it in words.
  LimitPeaks limit_peaks() const;

  // Refuses new connections and calls, lets open ones finish (GOAWAY, gRPC A9); completes when they have. A
  // client that nobody runs answers nothing: that takes Limits::goodbye_timeout, or 5 s if it has a stream.
  Op<Status> drain();
  // Ends everything now: listeners, connections; handlers are cancelled, and run to their end. Idempotent.
  void close();
  // drain(), then close() at `deadline`. Completes then, also when handlers do not end, and says which. A
  // handler that computes without an await holds up its loop and, until it gives way, this report too: work
  // of that kind belongs into run_blocking().
  Op<StopReport> stop(TimePoint deadline);

 private:
  std::shared_ptr<class ServerCore> core_;  // shared: with the connections on their loops
};

}  // namespace sluice
