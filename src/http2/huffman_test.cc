// Huffman coding of HPACK strings: known strings, every octet, padding and EOS.
#include "http2/huffman.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "http2/hpack_test_util.h"

namespace sluice::inline v0::http2 {
namespace {

using testing::Block;
using testing::hex;
using testing::unhex;

Block encoded(std::string_view text) {
  Block out(huffman_size(text));
  const std::byte* end = huffman_encode(text, out.data());
  EXPECT_EQ(end, out.data() + out.size());
  return out;
}

// Exactly the room promised, on the heap, so that a sanitizer sees a byte too many.
std::optional<std::string> decoded(const Block& block) {
  std::vector<char> room(huffman_room(block.size()));
  const auto size = huffman_decode(block, room.data());
  if (!size.has_value()) return std::nullopt;
  return std::string(room.data(), *size);
}

TEST(Huffman, EncodesTheStringsOfTheRfc) {
  EXPECT_EQ(hex(encoded("www.example.com")), "f1e3c2e5f23a6ba0ab90f4ff");
  EXPECT_EQ(hex(encoded("no-cache")), "a8eb10649cbf");
  EXPECT_EQ(hex(encoded("Mon, 21 Oct 2013 20:13:21 GMT")), "d07abe941054d444a8200595040b8166e082a62d1bff");
  EXPECT_EQ(hex(encoded("")), "");
}

TEST(Huffman, DecodesTheStringsOfTheRfc) {
  EXPECT_EQ(decoded(unhex("f1e3c2e5f23a6ba0ab90f4ff")), "www.example.com");
  EXPECT_EQ(decoded(unhex("640eff")), "307");
  EXPECT_EQ(decoded({}), "");
}

TEST(Huffman, RoundTripsEveryOctetAtEveryBitOffset) {
  for (int octet = 0; octet < 256; ++octet) {
    for (std::size_t before = 0; before < 8; ++before) {  // '0' has 5 bits: every offset in a byte
      std::string text(before, '0');
      text += static_cast<char>(octet);
      text += "a";
      ASSERT_EQ(decoded(encoded(text)), text) << "octet " << octet << " behind " << before;
    }
  }
}

TEST(Huffman, RoundTripsRandomStrings) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string text(random() % 100, ' ');
    for (char& c : text) c = static_cast<char>(i % 2 == 0 ? random() % 256 : 'a' + random() % 26);
    ASSERT_EQ(decoded(encoded(text)), text);
  }
}

TEST(Huffman, FillsTheRoomAndNoMoreWithTheShortestCodes) {
  for (std::size_t n = 0; n <= 40; ++n) {
    const std::string text(n * 8 / 5, '0');
    EXPECT_LE(huffman_size(text), n);
    EXPECT_EQ(decoded(encoded(text)), text);
  }
}

TEST(Huffman, RefusesPaddingOfEightBitsOrMore) {
  EXPECT_EQ(decoded(unhex("1f")), "a");             // 00011, then three ones
  EXPECT_EQ(decoded(unhex("1fff")), std::nullopt);  // eleven ones
  EXPECT_EQ(decoded(unhex("ff")), std::nullopt);    // eight ones and nothing else
  EXPECT_EQ(decoded(unhex("ffff")), std::nullopt);
  EXPECT_EQ(decoded(unhex("ffffff")), std::nullopt);
  EXPECT_EQ(decoded(unhex("1fffff")), std::nullopt);
  EXPECT_EQ(decoded(unhex("f8ff")), std::nullopt);  // '&' has eight bits: the padding is a whole byte
  EXPECT_EQ(decoded(unhex("f8")), "&");
}

TEST(Huffman, RefusesPaddingThatIsNotAllOnes) {
  EXPECT_EQ(decoded(unhex("1e")), std::nullopt);  // 00011, then 110
  EXPECT_EQ(decoded(unhex("18")), std::nullopt);  // 00011, then 000
  EXPECT_EQ(decoded(unhex("1b")), std::nullopt);  // 00011, then 011
}

TEST(Huffman, RefusesEosAnywhere) {
  EXPECT_EQ(decoded(unhex("ffffffff")), std::nullopt);    // EOS and two ones
  EXPECT_EQ(decoded(unhex("fffffffc")), std::nullopt);    // EOS and two zeros
  EXPECT_EQ(decoded(unhex("1fffffffff")), std::nullopt);  // "a" and EOS
  EXPECT_EQ(decoded(unhex("fffffffc63ffffffffff")), std::nullopt);
  EXPECT_EQ(decoded(unhex("ffffffff1f1f1f1f1f1f1f1f")), std::nullopt);
}

TEST(Huffman, RefusesACodeThatIsCutShort) {
  Block block = encoded("\n");  // 30 bits of code
  ASSERT_EQ(block.size(), 4u);
  for (std::size_t n = 1; n < 4; ++n) EXPECT_EQ(decoded({block.begin(), block.begin() + n}), std::nullopt);
  EXPECT_EQ(decoded(block), "\n");
}

TEST(Huffman, TakesOnlyWhatItWouldWriteItself) {
  // A string has one encoding: what decodes encodes to the same bytes, whatever the bytes were.
  std::mt19937 random(2);
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    Block block(1 + random() % 8);
    for (std::byte& b : block) b = static_cast<std::byte>(random() % 4 == 0 ? 0xff : random());
    if (const auto text = decoded(block)) {
      ++accepted;
      ASSERT_EQ(hex(encoded(*text)), hex(block));
    }
  }
  EXPECT_GT(accepted, 100);
  EXPECT_LT(accepted, 19000);
}

}  // namespace
}  // namespace sluice::inline v0::http2
