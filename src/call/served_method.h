// ServedMethod: a method as a server serves it, and what a server tells its calls.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "call/message_encoding.h"
#include "sluice/rpc/interceptor.h"
#include "sluice/rpc/service.h"

namespace sluice::inline v0::call {

struct ServedMethod {
  std::string path;
  bool server_streams = true;  // false: exactly one reply
  bool client_streams = true;  // false: exactly one request message, complete before the handler runs
  void (*handler)(void* object, ServerCall& call) = nullptr;
  void* object = nullptr;
  std::span<const InterceptorRef<ServerInterceptor>> interceptors = {};  // asked before the handler starts
  // Bytes that a call of it has needed for its handler and frames; 0: not known yet. Any thread.
  mutable std::atomic<std::uint32_t> slab_size{0};
};

class ServedCall;

// How many handlers run on one loop, for whoever ends the server on another one.
//
// Thread: enter and leave are loop-only, count is for any. Where there are other loops each side says what it
// does before it looks at the other: a handler counts itself and then asks whether the server is `gone`; the
// server is gone and then counts. One loop needs no such order, and pays for none.
class RunningHandlers {
 public:
  explicit RunningHandlers(const std::atomic<bool>* gone) : gone_(gone) {}
  // False: the server has gone, and what handlers use with it.
  bool enter() {
    if (gone_ == nullptr) {
      count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return true;
    }
    count_.fetch_add(1);
    if (!gone_->load()) return true;
    leave();
    return false;
  }
  void leave() { count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_release); }
  std::size_t count() const { return count_.load(); }

 private:
  const std::atomic<bool>* const gone_;  // null: there is one loop
  std::atomic<std::uint32_t> count_{0};
};

// Constant while the server serves.
class ServedMethods {
 public:
  virtual const ServedMethod* find(std::string_view path) const = 0;
  virtual Status not_found(std::string_view path) const = 0;
  // Cancelled when the server drains.
  virtual const Context& draining() const = 0;
  virtual const Compression& compression() const = 0;
  virtual const CodecSet& codecs() const = 0;
  // The call is about to be freed: its handler has ended and its transport has let go of it. Loop-only.
  virtual void on_call_gone(ServedCall& call) = 0;

  RunningHandlers handlers;

 protected:
  explicit ServedMethods(const std::atomic<bool>* gone) : handlers(gone) {}
  ~ServedMethods() = default;
};

}  // namespace sluice::inline v0::call
