// Frames of coroutines: from their call's allocator where they have one, else from the heap.
#include "sluice/async/task.h"

#include "sluice/base/fail.h"

#include <new>

namespace sluice::inline v0 {
namespace {

// In front of each frame, so that operator delete knows where it came from.
struct alignas(alignof(std::max_align_t)) FrameHead {
  detail::FrameAllocator* allocator;
};

}  // namespace

void detail::task_awaited_twice() noexcept { fail("a Task was awaited or started twice"); }

void detail::task_is_empty() noexcept {
  fail("an empty Task was awaited or started: it was made by Task() or moved from");
}

void detail::task_gave_nothing() noexcept { fail("a coroutine reached its end without a co_return"); }

void detail::task_left_suspended(const Loop& loop) noexcept {
  loop.group().fail("a Task was destroyed while it waits: await it to its end, or spawn it in a Scope");
}

void* detail::PromiseBase::allocate(std::size_t size, detail::FrameAllocator* allocator) {
  const std::size_t whole = size + sizeof(FrameHead);
  void* memory = allocator ? allocator->allocate_frame(whole) : ::operator new(whole);
  return new (memory) FrameHead{allocator} + 1;
}

void detail::PromiseBase::operator delete(void* frame, std::size_t size) {
  FrameHead* head = static_cast<FrameHead*>(frame) - 1;
  const std::size_t whole = size + sizeof(FrameHead);
  if (detail::FrameAllocator* allocator = head->allocator) {
    allocator->free_frame(head, whole);
  } else {
    ::operator delete(head);
  }
}

}  // namespace sluice::inline v0
