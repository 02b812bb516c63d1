// The :status of a response that is not gRPC's, as a Status (gRPC http-grpc-status-mapping). For clients
// that got no grpc-status only: servers never choose a :status by this table.
#pragma once

#include <string_view>

#include "sluice/base/status.h"

namespace sluice::inline v0::wire {

// "unexpected HTTP status 404 (Not Found): DETAIL". Never OK. `detail` may be empty and is taken whole.
Status status_of_http(int http_status, std::string_view detail);

// The number of exactly three digits from 100 on, else -1. Those from 600 on count as 5xx (RFC 9110
// section 15).
int parse_http_status(std::string_view text);

}  // namespace sluice::inline v0::wire
