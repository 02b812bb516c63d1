// A decoder of messages, COMPRESSOR(): whatever comes, it gives a message within the limit or a status that
// gRPC has for it, the same however the bytes are sliced; what it takes comes back through the encoder.
#include "fuzz.h"
#include "sluice/compression/compressors.h"

using namespace sluice;               // NOLINT
using namespace sluice::http2::fuzz;  // NOLINT

namespace {

Chain sliced(std::string_view bytes, std::size_t most) {
  Chain chain;
  for (std::size_t n = 1; !bytes.empty(); n = n % most + 1) {
    chain.append_copy(as_bytes(bytes.substr(0, n)));
    bytes.remove_prefix(std::min(n, bytes.size()));
  }
  return chain;
}

void expect_error(const Status& status) {
  expect(status.code() == StatusCode::kInternal || status.code() == StatusCode::kResourceExhausted,
         "a code that is not for this");
  expect(!status.message().empty(), "an error without a text");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::shared_ptr<const Compressor> coder = COMPRESSOR();
  Input in(data, size);
  const std::size_t limit = std::size_t{1} << in.u8() % 19;
  const std::size_t most = in.u8() + 1;
  const std::string_view packed = in.rest();
  if (packed.empty()) return 0;

  const Result<Chain> message = coder->decompress(Chain::copy(packed), limit);
  const Result<Chain> again = coder->decompress(sliced(packed, most), limit);
  expect(message.ok() == again.ok() && message.status() == again.status(), "slices mean something");
  if (!message.ok()) {
    expect_error(message.status());
    return 0;
  }
  const std::string text = message->to_string();
  expect(text.size() <= limit, "more than the limit");
  expect(again->to_string() == text, "slices change the message");
  expect(coder->decompress(Chain::copy(packed), text.size()).ok(), "the exact limit is too small");
  if (!text.empty()) {
    const Result<Chain> less = coder->decompress(Chain::copy(packed), text.size() - 1);
    expect(less.status().code() == StatusCode::kResourceExhausted, "one byte too many is no error");
  }
  const Result<Chain> ours = coder->compress(sliced(text, most));
  expect(ours.ok(), "a message was not encoded");
  const Result<Chain> back = coder->decompress(*ours, limit);
  expect(back.ok() && back->to_string() == text, "a message did not come back");
  return 0;
}
