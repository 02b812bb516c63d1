// gzip and deflate by zlib: RFC 1952 and RFC 1950, the two formats as C-core and grpc-go take them.
#include <zlib.h>

#include <new>
#include <string>

#include "compression/blocks.h"
#include "compression/errors.h"
#include "compression/spares.h"
#include "sluice/compression/compressors.h"

namespace sluice::inline v0 {
namespace {

using namespace compression;  // NOLINT

enum class Format : std::uint8_t { kGzip, kZlib };

constexpr int kWindowBits = 15;
constexpr int kGzipWindowBits = kWindowBits + 16;
constexpr int kMemLevel = 8;

// Through operator new, so that who counts a program's memory counts this too.
void* allocate(void*, uInt items, uInt size) {
  return ::operator new (std::size_t{items} * size, std::nothrow);
}
void deallocate(void*, void* memory) { ::operator delete(memory); }

z_stream fresh_stream() {
  z_stream stream{};
  stream.zalloc = &allocate;
  stream.zfree = &deallocate;
  return stream;
}

struct Deflater {
  ~Deflater() { deflateEnd(&z); }
  z_stream z = fresh_stream();
};
struct Inflater {
  ~Inflater() { inflateEnd(&z); }
  z_stream z = fresh_stream();
};

// The slices of a Chain one after the other, in pieces that zlib's counters hold.
class Slices {
 public:
  explicit Slices(const Chain& chain) : at_(chain.begin()), end_(chain.end()), left_(chain.size()) {}

  // False: there are no more.
  bool next(z_stream& z) {
    if (at_ == end_) return false;
    const std::size_t n = std::min(at_->size() - offset_, kMaxPiece);
    z.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(at_->data() + offset_));
    z.avail_in = static_cast<uInt>(n);
    offset_ += n, left_ -= n;
    if (offset_ == at_->size()) ++at_, offset_ = 0;
    return true;
  }
  // Bytes that next() has not given yet.
  std::size_t left() const { return left_; }

 private:
  static constexpr std::size_t kMaxPiece = 1 << 30;
  const Bytes* at_;
  const Bytes* end_;
  std::size_t offset_ = 0;
  std::size_t left_;
};

class ZlibCompressor final : public Compressor {
 public:
  ZlibCompressor(Format format, int level) : format_(format), level_(std::clamp(level, 1, 9)) {}

  std::string_view name() const override { return format_ == Format::kGzip ? "gzip" : "deflate"; }

  Result<Chain> compress(const Chain& message) const override {
    std::unique_ptr<Deflater> deflater = deflaters_.take();
    if (deflater) {
      deflateReset(&deflater->z);
    } else {
      deflater = std::make_unique<Deflater>();
      if (deflateInit2(&deflater->z, level_, Z_DEFLATED, window_bits(), kMemLevel, Z_DEFAULT_STRATEGY) !=
          Z_OK) {
        return no_memory(name());
      }
    }
    Chain packed = deflate_all(deflater->z, message);
    deflaters_.give(std::move(deflater));
    return packed;
  }

  Result<Chain> decompress(const Chain& packed, std::size_t max_size) const override {
    std::unique_ptr<Inflater> inflater = inflaters_.take();
    if (inflater) {
      inflateReset(&inflater->z);
    } else {
      inflater = std::make_unique<Inflater>();
      if (inflateInit2(&inflater->z, window_bits()) != Z_OK) return no_memory(name());
    }
    Result<Chain> message = inflate_all(inflater->z, packed, max_size);
    inflaters_.give(std::move(inflater));
    return message;
  }

 private:
  int window_bits() const { return format_ == Format::kGzip ? kGzipWindowBits : kWindowBits; }

  static Chain deflate_all(z_stream& z, const Chain& message) {
    Slices slices(message);
    // What does not get smaller ends in a block of its own.
    Blocks out(message.size() / 2, SIZE_MAX);
    z.avail_in = z.avail_out = 0;
    for (;;) {
      if (z.avail_in == 0) slices.next(z);
      if (z.avail_out == 0) add_block(z, out);
      const int flush = slices.left() == 0 ? Z_FINISH : Z_NO_FLUSH;
      if (deflate(&z, flush) == Z_STREAM_END) return out.finish(z.avail_out);
    }
  }

  Result<Chain> inflate_all(z_stream& z, const Chain& packed, std::size_t max_size) const {
    Slices slices(packed);
    Blocks out(packed.size() * 4, max_size);
    Bytef beyond;  // room for the first byte over the limit
    bool full = false;
    z.avail_in = z.avail_out = 0;
    for (;;) {
      // What has been read may still give bytes for which there was no room.
      const bool fed = z.avail_in > 0 || slices.next(z);
      if (z.avail_out == 0 && !full) full = !add_block(z, out);
      if (full) z.next_out = &beyond, z.avail_out = 1;
      const int result = inflate(&z, Z_NO_FLUSH);
      if (full && z.avail_out == 0) return too_large(max_size);
      switch (result) {
        case Z_OK:
          break;
        case Z_BUF_ERROR:
          if (!fed) return corrupt(name(), "it is truncated");
          break;
        case Z_STREAM_END:
          if (z.avail_in == 0 && slices.left() == 0) return out.finish(full ? 0 : z.avail_out);
          if (format_ == Format::kZlib) return corrupt(name(), "there are bytes behind its end");
          inflateReset(&z);  // another member, or else no header
          break;
        case Z_MEM_ERROR:
          return no_memory(name());
        case Z_NEED_DICT:
          return corrupt(name(), "it wants a dictionary");
        default:
          return corrupt(name(), z.msg ? z.msg : "no reason given");
      }
    }
  }

  static bool add_block(z_stream& z, Blocks& out) {
    if (!out.add_block()) return false;
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    return true;
  }

  const Format format_;
  const int level_;
  mutable Spares<Deflater> deflaters_;
  mutable Spares<Inflater> inflaters_;
};

}  // namespace

std::shared_ptr<const Compressor> gzip_compressor(int level) {
  return std::make_shared<ZlibCompressor>(Format::kGzip, level);
}

std::shared_ptr<const Compressor> deflate_compressor(int level) {
  return std::make_shared<ZlibCompressor>(Format::kZlib, level);
}

CompressorSet all_compressors() { return {gzip_compressor(), deflate_compressor(), zstd_compressor()}; }

}  // namespace sluice::inline v0
