// The mapping table, and the names that make its messages readable.
#include "wire/http_status.h"

#include <string>
#include <utility>

namespace sluice::inline v0::wire {

namespace {

StatusCode code_of(int http_status) {
  switch (http_status) {
    case 400:
      return StatusCode::kInternal;
    case 401:
      return StatusCode::kUnauthenticated;
    case 403:
      return StatusCode::kPermissionDenied;
    case 404:
      return StatusCode::kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return StatusCode::kUnavailable;
    default:
      return StatusCode::kUnknown;
  }
}

// Empty for a status that a gRPC client hardly ever meets.
std::string_view reason_of(int http_status) {
  switch (http_status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return {};
  }
}

}  // namespace

Status status_of_http(int http_status, std::string_view detail) {
  std::string text = "unexpected HTTP status " + std::to_string(http_status);
  if (const std::string_view reason = reason_of(http_status); !reason.empty()) {
    text.append(" (").append(reason).append(")");
  }
  if (!detail.empty()) text.append(": ").append(detail);
  return {code_of(http_status), std::move(text)};
}

int parse_http_status(std::string_view text) {
  if (text.size() != 3 || text[0] < '1' || text[0] > '9') return -1;
  if (text[1] < '0' || text[1] > '9' || text[2] < '0' || text[2] > '9') return -1;
  return (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
}

}  // namespace sluice::inline v0::wire
