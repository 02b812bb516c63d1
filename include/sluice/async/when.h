// Select: when_any() waits for the first of several things, when_all() for all of them.
#pragma once

#include <array>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "sluice/async/detail/participant.h"

namespace sluice::inline v0 {

namespace detail {

// What both have: one arm for each thing, and the coroutine that waits. Loop-only.
class When {
 public:
  When(const When&) = delete;
  When& operator=(const When&) = delete;

  bool suspend(PromiseBase& parent);

 protected:
  static constexpr std::size_t kNone = ~std::size_t{0};
  // Told when its thing is done.
  struct Arm : Runnable {
    Arm() : Runnable(&came) {}
    static void came(Runnable& self) noexcept;
    When* when = nullptr;
    std::size_t index = 0;
    bool waits = false;
  };

  When(std::span<Arm> arms, bool any) : arms_(arms), any_(any) {}
  ~When() = default;
  virtual bool begin(std::size_t i, Loop& loop, Runnable& done) = 0;
  virtual bool stop(std::size_t i) = 0;
  virtual void give_back(std::size_t i) = 0;
  std::size_t first() const { return first_; }

 private:
  void stop_losers();

  const std::span<Arm> arms_;
  const bool any_;
  PromiseBase* parent_ = nullptr;
  std::size_t waiting_ = 0;  // arms
  std::size_t first_ = kNone;
};

template <bool any, class... W>
class WhenOf : public When {
  static_assert(sizeof...(W) > 0, "when_any() and when_all() wait for something");

 protected:
  explicit WhenOf(W&... things) : When(arms_, any), parts_(things...) {}

  template <class F>
  void with_part(std::size_t i, F f) {
    [&]<std::size_t... I>(std::index_sequence<I...>) { ((I == i ? f(std::get<I>(parts_)) : void()), ...); }
    (std::index_sequence_for<W...>());
  }
  bool begin(std::size_t i, Loop& loop, Runnable& done) override {
    bool over = false;
    with_part(i, [&](auto& part) { over = part.begin(loop, done); });
    return over;
  }
  bool stop(std::size_t i) override {
    bool over = false;
    if constexpr (any) with_part(i, [&](auto& part) { over = part.stop(); });
    return over;
  }
  void give_back(std::size_t i) override {
    if constexpr (any) with_part(i, [&](auto& part) { part.give_back(); });
  }

  std::array<Arm, sizeof...(W)> arms_;
  std::tuple<Participant<std::remove_cvref_t<W>>...> parts_;
};

template <class W>
struct WhenAwaiter {
  bool await_ready() const noexcept { return false; }
  template <TaskPromise P>
  SLUICE_NOINLINE_AWAIT bool await_suspend(std::coroutine_handle<P> h) {
    return when.suspend(h.promise());
  }
  auto await_resume() { return when.take_result(); }
  W& when;
};

}  // namespace detail

template <class... W>
class [[nodiscard]] WhenAny final : public detail::WhenOf<true, W...> {
 public:
  explicit WhenAny(W&... things) : detail::WhenOf<true, W...>(things...) {}
  using value_type = std::variant<detail::ParticipantResult<W>...>;
  value_type take_result() { return take<0>(); }
  detail::WhenAwaiter<WhenAny> operator co_await() && { return {*this}; }
  void operator co_await() & = delete;  // of one with a name, whose things have gone

 private:
  template <std::size_t I>
  value_type take() {
    if constexpr (I + 1 < sizeof...(W)) {
      if (this->first() != I) return take<I + 1>();
    }
    return value_type(std::in_place_index<I>, detail::take_from(std::get<I>(this->parts_)));
  }
};

template <class... W>
class [[nodiscard]] WhenAll final : public detail::WhenOf<false, W...> {
 public:
  explicit WhenAll(W&... things) : detail::WhenOf<false, W...>(things...) {}
  using value_type = std::tuple<detail::ParticipantResult<W>...>;
  value_type take_result() {
    return std::apply([](auto&... part) { return value_type{detail::take_from(part)...}; }, this->parts_);
  }
  detail::WhenAwaiter<WhenAll> operator co_await() && { return {*this}; }
  void operator co_await() & = delete;  // of one with a name, whose things have gone
};

// Waits for the first of several things:
//
//   auto first = co_await when_any(stream.read(), event.wait(), sleep(30s));
//   if (first.index() == 0) use(std::get<0>(first));
//
// The result is a variant: its index says which one was first, and its value is what awaiting that one alone
// gives (std::monostate for void): a Read of a handler's stream, which throws as it does in a loop, or the
// Result of a pop. If several are done already, the leftmost is first, each time: in a loop, put the end
// (draining, cancellation) before what empties (a queue), and that before what fills (a stream's read), or
// one that is always ready starves those to its right. What losing means:
//
// - sleep(), Event::wait(), Context::done(): nothing.
// - Queue::pop(): a value that came for it goes to the next who waits, or back to the front of the queue.
// - a stream's read(): a message that comes for it is the next read's.
// - a Call (an lvalue, `auto call = stub.Get(request).start();`): it goes on, and can be awaited again.
//   Its destructor cancels it.
//
// A unary call or a write that has not been started does not compile here, nor does a push or a Task: nobody
// would know whether it has happened. The coroutine goes on when all the others have been stopped, so nothing
// of them runs any more; for what is on its way from another loop or thread that takes a moment.
//
// Lifetime: to be awaited in the expression that made it. Thread: Loop-only, each thing on any loop.
template <class... W>
WhenAny<std::remove_reference_t<W>...> when_any(W&&... things) {
  (detail::check_may_lose<W>(), ...);
  return WhenAny<std::remove_reference_t<W>...>(things...);
}

// Waits for all of them, which run at the same time, and gives their results as a tuple:
//
//   auto [user, orders] = co_await when_all(users.Get(request), shop.List(request));
//
// Takes all that when_any() does, and unstarted calls, writes, pushes and Tasks. Errors: if a Task threw,
// that is thrown here, of the leftmost, when all have ended.
template <class... W>
WhenAll<std::remove_reference_t<W>...> when_all(W&&... things) {
  (detail::check_may_wait<W>(), ...);
  return WhenAll<std::remove_reference_t<W>...>(things...);
}

}  // namespace sluice::inline v0
