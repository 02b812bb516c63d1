// client_of: makes a client of a service implementation, over an in-memory pipe.
#pragma once

#include <memory>

#include "sluice/client/channel.h"
#include "sluice/runtime/runtime.h"
#include "sluice/server/server.h"

namespace sluice::inline v0::testing {

// Owns a Runtime without threads, a Server with `impl` on the pipe "pipe:server", a Channel to it and a Stub,
// and is used like the Stub. `S` is a generated service: `auto greeter =
// client_of<helloworld::Greeter>(impl);`.
//
// Thread: as a Stub. Lifetime: `impl` must outlive it. Errors: the constructor throws a StatusError if it
// cannot serve.
template <class S>
class ClientOf {
 public:
  struct Options {
    RuntimeOptions runtime = {};
    ServerOptions server = {};
    ChannelOptions channel = {};
  };
  explicit ClientOf(typename S::Service& impl, Options options = {})
      : parts_(std::make_unique<Parts>(impl, std::move(options))) {}

  typename S::Stub* operator->() { return &parts_->stub; }
  typename S::Stub& operator*() { return parts_->stub; }
  operator typename S::Stub &() { return parts_->stub; }
  Runtime& runtime() { return parts_->runtime; }
  Server& server() { return parts_->server; }
  Channel& channel() { return parts_->channel; }

 private:
  struct Parts {
    Parts(typename S::Service& impl, Options options)
        : runtime(std::move(options.runtime)),
          server(runtime, options.server),
          channel((check(server.register_service(impl)),
                   check(server.serve(runtime.listen("pipe:server").value())),
                   dial(runtime, "pipe:server", std::move(options.channel)).value())),
          stub(channel) {}
    static void check(Status status) {
      if (!status.ok()) throw StatusError(std::move(status));
    }
    Runtime runtime;
    Server server;
    Channel channel;
    typename S::Stub stub;
  };
  std::unique_ptr<Parts> parts_;  // on the heap: nothing in it can move
};

template <class S>
ClientOf<S> client_of(typename S::Service& impl, typename ClientOf<S>::Options options = {}) {
  return ClientOf<S>(impl, std::move(options));
}

}  // namespace sluice::inline v0::testing
