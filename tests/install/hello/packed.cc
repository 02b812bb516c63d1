// A message through every encoding there is.
#include <sluice/compression/compressors.h>

#include <cstdio>

int main() {
  const sluice::CompressorSet set = sluice::all_compressors();
  sluice::Chain message = sluice::Chain::copy("Hello world");
  for (const char* name : {"gzip", "deflate", "zstd"}) {
    const sluice::Compressor& compressor = *set.find(name);
    message = compressor.decompress(compressor.compress(message).value(), 100).value();
  }
  std::puts(message.to_string().c_str());
}
