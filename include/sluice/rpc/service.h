// Descriptors: what a service is to a server, hand-written or generated (grpc-go: grpc.ServiceDesc).
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <utility>

#include "sluice/rpc/server_context.h"
#include "sluice/rpc/stream.h"

namespace sluice {

// One call as the server hands it to a method.
//
// Thread: loop-only. A method's handler function calls run(), reject() or threw() once, before it returns.
class ServerCall {
 public:
  virtual ServerContext& context() = 0;
  virtual ServerStream& stream() = 0;
  // The encoded request of a unary or server-streaming method.
  virtual const Chain& request() const = 0;
  // It is decoded: its bytes need not live as long as the handler. request() is empty from now on.
  virtual void release_request() {}
  // The codec that the client has named: "json" of "application/grpc+json". Empty: the default, protobuf.
  std::string_view content_subtype() const { return content_subtype_; }
  // The server's codec of that name; null: it has none, or needs none.
  const Codec* codec() const { return codec_; }

  // The coroutine that serves the call, with everything it refers to: request, typed reader and writer.
  class Handler {
   public:
    virtual ~Handler() = default;
    // Starts; true if it ended at once and `on_done` will not run.
    virtual bool start(Loop& loop, Runnable& on_done) = 0;
    // Once, when it has ended: its status, and for unary methods the reply, borrowed from the handler. An
    // exception out of the coroutine is UNKNOWN.
    virtual Status finish(Message& reply) = 0;
  };
  // Makes a Handler in the call's own memory.
  template <class T, class... Args>
  T& make(Args&&... args) {
    static_assert(alignof(T) <= alignof(std::max_align_t));
    return *new (allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
  }
  // Starts `handler`, sends what comes of it and ends its life. Made by make().
  virtual void run(Handler& handler) = 0;
  // Ends the life of a handler that is not going to run.
  virtual void drop(Handler& handler) = 0;
  // Ends the call without running: the request does not decode, which is the client's fault.
  virtual void reject(Status status) = 0;
  // The same: the program threw before there was a coroutine.
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
  // Decodes the request and calls run() or reject() before it returns.
  void (*handler)(void* service, ServerCall& call);
};

// A method with a stream in at least one direction (grpc-go: grpc.StreamDesc).
struct StreamDesc {
  std::string_view name;
  bool server_streams = false;
  bool client_streams = false;
  void (*handler)(void* service, ServerCall& call);
};

// Lifetime: as long as every server it is registered with.
struct ServiceDesc {
  std::string_view name;  // "helloworld.Greeter"
  std::span<const MethodDesc> methods = {};
  std::span<const StreamDesc> streams = {};
  std::string_view file = {};  // the .proto file it comes from, for reflection
};

// What generated services derive from.
class Service {
 public:
  virtual ~Service() = default;
  virtual const ServiceDesc& service_desc() const = 0;
  // The object that the descriptor's handlers are given.
  virtual void* service_object() = 0;
};

}  // namespace sluice
