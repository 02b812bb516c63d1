// What the session has written and nobody has taken yet: small frames side by side in one Buffer, large
// payloads chained between. Part of the session.
#pragma once

#include <algorithm>
#include <cstddef>

#include "sluice/base/bytes.h"

namespace sluice::inline v0::http2 {

class Output {
 public:
  Output() = default;
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() {
    if (buffer_) buffer_->unref();
  }

  std::size_t size() const { return sealed_.size() + (end_ - begin_); }
  bool empty() const { return size() == 0; }

  // Room for `n` more bytes, which count as written; the caller fills them before any other call.
  std::byte* append(std::size_t n) {
    if (n > room_) grow(n);
    std::byte* p = buffer_->data() + end_;
    end_ += n, room_ -= n;
    return p;
  }
  // Of append() without another buffer.
  std::size_t room() const { return room_; }
  // Where the next append() begins if there is room for it.
  const std::byte* tail() const { return buffer_ ? buffer_->data() + end_ : nullptr; }
  // Moves slices in without copying; those that borrow are copied.
  void append(Chain&& payload);

  // Appends everything, in order. The buffer leaves with it, so that no count is touched.
  void take(Chain& out) {
    if (!sealed_.empty()) out.append(std::move(sealed_));
    if (end_ > begin_) {
      out.append(Bytes(buffer_, buffer_->data() + begin_, end_ - begin_));
      buffer_ = nullptr, begin_ = end_ = room_ = 0;
    } else if (buffer_) {
      drop_buffer();
    }
    next_capacity_ = kFirstCapacity;
  }

 private:
  // With the Buffer's head just below the largest size glibc's thread cache serves (1032).
  static constexpr std::size_t kFirstCapacity = 1000;
  static constexpr std::size_t kMaxCapacity = 16 << 10;

  void grow(std::size_t n);
  void seal();
  void drop_buffer();  // a session that has nothing to say holds none

  Buffer* buffer_ = nullptr;
  std::size_t begin_ = 0;  // what lies before is sealed already
  std::size_t end_ = 0;
  std::size_t room_ = 0;  // behind end_
  std::size_t next_capacity_ = kFirstCapacity;
  Chain sealed_;
};

}  // namespace sluice::inline v0::http2
