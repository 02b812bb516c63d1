// ReadyQueue: what is not inline.
#include "sluice/async/detail/queues.h"

namespace sluice::inline v0::detail {

void ReadyQueue::put_back(Runnable* list) {
  if (list == nullptr) return;
  Runnable* last = list;
  while (last->next_ != nullptr) last = last->next_;
  last->next_ = head_;
  if (head_ == nullptr) tail_ = last;
  head_ = list;
}

}  // namespace sluice::inline v0::detail
