// Status, StatusCode and Result.
#include "sluice/base/status.h"

#include <gtest/gtest.h>

#include <memory>
#include <sstream>

#include "sluice/base/result.h"

namespace sluice::inline v0 {
namespace {

TEST(StatusCode, HasTheNamesAndNumbersOfGrpc) {
  const char* names[] = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  for (int i = 0; i < 17; ++i) EXPECT_EQ(to_string(static_cast<StatusCode>(i)), names[i]);
  EXPECT_EQ(to_string(static_cast<StatusCode>(17)), "CODE(17)");
  EXPECT_EQ(to_string(static_cast<StatusCode>(255)), "CODE(255)");
}

TEST(StatusCode, IsPrinted) {
  std::ostringstream out;
  out << StatusCode::kDataLoss << ' ' << Status(StatusCode::kAborted, "lost the race") << ' ' << Status();
  EXPECT_EQ(out.str(), "DATA_LOSS ABORTED: lost the race OK");
}

TEST(Status, IsOkByDefaultAndSmall) {
  Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.code(), StatusCode::kOk);
  EXPECT_EQ(status.message(), "");
  EXPECT_EQ(status.details(), "");
  EXPECT_EQ(status.to_string(), "OK");
  EXPECT_EQ(sizeof(Status), sizeof(void*));
}

TEST(Status, DropsTextsOfAnOkCode) {
  Status status(StatusCode::kOk, "ignored", "ignored");
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.message(), "");
  EXPECT_EQ(status.details(), "");
  EXPECT_EQ(status, Status());
}

TEST(Status, KeepsCodeMessageAndDetails) {
  const std::string details("\0\xff", 2);
  Status status(StatusCode::kNotFound, "no such file", details);
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "no such file");
  EXPECT_EQ(status.details(), details);
  EXPECT_EQ(status.to_string(), "NOT_FOUND: no such file");
  EXPECT_EQ(Status(StatusCode::kNotFound, "").to_string(), "NOT_FOUND");
}

TEST(Status, CopiesAreIndependent) {
  Status a(StatusCode::kInternal, "first", "d");
  Status b = a;
  EXPECT_EQ(a, b);
  a = Status(StatusCode::kUnknown, "second");
  EXPECT_EQ(b.message(), "first");
  EXPECT_EQ(b.details(), "d");
  b = a;
  EXPECT_EQ(b, a);
  Status& alias = b;
  b = alias;
  EXPECT_EQ(b.message(), "second");
  b = Status();
  EXPECT_TRUE(b.ok());
  a = b;
  EXPECT_TRUE(a.ok());
}

TEST(Status, IsEqualOnlyWhenAllPartsAre) {
  const Status base(StatusCode::kInternal, "m", "d");
  EXPECT_EQ(base, Status(StatusCode::kInternal, "m", "d"));
  EXPECT_NE(base, Status(StatusCode::kUnknown, "m", "d"));
  EXPECT_NE(base, Status(StatusCode::kInternal, "n", "d"));
  EXPECT_NE(base, Status(StatusCode::kInternal, "m", "e"));
  EXPECT_NE(base, Status());
}

Result<int> half(int n) {
  if (n % 2 != 0) return {StatusCode::kInvalidArgument, "odd number " + std::to_string(n)};
  return n / 2;
}

TEST(Result, HoldsAValue) {
  Result<int> result = half(4);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(static_cast<bool>(result));
  EXPECT_EQ(*result, 2);
  EXPECT_EQ(result.value(), 2);
  EXPECT_TRUE(result.status().ok());
  *result = 7;
  EXPECT_EQ(std::as_const(result).value(), 7);
}

TEST(Result, HoldsAStatus) {
  Result<int> result = half(3);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status(), Status(StatusCode::kInvalidArgument, "odd number 3"));
  Status moved = std::move(result).status();
  EXPECT_EQ(moved.message(), "odd number 3");
}

TEST(Result, ThrowsItsStatusWhenThereIsNoValue) {
  try {
    (void)half(5).value();
    FAIL() << "nothing was thrown";
  } catch (const StatusError& error) {
    EXPECT_EQ(error.status().code(), StatusCode::kInvalidArgument);
    EXPECT_STREQ(error.what(), "INVALID_ARGUMENT: odd number 5");
  }
  const Result<int> failed = half(1);
  EXPECT_THROW((void)failed.value(), StatusError);
}

TEST(Result, TurnsAnOkStatusIntoInternal) {
  Result<int> result = Status();
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), StatusCode::kInternal);
  EXPECT_NE(result.status().message(), "");
}

TEST(Result, MovesWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(3);
  ASSERT_TRUE(result.ok());
  std::unique_ptr<int> out = std::move(result).value();
  EXPECT_EQ(*out, 3);
  Result<std::string> text = std::string("abc");
  EXPECT_EQ(text->size(), 3u);
  EXPECT_EQ(*std::move(text), "abc");
}

}  // namespace
}  // namespace sluice::inline v0
