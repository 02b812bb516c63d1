// Participant: how each kind of thing takes part in when_any() and when_all().
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>
#include <variant>

#include "sluice/async/detail/wait.h"
#include "sluice/async/op.h"

namespace sluice::inline v0::detail {

// One thing that is waited for. Loop-only.
//
//   bool begin(Loop& loop, Runnable& done);  // true: it is done at once, and `done` does not run
//   bool stop();       // true: `done` does not run. False: it will, soon
//   void give_back();  // it is done and nobody takes its outcome
//   R take();          // its outcome; not called if it was stopped or given back
template <class W>
class Participant {
  static_assert(sizeof(W) == 0,
                "this cannot be waited for by when_any() or when_all(): they take sleep(), "
                "Event::wait(), Queue::pop(), Context::done(), reads of streams and started Calls");
};

template <std::derived_from<Wait> W>
class Participant<W> {
 public:
  explicit Participant(W& wait) : wait_(wait) {}
  bool begin(Loop& loop, Runnable& done) { return wait_.begin(loop, done); }
  bool stop() { return wait_.stop(); }
  void give_back() { wait_.give_back(); }
  auto take() { return wait_.await_resume(); }

 private:
  W& wait_;
};

struct RemotePart;

// The record of an operation: one in flight, which goes on if nobody takes it, or one that is started here.
class RecordPart {
 public:
  RecordPart(Loop& loop, OpRecord* record) : loop_(loop), record_(record) {}
  explicit RecordPart(const OpArgs& args) : args_(args), loop_(args.kind->loop(args)), owns_(true) {}
  RecordPart(const RecordPart&) = delete;
  RecordPart& operator=(const RecordPart&) = delete;
  ~RecordPart();

  bool begin(Loop& loop, Runnable& done);
  bool stop();
  void give_back();
  // REQUIRES: it is done.
  OpRecord* record() const { return record_; }
  // Of one that is started here.
  const OpKind& kind() const { return *args_.kind; }

 private:
  friend struct RemotePart;
  const OpArgs args_ = {};
  Loop& loop_;
  OpRecord* record_ = nullptr;
  RemotePart* remote_ = nullptr;  // if the operation's loop is another one
  const bool owns_ = false;
};

template <class T>
class Participant<Call<T>> {
 public:
  explicit Participant(Call<T>& call) : call_(call), part_(call.loop(), call.waitable()) {}
  bool begin(Loop& loop, Runnable& done) { return part_.begin(loop, done); }
  bool stop() { return part_.stop(); }
  void give_back() {}
  OpResult<T> take() { return call_.take(); }

 private:
  Call<T>& call_;
  RecordPart part_;
};

template <class T>
class Participant<Op<T>> {
 public:
  explicit Participant(Op<T>& op) : part_(op.claim()) {}
  bool begin(Loop& loop, Runnable& done) { return part_.begin(loop, done); }
  bool stop() { return part_.stop(); }
  void give_back() { part_.give_back(); }
  OpResult<T> take() {
    return take_outcome<T>(static_cast<const OpKindOf<T>&>(part_.kind()), part_.record());
  }

 private:
  RecordPart part_;
};

// For when_all() only: begin() starts it.
template <class T>
class Participant<Task<T>> {
 public:
  explicit Participant(Task<T>& task) : task_(task) {}
  bool begin(Loop& loop, Runnable& done) { return task_.start(loop, done); }
  T take() { return task_.take(); }

 private:
  Task<T>& task_;
};

// Void is std::monostate.
template <class P>
auto take_from(P& part) {
  if constexpr (std::is_void_v<decltype(part.take())>) {
    part.take();
    return std::monostate();
  } else {
    return part.take();
  }
}
template <class W>
using ParticipantResult = decltype(take_from(std::declval<Participant<std::remove_cvref_t<W>>&>()));

template <template <class> class Of, class T>
inline constexpr bool kIsA = false;
template <template <class> class Of, class T>
inline constexpr bool kIsA<Of, Of<T>> = true;
// A read gives its message back; specialised where reads are.
template <class T>
inline constexpr bool kIsRead = false;

template <class W>
constexpr void check_may_wait() {
  using T = std::remove_cvref_t<W>;
  static_assert(!kIsA<Call, T> || std::is_lvalue_reference_v<W>,
                "a Call takes part by its name, `when_any(call, ...)`: a temporary one would be cancelled");
  static_assert(!(kIsA<Op, T> || kIsA<Task, T>) || !std::is_lvalue_reference_v<W>,
                "an operation or a Task takes part as a temporary: std::move(it)");
}
template <class W>
constexpr void check_may_lose() {
  using T = std::remove_cvref_t<W>;
  check_may_wait<W>();
  static_assert(!kIsA<Task, T>,
                "when_any() cannot stop a Task that loses: spawn it in a TaskScope, and wait for an Event");
  static_assert(
      !kIsA<Op, T> || kIsRead<T>,
      "a write or a unary call takes part in when_any() as a started Call: `auto call = op.start();`");
  static_assert(
      !requires { T::kCannotLose; }, "a push takes no part in when_any(): give it a timeout or a context");
}

}  // namespace sluice::inline v0::detail
