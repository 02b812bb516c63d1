// What the benchmark programs send, and how they check what comes back.
// Contents differ from call to call, so that a stale or swapped answer is noticed.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>

namespace bench {

constexpr std::size_t kKinds = 64;  // distinct contents; a power of two
constexpr std::size_t kLargeSize = std::size_t{1} << 20;

// Made once a program; all members are constant afterwards.
class Payloads {
 public:
  Payloads() {
    for (std::size_t i = 0; i < kKinds; ++i) {
      names_[i] = "world_" + std::to_string(1000 + i);
      greetings_[i] = "Hello " + names_[i];
      texts_[i].resize(100);
      for (std::size_t k = 0; k < texts_[i].size(); ++k)
        texts_[i][k] = static_cast<char>('!' + (i * 7 + k) % 90);
    }
  }

  const std::string& name(std::uint64_t i) const { return names_[i % kKinds]; }          // 10 B
  const std::string& greeting(std::uint64_t i) const { return greetings_[i % kKinds]; }  // 16 B
  const std::string& text(std::uint64_t i) const { return texts_[i % kKinds]; }          // 100 B

 private:
  std::array<std::string, kKinds> names_, greetings_, texts_;
};

inline std::string make_large(std::size_t size = kLargeSize) {
  std::string large(size, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 131 >> 3);
  return large;
}

// Makes the large message of call `i` differ from the one before, at both ends.
inline void stamp_large(std::string& large, std::uint64_t i) {
  std::memcpy(large.data(), &i, sizeof i);
  std::memcpy(large.data() + large.size() - sizeof i, &i, sizeof i);
}

// Length, both stamps and a byte in each 64 KiB on every call; every byte on each 64th, because
// comparing 1 MiB costs about as much as protobuf's work on it.
inline bool same_large(const std::string& sent, const std::string& got, std::uint64_t i) {
  if (got.size() != sent.size()) return false;
  if (i % kKinds == 0) return sent == got;
  for (std::size_t at = 8; at < sent.size(); at += 65536)
    if (sent[at] != got[at]) return false;
  return std::memcmp(sent.data(), got.data(), 8) == 0 &&
         std::memcmp(sent.data() + sent.size() - 8, got.data() + got.size() - 8, 8) == 0;
}

}  // namespace bench
