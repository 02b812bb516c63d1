// The HTTP status of a response that is not gRPC's.
#include "wire/http_status.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace sluice::inline v0::wire {
namespace {

TEST(WireRules, R44_HttpStatusesMapAsGrpcSays) {
  const std::map<int, StatusCode> named = {
      {400, StatusCode::kInternal},         {401, StatusCode::kUnauthenticated},
      {403, StatusCode::kPermissionDenied}, {404, StatusCode::kUnimplemented},
      {429, StatusCode::kUnavailable},      {502, StatusCode::kUnavailable},
      {503, StatusCode::kUnavailable},      {504, StatusCode::kUnavailable},
  };
  for (int http = -1; http < 1000; ++http) {
    const auto entry = named.find(http);
    const StatusCode want = entry == named.end() ? StatusCode::kUnknown : entry->second;
    ASSERT_EQ(status_of_http(http, "").code(), want) << http;
  }
}

TEST(WireRules, R44_TheMessageNamesTheStatus) {
  EXPECT_EQ(status_of_http(404, "").message(), "unexpected HTTP status 404 (Not Found)");
  EXPECT_EQ(status_of_http(200, "content-type \"text/html\"").message(),
            "unexpected HTTP status 200 (OK): content-type \"text/html\"");
  EXPECT_EQ(status_of_http(599, "").message(), "unexpected HTTP status 599");
}

TEST(WireRules, R46_AStatusIsThreeDigits) {
  for (int http = 0; http < 1100; ++http) {
    ASSERT_EQ(parse_http_status(std::to_string(http)), http >= 100 && http < 1000 ? http : -1) << http;
  }
  for (const char* bad :
       {"", "2", "20", "2000", "0200", " 200", "200 ", "+20", "-20", "2x0", "20x", "x00", "2:0", "20/"}) {
    EXPECT_EQ(parse_http_status(bad), -1) << bad;
  }
}

}  // namespace
}  // namespace sluice::inline v0::wire
