// Every example of RFC 7541 appendix C, decoded and encoded, with the tables it lists.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "http2/hpack.h"
#include "http2/hpack_integer.h"
#include "http2/hpack_test_util.h"

namespace sluice::inline v0::http2::testing {
namespace {

struct Example {
  const char* section;
  const char* raw;      // strings as they are; null if the RFC has no such form
  const char* encoded;  // what our encoder writes: strings in Huffman code where that is shorter
  Headers headers;
  Headers table;  // from the newest entry on
  std::uint32_t table_size;
};

const Header kAuthority{":authority", "www.example.com"};
const Header kNoCache{"cache-control", "no-cache"};
const Header kCustom{"custom-key", "custom-value"};

std::vector<Example> requests() {
  return {
      {"1",
       "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
       "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
       {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, kAuthority},
       {kAuthority},
       57},
      {"2",
       "8286 84be 5808 6e6f 2d63 6163 6865",
       "8286 84be 5886 a8eb 1064 9cbf",
       {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, kAuthority, kNoCache},
       {kNoCache, kAuthority},
       110},
      {"3",
       "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
       "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
       {{":method", "GET"}, {":scheme", "https"}, {":path", "/index.html"}, kAuthority, kCustom},
       {kCustom, kNoCache, kAuthority},
       164},
  };
}

const Header kPrivate{"cache-control", "private"};
const Header kDate21{"date", "Mon, 21 Oct 2013 20:13:21 GMT"};
const Header kDate22{"date", "Mon, 21 Oct 2013 20:13:22 GMT"};
const Header kLocation{"location", "https://www.example.com"};
const Header kGzip{"content-encoding", "gzip"};
const Header kCookie{"set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"};

// With a table of 256 bytes, so that entries are evicted.
std::vector<Example> responses() {
  return {
      {"1",
       "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32"
       "3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
       "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad"
       "1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
       {{":status", "302"}, kPrivate, kDate21, kLocation},
       {kLocation, kDate21, kPrivate, {":status", "302"}},
       222},
      // "307" takes three bytes either way: the RFC writes the Huffman form (below), we write it plain.
      {"2",
       "4803 3330 37c1 c0bf",
       "4803 3330 37c1 c0bf",
       {{":status", "307"}, kPrivate, kDate21, kLocation},
       {{":status", "307"}, kLocation, kDate21, kPrivate},
       222},
      {"3",
       "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970"
       "7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61"
       "6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
       "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2"
       "e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
       {{":status", "200"}, kPrivate, kDate22, kLocation, kGzip, kCookie},
       {kCookie, kGzip, kDate22},
       215},
  };
}

void expect_decodes(const std::vector<Example>& examples, const char* Example::*form, std::uint32_t size) {
  HpackDecoder decoder(size);
  for (const Example& e : examples) {
    SCOPED_TRACE(e.section);
    Collector collector;
    const Error error = decoder.decode(unhex(e.*form), collector);
    ASSERT_TRUE(error.ok()) << error.what;
    EXPECT_EQ(collector.headers, e.headers);
    EXPECT_EQ(contents(decoder.table()), e.table);
    EXPECT_EQ(decoder.table().size(), e.table_size);
  }
}

// `size_update`: what must stand before the first block, because the table is not the initial one.
void expect_encodes(const std::vector<Example>& examples, std::uint32_t size, std::string size_update) {
  HpackEncoder encoder(size);
  for (const Example& e : examples) {
    SCOPED_TRACE(e.section);
    EXPECT_EQ(hex(encode(encoder, e.headers)), size_update + hex(unhex(e.encoded)));
    size_update.clear();
    EXPECT_EQ(contents(encoder.table()), e.table);
    EXPECT_EQ(encoder.table().size(), e.table_size);
  }
}

void expect_integer(std::uint32_t value, unsigned prefix_bits, std::string_view form) {
  std::byte out[kMaxIntegerBytes];
  const std::byte* const end = write_integer(0, prefix_bits, value, out);
  EXPECT_EQ(hex({out, end}), form);
  const Block block = unhex(form);
  const std::byte* at = block.data();
  std::uint32_t read = 0;
  EXPECT_EQ(read_integer(prefix_bits, at, block.data() + block.size(), read), "");
  EXPECT_EQ(read, value);
  EXPECT_EQ(at, block.data() + block.size());
}

// C.2: one field alone; in the decoder's and the encoder's form.
void expect_single(const Header& header, const char* raw, const char* encoded, std::uint32_t table_size) {
  for (const char* form : {raw, encoded}) {
    HpackDecoder decoder;
    Collector collector;
    ASSERT_TRUE(decoder.decode(unhex(form), collector).ok());
    ASSERT_EQ(collector.headers, Headers{header});
    EXPECT_EQ(collector.headers[0].indexing, header.indexing);
    EXPECT_EQ(contents(decoder.table()), table_size > 0 ? Headers{header} : Headers{});
    EXPECT_EQ(decoder.table().size(), table_size);
  }
  HpackEncoder encoder;
  EXPECT_EQ(hex(encode(encoder, {header})), hex(unhex(encoded)));
  EXPECT_EQ(encoder.table().size(), table_size);
}

TEST(HpackRfc, C1Integers) {
  expect_integer(10, 5, "0a");
  expect_integer(1337, 5, "1f9a0a");
  expect_integer(42, 8, "2a");
}

TEST(HpackRfc, C2Representations) {
  expect_single({"custom-key", "custom-header"},
                "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
                "4088 25a8 49e9 5ba9 7d7f 8925 a849 e95a 728e 42d9", 55);
  expect_single({":path", "/sample/path", Indexing::kPlain}, "040c 2f73 616d 706c 652f 7061 7468",
                "0489 6103 a6ba 0ac5 634c ff", 0);
  expect_single({"password", "secret", Indexing::kNever}, "1008 7061 7373 776f 7264 0673 6563 7265 74",
                "1086 ac68 4783 d927 8441 4961 53", 0);
  expect_single({":method", "GET"}, "82", "82", 0);
}

TEST(HpackRfc, C3RequestsWithoutHuffman) { expect_decodes(requests(), &Example::raw, 4096); }

TEST(HpackRfc, C4RequestsWithHuffman) {
  expect_decodes(requests(), &Example::encoded, 4096);
  expect_encodes(requests(), 4096, "");
}

TEST(HpackRfc, C5ResponsesWithoutHuffman) { expect_decodes(responses(), &Example::raw, 256); }

TEST(HpackRfc, C6ResponsesWithHuffman) {
  std::vector<Example> examples = responses();
  expect_encodes(examples, 256, "3fe101");
  examples[1].encoded = "4883 640e ffc1 c0bf";
  expect_decodes(examples, &Example::encoded, 256);
}

}  // namespace
}  // namespace sluice::inline v0::http2::testing
