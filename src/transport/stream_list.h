// StreamList: the streams of a connection, oldest first. Part of Connection.
#pragma once

#include <cstddef>

namespace sluice::inline v0::transport {

class CallStream;

// Loop-only. Lifetime: empty when it is destroyed.
class StreamList {
 public:
  void push(CallStream& stream);
  void remove(CallStream& stream);

  CallStream* first() const { return first_; }  // null: there is none
  CallStream* last() const { return last_; }
  std::size_t size() const { return size_; }
  bool empty() const { return first_ == nullptr; }

 private:
  CallStream* first_ = nullptr;
  CallStream* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace sluice::inline v0::transport
