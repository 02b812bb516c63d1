// HPACK blocks to the decoder: with tags and without it gives the same fields, and our encoder's form of them
// comes back as the same list. Input: steps, each a kind, and a table size or a block with its length.
#include "fuzz.h"
#include "http2/hpack_test_util.h"

using namespace sluice::http2;        // NOLINT
using namespace sluice::http2::fuzz;  // NOLINT
using testing::Collector;
using testing::Headers;

namespace {

struct Coders {
  HpackDecoder plain;
  HpackDecoder tagging;
  HpackEncoder encoder;
  HpackDecoder back;  // reads what `encoder` writes
  Collector fields;
  Collector tags{Collector::Tags::kAll};
  std::vector<Headers> blocks{1};  // by their tags
};

bool decode(Coders& c, std::span<const std::byte> block) {
  const Error error = c.plain.decode(block, c.fields);
  const Headers list = c.fields.take();
  if (const auto tag = c.tagging.repeated(block)) {
    expect(error.ok() && c.blocks.at(*tag) == list, "a repeated block is another");
  } else {
    const Error same = c.tagging.decode(block, c.tags);
    expect(same.code == error.code && c.tags.take() == list, "tags change what is decoded");
    if (error.ok()) c.tagging.remember(block, c.blocks.size()), c.blocks.push_back(list);
  }
  expect(c.plain.table().size() <= c.plain.table().max_size(), "the table exceeds its limit");
  const testing::Block again = encode(c.encoder, list);
  Collector back;
  expect(c.back.decode(again, back).ok() && back.headers == list, "an encoded list did not come back");
  expect(c.back.table().size() == c.encoder.table().size(), "the tables differ");
  return error.ok();
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(data, size);
  Coders c;
  while (!in.empty()) {
    const std::uint32_t kind = in.u8();
    const std::uint32_t n = in.u16();
    if (kind % 8 == 7) {
      c.plain.set_max_table_size(n);
      c.tagging.set_max_table_size(n);
      c.encoder.set_peer_limit(n);
      c.back.set_max_table_size(n);
    } else if (!decode(c, sluice::as_bytes(in.text(n)))) {
      break;
    }
  }
  return 0;
}
