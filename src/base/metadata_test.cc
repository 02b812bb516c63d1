// Metadata, MetadataList and what check_metadata refuses.
#include "sluice/base/metadata.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace sluice::inline v0 {
namespace {

using Values = std::vector<std::string_view>;

std::vector<KV> pairs_of(const Metadata& md) {
  std::vector<KV> pairs;
  for (const KV kv : md) pairs.push_back(kv);
  return pairs;
}

TEST(Metadata, KeepsPairsInOrder) {
  Metadata md = {{"b", "1"}, {"a", "2"}};
  md.add("b", "3");
  EXPECT_EQ(md.size(), 3u);
  EXPECT_EQ(pairs_of(md), (std::vector<KV>{{"b", "1"}, {"a", "2"}, {"b", "3"}}));
  EXPECT_EQ(md[1], (KV{"a", "2"}));
}

TEST(Metadata, LowerCasesKeysButNotValues) {
  Metadata md = {{"X-Trace-ID", "AbC"}};
  EXPECT_EQ(md[0], (KV{"x-trace-id", "AbC"}));
  EXPECT_EQ(md.get("x-trace-id"), "AbC");
  EXPECT_EQ(md.get("X-Trace-ID"), std::nullopt);
}

TEST(Metadata, LeavesBytesOutsideAsciiInKeysAlone) {
  Metadata md;
  md.add("\xc3\x84[", "");
  EXPECT_EQ(md[0].key, "\xc3\x84[");
}

TEST(Metadata, FindsTheFirstAndAllValues) {
  const Metadata md = {{"k", "1"}, {"kk", "x"}, {"k", ""}, {"k", "2"}};
  EXPECT_EQ(md.get("k"), "1");
  EXPECT_EQ(md.get_all("k"), (Values{"1", "", "2"}));
  EXPECT_EQ(md.get("none"), std::nullopt);
  EXPECT_EQ(md.get_all("none"), Values());
}

TEST(Metadata, HoldsEmptyAndBinaryValues) {
  const std::string binary("\0\xff\0", 3);
  Metadata md;
  md.add("empty", "");
  md.add("raw-bin", binary);
  EXPECT_EQ(md.get("empty"), "");
  EXPECT_EQ(md.get("raw-bin"), binary);
}

TEST(Metadata, ErasesEveryPairOfAKey) {
  Metadata md = {{"a", "1"}, {"b", "2"}, {"a", "3"}, {"c", "4"}};
  EXPECT_EQ(md.erase("none"), 0u);
  EXPECT_EQ(md.erase("a"), 2u);
  EXPECT_EQ(pairs_of(md), (std::vector<KV>{{"b", "2"}, {"c", "4"}}));
  EXPECT_EQ(md.erase(md[0].key), 1u);
  EXPECT_EQ(pairs_of(md), (std::vector<KV>{{"c", "4"}}));
  md.clear();
  EXPECT_TRUE(md.empty());
  md.add("d", "5");
  EXPECT_EQ(pairs_of(md), (std::vector<KV>{{"d", "5"}}));
}

TEST(Metadata, AddsViewsIntoItself) {
  Metadata md = {{"k0", "0123456789"}};
  Metadata expected = md;
  for (int i = 0; i < 200; ++i) {
    const KV first = md[0];
    md.add(first.key, first.value);
    expected.add("k0", "0123456789");
  }
  EXPECT_EQ(md, expected);
}

TEST(Metadata, ComparesPairsInOrder) {
  const Metadata md = {{"a", "1"}, {"b", "2"}};
  EXPECT_EQ(md, (Metadata{{"A", "1"}, {"b", "2"}}));
  EXPECT_NE(md, (Metadata{{"b", "2"}, {"a", "1"}}));
  EXPECT_NE(md, (Metadata{{"a", "1"}}));
  EXPECT_NE(md, (Metadata{{"a", "1"}, {"b", "3"}}));
  // The same text, cut elsewhere.
  EXPECT_NE((Metadata{{"ab", "c"}}), (Metadata{{"a", "bc"}}));
  // The same pairs after another history.
  Metadata other = {{"x", "9"}, {"a", "1"}, {"b", "2"}};
  other.erase("x");
  EXPECT_EQ(md, other);
}

TEST(Metadata, RefusesMoreTextThanItCanCount) {
  // The bytes behind this view do not exist and must not be looked at.
  const std::string_view huge("x", std::size_t{1} << 32);
  Metadata md = {{"a", "1"}};
  EXPECT_THROW(md.add("k", huge), std::length_error);
  EXPECT_THROW(md.add(huge, "v"), std::length_error);
  EXPECT_THROW(md.add("k", huge.substr(0, huge.size() - 3)), std::length_error);
  EXPECT_EQ(md, (Metadata{{"a", "1"}}));
}

TEST(CheckMetadata, PassesWhatMayBeSent) {
  const std::string all_bytes("\0\x01\x7f\xff\n", 5);
  for (const KV& kv : {KV{"x", ""}, KV{"0-9_a.z", " ~"}, KV{"-bin", all_bytes}, KV{"token-bin", all_bytes},
                       KV{"authorization", "Bearer x"}, KV{"grpc", "x"}, KV{"te2", "x"}, KV{"hosts", "x"},
                       KV{"grpc-previous-rpc-attempts", "1"}, KV{"grpc-retry-pushback-ms", "10"}}) {
    EXPECT_EQ(check_metadata(kv), "") << kv.key;
  }
}

TEST(CheckMetadata, RefusesAnEmptyKey) {
  EXPECT_EQ(check_metadata({"", "v"}), "metadata with an empty key");
  EXPECT_EQ(check_metadata({}), "metadata with an empty key");
}

TEST(CheckMetadata, RefusesReservedNames) {
  for (std::string_view key :
       {":path", ":", ":authority", "grpc-status", "grpc-timeout", "grpc-", "grpc-trace-bin", "connection",
        "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te", "content-type",
        "content-length", "user-agent", "host"}) {
    const std::string begin = "metadata key \"" + std::string(key) + "\" is reserved: ";
    const std::string text = check_metadata({key, "v"});
    EXPECT_TRUE(text.starts_with(begin) && text.size() > begin.size()) << text;
  }
}

TEST(CheckMetadata, RefusesEveryOtherCharacterInAKey) {
  const std::string_view allowed = "0123456789abcdefghijklmnopqrstuvwxyz_-.";
  int refused = 0;
  for (int c = 0; c < 256; ++c) {
    const std::string key = {'k', static_cast<char>(c)};
    const bool bad = !check_metadata({key, "v"}).empty();
    EXPECT_EQ(bad, allowed.find(static_cast<char>(c)) == std::string_view::npos) << c;
    // The rule is the same for a key of binary values.
    EXPECT_EQ(!check_metadata({key + "-bin", "v"}).empty(), bad) << c;
    refused += bad ? 1 : 0;
  }
  EXPECT_EQ(refused, 256 - 39);
}

TEST(CheckMetadata, NamesTheBadCharacterOfAKey) {
  EXPECT_EQ(check_metadata({"kEy", "v"}), "metadata key \"kEy\" holds 0x45, which is none of 0-9 a-z _ - .");
  // What is shown is printable and short.
  EXPECT_EQ(check_metadata({"k\n\xff", "v"}),
            "metadata key \"k\\x0a\\xff\" holds 0x0a, which is none of 0-9 a-z _ - .");
  EXPECT_LT(check_metadata({std::string(100000, 'A'), "v"}).size(), 200u);
}

TEST(CheckMetadata, RefusesUnprintableValuesOfTextKeys) {
  for (int c = 0; c < 256; ++c) {
    const std::string value = {'v', static_cast<char>(c)};
    EXPECT_EQ(check_metadata({"k", value}).empty(), c >= 0x20 && c <= 0x7e) << c;
    EXPECT_EQ(check_metadata({"k-bin", value}), "") << c;
  }
  EXPECT_FALSE(check_metadata({"k-binary", "\n"}).empty());
}

TEST(CheckMetadata, NamesTheKeyButNotTheValue) {
  EXPECT_EQ(check_metadata({"authorization", "secret\r\n"}),
            "value of metadata key \"authorization\" holds 0x0d at offset 6, which is not printable ascii "
            "(use a \"-bin\" key)");
}

TEST(MetadataList, HoldsUpToEightPairs) {
  EXPECT_TRUE(MetadataList().empty());
  EXPECT_EQ(MetadataList().size(), 0u);
  const MetadataList one({"a", "1"});
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0], (KV{"a", "1"}));
  const MetadataList all({"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}, {"e", "5"}, {"f", "6"}, {"g", "7"},
                         {"h", "8"});
  ASSERT_EQ(all.size(), MetadataList::kInline);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].key, std::string(1, static_cast<char>('a' + i)));
    EXPECT_EQ(all[i].value, std::to_string(i + 1));
  }
}

TEST(MetadataList, KeepsAnEmptyKeyForTheCheckToRefuse) {
  const MetadataList list({"", "v"});
  ASSERT_EQ(list.size(), 1u);
  EXPECT_NE(check_metadata(list[0]), "");
}

TEST(MetadataList, ShowsAWholeMetadata) {
  Metadata md;
  for (int i = 0; i < 20; ++i) md.add("k" + std::to_string(i), "v");
  const MetadataList list(&md);
  ASSERT_EQ(list.size(), 20u);
  EXPECT_EQ(list[19], (KV{"k19", "v"}));
  const MetadataList copy = list;
  EXPECT_EQ(copy[19], (KV{"k19", "v"}));
  Metadata none;
  EXPECT_TRUE(MetadataList(&none).empty());
}

TEST(MetadataList, CopiesItsPairs) {
  const MetadataList list({"a", "1"}, {"b", "2"});
  MetadataList copy = list;
  EXPECT_EQ(copy.size(), 2u);
  EXPECT_EQ(copy[1], (KV{"b", "2"}));
  copy = MetadataList({"c", "3"});
  ASSERT_EQ(copy.size(), 1u);
  EXPECT_EQ(copy[0], (KV{"c", "3"}));
}

}  // namespace
}  // namespace sluice::inline v0
