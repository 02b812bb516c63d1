// gzip, deflate and zstd for ServerOptions::compressors and ChannelOptions::compressors: `{.compressors =
// all_compressors()}`. Link sluice::compression.
#pragma once

#include <memory>

#include "sluice/rpc/compressor.h"

namespace sluice::inline v0 {

// "gzip" (RFC 1952), which every gRPC has. Decompresses messages of several members too. `level`: 1 (fastest)
// to 9 (smallest). Here and below, other numbers count as the nearest level.
std::shared_ptr<const Compressor> gzip_compressor(int level = 6);
// "deflate", which in gRPC is zlib's format (RFC 1950). `level`: as for gzip.
std::shared_ptr<const Compressor> deflate_compressor(int level = 6);
// "zstd" (RFC 8878): faster than gzip at the same size, but not every gRPC has it. `level`: 1 to 19.
std::shared_ptr<const Compressor> zstd_compressor(int level = 3);

// gzip, deflate and zstd.
CompressorSet all_compressors();

}  // namespace sluice::inline v0
