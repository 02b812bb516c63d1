// Stage one of interceptors.
#include "sluice/rpc/interceptor.h"

namespace sluice::inline v0::detail {

namespace {

template <class I, class Call>
Status ask(const InterceptorRef<I>& interceptor, Call& call) noexcept {
  if (!interceptor.get()) return {};
  try {
    return interceptor.get()->on_headers(call);
  } catch (...) {
    return status_of_exception("interceptor");
  }
}

}  // namespace

Status run_on_headers(std::span<const InterceptorRef<ServerInterceptor>> chain,
                      ServerContext& context) noexcept {
  for (std::size_t i = 0; i < chain.size(); ++i) {
    Status status = ask(chain[i], context);
    if (status.ok()) continue;
    for (std::size_t outer = i; outer-- > 0;) {
      if (!chain[outer].get()) continue;
      try {
        chain[outer].get()->on_refused(context, status);
      } catch (...) {
        status = status_of_exception("interceptor");
      }
    }
    return status;
  }
  return {};
}

Status run_on_headers(std::span<const InterceptorRef<ClientInterceptor>> chain,
                      OutgoingHeaders& headers) noexcept {
  for (const InterceptorRef<ClientInterceptor>& interceptor : chain) {
    if (Status status = ask(interceptor, headers); !status.ok()) return status;
  }
  return {};
}

}  // namespace sluice::inline v0::detail
