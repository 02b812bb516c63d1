// Texts with bytes of a peer in them.
#include "base/escape.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::inline v0 {
namespace {

using namespace std::string_literals;

TEST(Escaped, LeavesWhatIsPrintable) {
  EXPECT_EQ(escaped("", Keep::kAscii), "");
  EXPECT_EQ(escaped("GET /a?b=\"c\\d\" ~", Keep::kAscii), "GET /a?b=\"c\\d\" ~");
  EXPECT_EQ(escaped("3 €", Keep::kUnicode), "3 €");
}

TEST(Escaped, WritesControlsAsNumbers) {
  EXPECT_EQ(escaped("a\r\nb\0c\x1b[2J\x7f"s, Keep::kUnicode), "a\\x0d\\x0ab\\x00c\\x1b[2J\\x7f");
  EXPECT_EQ(escaped("\x16\x03\xff€"s, Keep::kAscii), "\\x16\\x03\\xff\\xe2\\x82\\xac");
}

}  // namespace
}  // namespace sluice::inline v0
