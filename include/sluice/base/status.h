// The outcome of a call: one of gRPC's codes with a message (grpc-go: status.Status).
// Codes: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
#pragma once

#include <cstdint>
#include <exception>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::inline v0 {

// The numbers are gRPC's and go over the wire.
enum class StatusCode : std::uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// "DEADLINE_EXCEEDED" and the like; "CODE(42)" for a number that gRPC does not define.
std::string to_string(StatusCode code);

// A code, and for failures a message and optional binary details (a serialised google.rpc.Status).
// A value, of the size of a pointer; an OK status holds no memory. Thread: const members may be called
// concurrently. Lifetime: views point into the status.
class [[nodiscard]] Status {
 public:
  Status() = default;  // OK
  // With kOk: an OK status; message and details are dropped.
  [[gnu::cold]] Status(StatusCode code, std::string message, std::string details = {});

  Status(const Status& other) : rep_(other.rep_ ? std::make_unique<Rep>(*other.rep_) : nullptr) {}
  Status& operator=(const Status& other);
  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;
  ~Status() = default;

  bool ok() const { return rep_ == nullptr; }
  StatusCode code() const { return rep_ ? rep_->code : StatusCode::kOk; }
  std::string_view message() const { return rep_ ? std::string_view(rep_->message) : std::string_view(); }
  std::string_view details() const { return rep_ ? std::string_view(rep_->details) : std::string_view(); }

  // "OK", or "NOT_FOUND: no such file".
  std::string to_string() const;

  friend bool operator==(const Status& a, const Status& b);

 private:
  struct Rep {
    StatusCode code;
    std::string message;
    std::string details;
  };
  std::unique_ptr<Rep> rep_;  // null: OK
};

std::ostream& operator<<(std::ostream& out, StatusCode code);
std::ostream& operator<<(std::ostream& out, const Status& status);

// Thrown by Result::value(), by Runtime::run() and run_blocking() if they cannot run something, and by
// client_of if it cannot serve. sluice throws no other exception of its own. Users may also see exceptions of
// code that run() or run_blocking() ran, std::bad_alloc, and std::length_error from Metadata::add().
class StatusError : public std::exception {
 public:
  explicit StatusError(Status status) : status_(std::move(status)), what_(status_.to_string()) {}
  const Status& status() const { return status_; }
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  Status status_;
  std::string what_;
};

}  // namespace sluice::inline v0
