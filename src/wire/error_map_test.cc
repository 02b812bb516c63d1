// RST_STREAM codes and statuses, each code by name.
#include "wire/error_map.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::inline v0::wire {
namespace {

using http2::ErrorCode;

struct Row {
  std::uint32_t number;
  std::string_view name;
  StatusCode status;
};

constexpr Row kRows[] = {
    {0x0, "NO_ERROR", StatusCode::kInternal},
    {0x1, "PROTOCOL_ERROR", StatusCode::kInternal},
    {0x2, "INTERNAL_ERROR", StatusCode::kInternal},
    {0x3, "FLOW_CONTROL_ERROR", StatusCode::kInternal},
    {0x4, "SETTINGS_TIMEOUT", StatusCode::kInternal},
    {0x5, "STREAM_CLOSED", StatusCode::kUnknown},
    {0x6, "FRAME_SIZE_ERROR", StatusCode::kInternal},
    {0x7, "REFUSED_STREAM", StatusCode::kUnavailable},
    {0x8, "CANCEL", StatusCode::kCancelled},
    {0x9, "COMPRESSION_ERROR", StatusCode::kInternal},
    {0xa, "CONNECT_ERROR", StatusCode::kInternal},
    {0xb, "ENHANCE_YOUR_CALM", StatusCode::kResourceExhausted},
    {0xc, "INADEQUATE_SECURITY", StatusCode::kPermissionDenied},
    {0xd, "HTTP_1_1_REQUIRED", StatusCode::kInternal},
};

TEST(WireRules, R55_EveryResetCodeHasItsStatus) {
  for (const Row& row : kRows) {
    const auto code = static_cast<ErrorCode>(row.number);
    EXPECT_EQ(error_code_name(code), row.name);
    EXPECT_EQ(to_status(code, false),
              Status(row.status, "stream reset by the peer: " + std::string(row.name)));
  }
}

TEST(WireRules, R55_AnUnknownResetCodeIsUnknown) {
  for (const std::uint32_t number : {0xeu, 0x2au, 0xffffffffu}) {
    const auto code = static_cast<ErrorCode>(number);
    EXPECT_EQ(error_code_name(code), "");
    EXPECT_EQ(to_status(code, false),
              Status(StatusCode::kUnknown, "stream reset by the peer: error code " + std::to_string(number)));
  }
}

TEST(WireRules, R56_CancelAfterTheDeadlineIsDeadlineExceeded) {
  EXPECT_EQ(to_status(ErrorCode::kCancel, true).code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(to_status(ErrorCode::kCancel, false).code(), StatusCode::kCancelled);
  for (const Row& row : kRows) {
    const auto code = static_cast<ErrorCode>(row.number);
    if (code == ErrorCode::kCancel) continue;
    EXPECT_EQ(to_status(code, true), to_status(code, false));
  }
}

TEST(WireRules, R57_ACallGivenUpIsResetWithCancel) {
  for (int number = 0; number <= 17; ++number) {
    const auto code = static_cast<StatusCode>(number);
    const ErrorCode want = code == StatusCode::kInternal ? ErrorCode::kInternalError : ErrorCode::kCancel;
    EXPECT_EQ(reset_code_for(code), want) << code;
  }
}

}  // namespace
}  // namespace sluice::inline v0::wire
