// The rare paths of Output: a full buffer, and payload that is chained.
#include "http2/output.h"

namespace sluice::inline v0::http2 {

// Moves what the buffer holds to the sealed slices; the buffer stays in use while a few frame headers fit.
void Output::seal() {
  if (end_ == begin_) return;
  constexpr std::size_t kWorthKeeping = 64;
  const std::byte* data = buffer_->data() + begin_;
  const std::size_t size = end_ - begin_;
  if (room_ >= kWorthKeeping) {
    buffer_->ref();
    sealed_.append(Bytes(buffer_, data, size));
    begin_ = end_;
  } else {
    sealed_.append(Bytes(buffer_, data, size));
    buffer_ = nullptr, begin_ = end_ = room_ = 0;
  }
}

void Output::grow(std::size_t n) {
  if (buffer_ && end_ > begin_) {
    sealed_.append(Bytes(buffer_, buffer_->data() + begin_, end_ - begin_));
  } else if (buffer_) {
    buffer_->unref();
  }
  buffer_ = Buffer::make(std::max(n, next_capacity_));
  begin_ = end_ = 0, room_ = buffer_->capacity();
  next_capacity_ = std::min(next_capacity_ * 4, kMaxCapacity);
}

void Output::drop_buffer() {
  buffer_->unref();
  buffer_ = nullptr, begin_ = end_ = room_ = 0;
}

void Output::append(Chain&& payload) {
  seal();
  payload.keep();
  sealed_.append(std::move(payload));
}

}  // namespace sluice::inline v0::http2
