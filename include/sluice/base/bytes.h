// Bytes and Chain: ref-counted slices of memory, and lists of slices. Data travel as a Chain from the encoder
// to the Conn and from the Conn to the decoder, moved and not copied.
#pragma once

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::inline v0 {

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A block of memory with a reference count in front. Owned through BufferRef and Bytes only.
class Buffer {
 public:
  // Uninitialised memory of at least `capacity` bytes, with one reference.
  static Buffer* make(std::size_t capacity);

  std::byte* data() { return reinterpret_cast<std::byte*>(this) + sizeof(Buffer); }
  std::size_t capacity() const { return capacity_; }

  void ref() { refs_.fetch_add(1, std::memory_order_relaxed); }
  // The load comes first: the last owner of a block, the usual case, pays no atomic read-modify-write.
  void unref() {
    if (refs_.load(std::memory_order_acquire) == 1 || refs_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      destroy();
  }
  bool unique() const { return refs_.load(std::memory_order_acquire) == 1; }

 private:
  explicit Buffer(std::size_t capacity) : capacity_(capacity) {}
  void destroy();

  std::atomic<std::uint32_t> refs_{1};
  std::size_t capacity_;
};

// One slice: a view of bytes and, usually, a share in the Buffer they lie in.
// A slice without a Buffer borrows: its maker keeps the bytes alive. Thread: the count is atomic, so slices
// of one Buffer may live on different threads. Shared bytes do not change.
class Bytes {
 public:
  Bytes() = default;
  // Adopts the caller's reference to `buffer`.
  Bytes(Buffer* buffer, const std::byte* data, std::size_t size)
      : data_(data), size_(size), buffer_(buffer) {}
  static Bytes copy(std::span<const std::byte> bytes);
  static Bytes copy(std::string_view text) { return copy(as_bytes(text)); }
  static Bytes borrow(std::span<const std::byte> bytes) { return {nullptr, bytes.data(), bytes.size()}; }

  Bytes(const Bytes& o) : data_(o.data_), size_(o.size_), buffer_(o.buffer_) {
    if (buffer_) buffer_->ref();
  }
  Bytes(Bytes&& o) noexcept
      : data_(std::exchange(o.data_, nullptr)),
        size_(std::exchange(o.size_, 0)),
        buffer_(std::exchange(o.buffer_, nullptr)) {}
  Bytes& operator=(Bytes o) noexcept {
    std::swap(data_, o.data_), std::swap(size_, o.size_), std::swap(buffer_, o.buffer_);
    return *this;
  }
  ~Bytes() {
    if (buffer_) buffer_->unref();
  }

  const std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::span<const std::byte> span() const { return {data_, size_}; }
  std::string_view text() const { return as_text(span()); }
  // The bytes live as long as this slice.
  bool owned() const { return buffer_ != nullptr || size_ == 0; }
  // Both share one Buffer, or both borrow.
  bool same_block(const Bytes& other) const { return buffer_ == other.buffer_; }
  // Size of the Buffer that this slice keeps alive; size() if it borrows.
  std::size_t block_size() const { return buffer_ ? buffer_->capacity() : size_; }

  void remove_prefix(std::size_t n) { assert(n <= size_), data_ += n, size_ -= n; }
  void truncate(std::size_t n) { assert(n <= size_), size_ = n; }
  // Removes the first n bytes and returns them.
  Bytes take_front(std::size_t n) {
    assert(n <= size_);
    if (n == size_) return std::move(*this);
    Bytes front = *this;
    front.size_ = n;
    remove_prefix(n);
    return front;
  }
  Bytes slice(std::size_t offset, std::size_t n) const {
    assert(offset + n <= size_);
    Bytes part = *this;
    part.data_ += offset, part.size_ = n;
    return part;
  }

 private:
  friend class Chain;
  // The part of its block beyond twice the `size` bytes that are used. SIZE_MAX if it borrows.
  std::size_t wasted(std::size_t size) const {
    if (buffer_ == nullptr) return SIZE_MAX;
    return buffer_->capacity() > 2 * size ? buffer_->capacity() - 2 * size : 0;
  }

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  Buffer* buffer_ = nullptr;
};

// A list of slices, in order, with its total size. The object has room for two slices; empty slices are
// dropped. A move changes no reference count.
class Chain {
 public:
  Chain() = default;
  explicit Chain(Bytes bytes) { append(std::move(bytes)); }
  static Chain copy(std::string_view text) { return Chain(Bytes::copy(text)); }

  Chain(const Chain& other);
  Chain(Chain&& other) noexcept { steal(other); }
  Chain& operator=(const Chain& other) {
    if (this != &other) *this = Chain(other);
    return *this;
  }
  Chain& operator=(Chain&& other) noexcept {
    if (this != &other) release(), steal(other);
    return *this;
  }
  ~Chain() { release(); }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void clear() { release(), reset(); }
  // Frees the slots of a chain that was emptied by taking slices out. Without this they are kept for later
  // slices.
  void trim() {
    if (heap_ != nullptr && empty()) clear();
  }

  [[gnu::always_inline]] void append(Bytes bytes) {
    if (bytes.empty()) return;
    if (end_ == capacity_) grow(1);
    size_ += bytes.size();
    new (&slots()[end_++]) Bytes(std::move(bytes));
  }
  void append(Chain&& other);  // leaves `other` empty. REQUIRES: another chain
  // Makes the last slice n bytes longer if the first n bytes of `behind` lie directly after it in the same
  // Buffer. False: they do not.
  bool lengthen(const Bytes& behind, std::size_t n) {
    if (begin_ == end_) return false;
    Bytes& last = slots()[end_ - 1];
    if (!last.same_block(behind) || last.data_ + last.size_ != behind.data_) return false;
    last.size_ += n, size_ += n;
    return true;
  }
  // Appends a copy of the bytes in a slice of its own.
  void append_copy(std::span<const std::byte> bytes) { append(Bytes::copy(bytes)); }
  // Appends a copy of the bytes behind the last slice, in the same block if there is room: many small pieces
  // share slices and blocks. `limit`: bytes that will be gathered from now on, these included, at most.
  void gather(std::span<const std::byte> bytes, std::size_t limit = SIZE_MAX);
  // Appends bytes that will be kept for long. Copies slices that are small, borrow, or use little of their
  // block; shares the others. The blocks of a chain made like this hold at most twice its bytes, and 256
  // more. Leaves `other` empty. REQUIRES: another chain.
  void append_tight(Chain&& other);

  // The slices. References live until the chain changes.
  std::size_t count() const { return end_ - begin_; }
  const Bytes& operator[](std::size_t i) const { return assert(i < count()), slots()[begin_ + i]; }
  const Bytes& front() const { return (*this)[0]; }
  const Bytes* begin() const { return slots() + begin_; }
  const Bytes* end() const { return slots() + end_; }

  // REQUIRES: n <= size(); for pop_front, not empty().
  Bytes pop_front() {
    assert(count() > 0);
    Bytes first = std::move(slots()[begin_++]);  // the slot owns nothing any more and needs no destructor
    size_ -= first.size();
    if (begin_ == end_) begin_ = end_ = 0;
    return first;
  }
  void remove_prefix(std::size_t n);
  Chain take_front(std::size_t n);
  // The same, to the end of another chain. REQUIRES: n > 0.
  void move_front(std::size_t n, Chain& to) {
    assert(this != &to && n > 0 && n <= size_);
    if (n >= slots()[begin_].size()) return to.append(take_front(n));
    to.append(slots()[begin_].take_front(n)), size_ -= n;
  }
  void copy_to(std::byte* out) const;  // all size() bytes
  void copy_prefix_to(std::byte* out, std::size_t n) const;
  std::string to_string() const;

  // Makes every slice own its bytes, copying those that borrow.
  void keep();
  // For bytes that will be kept for long: keep(), and copies slices of blocks of which this chain uses less
  // than half, so that a small slice does not keep a large block alive. The blocks then hold at most twice
  // the bytes, and `slack` more. Looks at the slices from index `from` on.
  void keep_tight(std::size_t slack = 1024, std::size_t from = 0) {
    if (end_ - begin_ != 1 || from != 0 || slots()[begin_].wasted(size_) > slack) copy_loose(slack, from);
  }
  // All bytes in one slice. Copies only if there is more than one.
  Bytes flatten() const;

 private:
  static constexpr std::uint32_t kInline = 2;
  // Neighbouring slices of one block.
  struct Run {
    Bytes* end;
    std::size_t size;
  };

  void copy_loose(std::size_t slack, std::size_t from);
  Run run_at(Bytes* slot);
  static bool is_loose(const Bytes& first, std::size_t size, std::size_t& slack);
  Bytes* slots() { return heap_ ? heap_ : reinterpret_cast<Bytes*>(inline_); }
  const Bytes* slots() const { return heap_ ? heap_ : reinterpret_cast<const Bytes*>(inline_); }
  // Makes room for `more` slices at the end.
  void grow(std::uint32_t more);
  // Destroys the slices and frees their memory. The members must then be set anew.
  void release() {
    if (begin_ != end_ || heap_ != nullptr) free_slots();
  }
  void free_slots();
  void reset() { heap_ = nullptr, begin_ = end_ = 0, capacity_ = kInline, size_ = 0; }
  // Takes the content of `other`. For a chain that was just made or released. A Bytes may be moved by memcpy.
  void steal(Chain& other) {
    heap_ = other.heap_, size_ = other.size_, capacity_ = other.capacity_;
    if (heap_ != nullptr) {
      begin_ = other.begin_, end_ = other.end_;
    } else {
      begin_ = 0, end_ = other.end_ - other.begin_;
      if (end_ > 0) std::memcpy(inline_, other.inline_ + other.begin_ * sizeof(Bytes), sizeof(Bytes));
      if (end_ > 1) std::memcpy(inline_ + sizeof(Bytes), other.inline_ + sizeof(Bytes), sizeof(Bytes));
    }
    other.reset();
  }

  Bytes* heap_ = nullptr;
  std::uint32_t begin_ = 0;
  std::uint32_t end_ = 0;
  std::uint32_t capacity_ = kInline;
  std::size_t size_ = 0;
  alignas(Bytes) std::byte inline_[kInline * sizeof(Bytes)];
};

}  // namespace sluice::inline v0
