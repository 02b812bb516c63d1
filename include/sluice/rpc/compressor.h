// Compressor and CompressorSet: the message encodings that a Server or a Channel knows (grpc-go:
// encoding.Compressor, without its global registry; gRPC's compression.md). Those that need zlib or zstd are
// in sluice/compression/compressors.h; a program may bring its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/bytes.h"
#include "sluice/base/result.h"

namespace sluice {

// One message encoding.
//
// Thread: all members may be called at once, on different messages. Each message stands for itself: nothing
// of one may be needed for another. Runs on the loop of the call, so that large messages keep it busy.
class Compressor {
 public:
  virtual ~Compressor() = default;

  // As grpc-encoding has it: lower-case letters, digits, '-', '_' and '.'. Always the same.
  virtual std::string_view name() const = 0;
  // The encoded message; its bytes may borrow from `message`. A result that is no shorter is not used: the
  // message then goes as it is.
  virtual Result<Chain> compress(const Chain& message) const = 0;
  // The message again, in slices that own their bytes. `packed` is not empty.
  // Errors: RESOURCE_EXHAUSTED as soon as more than `max_size` bytes come of it, and before more than that
  // are kept; INTERNAL for what is no encoded message, whole and with nothing behind it.
  virtual Result<Chain> decompress(const Chain& packed, std::size_t max_size) const = 0;
};

// The encodings that one end knows, beside "identity" which every one does. A value: copies share the
// Compressors. Thread: const members may be called at once.
class CompressorSet {
 public:
  static constexpr std::size_t kMaxSize = 32;

  CompressorSet() = default;
  CompressorSet(std::initializer_list<std::shared_ptr<const Compressor>> compressors);

  // Takes the place of one of the same name. What cannot be added is told by check().
  void add(std::shared_ptr<const Compressor> compressor);
  // INVALID_ARGUMENT: what was wrong with the first that could not be added.
  Status check() const { return content_ ? content_->problem : Status(); }
  // The same, and of an algorithm that is neither known nor "identity" nor empty.
  Status check(std::string_view algorithm) const;

  bool empty() const { return size() == 0; }
  std::size_t size() const { return content_ ? content_->entries.size() : 0; }
  // Null: not known, or "identity".
  const Compressor* find(std::string_view name) const;
  // The same, for who may outlive this set.
  std::shared_ptr<const Compressor> share(std::string_view name) const;
  // What grpc-accept-encoding says of this set: "identity,gzip,deflate", in the order of adding.
  std::string_view accept_encoding() const {
    return content_ ? std::string_view(content_->accept_encoding) : "identity";
  }

  // Some of the set, a bit each.
  using Mask = std::uint32_t;
  // Those that a grpc-accept-encoding names: tokens with commas between, and spaces around them.
  Mask named_in(std::string_view accept_encoding) const;
  // Of one; none for what is not in the set.
  Mask mask_of(std::string_view name) const;
  // The one of a mask of one; null: none.
  std::shared_ptr<const Compressor> share(Mask one) const;

 private:
  struct Content {
    std::vector<std::shared_ptr<const Compressor>> entries;  // shared: with other sets, and calls under way
    std::string accept_encoding = "identity";
    Status problem;
  };
  const std::shared_ptr<const Compressor>* find_entry(std::string_view name) const;

  std::shared_ptr<const Content> content_;  // shared: by copies of the set; null: empty
};

}  // namespace sluice
