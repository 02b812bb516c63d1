// Look-ups, who shares them, and getaddrinfo.
#include "net/resolver.h"

#include <netdb.h>

#include <algorithm>
#include <cerrno>

#include "net/fd.h"

namespace sluice::inline v0::net {

namespace {

// A name that never leaves this machine (RFC 6761 section 6.3), also where there is no /etc/hosts to say so.
bool is_localhost(std::string host) {
  for (char& c : host) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (host.ends_with('.')) host.pop_back();
  return host == "localhost" || host.ends_with(".localhost");
}

}  // namespace

// Lifetime: its own; its worker frees it, or whoever withdraws it from the pool.
class Resolver::Lookup final : public BlockingPool::Work {
 public:
  Lookup(std::shared_ptr<Resolver> r, std::string h)
      : Work(&work), resolver(std::move(r)), host(std::move(h)) {}
  static void work(Runnable& self) noexcept {
    const std::unique_ptr<Lookup> lookup(&static_cast<Lookup&>(static_cast<Work&>(self)));
    lookup->resolver->perform(*lookup);
  }
  const std::shared_ptr<Resolver> resolver;  // shared: with its network, which may go meanwhile
  const std::string host;
  std::vector<Waiter*> waiters;  // under the resolver's mutex
};

Status Resolver::start(const HostPort& target, Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  Lookup*& lookup = lookups_[target.host];
  if (lookup == nullptr) {
    auto begun = std::make_unique<Lookup>(shared_from_this(), target.host);
    if (Status status = pool_.submit(*begun, waiter.loop_); !status.ok()) {
      lookups_.erase(target.host);
      return status;
    }
    lookup = begun.release();
  }
  lookup->waiters.push_back(&waiter);
  waiter.port_ = target.port;
  waiter.lookup_ = lookup;
  return {};
}

bool Resolver::try_abandon(Waiter& waiter) {
  std::unique_ptr<Lookup> withdrawn;  // goes last: it may hold the last reference to this
  const std::lock_guard lock(mutex_);
  Lookup* const lookup = waiter.lookup_;
  if (lookup == nullptr) return false;
  std::erase(lookup->waiters, &waiter);
  if (lookup->waiters.empty() && pool_.try_withdraw(*lookup)) {
    lookups_.erase(lookup->host);
    withdrawn.reset(lookup);
  }
  return true;
}

void Resolver::perform(Lookup& lookup) {
  Answer answer;
  try {
    answer = look_up_(lookup.host);
  } catch (const std::exception& e) {
    answer.status = Status(StatusCode::kInternal,
                           "cannot resolve \"" + lookup.host + "\": the look-up threw: " + e.what());
  }
  const std::lock_guard lock(mutex_);
  lookups_.erase(lookup.host);
  for (Waiter* waiter : lookup.waiters) {
    waiter->lookup_ = nullptr;
    waiter->answer = answer;
    for (SocketAddr& addr : waiter->answer.addrs) addr.set_port(waiter->port_);
    waiter->loop_.post(waiter->answered_);
  }
}

Resolver::Answer Resolver::ask_system(const std::string& host) {
  Answer answer = ask_getaddrinfo(host);
  if (answer.status.ok() || !is_localhost(host)) return answer;
  answer.status = Status();
  for (const char* loopback : {"127.0.0.1:0", "[::1]:0"})
    answer.addrs.push_back(*to_literal(*parse_host_port({"tcp", loopback})));
  return answer;
}

Resolver::Answer Resolver::ask_getaddrinfo(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  Answer answer;
  if (error != 0) {
    const std::string cause = error == EAI_SYSTEM ? error_text(errno) : ::gai_strerror(error);
    answer.status = Status(StatusCode::kUnavailable, "cannot resolve \"" + host + "\": " + cause);
    return answer;
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next)
    answer.addrs.emplace_back(a->ai_addr, a->ai_addrlen);
  return answer;
}

}  // namespace sluice::inline v0::net
