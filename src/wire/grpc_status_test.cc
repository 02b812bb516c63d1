// grpc-status, grpc-message and grpc-status-details-bin: what is written, and all that may be read.
#include "wire/grpc_status.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <random>
#include <string>

#include "wire/base64.h"

namespace sluice::inline v0::wire {
namespace {

Status parse(std::string_view code, std::string_view message = {}) {
  return parse_grpc_status(code, message, {}, false);
}

TEST(WireRules, R38_ACodeIsDecimalWithoutLeadingZeros) {
  for (int code = 0; code <= 16; ++code) {
    EXPECT_EQ(status_code_text(static_cast<StatusCode>(code)), std::to_string(code));
    EXPECT_EQ(parse(status_code_text(static_cast<StatusCode>(code))).code(), static_cast<StatusCode>(code));
  }
  for (int code = 17; code < 256; ++code) {
    EXPECT_EQ(status_code_text(static_cast<StatusCode>(code)), "2");
  }
}

TEST(WireRules, R40_AMalformedCodeIsUnknown) {
  for (const char* bad :
       {"", "abc", "1x", "x1", " 1", "1 ", "+5", "-1", "00", "05", "016", "1.0", "0x1", "1,2"}) {
    const Status status = parse(bad, "why%21");
    EXPECT_EQ(status.code(), StatusCode::kUnknown) << bad;
    EXPECT_EQ(status.message(), "malformed grpc-status \"" + std::string(bad) + "\": why!");
  }
}

TEST(WireRules, R40_AnUnknownNumberIsUnknownAndStaysInTheMessage) {
  for (const char* code : {"17", "42", "99", "100", "255", "256", "4294967296", "99999999999999999999999"}) {
    const Status status = parse_grpc_status(code, "why", base64_encode("details"), true);
    EXPECT_EQ(status.code(), StatusCode::kUnknown);
    EXPECT_EQ(status.message(), "unknown grpc-status \"" + std::string(code) + "\": why");
    EXPECT_EQ(status.details(), "details");
  }
  EXPECT_EQ(parse("17").message(), "unknown grpc-status \"17\"");
}

TEST(WireRules, R40_AHugeCodeIsQuotedInPart) {
  const Status status = parse(std::string(5000, '9'));
  EXPECT_EQ(status.code(), StatusCode::kUnknown);
  EXPECT_EQ(status.message(), "unknown grpc-status \"" + std::string(32, '9') + "...\"");
}

TEST(WireRules, R40_ACodeEndsWhereItsFieldDoes) {
  const std::string_view digits = "512345";
  EXPECT_EQ(parse(digits.substr(0, 1)).code(), StatusCode::kNotFound);
  EXPECT_EQ(parse(digits.substr(1, 2)).code(), StatusCode::kUnimplemented);
}

TEST(ParseGrpcStatus, TakesMessageAndDetails) {
  const Status status = parse_grpc_status("5", "no %22file%22", base64_encode({"\0\xff", 2}), true);
  EXPECT_EQ(status, Status(StatusCode::kNotFound, "no \"file\"", std::string("\0\xff", 2)));
  EXPECT_TRUE(parse("0", "ignored").ok());
}

TEST(WireRules, R51_AllButPrintableAsciiIsPercentEncoded) {
  for (int c = 0; c < 0x80; ++c) {
    const std::string message = std::string("a") + static_cast<char>(c) + "b";
    const bool plain = (c >= 0x20 && c <= 0x24) || (c >= 0x26 && c <= 0x7e);
    char escape[4];
    std::snprintf(escape, sizeof escape, "%%%02X", static_cast<unsigned>(c));
    EXPECT_EQ(encode_grpc_message(message), plain ? message : "a" + std::string(escape) + "b");
  }
  EXPECT_EQ(encode_grpc_message(""), "");
  EXPECT_EQ(encode_grpc_message("100%\n"), "100%25%0A");
  EXPECT_EQ(encode_grpc_message("\u7cfb\u7edf"), "%E7%B3%BB%E7%BB%9F");
  EXPECT_EQ(encode_grpc_message("\U0001f60a!"), "%F0%9F%98%8A!");
}

TEST(WireRules, R51_SpacesAtTheEndsAreEncodedToo) {
  EXPECT_EQ(encode_grpc_message(" a b "), "%20a b%20");
  EXPECT_EQ(encode_grpc_message(" "), "%20");
  EXPECT_EQ(encode_grpc_message("   "), "%20 %20");
  EXPECT_EQ(decode_grpc_message("%20 %20"), "   ");
}

TEST(WireRules, R52_DecodingKeepsWhatItCannotRead) {
  for (const char* kept :
       {"%", "%2", "%%", "%zz", "%2z", "%z2", "a%", "a%4", "%E2%28", "%FF", "%80", "%C0%AF", "%ED%A0%80",
        "%F4%90%80%80", "%F5%80%80%80", "%E7%B3", "caf\xc3\xa9", "\xff", "plain text"}) {
    EXPECT_EQ(decode_grpc_message(kept), kept);
  }
}

TEST(WireRules, R52_DecodingReadsWhatItCan) {
  EXPECT_EQ(decode_grpc_message(""), "");
  EXPECT_EQ(decode_grpc_message("H%61o"), "Hao");
  EXPECT_EQ(decode_grpc_message("%e7%B3%bb%E7%bb%9f"), "\u7cfb\u7edf");  // either case
  EXPECT_EQ(decode_grpc_message("%41%"), "A%");
  EXPECT_EQ(decode_grpc_message("%%41"), "%A");
  EXPECT_EQ(decode_grpc_message("%zz%41%E2 %2"), "%zz%41%E2 %2");
  EXPECT_EQ(decode_grpc_message("%41 %E2%28 %42"), "A %E2%28 B");
  EXPECT_EQ(decode_grpc_message("%2541"), "%41");  // decoded once
}

TEST(WireRules, R52_EveryByteIsDecodedInEitherCase) {
  for (unsigned c = 0; c < 0x80; ++c) {
    char upper[4], lower[4];
    std::snprintf(upper, sizeof upper, "%%%02X", c), std::snprintf(lower, sizeof lower, "%%%02x", c);
    EXPECT_EQ(decode_grpc_message(upper), std::string(1, static_cast<char>(c)));
    EXPECT_EQ(decode_grpc_message(lower), std::string(1, static_cast<char>(c)));
  }
}

TEST(WireRules, R53_BytesThatAreNoUtf8AreReplaced) {
  const std::string_view replaced = "%EF%BF%BD";
  for (int c = 0x80; c < 0x100; ++c) {
    EXPECT_EQ(encode_grpc_message(std::string(1, static_cast<char>(c))), replaced) << c;
  }
  // Cut short, overlong, a surrogate, above U+10FFFF: each byte counts.
  EXPECT_EQ(encode_grpc_message("a\xe7\xb3"), "a%EF%BF%BD%EF%BF%BD");
  EXPECT_EQ(encode_grpc_message("\xe7\xb3z"), "%EF%BF%BD%EF%BF%BDz");
  EXPECT_EQ(encode_grpc_message("\xc0\xaf"), "%EF%BF%BD%EF%BF%BD");
  EXPECT_EQ(encode_grpc_message("\xe0\x9f\xbf"), "%EF%BF%BD%EF%BF%BD%EF%BF%BD");
  EXPECT_EQ(encode_grpc_message("\xed\xa0\x80"), "%EF%BF%BD%EF%BF%BD%EF%BF%BD");
  EXPECT_EQ(encode_grpc_message("\xf0\x8f\xbf\xbf"), "%EF%BF%BD%EF%BF%BD%EF%BF%BD%EF%BF%BD");
  EXPECT_EQ(encode_grpc_message("\xf4\x90\x80\x80"), "%EF%BF%BD%EF%BF%BD%EF%BF%BD%EF%BF%BD");
}

std::string utf8(char32_t c) {
  std::string out;
  const auto tail = [&out](char32_t bits) { out.push_back(static_cast<char>(0x80 | (bits & 0x3f))); };
  if (c < 0x80) return std::string(1, static_cast<char>(c));
  if (c < 0x800) return out.push_back(static_cast<char>(0xc0 | c >> 6)), tail(c), out;
  if (c < 0x10000) return out.push_back(static_cast<char>(0xe0 | c >> 12)), tail(c >> 6), tail(c), out;
  return out.push_back(static_cast<char>(0xf0 | c >> 18)), tail(c >> 12), tail(c >> 6), tail(c), out;
}

TEST(EncodeGrpcMessage, EveryCodePointSurvives) {
  for (char32_t c = 0; c <= 0x10ffff; c += c < 0x1000 || c > 0x10ff00 ? 1 : 61) {
    if (c >= 0xd800 && c < 0xe000) continue;
    const std::string message = utf8(c);
    ASSERT_EQ(decode_grpc_message(encode_grpc_message(message)), message) << static_cast<unsigned>(c);
  }
}

TEST(WireRules, R53_ALongMessageIsCutAfterAWholeCharacter) {
  const std::string text = "ab \xe2\x82\xac  \xc3\xbc";  // a b space, three bytes, two spaces, two bytes
  const std::string whole = encode_grpc_message(text);
  EXPECT_EQ(whole, "ab %E2%82%AC  %C3%BC");
  for (std::size_t max = 0; max <= whole.size(); ++max) {
    const std::string cut = encode_grpc_message(text, max);
    EXPECT_LE(cut.size(), max);
    EXPECT_TRUE(text.starts_with(decode_grpc_message(cut))) << cut;
    EXPECT_FALSE(cut.ends_with(' ')) << max;
    const std::size_t expected = max < 2 ? max : max < 12 ? 2 : max < 20 ? 12 : 20;
    EXPECT_EQ(cut.size(), expected) << cut;
  }
}

TEST(EncodeGrpcMessage, RandomTextSurvives) {
  std::mt19937_64 random(51);
  constexpr char32_t kSteps[] = {0x80, 0x80, 0x800, 0xd800, 0x110000};
  for (int i = 0; i < 500; ++i) {
    std::string message;
    for (std::size_t n = random() % 40; n > 0; --n) {
      const char32_t c = static_cast<char32_t>(random() % kSteps[random() % std::size(kSteps)]);
      if (c < 0xd800 || c >= 0xe000) message += utf8(c);
    }
    ASSERT_EQ(decode_grpc_message(encode_grpc_message(message)), message);
  }
}

// Any bytes give a header value, and one that reads back to what is sent again.
TEST(EncodeGrpcMessage, RandomBytesGivePrintableTextOnce) {
  std::mt19937_64 random(53);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random() % 12, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    const std::string value = encode_grpc_message(bytes);
    for (const char c : value) ASSERT_TRUE(c >= 0x20 && c <= 0x7e);
    ASSERT_EQ(encode_grpc_message(decode_grpc_message(value)), value);
    decode_grpc_message(bytes);  // any bytes at all
  }
}

TEST(WireRules, R54_TheCodeInsideDetailsDoesNotCount) {
  const std::string details = "\x08\x05";  // google.rpc.Status{code: 5}
  const Status status = parse_grpc_status("3", "m", base64_encode(details), true);
  EXPECT_EQ(status, Status(StatusCode::kInvalidArgument, "m", details));
}

TEST(WireRules, R54_DetailsThatAreNoBase64AreInternal) {
  for (const char* code : {"0", "5", "17"}) {
    const Status status = parse_grpc_status(code, "m", "!!", true);
    EXPECT_EQ(status.code(), StatusCode::kInternal) << code;
    EXPECT_EQ(status.message(),
              "malformed base64 in grpc-status-details-bin of grpc-status " + std::string(code) + ": m");
  }
  EXPECT_EQ(parse_grpc_status("5", "m", "!!", false), Status(StatusCode::kNotFound, "m"));
  EXPECT_EQ(parse_grpc_status("5", "m", "", true), Status(StatusCode::kNotFound, "m"));
}

}  // namespace
}  // namespace sluice::inline v0::wire
