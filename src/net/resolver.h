// Resolver: names on their way through the system's resolver, on threads of a pool.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/socket_addr.h"
#include "sluice/async/blocking.h"

namespace sluice::inline v0::net {

// One look-up a name at a time, whoever waits for it: a name server that does not answer holds one thread a
// name, and a dial that is tried again joins the look-up that its last attempt left behind. One that nobody
// waits for any more before it began is not performed.
//
// The system's resolver cannot be interrupted and may take many seconds. The mutex settles who gets an answer
// and who has given up; it is held for no longer than that.
// Thread: any, loop arguments as in network.h. Lifetime: look-ups in progress keep it.
class Resolver : public std::enable_shared_from_this<Resolver> {
 public:
  struct Answer {
    Status status;                  // why there are no addresses
    std::vector<SocketAddr> addrs;  // in the system's order, with port 0
  };
  using LookUp = std::function<Answer(const std::string& host)>;
  // "localhost" and names below it are known also where the system does not know them.
  static Answer ask_system(const std::string& host);

  // `look_up` is called on threads of `pool`, and may block.
  explicit Resolver(BlockingPool& pool, LookUp look_up = &ask_system)
      : pool_(pool), look_up_(std::move(look_up)) {}

 private:
  class Lookup;

 public:
  // Who waits for a name. Lifetime: until `answered` has run, or abandon() said that it will not.
  class Waiter {
   public:
    Waiter(Loop& loop, Runnable& answered) : loop_(loop), answered_(answered) {}
    Answer answer;  // once answered

   private:
    friend class Resolver;
    Loop& loop_;
    Runnable& answered_;
    // Under the resolver's mutex.
    std::uint16_t port_ = 0;
    Lookup* lookup_ = nullptr;  // null once it was answered
  };
  // Runs the waiter's `answered` on its loop when the answer is there, with the target's port in its
  // addresses. Fails if no thread can be made.
  Status start(const HostPort& target, Waiter& waiter);
  // True: nothing will run, and the waiter may go. False: its answer is there, and `answered` is about to
  // run.
  bool try_abandon(Waiter& waiter);

 private:
  static Answer ask_getaddrinfo(const std::string& host);
  void perform(Lookup& lookup);

  BlockingPool& pool_;
  const LookUp look_up_;
  std::mutex mutex_;
  // Under mutex_. Those that wait for a thread, and those in progress.
  std::map<std::string, Lookup*> lookups_;
};

}  // namespace sluice::inline v0::net
