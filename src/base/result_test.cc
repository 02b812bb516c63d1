// Result: what it is made of, and the names that it shares with std::expected.
#include "sluice/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <type_traits>

namespace sluice::inline v0 {
namespace {

const Status kGone(StatusCode::kNotFound, "gone");

TEST(Result, HasAValueOrAnError) {
  const Result<std::string> good("yes");
  EXPECT_TRUE(good.ok() && good.has_value() && good);
  EXPECT_EQ(good.status(), Status());
  EXPECT_EQ(good.value_or("no"), "yes");
  const Result<std::string> bad(kGone);
  EXPECT_FALSE(bad.ok() || bad.has_value() || bad);
  EXPECT_EQ(bad.error(), kGone);
  EXPECT_EQ(bad.value_or("no"), "no");
  EXPECT_THROW((void)bad.value(), StatusError);
  EXPECT_EQ(Result<std::string>(Status()).error().code(), StatusCode::kInternal)
      << "an OK says that there is one";
}

TEST(Result, GivesWhatATemporaryHoldsByValue) {
  static_assert(std::is_same_v<decltype(Result<std::string>("a").value()), std::string>);
  const std::string& held = Result<std::string>("a text that is longer than a small string").value();
  EXPECT_EQ(held, "a text that is longer than a small string");
  EXPECT_EQ(*Result<std::unique_ptr<int>>(std::make_unique<int>(7)).value(), 7);
}

Result<int> halve(int n) {
  if (n % 2 != 0) return Status(StatusCode::kInvalidArgument, std::to_string(n) + " is odd");
  return n / 2;
}

TEST(Result, GoesOnWithItsValueOrKeepsItsError) {
  EXPECT_EQ(halve(8).and_then(halve).and_then(halve).value(), 1);
  EXPECT_EQ(halve(6).and_then(halve).and_then(halve).error().message(), "3 is odd");
  const auto text = [](int n) { return std::to_string(n); };
  EXPECT_EQ(halve(8).transform(text).value(), "4");
  EXPECT_EQ(halve(7).transform(text).error().message(), "7 is odd");
  const Result<int> kept = halve(8);
  EXPECT_EQ(kept.transform(text).value() + kept.and_then(halve).transform(text).value(), "42");
  Result<std::unique_ptr<int>> moved(std::make_unique<int>(7));
  EXPECT_EQ(std::move(moved).transform([](std::unique_ptr<int> p) { return *p; }).value(), 7);
}

}  // namespace
}  // namespace sluice::inline v0
