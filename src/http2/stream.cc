// The rare parts of Stream and of the table of streams.
#include "http2/stream.h"

#include <cstring>
#include <utility>

namespace sluice::inline v0::http2 {

Stream::Stream() = default;

Stream::~Stream() { assert(!attached_ && "a stream is destroyed while its session still has it"); }

DeferredHeaders::DeferredHeaders(std::span<const HeaderPart> parts) {
  std::size_t size = 0;
  for (const HeaderPart& part : parts) {
    for (const Field& field : part.fields) size += field.name.size() + field.value.size();
  }
  text_ = std::make_unique<char[]>(size);
  char* at = text_.get();
  const auto copy = [&at](std::string_view text) {
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    return std::string_view(std::exchange(at, at + text.size()), text.size());
  };
  for (const HeaderPart& part : parts) {
    for (const Field& field : part.fields) {
      const std::string_view name = copy(field.name);
      fields.push_back({name, copy(field.value), field.indexing});
    }
  }
}

void StreamTable::resize(std::size_t slots) {
  std::vector<Slot> old(slots);
  old.swap(slots_);
  size_ = 0;
  for (const Slot& slot : old) {
    if (slot.id != 0) insert(slot.id, *slot.stream);
  }
}

void StreamTable::insert(StreamId id, Stream& stream) {
  assert(id != 0);
  if ((size_ + 1) * 2 > slots_.size()) resize(slots_.empty() ? 8 : slots_.size() * 2);
  std::size_t i = home(id);
  while (slots_[i].id != 0) i = (i + 1) & mask();
  slots_[i] = {id, &stream};
  ++size_;
}

void StreamTable::erase(StreamId id) {
  std::size_t hole = home(id);
  while (slots_[hole].id != id) hole = (hole + 1) & mask();
  // What was pushed past the hole moves back, so that probing needs no tombstones.
  for (std::size_t i = (hole + 1) & mask(); slots_[i].id != 0; i = (i + 1) & mask()) {
    const std::size_t from_home = (i - home(slots_[i].id)) & mask();
    if (from_home >= ((i - hole) & mask())) {
      slots_[hole] = slots_[i];
      hole = i;
    }
  }
  slots_[hole] = {};
  --size_;
  // At an eighth, so that a number of streams that goes up and down does not make it work each time.
  if (slots_.size() > kKeptSlots && size_ * 8 <= slots_.size()) [[unlikely]]
    resize(slots_.size() / 2);
}

}  // namespace sluice::inline v0::http2
