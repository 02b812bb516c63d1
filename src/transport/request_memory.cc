// See request_memory.h.
#include "transport/request_memory.h"

#include <algorithm>

namespace sluice::inline v0::transport {
namespace {

// What may stand as a ":path" (RFC 9113 sections 8.2.1 and 8.3.1).
bool is_path(std::string_view text) {
  return text.starts_with('/') &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > 0x20 && c != 0x7f; });
}

}  // namespace

RequestCache& RequestMemory::find_cache(std::string_view path) {
  auto it = caches_.find(std::string(path));
  if (it == caches_.end()) {
    if (caches_.size() >= kMaxPaths) {
      if (!spare_cache_) spare_cache_ = std::make_unique<RequestCache>();
      return *spare_cache_ = {.is_path = is_path(path)};  // it serves another path each time
    }
    it = caches_.emplace(path, RequestCache{.is_path = is_path(path)}).first;
  }
  last_path_ = &it->first;
  last_cache_ = &it->second;
  return it->second;
}

http2::Tag RequestMemory::know(KnownField field) {
  if (known_.size() >= kMaxKnown) return 0;
  known_.push_back(std::make_unique<const KnownField>(std::move(field)));
  return kFirstKnown + known_.size() - 1;
}

http2::Tag RequestMemory::know_head(const RequestHead& head) {
  if (heads_.size() >= kMaxHeads) return 0;
  heads_.push_back(head);
  return heads_.size();
}

}  // namespace sluice::inline v0::transport
