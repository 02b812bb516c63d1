// InterceptedMethod: a method of a server with interceptors around it, to be put where the method itself
// would stand.
#pragma once

#include <span>

#include "sluice/rpc/interceptor.h"
#include "sluice/rpc/service.h"

namespace sluice::inline v0::detail {

// Lifetime: longer than the calls.
struct InterceptedMethod {
  MethodInfo info;  // an empty path: that of each call
  void (*handler)(void* object, ServerCall& call);
  void* object;
  std::span<const InterceptorRef<ServerInterceptor>> chain;
};

// A method's handler function, whose object is a InterceptedMethod.
void serve_intercepted(void* method, ServerCall& call);

}  // namespace sluice::inline v0::detail
