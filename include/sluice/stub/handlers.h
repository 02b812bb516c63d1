// Makes the handlers of a service's descriptor from its typed methods. Generated services use it.
#pragma once

#include <string>

#include "sluice/stub/detail/handlers.h"

namespace sluice::inline v0 {

// The `handler` of a MethodDesc or StreamDesc, for the four kinds of methods:
// `{"SayHello", &unary_method<Service, HelloRequest, HelloReply, &Service::SayHello>}`.
template <class S, class Req, class Rep, Task<Result<Rep>> (S::*method)(ServerContext&, const Req&)>
void unary_method(void* service, ServerCall& call) {
  auto& h = call.make<detail::UnaryHandler<Req, Rep>>();
  detail::run_handler(call, h, [&]() -> Status {
    if (Status s = detail::decode_request<Req>(call, h); !s.ok()) return s;
    h.task = (static_cast<S*>(service)->*method)(call.context(), h.request);
    return {};
  });
}

template <class S, class Req, class Rep,
          Task<Status> (S::*method)(ServerContext&, const Req&, ServerWriter<Rep>&)>
void server_stream_method(void* service, ServerCall& call) {
  auto& h = call.make<detail::StreamHandler<ServerWriter<Rep>, Req>>(call.stream());
  detail::run_handler(call, h, [&]() -> Status {
    if (Status s = detail::decode_request<Req>(call, h); !s.ok()) return s;
    h.task = (static_cast<S*>(service)->*method)(call.context(), h.request, h.stream);
    return {};
  });
}

template <class S, class Req, class Rep, Task<Result<Rep>> (S::*method)(ServerContext&, ServerReader<Req>&)>
void client_stream_method(void* service, ServerCall& call) {
  auto& h = call.make<detail::ClientStreamHandler<Req, Rep>>(call.stream());
  detail::run_handler(call, h, [&]() -> Status {
    if (Status s = detail::check_codec<Req>(call); !s.ok()) return s;
    h.task = (static_cast<S*>(service)->*method)(call.context(), h.stream);
    return {};
  });
}

template <class S, class Req, class Rep,
          Task<Status> (S::*method)(ServerContext&, ServerReaderWriter<Rep, Req>&)>
void bidi_stream_method(void* service, ServerCall& call) {
  auto& h = call.make<detail::StreamHandler<ServerReaderWriter<Rep, Req>, detail::NoRequest>>(call.stream());
  detail::run_handler(call, h, [&]() -> Status {
    if (Status s = detail::check_codec<Req>(call); !s.ok()) return s;
    h.task = (static_cast<S*>(service)->*method)(call.context(), h.stream);
    return {};
  });
}

// The answer of a method that is not overridden.
template <class T>
Task<T> unimplemented(std::string_view method) {
  co_return Status(StatusCode::kUnimplemented, "method " + std::string(method) + " is not implemented");
}

}  // namespace sluice::inline v0
