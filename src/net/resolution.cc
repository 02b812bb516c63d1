// getaddrinfo, and who gets its answer.
#include "net/resolution.h"

#include <netdb.h>

#include <cerrno>
#include <memory>

#include "net/fd.h"

namespace sluice::net {

void Resolution::work(Runnable& self) noexcept {
  auto& resolution = static_cast<Resolution&>(static_cast<Work&>(self));
  resolution.resolve();
  // From the exchange on the loop may free the resolution.
  Loop& loop = resolution.loop_;
  Runnable& answered = resolution.answered_;
  if (resolution.state_.exchange(State::kAnswered) == State::kAbandoned) {
    delete &resolution;
  } else {
    loop.post(answered);
  }
}

void Resolution::resolve() {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(target_.host.c_str(), std::to_string(target_.port).c_str(), &hints, &found);
  if (error != 0) {
    const std::string cause = error == EAI_SYSTEM ? error_text(errno) : ::gai_strerror(error);
    status = Status(StatusCode::kUnavailable, "cannot resolve \"" + target_.host + "\": " + cause);
    return;
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) addrs.emplace_back(a->ai_addr, a->ai_addrlen);
}

}  // namespace sluice::net
