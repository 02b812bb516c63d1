// Rich errors: typed messages in a status, beside its code and text, that programs act on (grpc-go:
// status.WithDetails). They go over the wire as a google.rpc.Status in grpc-status-details-bin, as every gRPC
// has them. The standard ones are in sluice/errors/error_details.pb.h. Link sluice::errors.
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

namespace sluice {

// Of one status, in bytes and in number; what is beyond that is neither added nor read. Peers often take
// less: a server leaves out the details of a status that does not fit into the header list that its client
// takes, 8 KiB with C-core and Java.
inline constexpr std::size_t kMaxErrorDetailsSize = 32 << 10;
inline constexpr std::size_t kMaxErrorDetails = 256;

// A detail is any protobuf message: one of sluice::errors, of Google's own generated code, or a program's.
// Those of sluice::errors are called google.rpc.X on the wire, and are the same as google::rpc::X for who
// reads them.
template <class M>
concept ErrorDetailMessage = std::is_base_of_v<google::protobuf::MessageLite, M>;

namespace detail {
Status add_error_detail(Status& status, const google::protobuf::MessageLite& message);
bool find_error_detail(const Status& status, google::protobuf::MessageLite& message);
bool read_error_detail(std::string_view type, std::string_view value, google::protobuf::MessageLite& message);
}  // namespace detail

// Adds a detail behind those there are. The status is unchanged when it fails: FAILED_PRECONDITION for one
// that is OK, INTERNAL for a message without its required fields and for details that are malformed already,
// RESOURCE_EXHAUSTED when it would be too much.
template <ErrorDetailMessage M>
Status add_detail(Status& status, const M& message) {
  return detail::add_error_detail(status, message);
}

// The status with these details, in this order; what cannot be added is left out.
//   co_return with_details({StatusCode::kInvalidArgument, "no name"}, bad_request, help);
template <ErrorDetailMessage... M>
Status with_details(Status status, const M&... messages) {
  ((void)detail::add_error_detail(status, messages), ...);
  return status;
}

// The first detail of this type. Nullopt: there is none, it does not parse, or the details are malformed,
// which error_details() tells apart.
//   if (auto retry = find_detail<errors::RetryInfo>(status)) …
template <ErrorDetailMessage M>
std::optional<M> find_detail(const Status& status) {
  std::optional<M> message(std::in_place);
  if (!detail::find_error_detail(status, *message)) message.reset();
  return message;
}

// A detail whose type is not known beforehand. Lifetime: the views are into the status.
struct ErrorDetail {
  std::string_view type;      // "google.rpc.RetryInfo": what follows the last '/' of the URL; empty: no type
  std::string_view type_url;  // "type.googleapis.com/google.rpc.RetryInfo"
  std::string_view value;     // the message, serialised

  // Nullopt: it is of another type, or does not parse.
  template <ErrorDetailMessage M>
  std::optional<M> as() const {
    std::optional<M> message(std::in_place);
    if (!detail::read_error_detail(type, value, *message)) message.reset();
    return message;
  }
};

// All details, in their order; none of a status without. INTERNAL: the bytes are no google.rpc.Status;
// RESOURCE_EXHAUSTED: there are too many. The code and text inside the details count for nothing: the
// status's own do.
Result<std::vector<ErrorDetail>> error_details(const Status& status);
// So that the views cannot outlive it.
Result<std::vector<ErrorDetail>> error_details(Status&& status) = delete;

}  // namespace sluice
