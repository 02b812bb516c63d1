// base64_encode and base64_decode: the examples of RFC 4648, every byte, and what is refused.
#include "wire/base64.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>

namespace sluice::inline v0::wire {
namespace {

std::optional<std::string> decoded(std::string_view text) {
  std::string out = "left over";
  if (base64_decode(text, out)) return out;
  EXPECT_EQ(out, "") << text;
  return std::nullopt;
}

std::string padded(std::string text) {
  while (text.size() % 4 != 0) text.push_back('=');
  return text;
}

struct Example {
  std::string_view bytes, text;
};
// RFC 4648 section 10, without padding.
constexpr Example kExamples[] = {
    {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
    {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};

TEST(WireRules, R20_BinaryValuesAreSentUnpaddedAndReadEitherWay) {
  for (const auto& [bytes, text] : kExamples) {
    EXPECT_EQ(base64_encode(bytes), text);
    EXPECT_EQ(decoded(text), bytes);
    EXPECT_EQ(decoded(padded(std::string(text))), bytes);
  }
  EXPECT_EQ(base64_encode("\xfb\xff\xbf"), "+/+/");  // section 4's alphabet, not the URL-safe one
  EXPECT_EQ(decoded("+/+/"), "\xfb\xff\xbf");
}

TEST(WireRules, R20_EveryByteAtEveryPlaceSurvives) {
  for (int c = 0; c < 256; ++c) {
    for (std::size_t size = 1; size <= 4; ++size) {
      for (std::size_t at = 0; at < size; ++at) {
        std::string bytes(size, '\x5a');
        bytes[at] = static_cast<char>(c);
        ASSERT_EQ(decoded(base64_encode(bytes)), bytes);
      }
    }
  }
}

TEST(WireRules, R20_RandomBytesSurvive) {
  std::mt19937_64 random(20);
  for (int i = 0; i < 500; ++i) {
    std::string bytes(random() % 200, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    const std::string text = base64_encode(bytes);
    ASSERT_EQ(text.size(), (bytes.size() * 4 + 2) / 3);
    ASSERT_EQ(decoded(text), bytes);
    ASSERT_EQ(decoded(padded(text)), bytes);
  }
}

TEST(WireRules, R22_BytesOutsideTheAlphabetAreRefusedAtEveryPlace) {
  const std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int c = 0; c < 256; ++c) {
    const char byte = static_cast<char>(c);
    if (byte == '=') continue;
    const bool good = alphabet.find(byte) != std::string_view::npos;
    for (const std::size_t size : {2u, 3u, 4u, 8u}) {
      for (std::size_t at = 0; at < size; ++at) {
        std::string text(size, 'A');
        text[at] = byte;
        ASSERT_EQ(decoded(text).has_value(), good) << c << " at " << at << " of " << size;
      }
    }
  }
}

TEST(WireRules, R22_LengthsAndPaddingThatNoBytesHaveAreRefused) {
  for (const char* bad : {"A", "AAAAA", "=", "==", "====", "A===", "A=", "AA=", "AAA==", "AAAA=", "AAAA==",
                          "AAAA====", "AA=A", "=AAA", "A=A=", "AA==AAAA", "AA=\n", "AA==="}) {
    EXPECT_EQ(decoded(bad), std::nullopt) << bad;
  }
}

TEST(WireRules, R22_ALengthIsRefusedWhateverFollowsTheView) {
  const std::string_view text = "AAAAAAAA";
  for (const std::size_t size : {1u, 5u}) EXPECT_EQ(decoded(text.substr(0, size)), std::nullopt);
}

TEST(Base64, IgnoresSpareBitsOfTheLastCharacter) {
  EXPECT_EQ(decoded("QQ"), "A");
  EXPECT_EQ(decoded("QR"), "A");
  EXPECT_EQ(decoded("QUJ="), "AB");
}

TEST(WireRules, R23_AnEmptyBinaryValueSurvives) {
  EXPECT_EQ(base64_encode(""), "");
  EXPECT_EQ(decoded(""), "");
}

}  // namespace
}  // namespace sluice::inline v0::wire
