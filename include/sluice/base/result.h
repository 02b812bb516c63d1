// A value, or the Status that says why there is none.
#pragma once

#include <cassert>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "sluice/base/status.h"

namespace sluice::inline v0 {

// Holds a T exactly when ok(). Made from a T or from a failed Status; an OK Status becomes INTERNAL. Its
// other names are those of std::expected<T, Status>, with the same meaning: has_value(), error(), value_or(),
// and_then(), transform().
//
// Errors: `*`, `->` and error() REQUIRE that there is a value, or none; value() throws StatusError when there
// is no value.
template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(const T& value) : value_(value) {}
  Result(T&& value) : value_(std::move(value)) {}
  Result(Status status) : status_(std::move(status)) {
    if (status_.ok())
      status_ = Status(StatusCode::kInternal, "a result was made from an OK status without a value");
  }
  // So that `return {code, "text"};` and `co_return {code, "text"};` work.
  Result(StatusCode code, std::string message) : Result(Status(code, std::move(message))) {}

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Status& status() const& { return status_; }
  Status status() && { return std::move(status_); }

  bool has_value() const { return ok(); }
  const Status& error() const& { return assert(!ok()), status_; }
  Status error() && { return assert(!ok()), std::move(status_); }

  T& value() & { return check(), *value_; }
  const T& value() const& { return check(), *value_; }
  // By value: `const T& t = call().value();` and `for (auto& x : call().value())` hold what they refer to.
  T value() && { return check(), std::move(*value_); }
  template <class U>
  T value_or(U&& other) const& {
    return ok() ? *value_ : static_cast<T>(std::forward<U>(other));
  }
  template <class U>
  T value_or(U&& other) && {
    return ok() ? std::move(*value_) : static_cast<T>(std::forward<U>(other));
  }

  // `f(value)`, which gives a Result, or the failure.
  template <class F>
  auto and_then(F&& f) && -> std::remove_cvref_t<std::invoke_result_t<F, T&&>> {
    if (!ok()) return std::move(status_);
    return std::invoke(std::forward<F>(f), std::move(*value_));
  }
  template <class F>
  auto and_then(F&& f) const& -> std::remove_cvref_t<std::invoke_result_t<F, const T&>> {
    if (!ok()) return status_;
    return std::invoke(std::forward<F>(f), *value_);
  }
  // `f(value)` in a Result, or the failure.
  template <class F>
  auto transform(F&& f) && -> Result<std::remove_cvref_t<std::invoke_result_t<F, T&&>>> {
    if (!ok()) return std::move(status_);
    return std::invoke(std::forward<F>(f), std::move(*value_));
  }
  template <class F>
  auto transform(F&& f) const& -> Result<std::remove_cvref_t<std::invoke_result_t<F, const T&>>> {
    if (!ok()) return status_;
    return std::invoke(std::forward<F>(f), *value_);
  }

  T& operator*() & { return assert(ok()), *value_; }
  const T& operator*() const& { return assert(ok()), *value_; }
  T&& operator*() && { return assert(ok()), std::move(*value_); }
  T* operator->() { return assert(ok()), &*value_; }
  const T* operator->() const { return assert(ok()), &*value_; }

 private:
  void check() const {
    if (!value_) throw StatusError(status_);
  }

  std::optional<T> value_;
  Status status_;
};

}  // namespace sluice::inline v0
