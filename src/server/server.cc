// Server: the handle users hold; its operations as kinds of Op. Its constructor is in runtime, which knows
// the transports.
#include "sluice/server/server.h"

#include "server/server_core.h"

namespace sluice::inline v0 {
namespace {

ServerCore& core_of(const detail::OpArgs& args) { return *static_cast<ServerCore*>(args.object); }
Loop& home_of(const detail::OpArgs& args) { return core_of(args).home(); }

detail::OpRecord* start_quiet(const detail::OpArgs& args) {
  auto* record = new QuietRecord(core_of(args).shared_from_this());
  core_of(args).stopping().wait(*record);
  return record;
}

detail::OpRecord* start_drain(const detail::OpArgs& args) {
  core_of(args).stopping().drain();
  return start_quiet(args);
}

// The deadline travels in the arguments' options, as nanoseconds.
detail::OpRecord* start_stop(const detail::OpArgs& args) {
  core_of(args).stopping().drain();
  auto* record = new QuietRecord(core_of(args).shared_from_this());
  const TimePoint deadline{Duration(reinterpret_cast<std::intptr_t>(args.options))};
  record->core->home().arm(record->timer, deadline);
  record->core->stopping().wait(*record);
  return record;
}

void release_quiet(detail::OpRecord* r) {
  auto* record = static_cast<QuietRecord*>(r);
  if (record->collecting) {
    record->abandoned = true;
    return;
  }
  delete record;
}

void cancel_quiet(detail::OpRecord* r) { static_cast<QuietRecord*>(r)->cancel(); }

template <class T>
constexpr detail::OpKindOf<T> quiet_kind(detail::OpRecord* (*start)(const detail::OpArgs&),
                                         detail::OpResult<T> (*take)(detail::OpRecord*)) {
  detail::OpKindOf<T> kind{};
  kind.loop = &home_of;
  kind.start = start;
  kind.cancel = &cancel_quiet;
  kind.release = &release_quiet;
  kind.take = take;
  return kind;
}

Status take_quiet(detail::OpRecord* r) { return static_cast<QuietRecord*>(r)->status; }
Result<StopReport> take_report(detail::OpRecord* r) {
  auto& record = static_cast<QuietRecord&>(*r);
  if (!record.status.ok()) return record.status;
  return std::move(record.report);
}

constexpr detail::OpKindOf<Status> kQuiet = quiet_kind<Status>(&start_quiet, &take_quiet);
constexpr detail::OpKindOf<Status> kDrain = quiet_kind<Status>(&start_drain, &take_quiet);
constexpr detail::OpKindOf<StopReport> kStop = quiet_kind<StopReport>(&start_stop, &take_report);

}  // namespace

Server::~Server() {
  close();
  core_->home().count_owner(-1);
  // Handlers use the services, which may go after the server: they end first.
  if (!core_->home().check_may_block().ok()) {
    core_->stopping().let_go_on_a_loop();
    return;
  }
  const Status status = Op<Status>(kQuiet, core_.get(), nullptr, nullptr).get();
  if (status.ok()) {
    core_->methods().drop_services();
  } else {
    core_->home().group().log(LogLevel::kError,
                              "a server was destroyed while handlers run: " + status.to_string());
  }
}

Status Server::register_service(Service& service) {
  return core_->methods().add(service.service_desc(), service.service_object(), nullptr);
}

Status Server::register_service(std::shared_ptr<Service> service) {
  if (!service) return Status(StatusCode::kInvalidArgument, "register_service() needs a service");
  Service& s = *service;
  return core_->methods().add(s.service_desc(), s.service_object(), std::move(service));
}

Status Server::register_service(const ServiceDesc& desc, void* object) {
  return core_->methods().add(desc, object, nullptr);
}

Status Server::serve(std::unique_ptr<net::Listener> listener) { return core_->serve(std::move(listener)); }

std::vector<Addr> Server::addrs() const { return core_->listeners().addrs(); }

Status Server::stop_listening(const Addr& addr) { return core_->listeners().close(addr); }

LimitCounts Server::limit_counts() const { return core_->limit_counters().read(); }

LimitPeaks Server::limit_peaks() const { return core_->limit_counters().read_peaks(); }

Context Server::draining() const { return core_->stopping().draining(); }
Op<Status> Server::drain() { return {kDrain, core_.get(), nullptr, nullptr}; }

void Server::close() { core_->stopping().close(); }

Op<StopReport> Server::stop(TimePoint deadline) {
  const auto ns = static_cast<std::intptr_t>(deadline.time_since_epoch().count());
  return {kStop, core_.get(), nullptr, reinterpret_cast<const void*>(ns)};
}

}  // namespace sluice::inline v0
