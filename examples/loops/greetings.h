// What the programs of this folder do, whosever loop they run on: a greeter behind a pipe and a TCP socket,
// and a client that greets over each.
#pragma once

#include <sluice/async/run_on.h>
#include <sluice/async/scope.h>
#include <sluice/sluice.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "greeter/greeter.h"

namespace loops {

inline void check(const sluice::Status& status) {
  if (!status.ok()) throw sluice::StatusError(status);
}

// A server, and where it listens.
class Served {
 public:
  explicit Served(sluice::Runtime& runtime) : server_(runtime) {
    check(server_.register_service(greeter_));
    for (const char* addr : {"pipe:greeter", "tcp:127.0.0.1:0"}) {
      std::unique_ptr<sluice::net::Listener> listener = runtime.listen(addr).value();
      addrs_.push_back(listener->addr().to_string());
      check(server_.serve(std::move(listener)));
    }
  }
  const std::vector<std::string>& addrs() const { return addrs_; }

 private:
  greeter::Greeter greeter_;
  sluice::Server server_;
  std::vector<std::string> addrs_;
};

inline helloworld::HelloRequest request_of(std::string_view name) {
  helloworld::HelloRequest request;
  request.set_name(std::string(name));
  return request;
}

inline void print(const std::string& addr, const helloworld::HelloReply& reply) {
  std::printf("%s: %s\n", addr.substr(0, addr.find(':')).c_str(), reply.message().c_str());
}

// For loops without coroutines of their own: sluice's run on them as well.
inline sluice::Task<sluice::Status> greet(sluice::Runtime& runtime, std::vector<std::string> addrs,
                                          std::string name) {
  const helloworld::HelloRequest request = request_of(name);
  for (const std::string& addr : addrs) {
    const helloworld::Greeter::Stub stub(sluice::dial(runtime, addr).value());
    auto unary = co_await stub.SayHello(request, {.timeout = std::chrono::seconds(10)});
    if (!unary.ok()) co_return unary.status();
    print(addr, *unary);

    // A timer on the way: it is somebody else's loop that must wake up for it.
    sluice::Status slept = co_await sluice::sleep(std::chrono::milliseconds(5));
    if (!slept.ok()) co_return slept;

    auto stream = stub.SayHelloBiStream();
    for (int i = 0; i < 2; ++i) {
      if (sluice::Status status = co_await stream.write(request); !status.ok()) break;  // finish() tells why
      if (auto reply = co_await stream.read()) print(addr, *reply);
    }
    if (sluice::Status status = co_await stream.finish(); !status.ok()) co_return status;
  }
  co_return sluice::Status();
}

}  // namespace loops
