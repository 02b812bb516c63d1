// The message encodings of gRPC's compression.md that come with sluice, for ServerOptions::compressors and
// ChannelOptions::compressors: `{.compressors = all_compressors()}`. Link sluice::compression.
#pragma once

#include <memory>

#include "sluice/rpc/compressor.h"

namespace sluice {

// "gzip" (RFC 1952), which every gRPC has. A message of several members is taken. `level`: 1 is the fastest,
// 9 the smallest; here and below another number stands for the nearest of these.
std::shared_ptr<const Compressor> gzip_compressor(int level = 6);
// "deflate", by which gRPC means zlib's format (RFC 1950). Levels are those of gzip.
std::shared_ptr<const Compressor> deflate_compressor(int level = 6);
// "zstd" (RFC 8878): faster than gzip at the same size, but not every gRPC has it. `level`: 1 to 19.
std::shared_ptr<const Compressor> zstd_compressor(int level = 3);

// gzip, deflate and zstd.
CompressorSet all_compressors();

}  // namespace sluice
