// MethodTable: registration and look-up.
#include "server/method_table.h"

#include <algorithm>

namespace sluice::inline v0 {

MethodTable::MethodTable(const ServerOptions& options) : interceptors_(options.interceptors) {
  for (const InterceptorRef<ServerInterceptor>& i : options.interceptors) borrows_ |= i.borrowed();
  if (!options.unknown_service) return;
  unknown_ = std::make_unique<call::ServedMethod>();
  unknown_->handler = options.unknown_service;
  unknown_->object = options.unknown_service_object;
  borrows_ = true;
  intercept(*unknown_, true);
}

Status MethodTable::add(const ServiceDesc& desc, void* object, std::shared_ptr<void> keep) {
  const std::string name(desc.name);
  if (frozen_) {
    return Status(StatusCode::kFailedPrecondition, "service " + name + " is registered after serve()");
  }
  if (name.empty() || name.find('/') != std::string::npos) {
    return Status(StatusCode::kInvalidArgument, "\"" + name + "\" is no service name");
  }
  if (std::find(services_.begin(), services_.end(), name) != services_.end()) {
    return Status(StatusCode::kAlreadyExists, "service " + name + " is registered already");
  }
  services_.push_back(name);
  keep ? kept_.push_back(std::move(keep)) : void(borrows_ = true);
  const auto put = [&](std::string_view method, bool client_streams, bool server_streams,
                       void (*handler)(void*, ServerCall&)) {
    std::string path = "/" + name + "/" + std::string(method);
    call::ServedMethod& served = methods_[path];
    served.path = std::move(path);
    served.server_streams = server_streams;
    served.client_streams = client_streams;
    served.handler = handler;
    served.object = object;
    intercept(served, server_streams);
  };
  for (const MethodDesc& m : desc.methods) put(m.name, false, false, m.handler);
  for (const StreamDesc& s : desc.streams) put(s.name, s.client_streams, s.server_streams, s.handler);
  return {};
}

void MethodTable::intercept(call::ServedMethod& served, bool server_streams) {
  served.interceptors = interceptors_;
  if (!detail::any_wraps(interceptors_)) return;
  intercepted_.push_back(std::make_unique<detail::InterceptedMethod>(detail::InterceptedMethod{
      {served.path, served.client_streams, server_streams}, served.handler, served.object, interceptors_}));
  served.handler = &detail::serve_intercepted;
  served.object = intercepted_.back().get();
}

const call::ServedMethod* MethodTable::find(std::string_view path) const {
  const auto it = methods_.find(path);
  return it != methods_.end() ? &it->second : unknown_.get();
}

Status MethodTable::not_found(std::string_view path) const {
  constexpr std::size_t kMaxQuoted = 256;  // bytes of what the peer chose, in the status and the log
  const std::size_t slash = path.rfind('/');
  const std::string service(path.substr(1, slash == 0 ? 0 : slash - 1));
  const std::string method(path.substr(slash + 1));
  if (std::find(services_.begin(), services_.end(), service) != services_.end()) {
    return Status(StatusCode::kUnimplemented,
                  "unknown method " + method.substr(0, kMaxQuoted) + " for service " + service);
  }
  return Status(StatusCode::kUnimplemented, "unknown service " + service.substr(0, kMaxQuoted));
}

}  // namespace sluice::inline v0
