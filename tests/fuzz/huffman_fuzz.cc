// The Huffman code: what decodes encodes back to the same bytes, and any text comes back.
#include "fuzz.h"
#include "http2/huffman.h"

using namespace sluice;               // NOLINT
using namespace sluice::http2;        // NOLINT
using namespace sluice::http2::fuzz;  // NOLINT

namespace {

std::vector<std::byte> encode(std::string_view text) {
  std::vector<std::byte> bytes(huffman_size(text));
  expect(huffman_encode(text, bytes.data()) == bytes.data() + bytes.size(), "huffman_size was wrong");
  return bytes;
}

bool decode(std::span<const std::byte> bytes, std::string& text) {
  const std::size_t room = huffman_room(bytes.size());
  const auto out = std::make_unique<char[]>(room);
  const std::optional<std::size_t> n = huffman_decode(bytes, out.get());
  if (!n.has_value()) return false;
  expect(*n <= room, "more text than room");
  text.assign(out.get(), *n);
  return true;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  std::string text;
  if (decode(bytes, text)) {
    const std::vector<std::byte> again = encode(text);
    expect(as_text(again) == as_text(bytes), "two codes for one text");
  }
  expect(decode(encode(as_text(bytes)), text) && text == as_text(bytes), "a text did not come back");
  return 0;
}
