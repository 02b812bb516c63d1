// MethodTable: the services of a server and the functions that serve their methods (grpc-go:
// Server.RegisterService).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "call/served_method.h"
#include "rpc/intercepted_method.h"
#include "sluice/server/server.h"

namespace sluice::inline v0 {

// Thread: any; changed before freeze() only, read without a lock behind it. Lifetime: the options outlive it.
class MethodTable {
 public:
  explicit MethodTable(const ServerOptions& options);

  // The errors are Server::register_service()'s. `keep`: what owns `object`; null: it is borrowed.
  Status add(const ServiceDesc& desc, void* object, std::shared_ptr<void> keep);
  // Calls are served from now on.
  void freeze() { frozen_ = true; }

  // What serves `path`: its method, else the handler for unknown services, else null.
  const call::ServedMethod* find(std::string_view path) const;
  // Says whether the method or its service is unknown. REQUIRES a slash in `path`.
  Status not_found(std::string_view path) const;

  // Handlers use services or interceptors that the table does not keep.
  bool borrows() const { return borrows_; }
  // Lets go of the services registered by shared_ptr. REQUIRES that no handler runs or begins any more.
  void drop_services() { kept_.clear(); }

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
  };
  // Puts the interceptors around a method that is complete but for them.
  void intercept(call::ServedMethod& served, bool server_streams);

  const std::span<const InterceptorRef<ServerInterceptor>> interceptors_;
  std::atomic<bool> frozen_{false};
  // Constant once frozen.
  std::unordered_map<std::string, call::ServedMethod, TextHash, std::equal_to<>> methods_;
  std::vector<std::string> services_;
  std::vector<std::shared_ptr<void>> kept_;  // services registered by shared_ptr
  bool borrows_ = false;
  std::unique_ptr<call::ServedMethod> unknown_;
  std::vector<std::unique_ptr<detail::InterceptedMethod>> intercepted_;  // what served methods point to
};

}  // namespace sluice::inline v0
