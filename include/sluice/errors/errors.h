// Rich errors: typed details in a status, besides its code and text (grpc-go: status.WithDetails). They are
// sent as a google.rpc.Status in grpc-status-details-bin, as every gRPC does.
// sluice/errors/error_details.pb.h has the standard detail messages. Link sluice::errors.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "sluice/base/result.h"
#include "sluice/base/status.h"

namespace google::protobuf {
class MessageLite;
}

namespace sluice::inline v0 {

// Most bytes and details of one status; more are neither added nor read. Peers often accept less: a server
// leaves out the details if the status does not fit into the header list that its client accepts (C-core and
// Java: 8 KiB).
inline constexpr std::size_t kMaxErrorDetailsSize = 32 << 10;
inline constexpr std::size_t kMaxErrorDetails = 256;

// A detail is any protobuf message: of sluice::errors, of Google's generated code, or of a program. Messages
// of sluice::errors are named google.rpc.X on the wire; receivers may read them as google::rpc::X.
template <class M>
concept ErrorDetailMessage = std::is_base_of_v<google::protobuf::MessageLite, M>;

namespace detail {
Status add_error_detail(Status& status, const google::protobuf::MessageLite& message);
bool find_error_detail(const Status& status, google::protobuf::MessageLite& message);
bool read_error_detail(std::string_view type, std::string_view value, google::protobuf::MessageLite& message);
}  // namespace detail

// Adds a detail behind the existing ones. Errors, which leave the status unchanged: FAILED_PRECONDITION: it
// is OK; INTERNAL: the message lacks required fields, or the existing details are malformed;
// RESOURCE_EXHAUSTED: the limits above.
template <ErrorDetailMessage M>
Status add_detail(Status& status, const M& message) {
  return detail::add_error_detail(status, message);
}

// The status with these details, in this order. Details that cannot be added are left out.
//   co_return with_details({StatusCode::kInvalidArgument, "no name"}, bad_request, help);
template <ErrorDetailMessage... M>
Status with_details(Status status, const M&... messages) {
  ((void)detail::add_error_detail(status, messages), ...);
  return status;
}

// The first detail of this type. Nullopt: there is none, it does not parse, or the details are malformed;
// error_details() tells these apart.
//   if (auto retry = find_detail<errors::RetryInfo>(status)) …
template <ErrorDetailMessage M>
std::optional<M> find_detail(const Status& status) {
  std::optional<M> message(std::in_place);
  if (!detail::find_error_detail(status, *message)) message.reset();
  return message;
}

// A detail of any type. Lifetime: the views point into the status.
struct ErrorDetail {
  std::string_view type;      // "google.rpc.RetryInfo": the URL after its last '/'; empty: no type
  std::string_view type_url;  // "type.googleapis.com/google.rpc.RetryInfo"
  std::string_view value;     // the message, serialised

  // Nullopt: it has another type, or does not parse.
  template <ErrorDetailMessage M>
  std::optional<M> as() const {
    std::optional<M> message(std::in_place);
    if (!detail::read_error_detail(type, value, *message)) message.reset();
    return message;
  }
};

// All details, in order. INTERNAL: the bytes are no google.rpc.Status; RESOURCE_EXHAUSTED: the limits above.
// The code and text inside the details are ignored.
Result<std::vector<ErrorDetail>> error_details(const Status& status);
// So that the views cannot outlive it.
Result<std::vector<ErrorDetail>> error_details(Status&& status) = delete;

}  // namespace sluice::inline v0
