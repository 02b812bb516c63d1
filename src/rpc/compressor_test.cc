// CompressorSet: which names it takes, finds and announces.
#include "sluice/rpc/compressor.h"

#include <gtest/gtest.h>

namespace sluice::inline v0 {
namespace {

struct Named final : Compressor {
  explicit Named(std::string n) : name_(std::move(n)) {}
  std::string_view name() const override { return name_; }
  Result<Chain> compress(const Chain& message) const override { return Chain(message); }
  Result<Chain> decompress(const Chain& packed, std::size_t) const override { return Chain(packed); }
  const std::string name_;
};

std::shared_ptr<const Compressor> named(std::string name) { return std::make_shared<Named>(std::move(name)); }

TEST(CompressorSet, NamesWhatItHoldsInOrder) {
  EXPECT_EQ(CompressorSet().accept_encoding(), "identity");
  const CompressorSet set{named("snappy"), named("gzip")};
  EXPECT_EQ(set.accept_encoding(), "identity,snappy,gzip");
  EXPECT_EQ(set.size(), 2u);
  EXPECT_FALSE(set.empty());
  EXPECT_EQ(set.check(), Status());
}

TEST(CompressorSet, FindsByTheWholeName) {
  const auto gzip = named("gzip");
  const CompressorSet set{gzip, named("x-gzip-2")};
  EXPECT_EQ(set.find("gzip"), gzip.get());
  EXPECT_EQ(set.share("gzip"), gzip);
  EXPECT_EQ(set.share(set.mask_of("gzip")), gzip);
  EXPECT_EQ(set.share(CompressorSet::Mask{0}), nullptr);
  for (const char* name : {"", "identity", "gzi", "gzip2", "GZIP", "gzip ", "x-gzip"}) {
    EXPECT_EQ(set.find(name), nullptr) << name;
    EXPECT_EQ(set.share(name), nullptr) << name;
    EXPECT_EQ(set.mask_of(name), 0u) << name;
  }
}

TEST(CompressorSet, LastOfAName) {
  const auto second = named("gzip");
  CompressorSet set{named("gzip"), named("zstd")};
  set.add(second);
  EXPECT_EQ(set.find("gzip"), second.get());
  EXPECT_EQ(set.accept_encoding(), "identity,gzip,zstd");
}

TEST(CompressorSet, SaysWhatCannotBeAdded) {
  EXPECT_EQ(CompressorSet({nullptr}).check().message(), "a compressor is null");
  EXPECT_EQ(CompressorSet({named("identity")}).check().message(),
            "compressor name \"identity\" stands for no compression");
  for (const char* name : {"", "Gzip", "a,b", "a b", "a;q=1", "a\n"}) {
    CompressorSet set{named(name), nullptr, named("good")};
    EXPECT_EQ(set.check(), Status(StatusCode::kInvalidArgument,
                                  "compressor name \"" + std::string(name) + "\" is no encoding's name"));
    EXPECT_EQ(set.accept_encoding(), "identity,good");
  }
  CompressorSet many;
  for (std::size_t i = 0; i < CompressorSet::kMaxSize; ++i) many.add(named("c" + std::to_string(i)));
  EXPECT_EQ(many.check(), Status());
  EXPECT_EQ(many.mask_of("c31"), 1u << 31);
  many.add(named("last"));
  EXPECT_EQ(many.check().message(), "compressor \"last\" is one more than 32");
  EXPECT_EQ(many.find("last"), nullptr);
}

TEST(CompressorSet, ChecksAlgorithms) {
  const CompressorSet set{named("gzip")};
  for (const char* known : {"", "identity", "gzip"}) EXPECT_EQ(set.check(known), Status());
  EXPECT_EQ(set.check("zstd"), Status(StatusCode::kInvalidArgument,
                                      "compression algorithm \"zstd\" is not among identity,gzip"));
  EXPECT_EQ(CompressorSet({nullptr}).check("").message(), "a compressor is null");
}

TEST(CompressorSet, ReadsAcceptEncodings) {
  const CompressorSet set{named("a"), named("b"), named("c")};
  EXPECT_EQ(set.named_in(""), 0u);
  EXPECT_EQ(set.named_in("identity"), 0u);
  EXPECT_EQ(set.named_in("b"), 2u);
  EXPECT_EQ(set.named_in("a,c"), 5u);
  EXPECT_EQ(set.named_in("identity, c ,\ta,unknown"), 5u);
  EXPECT_EQ(set.named_in(",,b,,"), 2u);
  EXPECT_EQ(set.named_in("ab,b c,c;q=1"), 0u);
}

TEST(CompressorSet, CopiesShare) {
  CompressorSet set{named("a")};
  const CompressorSet copy = set;
  set.add(named("b"));
  EXPECT_EQ(copy.find("a"), set.find("a"));
  EXPECT_EQ(copy.accept_encoding(), "identity,a");
}

}  // namespace
}  // namespace sluice::inline v0
