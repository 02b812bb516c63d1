// Compressor and CompressorSet: the message encodings of gRPC's compression.md that a Server or Channel knows
// (grpc-go: encoding.Compressor, without its global registry). sluice/compression/compressors.h has gzip,
// deflate and zstd; a program may bring its own.
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

namespace sluice::inline v0 {

// One message encoding.
// Each message is compressed on its own, without state from earlier ones. Runs on the loop of the call, which
// large messages keep busy. Thread: all members may be called concurrently, on different messages.
class Compressor {
 public:
  virtual ~Compressor() = default;

  // The value of grpc-encoding: lower-case letters, digits, '-', '_' and '.'. Always the same.
  virtual std::string_view name() const = 0;
  // The compressed message; it may borrow from `message`. If it is not shorter, the message is sent as it is.
  virtual Result<Chain> compress(const Chain& message) const = 0;
  // The original message, in slices that own their bytes. `packed` is not empty. Errors: RESOURCE_EXHAUSTED
  // as soon as the output exceeds `max_size`, of which no more may be kept; INTERNAL if `packed` is not
  // exactly one complete compressed message.
  virtual Result<Chain> decompress(const Chain& packed, std::size_t max_size) const = 0;
};

// The encodings that a server or channel knows, besides "identity". A value; copies share the Compressors.
// Thread: const members may be called concurrently.
class CompressorSet {
 public:
  static constexpr std::size_t kMaxSize = 32;

  CompressorSet() = default;
  CompressorSet(std::initializer_list<std::shared_ptr<const Compressor>> compressors);

  // Replaces a compressor of the same name. check() tells if the compressor cannot be added.
  void add(std::shared_ptr<const Compressor> compressor);
  // INVALID_ARGUMENT: the first compressor that could not be added, and why.
  Status check() const { return content_ ? content_->problem : Status(); }
  // The same; and INVALID_ARGUMENT for an algorithm that is not in the set, not "identity" and not empty.
  Status check(std::string_view algorithm) const;

  bool empty() const { return size() == 0; }
  std::size_t size() const { return content_ ? content_->entries.size() : 0; }
  // Null: not in the set, or "identity".
  const Compressor* find(std::string_view name) const;
  // The same, for a caller that may outlive this set.
  std::shared_ptr<const Compressor> share(std::string_view name) const;
  // The value of grpc-accept-encoding for this set: "identity,gzip,deflate", in the order of adding.
  std::string_view accept_encoding() const {
    return content_ ? std::string_view(content_->accept_encoding) : "identity";
  }

  // A subset; each compressor of the set is a bit.
  using Mask = std::uint32_t;
  // The compressors that a grpc-accept-encoding names: tokens between commas, with optional spaces.
  Mask named_in(std::string_view accept_encoding) const;
  // The bit of one compressor; 0 if it is not in the set.
  Mask mask_of(std::string_view name) const;
  // The compressor of a mask with one bit; null: none.
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

}  // namespace sluice::inline v0
