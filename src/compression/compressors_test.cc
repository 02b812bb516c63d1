// What holds for every encoding: messages come back whole whatever their slices, limits are exact, and what
// is damaged is refused. Others' encoders and decoders are held against them in tests/compression.
#include "sluice/compression/compressors.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>

namespace sluice::inline v0 {
namespace {

constexpr std::size_t kNoLimit = SIZE_MAX;

struct Kind {
  const char* name;
  std::function<std::shared_ptr<const Compressor>(int)> make;
  int best;
};
void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

class Compressors : public ::testing::TestWithParam<Kind> {
 protected:
  std::string compressed(const Chain& message) const { return coder_->compress(message).value().to_string(); }
  std::string compressed(std::string_view message) const { return compressed(Chain::copy(message)); }
  // The message, or what is wrong.
  std::string decompressed(const Chain& packed, std::size_t max_size = kNoLimit) const {
    const Result<Chain> message = coder_->decompress(packed, max_size);
    if (!message.ok()) return message.status().to_string();
    for (const Bytes& slice : *message) EXPECT_TRUE(slice.owned());
    return message->to_string();
  }
  std::string decompressed(std::string_view packed, std::size_t max_size = kNoLimit) const {
    return decompressed(Chain::copy(packed), max_size);
  }
  std::string too_large(std::size_t limit) const {
    return "RESOURCE_EXHAUSTED: message exceeds the limit of " + std::to_string(limit) +
           " bytes once it is decompressed";
  }

  const std::shared_ptr<const Compressor> coder_ = GetParam().make(3);
};
INSTANTIATE_TEST_SUITE_P(All, Compressors,
                         ::testing::Values(Kind{"gzip", &gzip_compressor, 9},
                                           Kind{"deflate", &deflate_compressor, 9},
                                           Kind{"zstd", &zstd_compressor, 19}),
                         [](const auto& info) { return std::string(info.param.name); });

// Words that come again, and some noise.
std::string text(std::size_t size, std::uint32_t seed = 1) {
  std::mt19937 random(seed);
  std::string text;
  while (text.size() < size) {
    text += random() % 4 == 0 ? std::to_string(random()) : "the same words again ";
  }
  text.resize(size);
  return text;
}

std::string noise(std::size_t size) {
  std::mt19937 random(7);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

// In slices of 1, 2, 3, … bytes up to `most`, and again.
Chain sliced(std::string_view bytes, std::size_t most) {
  Chain chain;
  for (std::size_t n = 1; !bytes.empty(); n = n % most + 1) {
    chain.append_copy(as_bytes(bytes.substr(0, n)));
    bytes.remove_prefix(std::min(n, bytes.size()));
  }
  return chain;
}

TEST_P(Compressors, HaveTheirNames) { EXPECT_EQ(coder_->name(), GetParam().name); }

TEST_P(Compressors, MessagesOfAllSizesComeBack) {
  for (const std::size_t size : {0, 1, 2, 100, 255, 256, 257, 4096, 65535, 65536, 65537, 300000, 3000000}) {
    const std::string message = text(size);
    const std::string packed = compressed(message);
    EXPECT_EQ(decompressed(packed), message) << size;
    EXPECT_LE(packed.size(), size / 2 + 100);
    const std::string loud = noise(size);
    EXPECT_EQ(decompressed(compressed(loud)), loud) << size;
  }
}

TEST_P(Compressors, LevelsDifferAndAreAllRead) {
  const std::string message = text(100000);
  const auto size_at = [&](int level) {
    const Chain packed = GetParam().make(level)->compress(Chain::copy(message)).value();
    EXPECT_EQ(decompressed(packed), message);
    return packed.size();
  };
  EXPECT_LT(size_at(GetParam().best), size_at(1));
  // Out of range is the nearest one.
  EXPECT_EQ(size_at(-5), size_at(1));
  EXPECT_EQ(size_at(99), size_at(GetParam().best));
}

TEST_P(Compressors, SlicesMeanNothing) {
  const std::string message = text(20000);
  const std::string packed = compressed(message);
  EXPECT_EQ(compressed(sliced(message, 700)), packed);
  EXPECT_EQ(decompressed(sliced(packed, 1)), message);
  EXPECT_EQ(decompressed(sliced(packed, 5)), message);
  EXPECT_EQ(decompressed(sliced(packed, 999)), message);
}

TEST_P(Compressors, EachMessageStandsForItself) {
  const std::string first = text(5000, 1), second = text(5000, 2);
  const std::string packed = compressed(first);
  EXPECT_EQ(decompressed("rubbish").substr(0, 9), "INTERNAL:");
  EXPECT_EQ(decompressed(compressed(second)), second);
  EXPECT_EQ(compressed(first), packed);
  EXPECT_EQ(decompressed(packed), first);
}

TEST_P(Compressors, LimitIsExact) {
  for (const std::size_t size : {1, 255, 256, 257, 1000, 65536, 65537, 200000}) {
    for (const std::string& message : {text(size), std::string(size, 'x'), noise(size)}) {
      const std::string packed = compressed(message);
      EXPECT_EQ(decompressed(packed, size), message) << size;
      EXPECT_EQ(decompressed(packed, size + 1), message) << size;
      EXPECT_EQ(decompressed(packed, size - 1), too_large(size - 1)) << size;
      EXPECT_EQ(decompressed(packed, size / 2), too_large(size / 2)) << size;
      EXPECT_EQ(decompressed(packed, 0), too_large(0)) << size;
    }
  }
  EXPECT_EQ(decompressed(compressed(""), 0), "");
}

TEST_P(Compressors, BombCostsNoMoreThanTheLimit) {
  const Chain packed = GetParam().make(6)->compress(Chain::copy(std::string(16 << 20, '\0'))).value();
  const std::string bomb = packed.to_string();
  EXPECT_LT(bomb.size(), std::size_t{16 << 20} / 1000);
  EXPECT_EQ(decompressed(bomb, 4 << 20), too_large(4 << 20));
  // One within another is one message like any other.
  const std::string nested = compressed(bomb);
  EXPECT_EQ(decompressed(nested, 4 << 20), bomb);
}

TEST_P(Compressors, TruncatedIsInternal) {
  const std::string packed = compressed(text(300));
  for (std::size_t n = 1; n < packed.size(); ++n) {
    EXPECT_EQ(decompressed(packed.substr(0, n)).substr(0, 9), "INTERNAL:") << n;
  }
  EXPECT_EQ(decompressed(packed.substr(0, packed.size() - 1)),
            "INTERNAL: corrupt " + std::string(GetParam().name) + " message: it is truncated");
}

TEST_P(Compressors, GarbageBehindIsInternal) {
  const std::string packed = compressed(text(300));
  for (const char* more : {"x", "garbage", "garbage that is longer than any header or trailer"}) {
    EXPECT_EQ(decompressed(packed + more).substr(0, 9), "INTERNAL:") << more;
    EXPECT_EQ(decompressed(sliced(packed + more, 3)).substr(0, 9), "INTERNAL:") << more;
  }
  EXPECT_EQ(decompressed(packed + std::string(1, '\0')).substr(0, 9), "INTERNAL:");
}

// All three have check sums: what is damaged is found out, but where it means nothing.
TEST_P(Compressors, DamageIsFound) {
  const std::string message = text(300);
  const std::string packed = compressed(message);
  int refused = 0;
  for (std::size_t at = 0; at < packed.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = packed;
      damaged[at] = static_cast<char>(damaged[at] ^ 1 << bit);
      const std::string result = decompressed(damaged, 1 << 20);
      if (result == message) continue;
      EXPECT_TRUE(result.starts_with("INTERNAL: corrupt ") || result == too_large(1 << 20))
          << "byte " << at << " bit " << bit << ": " << result.substr(0, 80);
      ++refused;
    }
  }
  EXPECT_GT(refused, static_cast<int>(packed.size()) * 8 - 120);
}

TEST_P(Compressors, OthersFormatsAreRefused) {
  for (const auto& other : {gzip_compressor(), deflate_compressor(), zstd_compressor()}) {
    if (other->name() == coder_->name()) continue;
    const Chain packed = other->compress(Chain::copy(text(300))).value();
    EXPECT_EQ(decompressed(packed).substr(0, 17), "INTERNAL: corrupt") << other->name();
  }
}

TEST(CompressorsOfSluice, AreASet) {
  const CompressorSet set = all_compressors();
  EXPECT_EQ(set.check(), Status());
  EXPECT_EQ(set.accept_encoding(), "identity,gzip,deflate,zstd");
}

}  // namespace
}  // namespace sluice::inline v0
