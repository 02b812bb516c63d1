// HPACK against nghttp2's coder, both ways: random header lists, with caches, tags and table sizes that
// change on either side.
#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "http2/hpack.h"
#include "http2/hpack_test_util.h"

namespace sluice::inline v0::http2::testing {
namespace {

constexpr std::uint32_t kLargestTable = 20000;
constexpr unsigned kListsOfARun = 300;

// Of each direction: 50,000 lists, or as many as SLUICE_HPACK_LISTS asks for.
unsigned runs() {
  const char* wanted = std::getenv("SLUICE_HPACK_LISTS");
  const auto lists = wanted != nullptr ? std::strtoul(wanted, nullptr, 10) : 50000;
  return static_cast<unsigned>(lists / kListsOfARun + 1);
}

class Deflater {
 public:
  Deflater() { EXPECT_EQ(nghttp2_hd_deflate_new(&deflater_, kLargestTable), 0); }
  ~Deflater() { nghttp2_hd_deflate_del(deflater_); }
  Deflater(const Deflater&) = delete;

  void change_table_size(std::uint32_t size) {
    EXPECT_EQ(nghttp2_hd_deflate_change_table_size(deflater_, size), 0);
  }
  Block deflate(const Headers& headers) {
    std::vector<nghttp2_nv> fields;
    for (const Header& h : headers) {
      const auto flags = h.indexing == Indexing::kNever ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
      fields.push_back(
          {bytes(h.name), bytes(h.value), h.name.size(), h.value.size(), static_cast<std::uint8_t>(flags)});
    }
    Block block(nghttp2_hd_deflate_bound(deflater_, fields.data(), fields.size()));
    const auto size = nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<std::uint8_t*>(block.data()),
                                            block.size(), fields.data(), fields.size());
    EXPECT_GE(size, 0);
    block.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return block;
  }

 private:
  static std::uint8_t* bytes(const std::string& text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  }
  nghttp2_hd_deflater* deflater_ = nullptr;
};

class Inflater {
 public:
  Inflater() { EXPECT_EQ(nghttp2_hd_inflate_new(&inflater_), 0); }
  ~Inflater() { nghttp2_hd_inflate_del(inflater_); }
  Inflater(const Inflater&) = delete;

  void change_table_size(std::uint32_t size) {
    EXPECT_EQ(nghttp2_hd_inflate_change_table_size(inflater_, size), 0);
  }
  // False if the block is in error; `headers` then holds what came before it.
  bool inflate(const Block& block, Headers& headers) {
    const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
    std::size_t left = block.size();
    while (true) {
      nghttp2_nv nv;
      int flags = 0;
      const auto read = nghttp2_hd_inflate_hd2(inflater_, &nv, &flags, at, left, 1);
      if (read < 0) return false;
      at += read;
      left -= static_cast<std::size_t>(read);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
        const bool never = (nv.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0;
        headers.push_back({text(nv.name, nv.namelen), text(nv.value, nv.valuelen),
                           never ? Indexing::kNever : Indexing::kIndex});
      }
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
      if (read == 0 && (flags & NGHTTP2_HD_INFLATE_EMIT) == 0) return false;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
    return true;
  }

 private:
  static std::string text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
  }
  nghttp2_hd_inflater* inflater_ = nullptr;
};

// Names and values that come again often enough to be found in tables, and often enough do not.
class Lists {
 public:
  explicit Lists(unsigned seed) : random_(seed) {}

  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

  Header header() {
    Header h{std::string(kNames[below(kNames.size())]), value(), Indexing::kIndex};
    if (below(4) == 0) h.name = "x-" + std::to_string(below(60));
    constexpr Indexing kRare[] = {Indexing::kNever, Indexing::kPlain, Indexing::kName};
    if (const auto kind = below(8); kind < std::size(kRare)) h.indexing = kRare[kind];
    return h;
  }
  Headers list() {
    Headers headers;
    for (auto n = below(7); n > 0; --n) headers.push_back(header());
    return headers;
  }
  std::uint32_t table_size() {
    constexpr std::array<std::uint32_t, 8> kSizes = {0, 31, 32, 100, 300, 4096, 9000, kLargestTable};
    return kSizes[below(kSizes.size())];
  }

 private:
  std::string value() {
    switch (below(8)) {
      case 0:
        return "";
      case 1:
        return random_text(below(40), 256);
      case 2:
        return random_text(below(40), 0);
      case 3:
        return random_text(below(300), below(2) * 256);
      default:
        return std::string(kValues[below(kValues.size())]);
    }
  }
  std::string random_text(std::size_t size, unsigned range) {
    std::string text(size, ' ');
    for (char& c : text) c = static_cast<char>(range != 0 ? below(range) : 'a' + below(26));
    return text;
  }

  static constexpr std::array<std::string_view, 12> kNames = {
      ":method", ":path", ":authority", ":status",     "te",           "content-type",
      "a",       "date",  "cookie",     "grpc-status", "grpc-message", "authorization"};
  static constexpr std::array<std::string_view, 10> kValues = {
      "GET", "POST", "/", "200", "trailers", "application/grpc", "0", "307", "localhost:50051", "/a.B/C"};
  std::mt19937 random_;
};

// What was never to be indexed arrives so. nghttp2's encoder adds fields of its own choice to these.
enum class Secrets : bool { kTheSame, kAtLeast };

void expect_same(const Headers& read, const Headers& written, Secrets secrets) {
  ASSERT_EQ(read, written);
  for (std::size_t i = 0; i < read.size(); ++i) {
    const bool sent = written[i].indexing == Indexing::kNever;
    if (!sent && secrets == Secrets::kAtLeast) continue;
    ASSERT_EQ(read[i].indexing == Indexing::kNever, sent) << written[i];
  }
}

// Tags about half of what goes into the table, and takes tags for their fields.
struct TaggingVisitor final : HpackDecoder::Visitor {
  Tag on_field(const Field& field) override {
    headers.push_back({std::string(field.name), std::string(field.value), field.indexing});
    if (++fields % 2 == 0) return 0;
    tagged.push_back(headers.back());
    return tagged.size();
  }
  void on_tag(Tag tag) override {
    headers.push_back(tagged.at(tag - 1));
    ++tag_hits;
  }
  Headers headers;
  Headers tagged;
  std::size_t fields = 0;
  std::size_t tag_hits = 0;
};

TEST(HpackOracle, DecodesWhatNghttp2Encodes) {
  std::size_t tag_hits = 0;
  std::size_t repeats = 0;
  const unsigned count = runs();
  for (unsigned run = 0; run < count; ++run) {
    Lists lists(run);
    Deflater deflater;
    HpackDecoder decoder;
    TaggingVisitor visitor;
    std::vector<Headers> remembered(1);  // by their tags
    Headers list;
    for (int i = 0; i < static_cast<int>(kListsOfARun); ++i) {
      for (auto changes = lists.below(20) == 0 ? 1 + lists.below(3) : 0; changes > 0; --changes) {
        const std::uint32_t size = lists.table_size();
        deflater.change_table_size(size);
        decoder.set_max_table_size(size);
      }
      if (lists.below(3) != 0) list = lists.list();  // else the same again
      const Block block = deflater.deflate(list);
      if (const auto tag = decoder.repeated(block)) {
        ++repeats;
        ASSERT_NO_FATAL_FAILURE(expect_same(remembered.at(*tag), list, Secrets::kAtLeast));
        continue;
      }
      visitor.headers.clear();
      const Error error = decoder.decode(block, visitor);
      ASSERT_TRUE(error.ok()) << error.what;
      ASSERT_NO_FATAL_FAILURE(expect_same(visitor.headers, list, Secrets::kAtLeast));
      decoder.remember(block, remembered.size());
      remembered.push_back(list);
    }
    tag_hits += visitor.tag_hits;
  }
  EXPECT_GT(tag_hits, 1000u);  // or the test does not test them
  EXPECT_GT(repeats, 1000u);
}

// A list as parts: some of a fixed set of runs, each with its cache, and fields of the moment between them.
struct Parts {
  explicit Parts(Lists& lists) {
    for (Headers& run : runs) {
      run = lists.list();
      fields.push_back(to_fields(run));
    }
  }

  Block encode(HpackEncoder& encoder, Lists& lists, Headers& all) {
    std::vector<HeaderPart> parts;
    const Headers moment = lists.below(2) == 0 ? lists.list() : Headers{};
    const std::vector<Field> moment_fields = to_fields(moment);
    for (auto n = lists.below(4); n > 0; --n) {
      const std::uint32_t run = lists.below(static_cast<std::uint32_t>(runs.size()));
      parts.push_back({fields[run], &caches[run]});
      all.insert(all.end(), runs[run].begin(), runs[run].end());
      if (caches[run].table_version == encoder.table().version()) ++cache_hits;
    }
    parts.push_back({moment_fields, nullptr});
    all.insert(all.end(), moment.begin(), moment.end());
    Block block;
    encoder.encode(parts, block);
    return block;
  }

  std::array<Headers, 5> runs;
  std::vector<std::vector<Field>> fields;
  std::array<BlockCache, 5> caches;
  std::size_t cache_hits = 0;
};

TEST(HpackOracle, EncodesWhatNghttp2Decodes) {
  std::size_t cache_hits = 0;
  const unsigned count = runs();
  for (unsigned run = 0; run < count; ++run) {
    Lists lists(1u << 20 | run);
    HpackEncoder encoder(run % 5 == 0 ? lists.table_size() : kLargestTable);
    Inflater inflater;
    HpackDecoder decoder;
    Parts parts(lists);
    for (int i = 0; i < static_cast<int>(kListsOfARun); ++i) {
      for (auto changes = lists.below(20) == 0 ? 1 + lists.below(3) : 0; changes > 0; --changes) {
        const std::uint32_t size = lists.table_size();
        encoder.set_peer_limit(size);
        inflater.change_table_size(size);
        decoder.set_max_table_size(size);
      }
      Headers list;
      const Block block = parts.encode(encoder, lists, list);
      Headers inflated;
      ASSERT_TRUE(inflater.inflate(block, inflated)) << hex(block);
      ASSERT_NO_FATAL_FAILURE(expect_same(inflated, list, Secrets::kTheSame));
      Collector collector;
      const Error error = decoder.decode(block, collector);
      ASSERT_TRUE(error.ok()) << error.what;
      ASSERT_NO_FATAL_FAILURE(expect_same(collector.headers, list, Secrets::kTheSame));
      // The two ends of ours agree about the table.
      ASSERT_EQ(decoder.table().size(), encoder.table().size());
      ASSERT_EQ(decoder.table().count(), encoder.table().count());
      ASSERT_EQ(decoder.table().max_size(), encoder.table().max_size());
    }
    cache_hits += parts.cache_hits;
  }
  EXPECT_GT(cache_hits, 1000u);
}

TEST(HpackOracle, FindsTheSameErrorsInDamagedBlocks) {
  int refused = 0;
  for (unsigned run = 0; run < 3000; ++run) {
    Lists lists(5000 + run);
    HpackEncoder encoder;
    Inflater inflater;
    HpackDecoder decoder;
    bool good = true;
    for (int i = 0; i < 3 && good; ++i) {
      Headers list = lists.list();
      list.push_back(lists.header());
      Block block = encode(encoder, list);
      block[lists.below(static_cast<std::uint32_t>(block.size()))] ^= std::byte{1} << lists.below(8);
      Headers inflated;
      Collector collector;
      good = inflater.inflate(block, inflated);
      const Error error = decoder.decode(block, collector);
      ASSERT_EQ(error.ok(), good) << hex(block) << " " << error.what;
      if (!good) break;
      ASSERT_EQ(collector.headers, inflated);
    }
    refused += good ? 0 : 1;
  }
  EXPECT_GT(refused, 300);
  EXPECT_LT(refused, 2700);
}

}  // namespace
}  // namespace sluice::inline v0::http2::testing
