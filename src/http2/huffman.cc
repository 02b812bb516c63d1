// The Huffman code of HPACK: all tables are worked out at compile time from the lengths of the codes,
// because the code is canonical (RFC 7541 appendix B orders codes of one length by symbol).
#include "http2/huffman.h"

#include <array>
#include <cstdint>

namespace sluice::inline v0::http2 {
namespace {

constexpr std::size_t kSymbols = 257;  // 256 octets and EOS
constexpr std::size_t kEos = 256;
constexpr unsigned kMaxLength = 30;
constexpr unsigned kRootBits = 8;  // covers every printable character that is common in headers

// Bits of each symbol's code.
constexpr std::array<std::uint8_t, kSymbols> kLengths = {
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,  // 0x00
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,  // 0x10
    6,  10, 10, 12, 13, 6,  8,  11, 10, 10, 8,  11, 8,  6,  6,  6,   // 0x20
    5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8,  15, 6,  12, 10,  // 0x30
    13, 6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,   // 0x40
    7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8,  13, 19, 13, 14, 6,   // 0x50
    15, 5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,   // 0x60
    6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7,  15, 11, 14, 13, 28,  // 0x70
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,  // 0x80
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,  // 0x90
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,  // 0xa0
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,  // 0xb0
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,  // 0xc0
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,  // 0xd0
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,  // 0xe0
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,  // 0xf0
    30,                                                              // EOS
};

struct Code {
  std::uint32_t bits = 0;
  std::uint32_t length = 0;
};

// What eight inverted bits say: a symbol's length, in the low byte for a shift to take it as it is, and the
// symbol above it; 0 for a longer code.
using Root = std::uint16_t;
constexpr unsigned length_of(Root root) { return root & 0xff; }
constexpr char symbol_of(Root root) { return static_cast<char>(root >> 8); }

// The codes of one length beyond the root: those below `end`, once shorter ones are excluded.
struct Range {
  std::uint32_t end = 0;    // first code past this length, at the top of 32 bits; 0: none, or the longest
  std::uint32_t first = 0;  // first code of this length, at the top of 32 bits
  std::uint32_t index = 0;  // of the first symbol in `sorted`
};

struct Tables {
  std::array<Code, kSymbols> codes;
  std::array<std::uint16_t, kSymbols> sorted{};  // symbols in the order of their codes
  std::array<Root, 1u << kRootBits> root{};
  std::array<Range, kMaxLength + 1> ranges;
};

constexpr Tables make_tables() {
  Tables t{};
  std::uint64_t next = 0;  // in units of 2^-32, so that the whole code ends at exactly 2^32
  std::uint32_t count = 0;
  for (unsigned length = 1; length <= kMaxLength; ++length) {
    Range& range = t.ranges[length];
    range.first = static_cast<std::uint32_t>(next);
    range.index = count;
    for (std::size_t symbol = 0; symbol < kSymbols; ++symbol) {
      if (kLengths[symbol] != length) continue;
      t.codes[symbol] = {static_cast<std::uint32_t>(next >> (32 - length)), length};
      t.sorted[count++] = static_cast<std::uint16_t>(symbol);
      if (length <= kRootBits) {
        const std::uint64_t from = next >> (32 - kRootBits);
        const std::uint64_t to = from + (1u << (kRootBits - length));
        for (std::uint64_t i = from; i < to; ++i) {
          t.root[i ^ 0xff] = static_cast<Root>(symbol << 8 | length);
        }
      }
      next += std::uint64_t{1} << (32 - length);
    }
    if (count != range.index) range.end = static_cast<std::uint32_t>(next);
  }
  return t;
}

constexpr Tables kTables = make_tables();
static_assert(kTables.codes[kEos].bits == 0x3fffffff, "the lengths form a complete code that ends with EOS");
static_assert(kTables.codes['a'].bits == 0x3 && kTables.codes[0].bits == 0x1ff8);

// The symbol whose code starts `bits`, longer than the root covers.
inline std::uint32_t find_long(std::uint64_t bits, unsigned& length) {
  const auto top = static_cast<std::uint32_t>(bits >> 32);
  for (length = kRootBits + 1; length < kMaxLength; ++length) {
    const Range& range = kTables.ranges[length];
    if (top < range.end) return kTables.sorted[range.index + ((top - range.first) >> (32 - length))];
  }
  const Range& range = kTables.ranges[kMaxLength];
  return kTables.sorted[range.index + ((top - range.first) >> (32 - kMaxLength))];
}

// Written out, so that compilers make one load or store of them.
std::uint64_t load_big_endian(const std::byte* p) {
  const auto at = [p](int i) { return static_cast<std::uint64_t>(p[i]) << (56 - 8 * i); };
  return at(0) | at(1) | at(2) | at(3) | at(4) | at(5) | at(6) | at(7);
}

void store_big_endian(std::uint32_t word, std::byte* p) {
  p[0] = static_cast<std::byte>(word >> 24);
  p[1] = static_cast<std::byte>(word >> 16);
  p[2] = static_cast<std::byte>(word >> 8);
  p[3] = static_cast<std::byte>(word);
}

// The bits of a string from its start, inverted: behind the end stand zeros, which mean ones, as padding
// must.
struct BitReader {
  const std::byte* at;
  const std::byte* end;
  std::uint64_t word = 0;  // below `bits` it may have bits that will come again
  unsigned bits = 0;

  // Leaves at least 56 bits, or all that are left.
  void refill() {
    if (end - at >= 8) {
      word |= ~load_big_endian(at) >> bits;
      at += (63 - bits) / 8;
      bits |= 56;
      return;
    }
    for (; bits <= 56 && at != end; bits += 8) {
      word |= static_cast<std::uint64_t>(*at++ ^ std::byte{0xff}) << (56 - bits);
    }
  }
  void take(unsigned n) {
    word <<= n;
    bits -= n;
  }
};

}  // namespace

std::size_t huffman_size(std::string_view text) {
  std::size_t bits = 0;
  for (const char c : text) bits += kLengths[static_cast<std::uint8_t>(c)];
  return (bits + 7) / 8;
}

std::byte* huffman_encode(std::string_view text, std::byte* out) {
  std::uint64_t acc = 0;  // the low `bits` bits are still to be written
  unsigned bits = 0;
  for (const char c : text) {
    const Code code = kTables.codes[static_cast<std::uint8_t>(c)];
    acc = acc << code.length | code.bits;
    bits += code.length;
    if (bits >= 32) {
      bits -= 32;
      store_big_endian(static_cast<std::uint32_t>(acc >> bits), out);
      out += 4;
    }
  }
  for (; bits >= 8; bits -= 8) *out++ = static_cast<std::byte>(acc >> (bits - 8));
  if (bits > 0) *out++ = static_cast<std::byte>(acc << (8 - bits) | 0xffu >> bits);  // EOS's first bits
  return out;
}

std::optional<std::size_t> huffman_decode(std::span<const std::byte> encoded, char* out) {
  char* const start = out;
  BitReader in{encoded.data(), encoded.data() + encoded.size()};
  while (true) {
    if (in.bits < kMaxLength && in.at != in.end) in.refill();  // from here on any code is complete, or cut
    const Root root = kTables.root[in.word >> (64 - kRootBits)];
    unsigned length = length_of(root);
    char symbol = symbol_of(root);
    if (root == 0) {
      if (in.word == 0) break;  // nothing but ones: padding, or EOS
      const std::uint32_t found = find_long(~in.word, length);
      if (found == kEos) return std::nullopt;
      symbol = static_cast<char>(found);
    }
    if (length > in.bits) return std::nullopt;  // cut short, or padding with a zero in it
    *out++ = symbol;
    in.take(length);
  }
  if (in.bits >= 8) return std::nullopt;
  return static_cast<std::size_t>(out - start);
}

}  // namespace sluice::inline v0::http2
