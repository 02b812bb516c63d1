// A value, or the Status that says why there is none.
#pragma once

#include <cassert>
#include <optional>
#include <type_traits>
#include <utility>

#include "sluice/base/status.h"

namespace sluice::inline v0 {

// Holds a T exactly when ok(). Made from a T or from a failed Status; an OK Status becomes INTERNAL.
//
// Errors: `*` and `->` REQUIRE ok(); value() throws StatusError when there is no value.
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

  T& value() & { return check(), *value_; }
  const T& value() const& { return check(), *value_; }
  T&& value() && { return check(), std::move(*value_); }

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
