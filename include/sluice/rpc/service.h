// Descriptors of services and methods, hand-written or generated (grpc-go: grpc.ServiceDesc).
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <utility>

#include "sluice/rpc/server_context.h"
#include "sluice/rpc/stream.h"

namespace sluice::inline v0 {

// One call, as the server gives it to a method.
// Thread: loop-only. A method's handler function calls run(), reject() or threw() exactly once before it
// returns.
class ServerCall {
 public:
  virtual ServerContext& context() = 0;
  virtual ServerStream& stream() = 0;
  // The request. REQUIRES: a unary or server-streaming method.
  virtual const Message& request() const = 0;
  // The request is decoded and can be freed: request() is empty from now on.
  virtual void release_request() {}
  // The codec that the client names: "json" in "application/grpc+json". Empty: the default, protobuf.
  std::string_view content_subtype() const { return content_subtype_; }
  // The server's codec of that name. Null: none is needed, or the server has none.
  const Codec* codec() const { return codec_; }

  // The coroutine that serves the call, with the objects it refers to: request, typed reader and writer.
  class Handler {
   public:
    virtual ~Handler() = default;
    // True: it has ended already, and `on_done` will not run.
    virtual bool start(Loop& loop, Runnable& on_done) = 0;
    // Called once, when it has ended: its status and, for a method with one reply, the reply, borrowed from
    // the handler. An exception of the coroutine is UNKNOWN.
    virtual Status finish(Message& reply) = 0;
  };
  // Makes a Handler in the call's memory.
  template <class T, class... Args>
  T& make(Args&&... args) {
    static_assert(alignof(T) <= alignof(std::max_align_t));
    return *new (allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
  }
  // Starts `handler`, which make() has made, sends its outcome and destroys it.
  virtual void run(Handler& handler) = 0;
  // Destroys a handler that will not run.
  virtual void drop(Handler& handler) = 0;
  // Ends the call without a handler: the request does not decode. That is the client's fault.
  virtual void reject(Status status) = 0;
  // Ends the call without a handler: the program threw before there was a coroutine.
  virtual void threw(Status status) { reject(std::move(status)); }

 protected:
  ~ServerCall() = default;
  virtual void* allocate(std::size_t size, std::size_t align) = 0;

  // Constant while the call runs.
  std::string_view content_subtype_;
  const Codec* codec_ = nullptr;
};

// A unary method (grpc-go: grpc.MethodDesc).
struct MethodDesc {
  std::string_view name;
  // Decodes the request, and calls one of run(), reject() and threw() before it returns.
  void (*handler)(void* service, ServerCall& call);
};

// A method with a stream in at least one direction (grpc-go: grpc.StreamDesc).
struct StreamDesc {
  std::string_view name;
  bool server_streams = false;
  bool client_streams = false;
  void (*handler)(void* service, ServerCall& call);
};

// Lifetime: outlives the servers that it is registered with.
struct ServiceDesc {
  std::string_view name;  // "helloworld.Greeter"
  std::span<const MethodDesc> methods = {};
  std::span<const StreamDesc> streams = {};
  std::string_view file = {};  // the .proto file it comes from, for reflection
};

// The base of generated services.
class Service {
 public:
  virtual ~Service() = default;
  virtual const ServiceDesc& service_desc() const = 0;
  // The object that is passed to the descriptor's handlers.
  virtual void* service_object() = 0;
};

}  // namespace sluice::inline v0
