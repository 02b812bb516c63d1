// What the encoder writes, byte for byte, and what its caches and table do; the examples of the RFC are in
// hpack_rfc_test.cc.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "http2/hpack.h"
#include "http2/hpack_test_util.h"

namespace sluice::inline v0::http2::testing {
namespace {

const Header kFirst{"x-a", "1"};
const Header kSecond{"x-b", "2"};

// One part with a cache, encoded again and again.
struct CachedRun {
  Headers headers;
  BlockCache cache = {};

  Block encode(HpackEncoder& encoder) {
    const std::vector<Field> fields = to_fields(headers);
    const HeaderPart part{fields, &cache};
    Block block;
    encoder.encode({&part, 1}, block);
    return block;
  }
};

TEST(HpackEncoder, WritesAnIndexOnceAFieldIsInTheTable) {
  HpackEncoder encoder;
  EXPECT_EQ(hex(encode(encoder, {kFirst})), "4003782d610131");
  EXPECT_EQ(hex(encode(encoder, {kFirst})), "be");
  EXPECT_EQ(hex(encode(encoder, {kSecond})), "4003782d620132");
  EXPECT_EQ(hex(encode(encoder, {kFirst, kSecond})), "bfbe");
}

TEST(HpackEncoder, RefersToANameInEitherTable) {
  HpackEncoder encoder;
  EXPECT_EQ(hex(encode(encoder, {{":path", "/a"}})), "44022f61");
  EXPECT_EQ(hex(encode(encoder, {kFirst})), "4003782d610131");
  EXPECT_EQ(hex(encode(encoder, {{"x-a", "2"}})), "7e0132");
  EXPECT_EQ(hex(encode(encoder, {{"x-a", "3", Indexing::kPlain}})), "0f2f0133");
}

TEST(HpackEncoder, KeepsPlainFieldsOutOfTheTable) {
  HpackEncoder encoder;
  const Header plain{"x-a", "1", Indexing::kPlain};
  EXPECT_EQ(hex(encode(encoder, {plain, plain})), "0003782d6101310003782d610131");
  EXPECT_EQ(encoder.table().count(), 0u);
  EXPECT_EQ(hex(encode(encoder, {{":method", "POST", Indexing::kPlain}})), "83");
}

TEST(HpackEncoder, IndexesTheNameAloneOfWhatDiffersEachTime) {
  HpackEncoder encoder;
  EXPECT_EQ(hex(encode(encoder, {{"x-a", "3070", Indexing::kName}})), "4003782d610433303730");
  EXPECT_EQ(hex(encode(encoder, {{"x-a", "3071", Indexing::kName}})), "0f2f0433303731");
  EXPECT_EQ(hex(encode(encoder, {{"x-a", "3070", Indexing::kName}})), "0f2f0433303730");
  EXPECT_EQ(encoder.table().count(), 1u);
}

TEST(HpackEncoder, NeverIndexesSecretsEvenWhenATableHasThem) {
  HpackEncoder encoder;
  EXPECT_EQ(hex(encode(encoder, {kFirst})), "4003782d610131");
  EXPECT_EQ(hex(encode(encoder, {{"x-a", "1", Indexing::kNever}})), "1f2f0131");
  EXPECT_EQ(hex(encode(encoder, {{":method", "GET", Indexing::kNever}})), "1203474554");
  EXPECT_EQ(encoder.table().count(), 1u);
}

TEST(HpackEncoder, UsesHuffmanOnlyWhereItIsShorter) {
  HpackEncoder encoder;
  EXPECT_EQ(hex(encode(encoder, {{"x-a", "307", Indexing::kPlain}})), "0003782d6103333037");
  EXPECT_EQ(hex(encode(encoder, {{"x-a", "3070", Indexing::kPlain}})), "0003782d6183640e83");
  EXPECT_EQ(hex(encode(encoder, {{"x-a", "~~~~", Indexing::kPlain}})), "0003782d61047e7e7e7e");
  EXPECT_EQ(hex(encode(encoder, {{"x-a", "", Indexing::kPlain}})), "0003782d6100");
}

TEST(HpackEncoder, DoesNotInsertWhatIsLargerThanTheTable) {
  HpackEncoder encoder;
  (void)encode(encoder, {kFirst});
  const Header fits{"x-l", std::string(4096 - 32 - 3, '~')};
  const Header large{"x-l", std::string(4096 - 32 - 2, '~')};
  const Block block = encode(encoder, {large});
  EXPECT_EQ(hex({block.begin(), block.begin() + 5}), "0003782d6c");
  EXPECT_EQ(contents(encoder.table()), Headers{kFirst});
  (void)encode(encoder, {fits});
  EXPECT_EQ(contents(encoder.table()), Headers{fits});
}

TEST(HpackEncoder, EvictsTheOldestAndForgetsThemInItsIndex) {
  HpackEncoder encoder(3 * 36);  // three entries of name "x-a" and one digit
  EXPECT_EQ(hex(encode(encoder, {{"x-a", "1"}, {"x-a", "2"}, {"x-a", "3"}})),
            "3f4d"
            "4003782d610131"
            "7e0132"
            "7e0133");
  EXPECT_EQ(hex(encode(encoder, {{"x-a", "1"}})), "c0");
  EXPECT_EQ(hex(encode(encoder, {{"x-a", "4"}})), "7e0134");  // "1" goes
  EXPECT_EQ(hex(encode(encoder, {{"x-a", "1"}})), "7e0131");  // "2" goes
  EXPECT_EQ(contents(encoder.table()), (Headers{{"x-a", "1"}, {"x-a", "4"}, {"x-a", "3"}}));
  EXPECT_EQ(hex(encode(encoder, {{"x-a", "3"}, {"x-a", "4"}, {"x-a", "1"}})), "c0bfbe");
}

TEST(HpackEncoder, FindsEachOfManyEntries) {
  HpackEncoder encoder(1 << 20);
  encoder.set_peer_limit(1 << 20);
  Headers all;
  for (int i = 0; i < 1000; ++i) all.push_back({"name-" + std::to_string(i % 10), std::to_string(i)});
  (void)encode(encoder, all);
  EXPECT_EQ(encoder.table().count(), 1000u);
  EXPECT_EQ(encode(encoder, {all.front()}).size(), 3u);
  (void)encode(encoder, all);
  EXPECT_EQ(encoder.table().count(), 1000u);
}

TEST(HpackEncoder, AnnouncesATableSmallerThanTheInitialOne) {
  HpackEncoder encoder(0);
  EXPECT_EQ(hex(encode(encoder, {{":method", "GET"}})), "2082");
  EXPECT_EQ(hex(encode(encoder, {{":method", "GET"}})), "82");
  EXPECT_EQ(hex(encode(encoder, {kFirst})), "0003782d610131");
}

TEST(HpackEncoder, StaysWithinItsOwnLimit) {
  HpackEncoder encoder(4096);
  encoder.set_peer_limit(65536);
  EXPECT_EQ(hex(encode(encoder, {{":method", "GET"}})), "82");
  EXPECT_EQ(encoder.table().max_size(), 4096u);
}

TEST(HpackEncoder, GrowsWithThePeersLimit) {
  HpackEncoder encoder(65536);
  EXPECT_EQ(hex(encode(encoder, {{":method", "GET"}})), "82");
  encoder.set_peer_limit(8192);
  EXPECT_EQ(hex(encode(encoder, {{":method", "GET"}})), "3fe13f82");
  EXPECT_EQ(encoder.table().max_size(), 8192u);
}

TEST(HpackEncoder, ShrinksWithThePeersLimit) {
  HpackEncoder encoder;
  (void)encode(encoder, {kFirst, kSecond});
  encoder.set_peer_limit(40);
  EXPECT_EQ(hex(encode(encoder, {kSecond})), "3f09be");
  EXPECT_EQ(contents(encoder.table()), Headers{kSecond});
}

TEST(HpackEncoder, AnnouncesTheSmallestSizeAndThenTheLast) {
  HpackEncoder encoder;
  (void)encode(encoder, {kFirst});
  encoder.set_peer_limit(100);
  encoder.set_peer_limit(0);
  encoder.set_peer_limit(50);
  encoder.set_peer_limit(4096);
  EXPECT_EQ(hex(encode(encoder, {kFirst})), "203fe11f4003782d610131");
  EXPECT_EQ(hex(encode(encoder, {kFirst})), "be");
}

TEST(HpackEncoder, AnnouncesNothingWhenTheSizeIsTheOldOne) {
  HpackEncoder encoder(65536);
  encoder.set_peer_limit(65536);
  encoder.set_peer_limit(4096);
  EXPECT_EQ(hex(encode(encoder, {{":method", "GET"}})), "82");
}

TEST(HpackEncoder, FillsACacheWhenABlockChangesNothing) {
  HpackEncoder encoder;
  CachedRun run{{{":method", "POST"}, kFirst}};
  EXPECT_EQ(hex(run.encode(encoder)), "834003782d610131");
  EXPECT_EQ(run.cache.table_version, 0u);
  EXPECT_EQ(hex(run.encode(encoder)), "83be");
  EXPECT_EQ(run.cache.table_version, encoder.table().version());
  EXPECT_EQ(hex({run.cache.bytes.data(), run.cache.size}), "83be");
}

TEST(HpackEncoder, ReplaysACacheAsItIs) {
  HpackEncoder encoder;
  CachedRun run{{kFirst}};
  (void)run.encode(encoder);
  (void)run.encode(encoder);
  run.cache.bytes[0] = std::byte{0x82};  // no one looks at the fields again
  EXPECT_EQ(hex(run.encode(encoder)), "82");
}

TEST(HpackEncoder, DropsACacheWhenTheTableChanges) {
  HpackEncoder encoder;
  CachedRun run{{kFirst}};
  (void)run.encode(encoder);
  EXPECT_EQ(hex(run.encode(encoder)), "be");
  (void)encode(encoder, {kSecond});
  EXPECT_EQ(hex(run.encode(encoder)), "bf");
  encoder.set_peer_limit(36);
  EXPECT_EQ(hex(run.encode(encoder)),
            "3f05"
            "4003782d610131");
  EXPECT_EQ(hex(run.encode(encoder)), "be");
}

TEST(HpackEncoder, DropsACacheWithinABlockThatInsertsBeforeIt) {
  HpackEncoder encoder;
  CachedRun run{{kFirst}};
  (void)run.encode(encoder);
  (void)run.encode(encoder);
  const Headers second = {kSecond};
  const std::vector<Field> before = to_fields(second);
  const std::vector<Field> cached = to_fields(run.headers);
  const HeaderPart parts[] = {{before, nullptr}, {cached, &run.cache}};
  Block block;
  encoder.encode(parts, block);
  EXPECT_EQ(hex(block),
            "4003782d620132"
            "bf");
}

TEST(HpackEncoder, JoinsPartsInTheirOrderBehindWhatIsThere) {
  HpackEncoder encoder;
  const Field method{":method", "POST"};
  const Field plain{"x-a", "1", Indexing::kPlain};
  const Field status{":status", "200"};
  BlockCache caches[2];
  const HeaderPart parts[] = {
      {{&method, 1}, &caches[0]}, {{&plain, 1}, nullptr}, {{}, nullptr}, {{&status, 1}, &caches[1]}};
  for (int i = 0; i < 2; ++i) {
    Block block = unhex("ff");
    encoder.encode(parts, block);
    EXPECT_EQ(hex(block),
              "ff"
              "83"
              "0003782d610131"
              "88");
  }
}

TEST(HpackEncoder, CachesNoRunThatIsTooLongOrNeverSettles) {
  HpackEncoder encoder;
  CachedRun large{{{"x-l", std::string(60, '~'), Indexing::kPlain}}};
  (void)large.encode(encoder);
  (void)large.encode(encoder);
  EXPECT_EQ(large.cache.table_version, 0u);
  CachedRun edge{{{"x-l", std::string(41, '~'), Indexing::kPlain}}};
  EXPECT_EQ(edge.encode(encoder).size(), edge.cache.bytes.size());
  EXPECT_NE(edge.cache.table_version, 0u);
  CachedRun over{{{"x-l", std::string(42, '~'), Indexing::kPlain}}};
  (void)over.encode(encoder);
  EXPECT_EQ(over.cache.table_version, 0u);
}

TEST(HpackEncoder, CachesFieldsThatTheTableHasNoRoomFor) {
  HpackEncoder encoder(0);
  CachedRun run{{kFirst}};
  EXPECT_EQ(hex(run.encode(encoder)), "200003782d610131");
  EXPECT_EQ(hex({run.cache.bytes.data(), run.cache.size}), "0003782d610131");
  EXPECT_EQ(hex(run.encode(encoder)), "0003782d610131");
}

TEST(DynamicTable, ChangesItsVersionWithEveryChangeOfItself) {
  DynamicTable table(2 * 34);
  std::uint64_t last = table.version();
  EXPECT_NE(last, 0u);
  const auto changed = [&] { return std::exchange(last, table.version()) != last; };
  table.insert("a", "1", 0);
  EXPECT_TRUE(changed());
  table.insert("a", "2", 0);
  EXPECT_TRUE(changed());
  table.insert("a", "3", 0);  // evicts
  EXPECT_TRUE(changed());
  table.insert("a", std::string(100, 'x'), 0);  // empties
  EXPECT_TRUE(changed());
  EXPECT_EQ(table.count(), 0u);
  table.insert("a", std::string(100, 'x'), 0);  // nothing left to empty
  EXPECT_FALSE(changed());
  table.set_max_size(100);
  EXPECT_TRUE(changed());
}

TEST(DynamicTable, TakesANameFromTheEntryThatItEvicts) {
  DynamicTable table(60);
  const std::string name = "a-name-of-twenty-six-octets";
  table.insert(name, "1", 7);
  for (int i = 0; i < 100; ++i) {
    table.insert_with_name_of(0, std::to_string(i % 10), 8);
    ASSERT_EQ(table.count(), 1u);
    ASSERT_EQ(table.name(0), name);
    ASSERT_EQ(table.value(0), std::to_string(i % 10));
    ASSERT_EQ(table.tag(0), 8u);
  }
}

TEST(DynamicTable, KeepsTextAndTagsThroughGrowthAndCompaction) {
  DynamicTable table(4096);
  std::mt19937 random(3);
  std::vector<Header> model;  // the oldest first
  std::size_t size = 0;
  for (int i = 0; i < 3000; ++i) {
    Header h{std::to_string(i), std::string(random() % 200, static_cast<char>('a' + i % 26))};
    table.insert(h.name, h.value, static_cast<Tag>(i));
    size += h.name.size() + h.value.size() + 32;
    model.push_back(std::move(h));
    while (size > 4096) {
      size -= model.front().name.size() + model.front().value.size() + 32;
      model.erase(model.begin());
    }
    ASSERT_EQ(table.size(), size);
    ASSERT_EQ(contents(table), Headers(model.rbegin(), model.rend()));
    ASSERT_EQ(table.tag(0), static_cast<Tag>(i));
    ASSERT_EQ(table.tag(table.count() - 1), std::stoul(model.front().name));
  }
}

}  // namespace
}  // namespace sluice::inline v0::http2::testing
