// Blocks: output that grows by blocks of memory, for coders that are given room again and again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include "sluice/base/bytes.h"

namespace sluice::inline v0::compression {

// Blocks double from the first one's size to kMax, so that little is wasted on small messages and few are
// made for large ones; they never hold more than the limit all together.
class Blocks {
 public:
  static constexpr std::size_t kMin = 256;
  static constexpr std::size_t kMax = 64 << 10;

  // `expected`: bytes, a guess.
  Blocks(std::size_t expected, std::size_t limit) : left_(limit), next_(std::clamp(expected, kMin, kMax)) {}

  // Room for more, of size() bytes; false when the limit is reached. What add_block() gave before must have
  // been filled.
  bool add_block() {
    flush(size_);
    if (left_ == 0) return false;
    size_ = std::min(next_, left_);
    next_ = std::min(next_ * 2, kMax);
    left_ -= size_;
    Buffer* buffer = Buffer::make(size_);
    data_ = buffer->data();
    block_ = Bytes(buffer, data_, size_);
    return true;
  }
  std::byte* data() { return data_; }
  std::size_t size() const { return size_; }

  // All that was written, of the last block all but `unused` bytes.
  Chain finish(std::size_t unused) {
    flush(size_ - unused);
    return std::move(out_);
  }

 private:
  void flush(std::size_t used) {
    block_.truncate(used);
    out_.append(std::move(block_));
    block_ = Bytes();
    data_ = nullptr, size_ = 0;
  }

  std::size_t left_;
  std::size_t next_;
  Chain out_;
  Bytes block_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace sluice::inline v0::compression
