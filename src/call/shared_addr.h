// SharedAddr: the peer's address as the calls of a connection have it, which outlive the connection. One
// pointer instead of two strings a call.
#pragma once

#include <cstddef>
#include <utility>

#include "sluice/base/addr.h"

namespace sluice::inline v0::call {

// Thread: copied and destroyed on one loop only, so that counting needs no atomics; read anywhere.
class SharedAddr {
 public:
  SharedAddr() = default;
  explicit SharedAddr(Addr addr) : node_(new Node{std::move(addr)}) {}
  SharedAddr(const SharedAddr& other) : node_(other.node_) {
    if (node_ != nullptr) ++node_->refs;
  }
  SharedAddr(SharedAddr&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  SharedAddr& operator=(SharedAddr other) noexcept { return std::swap(node_, other.node_), *this; }
  ~SharedAddr() {
    if (node_ != nullptr && --node_->refs == 0) delete node_;
  }

  explicit operator bool() const { return node_ != nullptr; }
  const Addr& operator*() const { return node_->addr; }  // REQUIRES that there is one

 private:
  struct Node {
    const Addr addr;
    std::size_t refs = 1;
  };
  Node* node_ = nullptr;
};

}  // namespace sluice::inline v0::call
