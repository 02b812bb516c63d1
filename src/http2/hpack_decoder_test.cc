// What the decoder refuses, what it keeps with its table, and blocks it has seen before.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "http2/hpack.h"
#include "http2/hpack_test_util.h"

namespace sluice::inline v0::http2::testing {
namespace {

// The error of a block alone; the error's kind is checked on the way.
std::string_view error_of(std::string_view block) {
  HpackDecoder decoder;
  Collector collector;
  // A copy of its own on the heap, so that a sanitizer sees a read past the end.
  const Block bytes = unhex(block);
  const auto exact = std::make_unique<std::byte[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), exact.get());
  const Error error = decoder.decode({exact.get(), bytes.size()}, collector);
  if (error.ok()) return "";
  EXPECT_EQ(error.scope, Scope::kConnection);
  EXPECT_EQ(error.code, ErrorCode::kCompressionError);
  EXPECT_EQ(error.blame, Blame::kPeer);
  EXPECT_FALSE(error.what.empty());
  return error.what;
}

Headers decoded(HpackDecoder& decoder, std::string_view block) {
  Collector collector;
  const Error error = decoder.decode(unhex(block), collector);
  EXPECT_TRUE(error.ok()) << error.what;
  return collector.headers;
}

TEST(HpackDecoder, TakesAnEmptyBlock) {
  HpackDecoder decoder;
  EXPECT_EQ(decoded(decoder, ""), Headers{});
}

TEST(HpackDecoder, TellsHowAFieldWasSent) {
  HpackDecoder decoder;
  const Headers headers = decoded(decoder,
                                  "82"
                                  "400161"
                                  "0131"
                                  "000161"
                                  "0131"
                                  "100161"
                                  "0131"
                                  "be");
  ASSERT_EQ(headers.size(), 5u);
  EXPECT_EQ(headers[0].indexing, Indexing::kIndex);
  EXPECT_EQ(headers[1].indexing, Indexing::kIndex);
  EXPECT_EQ(headers[2].indexing, Indexing::kPlain);
  EXPECT_EQ(headers[3].indexing, Indexing::kNever);
  EXPECT_EQ(headers[4].indexing, Indexing::kIndex);
  EXPECT_EQ(decoder.table().count(), 1u);
}

TEST(HpackDecoder, KnowsEveryStaticEntry) {
  for (std::uint32_t i = 1; i <= kStaticEntries; ++i) {
    HpackDecoder decoder;
    Collector collector;
    const Block block{static_cast<std::byte>(0x80 | i)};
    ASSERT_TRUE(decoder.decode(block, collector).ok());
    ASSERT_EQ(collector.headers.size(), 1u);
    // The encoder's lookup finds the same entry.
    HpackEncoder encoder;
    EXPECT_EQ(encode(encoder, collector.headers), block);
  }
}

TEST(HpackDecoder, RefusesIndexZero) { EXPECT_EQ(error_of("80"), "indexed field with index 0"); }

TEST(HpackDecoder, RefusesIndicesBeyondTheTable) {
  EXPECT_EQ(error_of("bd"), "");
  EXPECT_EQ(error_of("be"), "field index beyond the header table");
  EXPECT_EQ(error_of("400161"
                     "0131"
                     "be"),
            "");
  EXPECT_EQ(error_of("400161"
                     "0131"
                     "bf"),
            "field index beyond the header table");
  EXPECT_EQ(error_of("ff80ffffff0f"), "field index beyond the header table");
  EXPECT_EQ(error_of("7d0131"), "");
  EXPECT_EQ(error_of("7e0131"), "name index beyond the header table");
  EXPECT_EQ(error_of("0f2f0131"), "name index beyond the header table");
  EXPECT_EQ(error_of("1f2f0131"), "name index beyond the header table");
}

TEST(HpackDecoder, RefusesIntegersThatAreCutShortOrTooLarge) {
  const std::string_view cut = "header block ends within an integer";
  const std::string_view large = "integer in a header block exceeds 32 bits";
  EXPECT_EQ(error_of("ff"), cut);
  EXPECT_EQ(error_of("ff80"), cut);
  EXPECT_EQ(error_of("ff80808080"), cut);
  EXPECT_EQ(error_of("ff8080808080"), large);
  EXPECT_EQ(error_of("ff808080808000"), large);  // a sixth byte, though it adds nothing
  EXPECT_EQ(error_of("ffffffffff7f"), large);
  EXPECT_EQ(error_of("ff81ffffff0f"), large);                                  // 2^32
  EXPECT_EQ(error_of("ff80ffffff0f"), "field index beyond the header table");  // 2^32 - 1
  EXPECT_EQ(error_of("3f"), cut);
  EXPECT_EQ(error_of("7f"), cut);
  EXPECT_EQ(error_of("0f"), cut);
  EXPECT_EQ(error_of("00ff"), cut);
  EXPECT_EQ(error_of("007f"), cut);
}

TEST(HpackDecoder, TakesIntegersWithLeadingZeros) {
  // 62 as 63 - 1 has no such form; 5 bits: 31 + 0 in up to five bytes more.
  HpackDecoder decoder;
  EXPECT_EQ(decoded(decoder,
                    "3f80808000"
                    "82"),
            (Headers{{":method", "GET"}}));
  EXPECT_EQ(decoder.table().max_size(), 31u);
}

TEST(HpackDecoder, RefusesStringsThatReachBeyondTheBlock) {
  const std::string_view beyond = "string reaches beyond its header block";
  const std::string_view before = "header block ends before a string";
  EXPECT_EQ(error_of("40"), before);
  EXPECT_EQ(error_of("4001"), beyond);
  EXPECT_EQ(error_of("400161"), before);
  EXPECT_EQ(error_of("40016101"), beyond);
  EXPECT_EQ(error_of("400161ff80ffffff0e"), beyond);  // 4 GB of Huffman: refused before any room is made
  EXPECT_EQ(error_of("44"), before);
  EXPECT_EQ(error_of("4483f1e3"), beyond);
}

TEST(HpackDecoder, RefusesMalformedHuffman) {
  const std::string_view malformed = "malformed Huffman string in a header block";
  EXPECT_EQ(error_of("44811f"), "");
  EXPECT_EQ(error_of("44811e"), malformed);
  EXPECT_EQ(error_of("44821fff"), malformed);
  EXPECT_EQ(error_of("4484ffffffff"), malformed);
  EXPECT_EQ(error_of("40811e0131"), malformed);
}

TEST(HpackDecoder, TakesSizeUpdatesOnlyAtTheStartOfABlock) {
  EXPECT_EQ(error_of("20"), "");
  EXPECT_EQ(error_of("203fe11f82"), "");
  EXPECT_EQ(error_of("8220"), "table size update within a header block");
  EXPECT_EQ(error_of("40016101313fe11f"), "table size update within a header block");
}

TEST(HpackDecoder, RefusesSizeUpdatesAboveOurSetting) {
  EXPECT_EQ(error_of("3fe11f"), "");                                     // 4096
  EXPECT_EQ(error_of("3fe21f"), "table size update above our setting");  // 4097
  HpackDecoder decoder;
  decoder.set_max_table_size(8192);
  EXPECT_EQ(decode_error(decoder, unhex("3fe13f")), "");
  EXPECT_EQ(decode_error(decoder, unhex("3fe23f")), "table size update above our setting");
}

TEST(HpackDecoder, StartsWithTheInitialSizeHoweverLargeItsOwnLimit) {
  HpackDecoder decoder(65536);
  EXPECT_EQ(decoder.table().max_size(), 4096u);
  EXPECT_EQ(decode_error(decoder, unhex("3fe1ff03")), "");
  EXPECT_EQ(decoder.table().max_size(), 65536u);
}

TEST(HpackDecoder, EvictsWithASizeUpdate) {
  HpackDecoder decoder;
  (void)decoded(decoder,
                "4001610131"
                "4001620132");
  (void)decoded(decoder,
                "3f04"
                "be");  // 35: one entry
  EXPECT_EQ(contents(decoder.table()), (Headers{{"b", "2"}}));
  EXPECT_EQ(decode_error(decoder, unhex("bf")), "field index beyond the header table");
}

TEST(HpackDecoder, WantsASizeUpdateOnceAReducedSettingIsAcknowledged) {
  const std::string_view due = "header block lacks the table size update that is due";
  for (const char* block : {"82", ""}) {
    HpackDecoder decoder;
    decoder.set_max_table_size(100);
    EXPECT_EQ(decode_error(decoder, unhex(block)), due);
  }
  HpackDecoder decoder;
  decoder.set_max_table_size(100);
  EXPECT_EQ(decode_error(decoder, unhex("3f4582")), "");  // 100
  EXPECT_EQ(decode_error(decoder, unhex("82")), "");
}

TEST(HpackDecoder, WantsTheSmallestOfTheSettingsAcknowledged) {
  const auto after = [](std::string_view block) {
    HpackDecoder decoder;
    for (const std::uint32_t size : {100u, 0u, 50u, 4096u}) decoder.set_max_table_size(size);
    return decode_error(decoder, unhex(block));
  };
  EXPECT_EQ(after("203fe11f82"), "");
  EXPECT_EQ(after("2082"), "");
  EXPECT_EQ(after("3fe11f82"), "table size update above the smallest setting acknowledged");
  EXPECT_EQ(after("2182"), "table size update above the smallest setting acknowledged");
  EXPECT_EQ(after("82"), "header block lacks the table size update that is due");
}

TEST(HpackDecoder, WantsNoSizeUpdateWhenTheTableInUseIsSmallEnough) {
  HpackDecoder decoder;
  EXPECT_EQ(decode_error(decoder, unhex("3f45")), "");  // 100, of its own will
  decoder.set_max_table_size(100);
  EXPECT_EQ(decode_error(decoder, unhex("82")), "");
  decoder.set_max_table_size(4096);
  EXPECT_EQ(decode_error(decoder, unhex("82")), "");
}

TEST(HpackDecoder, EmptiesTheTableWithAFieldThatIsLarger) {
  HpackDecoder decoder(64);
  (void)decoded(decoder, "4001610131");
  const Headers headers = decoded(decoder,
                                  "400162"
                                  "20" +
                                      hex(Block(32, std::byte{'x'})));
  EXPECT_EQ(headers, (Headers{{"b", std::string(32, 'x')}}));
  EXPECT_EQ(decoder.table().count(), 0u);
  EXPECT_EQ(decoder.table().size(), 0u);
  // The same where its name comes from an entry that goes with the others.
  (void)decoded(decoder, "4001610131");
  EXPECT_EQ(decoded(decoder, "7e20" + hex(Block(32, std::byte{'x'}))),
            (Headers{{"a", std::string(32, 'x')}}));
  EXPECT_EQ(decoder.table().count(), 0u);
}

TEST(HpackDecoder, GivesTheTagOfAnEntryInsteadOfItsField) {
  HpackDecoder decoder;
  Collector collector(Collector::Tags::kAll);
  ASSERT_TRUE(decoder
                  .decode(unhex("4001610131"
                                "4001620132"
                                "bf"
                                "be"
                                "82"),
                          collector)
                  .ok());
  EXPECT_EQ(collector.headers, (Headers{{"a", "1"}, {"b", "2"}, {"a", "1"}, {"b", "2"}, {":method", "GET"}}));
  EXPECT_EQ(collector.tag_hits, 2u);
}

TEST(HpackDecoder, TagsAnEntryThatTookItsNameFromAnother) {
  HpackDecoder decoder;
  Collector collector(Collector::Tags::kAll);
  ASSERT_TRUE(decoder
                  .decode(unhex("4001610131"
                                "7e0132"
                                "be"
                                "bf"),
                          collector)
                  .ok());
  EXPECT_EQ(collector.headers, (Headers{{"a", "1"}, {"a", "2"}, {"a", "2"}, {"a", "1"}}));
  EXPECT_EQ(collector.tag_hits, 2u);
}

TEST(HpackDecoder, GivesTheFieldWhereTheTagIsZero) {
  HpackDecoder decoder;
  Collector collector;
  ASSERT_TRUE(decoder
                  .decode(unhex("4001610131"
                                "be"),
                          collector)
                  .ok());
  EXPECT_EQ(collector.headers, (Headers{{"a", "1"}, {"a", "1"}}));
  EXPECT_EQ(collector.tag_hits, 0u);
}

TEST(HpackDecoder, KeepsNoTagOfAFieldThatOnlyBorrowsAName) {
  HpackDecoder decoder;
  Collector collector(Collector::Tags::kAll);
  ASSERT_TRUE(decoder
                  .decode(unhex("4001610131"
                                "0f2f0132"
                                "be"),
                          collector)
                  .ok());
  EXPECT_EQ(collector.headers, (Headers{{"a", "1"}, {"a", "2"}, {"a", "1"}}));
  EXPECT_EQ(collector.tag_hits, 1u);
}

TEST(HpackDecoder, RemembersABlockThatChangedNothing) {
  HpackDecoder decoder;
  const Block inserting = unhex("824001610131");
  const Block block = unhex("82be");
  EXPECT_EQ(decode_error(decoder, inserting), "");
  decoder.remember(inserting, 1);
  EXPECT_EQ(decoder.repeated(inserting), std::nullopt);
  EXPECT_EQ(decode_error(decoder, block), "");
  EXPECT_EQ(decoder.repeated(block), std::nullopt);
  decoder.remember(block, 2);
  EXPECT_EQ(decoder.repeated(block), std::optional<Tag>(2));
  EXPECT_EQ(decoder.repeated(unhex("82")), std::nullopt);
  EXPECT_EQ(decoder.repeated(unhex("83be")), std::nullopt);
  EXPECT_EQ(decoder.repeated(unhex("82be82")), std::nullopt);
}

TEST(HpackDecoder, ForgetsBlocksWhenTheTableChanges) {
  for (const char* change : {"4001620132", "20", "3fe11f"}) {
    HpackDecoder decoder;
    const Block block = unhex("82be");
    EXPECT_EQ(decode_error(decoder, unhex("4001610131")), "");
    EXPECT_EQ(decode_error(decoder, block), "");
    decoder.remember(block, 2);
    EXPECT_EQ(decode_error(decoder, unhex("82")), "");
    EXPECT_EQ(decoder.repeated(block), std::optional<Tag>(2));
    EXPECT_EQ(decode_error(decoder, unhex(change)), "");
    EXPECT_EQ(decoder.repeated(block), std::nullopt) << change;
  }
}

TEST(HpackDecoder, ForgetsBlocksThatLackASizeUpdateNowDue) {
  HpackDecoder decoder;
  const Block block = unhex("82");
  EXPECT_EQ(decode_error(decoder, block), "");
  decoder.remember(block, 2);
  decoder.set_max_table_size(8192);
  EXPECT_EQ(decoder.repeated(block), std::optional<Tag>(2));
  decoder.set_max_table_size(100);
  EXPECT_EQ(decoder.repeated(block), std::nullopt);
}

TEST(HpackDecoder, RemembersNothingOfABlockWithASizeUpdate) {
  HpackDecoder decoder;
  const Block block = unhex("3fe11f82");
  EXPECT_EQ(decode_error(decoder, block), "");
  decoder.remember(block, 2);
  EXPECT_EQ(decoder.repeated(block), std::nullopt);
}

TEST(HpackDecoder, RemembersNothingWithoutATagNothingEmptyAndNothingLong) {
  HpackDecoder decoder;
  for (const std::size_t size : {std::size_t{0}, HpackDecoder::kMaxRemembered + 1}) {
    const Block block(size, std::byte{0x82});
    EXPECT_EQ(decode_error(decoder, block), "");
    decoder.remember(block, 2);
    EXPECT_EQ(decoder.repeated(block), std::nullopt);
  }
  const Block block(HpackDecoder::kMaxRemembered, std::byte{0x82});
  EXPECT_EQ(decode_error(decoder, block), "");
  decoder.remember(block, 0);
  EXPECT_EQ(decoder.repeated(block), std::nullopt);
  decoder.remember(block, 2);
  EXPECT_EQ(decoder.repeated(block), std::optional<Tag>(2));
}

TEST(HpackDecoder, RemembersTheLastFourBlocks) {
  HpackDecoder decoder;
  std::vector<Block> blocks;
  for (const char* text : {"81", "82", "83", "84", "85"}) {
    blocks.push_back(unhex(text));
    EXPECT_EQ(decode_error(decoder, blocks.back()), "");
    decoder.remember(blocks.back(), blocks.size());
  }
  EXPECT_EQ(decoder.repeated(blocks[0]), std::nullopt);
  for (Tag tag = 2; tag <= 5; ++tag) EXPECT_EQ(decoder.repeated(blocks[tag - 1]), std::optional<Tag>(tag));
}

// Blocks as gRPC sends them, with every kind of representation in them.
std::vector<Block> sample_blocks() {
  HpackEncoder encoder;
  const Headers request = {{":method", "POST"},
                           {":scheme", "http"},
                           {":path", "/a.B/C"},
                           {":authority", "localhost:50051"},
                           {"te", "trailers"},
                           {"content-type", "application/grpc"},
                           {"grpc-timeout", "1S", Indexing::kPlain},
                           {"authorization", "Bearer secret", Indexing::kNever},
                           {"x-bin", "AAECAwQ"}};
  std::vector<Block> blocks = {encode(encoder, request), encode(encoder, request)};
  encoder.set_peer_limit(200);
  blocks.push_back(encode(encoder, request));
  blocks.push_back(encode(encoder, {{":status", "200"}, {"grpc-message", std::string(300, '%')}}));
  return blocks;
}

// A decoder with the visitor that its tags belong to.
struct Decoding {
  HpackDecoder decoder;
  Collector collector{Collector::Tags::kAll};
};

void decode_exact(std::span<const std::byte> bytes, Decoding& on) {
  HpackDecoder& decoder = on.decoder;
  const auto exact = std::make_unique<std::byte[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), exact.get());
  const Error error = decoder.decode({exact.get(), bytes.size()}, on.collector);
  EXPECT_EQ(error.code, error.ok() ? ErrorCode::kNoError : ErrorCode::kCompressionError);
  std::size_t text = 0;
  for (const Header& h : contents(decoder.table())) text += h.name.size() + h.value.size() + 32;
  EXPECT_EQ(text, decoder.table().size());
  EXPECT_LE(text, decoder.table().max_size());
}

TEST(HpackDecoder, SurvivesEveryTruncation) {
  for (const Block& block : sample_blocks()) {
    for (std::size_t n = 0; n < block.size(); ++n) {
      Decoding on;
      decode_exact({block.data(), n}, on);
    }
  }
}

TEST(HpackDecoder, SurvivesEveryFlippedBit) {
  const std::vector<Block> blocks = sample_blocks();
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    for (std::size_t bit = 0; bit < blocks[i].size() * 8; ++bit) {
      Decoding on;
      for (std::size_t j = 0; j < i; ++j) decode_exact(blocks[j], on);
      Block block = blocks[i];
      block[bit / 8] ^= std::byte{1} << (bit % 8);
      decode_exact(block, on);
    }
  }
}

TEST(HpackDecoder, SurvivesRandomBytes) {
  std::mt19937 random(4);
  for (int i = 0; i < 3000; ++i) {
    Decoding on{HpackDecoder(static_cast<std::uint32_t>(random() % 300))};
    for (int j = 0; j < 4; ++j) {
      Block block(random() % 60);
      for (std::byte& b : block) b = static_cast<std::byte>(random());
      decode_exact(block, on);
    }
  }
}

}  // namespace
}  // namespace sluice::inline v0::http2::testing
