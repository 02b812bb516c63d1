// A Compressor of ours for other programs: reads requests and writes answers until its input ends.
//   request: 'c' or 'd', limit and size in four bytes each, little endian, and so many bytes
//   answer:  '.' or '!', size, the bytes or the text of the error
#include <cstdint>
#include <iostream>
#include <string>

#include "sluice/compression/compressors.h"

namespace {

bool read_number(std::uint32_t& number) {
  unsigned char bytes[4];
  if (!std::cin.read(reinterpret_cast<char*>(bytes), sizeof bytes)) return false;
  number = bytes[0] | bytes[1] << 8 | bytes[2] << 16 | static_cast<std::uint32_t>(bytes[3]) << 24;
  return true;
}

void answer(char kind, const std::string& text) {
  std::cout.put(kind);
  for (int shift = 0; shift < 32; shift += 8) std::cout.put(static_cast<char>(text.size() >> shift));
  std::cout << text << std::flush;
}

// In slices, of sizes that depend on the text.
sluice::Chain sliced(std::string_view text) {
  sluice::Chain chain;
  for (std::size_t n = text.size() % 7 + 1; !text.empty(); n = n * 5 % 9973 + 1) {
    chain.append_copy(sluice::as_bytes(text.substr(0, n)));
    text.remove_prefix(std::min(n, text.size()));
  }
  return chain;
}

}  // namespace

int main(int argc, char** argv) {
  const sluice::CompressorSet set = sluice::all_compressors();
  const sluice::Compressor* coder = argc == 2 ? set.find(argv[1]) : nullptr;
  if (!coder) return std::cerr << "usage: compression_coder gzip|deflate|zstd\n", 2;
  char kind;
  std::uint32_t limit, size;
  while (std::cin.get(kind) && read_number(limit) && read_number(size)) {
    std::string text(size, '\0');
    if (!std::cin.read(text.data(), size)) return 1;
    const sluice::Result<sluice::Chain> result =
        kind == 'c' ? coder->compress(sliced(text)) : coder->decompress(sliced(text), limit);
    answer(result.ok() ? '.' : '!', result.ok() ? result->to_string() : result.status().to_string());
  }
  return 0;
}
