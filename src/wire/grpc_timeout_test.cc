// The grpc-timeout header, written and read.
#include "wire/grpc_timeout.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace sluice::inline v0::wire {
namespace {

using namespace std::chrono_literals;

std::string text_of(Duration timeout) { return std::string(TimeoutText(timeout).view()); }

TEST(WireRules, R10_ATimeoutIsOneToEightDigitsAndAUnit) {
  EXPECT_EQ(parse_timeout("1H"), 1h);
  EXPECT_EQ(parse_timeout("2M"), 2min);
  EXPECT_EQ(parse_timeout("3S"), 3s);
  EXPECT_EQ(parse_timeout("4m"), 4ms);
  EXPECT_EQ(parse_timeout("5u"), 5us);
  EXPECT_EQ(parse_timeout("6n"), 6ns);
  EXPECT_EQ(parse_timeout("00000007S"), 7s);
  EXPECT_EQ(parse_timeout("12345678n"), 12345678ns);
  for (const char* bad : {"", "1", "S", "123456789S", "000000001S", "-1S", "+1S", "1.5S", " 1S", "1S ", "1 S",
                          "1s", "1h", "1SS", "S1", "0x1S", "1,S", "12345678"}) {
    EXPECT_EQ(parse_timeout(bad), std::nullopt) << bad;
  }
}

TEST(WireRules, R10_NoOtherByteIsAUnitOrADigit) {
  for (int c = 0; c < 256; ++c) {
    const char byte = static_cast<char>(c);
    const bool unit = c != 0 && std::string_view("HMSmun").find(byte) != std::string_view::npos;
    EXPECT_EQ(parse_timeout(std::string("1") + byte).has_value(), unit) << c;
    EXPECT_EQ(parse_timeout(std::string(1, byte) + "S").has_value(), c >= '0' && c <= '9') << c;
  }
}

TEST(WireRules, R11_ATimeoutTooLongIsTheLongest) {
  EXPECT_EQ(parse_timeout("99999999H"), Duration::max());
  EXPECT_EQ(parse_timeout("2562048H"), Duration::max());
  EXPECT_EQ(parse_timeout("2562047H"), 2562047h);
  EXPECT_EQ(parse_timeout("99999999M"), 99999999min);
}

TEST(WireRules, R12_ZeroIsATimeout) {
  EXPECT_EQ(parse_timeout("0n"), 0ns);
  EXPECT_EQ(parse_timeout("00000000H"), 0ns);
}

TEST(WireRules, R15_TimeoutIsRoundedUp) {
  EXPECT_EQ(text_of(99'999'999ns), "99999999n");
  EXPECT_EQ(text_of(100'000'000ns), "100000u");
  EXPECT_EQ(text_of(100'000'001ns), "100001u");
  EXPECT_EQ(text_of(1s), "1000000u");
  EXPECT_EQ(text_of(99'999'999us), "99999999u");
  EXPECT_EQ(text_of(99'999'999us + 1ns), "100000m");
  EXPECT_EQ(text_of(99'999'999ms), "99999999m");
  EXPECT_EQ(text_of(99'999'999ms + 1ns), "100000S");
  EXPECT_EQ(text_of(99'999'999s), "99999999S");
  EXPECT_EQ(text_of(99'999'999s + 1ns), "1666667M");
  EXPECT_EQ(text_of(99'999'999min), "99999999M");
  EXPECT_EQ(text_of(99'999'999min + 1ns), "1666667H");
  EXPECT_EQ(text_of(Duration::max()), "2562048H");
}

TEST(WireRules, R15_NoTimeLeftIsZeroNanoseconds) {
  EXPECT_EQ(text_of(0ns), "0n");
  EXPECT_EQ(text_of(-1ns), "0n");
  EXPECT_EQ(text_of(Duration::min()), "0n");
  EXPECT_EQ(text_of(1ns), "1n");
}

// Whatever is sent is never shorter than asked and longer by less than one part in 100,000.
TEST(WireRules, R15_TheTextReadsBackAsNoShorterTimeout) {
  std::mt19937_64 random(15);
  for (int i = 0; i < 20'000; ++i) {
    const Duration asked(static_cast<std::int64_t>(random() >> (1 + random() % 63)));
    const TimeoutText text(asked);
    ASSERT_GE(text.view().size(), 2u);
    ASSERT_LE(text.view().size(), 9u);
    const std::optional<Duration> read = parse_timeout(text.view());
    ASSERT_TRUE(read.has_value()) << asked.count();
    ASSERT_GE(*read, asked);
    ASSERT_LE(*read - asked, asked / 100'000) << asked.count();
  }
}

TEST(TimeoutText, IsAValue) {
  TimeoutText text(5s);
  const TimeoutText copy = text;
  text = TimeoutText(7ns);
  EXPECT_EQ(copy.view(), "5000000u");
  EXPECT_EQ(text.view(), "7n");
}

}  // namespace
}  // namespace sluice::inline v0::wire
