// zstd by libzstd: RFC 8878. A message is decoded in one piece of memory that is at the same time the window:
// a frame may announce a window of many megabytes, which a decoder by pieces would have to allocate.
#include <zstd.h>
#include <zstd_errors.h>

#include <optional>
#include <string>

#include "compression/blocks.h"
#include "compression/errors.h"
#include "compression/spares.h"
#include "sluice/compression/compressors.h"

namespace sluice::inline v0 {
namespace {

using namespace compression;  // NOLINT

constexpr int kMaxLevel = 19;  // beyond it windows get larger than what every decoder takes

struct Encoder {
  ~Encoder() { ZSTD_freeCCtx(context); }
  ZSTD_CCtx* context = ZSTD_createCCtx();
};
struct Decoder {
  ~Decoder() { ZSTD_freeDCtx(context); }
  ZSTD_DCtx* context = ZSTD_createDCtx();
};

std::uint32_t load_little_endian(const std::byte* at) {
  std::uint32_t number = 0;
  for (int i = 0; i < 4; ++i) number |= std::to_integer<std::uint32_t>(at[i]) << (8 * i);
  return number;
}

class ZstdCompressor final : public Compressor {
 public:
  explicit ZstdCompressor(int level) : level_(std::clamp(level, 1, kMaxLevel)) {}

  std::string_view name() const override { return "zstd"; }

  Result<Chain> compress(const Chain& message) const override {
    std::unique_ptr<Encoder> encoder = encoders_.take();
    if (!encoder) {
      encoder = std::make_unique<Encoder>();
      if (!encoder->context) return no_memory(name());
      ZSTD_CCtx_setParameter(encoder->context, ZSTD_c_compressionLevel, level_);
      ZSTD_CCtx_setParameter(encoder->context, ZSTD_c_checksumFlag, 1);
    }
    Result<Chain> packed = encode(encoder->context, message);
    if (packed.ok()) encoders_.give(std::move(encoder));
    return packed;
  }

  Result<Chain> decompress(const Chain& packed, std::size_t max_size) const override {
    const Bytes whole = packed.flatten();
    std::size_t expected = 0;
    if (Status status = look_at_frames(whole.span(), max_size, expected); !status.ok()) return status;
    std::unique_ptr<Decoder> decoder = decoders_.take();
    if (!decoder) decoder = std::make_unique<Decoder>();
    if (!decoder->context) return no_memory(name());
    Result<Chain> message = decode(decoder->context, whole, expected, max_size);
    decoders_.give(std::move(decoder));
    return message;
  }

 private:
  static Result<Chain> encode(ZSTD_CCtx* context, const Chain& message) {
    ZSTD_CCtx_reset(context, ZSTD_reset_session_only);
    ZSTD_CCtx_setPledgedSrcSize(context, message.size());
    Blocks out(message.size() / 2, SIZE_MAX);
    ZSTD_outBuffer room{nullptr, 0, 0};
    const auto encode_slice = [&](const Bytes& slice, ZSTD_EndDirective how) -> std::size_t {
      ZSTD_inBuffer in{slice.data(), slice.size(), 0};
      for (;;) {
        if (room.pos == room.size) out.add_block(), room = {out.data(), out.size(), 0};
        const std::size_t left = ZSTD_compressStream2(context, &room, &in, how);
        if (ZSTD_isError(left)) return left;
        if (how == ZSTD_e_end ? left == 0 : in.pos == in.size) return 0;
      }
    };
    std::size_t result = 0;
    for (const Bytes& slice : message) {
      if (result = encode_slice(slice, ZSTD_e_continue); ZSTD_isError(result)) break;
    }
    if (!ZSTD_isError(result)) result = encode_slice(Bytes(), ZSTD_e_end);
    if (ZSTD_isError(result)) return Status(StatusCode::kInternal, ZSTD_getErrorName(result));
    return out.finish(room.size - room.pos);
  }

  // Walks over the frames without decoding them. `expected`: the sum of the sizes that they announce, which
  // may be a lie, and a guess for those that announce none.
  static Status look_at_frames(std::span<const std::byte> rest, std::size_t max_size, std::size_t& expected) {
    constexpr std::uint32_t kMagic = 0xfd2fb528, kSkippable = 0x184d2a50, kSkippableMask = 0xfffffff0;
    std::size_t announced = 0, guessed = 0;
    while (!rest.empty()) {
      if (rest.size() < 4) return corrupt("zstd", "there are bytes behind its end");
      // Formats older than the standard are none of ours, whatever the library was built to know.
      const std::uint32_t magic = load_little_endian(rest.data());
      if (magic != kMagic && (magic & kSkippableMask) != kSkippable) return corrupt("zstd", "it is no frame");
      const std::size_t n = ZSTD_findFrameCompressedSize(rest.data(), rest.size());
      if (ZSTD_isError(n)) return corrupt("zstd", why(n));
      const unsigned long long content = ZSTD_getFrameContentSize(rest.data(), rest.size());
      if (magic == kMagic && content < ZSTD_CONTENTSIZE_ERROR) {
        if (content > max_size || announced > max_size - content) return too_large(max_size);
        announced += static_cast<std::size_t>(content);
      } else if (magic == kMagic && content == ZSTD_CONTENTSIZE_UNKNOWN) {
        guessed = std::min(max_size, guessed + std::min(4 * n, Blocks::kMax));
      }
      rest = rest.subspan(n);
    }
    expected = announced + std::min(guessed, max_size - announced);
    return {};
  }

  // With more room each time, until it is enough or the limit is reached: all tries together cost a third
  // more than the last one.
  static Result<Chain> decode(ZSTD_DCtx* context, const Bytes& packed, std::size_t expected,
                              std::size_t max_size) {
    for (std::size_t room = expected;;
         room = room > max_size / 4 ? max_size : std::max(4 * room, Blocks::kMin)) {
      room = std::min(room, max_size);
      Buffer* buffer = Buffer::make(std::max<std::size_t>(room, 1));
      Bytes message(buffer, buffer->data(), room);
      const std::size_t n = ZSTD_decompressDCtx(context, buffer->data(), room, packed.data(), packed.size());
      if (!ZSTD_isError(n)) {
        message.truncate(n);
        // What is kept should not cost twice its size, nor should both together cost more than the limit.
        const bool copy = n < room / 2 && room <= max_size - n;
        return Chain(copy ? Bytes::copy(message.span()) : std::move(message));
      }
      if (ZSTD_getErrorCode(n) != ZSTD_error_dstSize_tooSmall) return corrupt("zstd", why(n));
      if (room == max_size) return too_large(max_size);
    }
  }

  static std::string_view why(std::size_t error) {
    return ZSTD_getErrorCode(error) == ZSTD_error_srcSize_wrong ? "it is truncated"
                                                                : ZSTD_getErrorName(error);
  }

  const int level_;
  mutable Spares<Encoder> encoders_;
  mutable Spares<Decoder> decoders_;
};

}  // namespace

std::shared_ptr<const Compressor> zstd_compressor(int level) {
  return std::make_shared<ZstdCompressor>(level);
}

}  // namespace sluice::inline v0
