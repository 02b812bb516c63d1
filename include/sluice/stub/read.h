// Read: what a read of a stream gives: a message, or its end, or why there is neither.
#pragma once

#include <cassert>
#include <memory>
#include <optional>
#include <utility>

#include "sluice/base/status.h"

namespace sluice::inline v0 {

namespace detail {

// Whether a stream that was cut off throws where its reader asks for a message. A server's does: a handler
// that took it for a whole one would do what its caller never asked for. A client's does not: finish() tells.
enum class OnCut : bool { kSays, kThrows };

[[noreturn, gnu::cold]] inline void throw_cut(const Status& why) { throw StatusError(why); }

}  // namespace detail

// The outcome of read():
//
//   while (auto message = co_await reader.read()) use(*message);
//
// The loop ends when the other side has half-closed. If the stream was cut off instead (the client has gone
// or cancelled, the deadline has passed, a message did not decode), a handler's loop is left by a
// StatusError, which needs no catching: the call has its status already. So give back by destructors, not
// behind the loop, and run tasks in with_scope(): a Scope may not be left by an exception. Who wants to see
// it without an exception asks has_value() and status(), which never throw. A client's loop ends in either
// case, and finish() tells.
template <class T>
class [[nodiscard]] Read {
 public:
  Read() = default;  // the end of the stream
  explicit Read(T message) : message_(std::move(message)) {}
  // REQUIRES: `why` is not OK.
  Read(Status why, detail::OnCut on_cut)
      : failure_(std::make_unique<const Status>(std::move(why))), throws_(on_cut == detail::OnCut::kThrows) {}

  // Whether there is a message. Errors: a handler's throws a StatusError if the stream was cut off.
  explicit operator bool() const {
    if (failure_ && throws_) [[unlikely]]
      detail::throw_cut(*failure_);
    return message_.has_value();
  }
  bool has_value() const { return message_.has_value(); }
  // OK: a message, or the proper end of the stream.
  Status status() const { return failure_ ? *failure_ : Status(); }

  // REQUIRE has_value().
  T& operator*() & { return assert(has_value()), *message_; }
  const T& operator*() const& { return assert(has_value()), *message_; }
  T&& operator*() && { return assert(has_value()), std::move(*message_); }
  T* operator->() { return assert(has_value()), &*message_; }
  const T* operator->() const { return assert(has_value()), &*message_; }
  T value_or(T other) && { return has_value() ? std::move(*message_) : std::move(other); }
  // The message. Errors: throws a StatusError if there is none, OUT_OF_RANGE at the end of the stream.
  T value() && {
    if (failure_) throw StatusError(*failure_);
    if (!message_) throw StatusError(Status(StatusCode::kOutOfRange, "the stream has ended"));
    return std::move(*message_);
  }

 private:
  std::optional<T> message_;
  std::unique_ptr<const Status> failure_;
  bool throws_ = false;
};

}  // namespace sluice::inline v0
