// The service behind the unary rows of every sluice subject.
#pragma once

#include <sluice/sluice.h>

#include <cstdio>
#include <utility>

#include "helloworld.sluice.h"
#include "support/payload.h"

namespace bench {

class Greeter final : public helloworld::Greeter::Service {
  sluice::Task<sluice::Result<helloworld::HelloReply>> SayHello(
      sluice::ServerContext&, const helloworld::HelloRequest& request) override {
    helloworld::HelloReply reply;
    reply.set_message("Hello " + request.name());
    co_return reply;
  }
};

inline bool say_hello(const helloworld::Greeter::Stub& stub, const Payloads& payloads, std::uint64_t i,
                      const sluice::CallOptions& options = {}) {
  helloworld::HelloRequest request;
  request.set_name(payloads.name(i));
  sluice::Result<helloworld::HelloReply> reply = stub.SayHello(request, options).get();
  return reply.ok() && reply->message() == payloads.greeting(i);
}

// How near connections came to their limits, for tests/interop/guards.py.
inline void tell_peaks(const sluice::LimitPeaks& peaks) {
  std::fprintf(stderr, "limit peaks: %s\n", to_string(peaks).c_str());
}
// The same of a server; ends its connections first.
inline void tell_peaks(sluice::Server& server) {
  server.stop({}).get();
  tell_peaks(server.limit_peaks());
}

inline void require(sluice::Status status) {
  if (!status.ok()) throw sluice::StatusError(std::move(status));
}

}  // namespace bench
