// See assemblies.h.
#include "transport/assemblies.h"

#include <algorithm>
#include <utility>

#include "transport/call_stream.h"

namespace sluice::inline v0::transport {

namespace {
// Fewer bytes than this in kLook, of all messages, or in kNoProgress, of one, are next to nothing.
constexpr std::size_t kSome = 16 << 10;
constexpr Duration kLook = std::chrono::seconds(1);
constexpr Duration kLookAgain = std::chrono::milliseconds(100);  // after one was refused
constexpr Duration kNoProgress = std::chrono::seconds(10);
constexpr Duration kAskForMemory = std::chrono::milliseconds(20);  // whether others gave some back
constexpr unsigned kLooksForMemory = 12;                           // longer than kNoProgress

// How far the message that is being read got.
double share(const wire::MessageReader& reader) {
  return static_cast<double>(reader.held()) / static_cast<double>(reader.message_size());
}
}  // namespace

bool Assemblies::take_room(CallStream& stream, std::size_t bytes) {
  stream.assembly_.active = true;
  stream.assembly_.seen = stream.reader_.held();
  if (bytes > stream.assembly_.room && !find_room(stream, bytes - stream.assembly_.room)) {
    refused_ = true;
    wait_for_room(stream);
    return false;
  }
  if (bytes < stream.assembly_.room) memory().give_room_back(stream.assembly_.room - bytes);
  stop_waiting(stream);
  taken_ += bytes - stream.assembly_.room;
  stream.assembly_.room = bytes;
  stream.assembly_.marked = stream.reader_.held();
  stream.assembly_.marked_at = loop_.now();
  if (!patience_.awaits(Awaited::kAssembly)) look_from_now();
  return true;
}

bool Assemblies::find_room(CallStream& stream, std::size_t more) {
  const bool beyond = windows_.grown() + taken_ + more > limits_.assembly_budget;
  if (beyond && beyond_ && beyond_ != &stream) return false;
  if (!memory().take_room(more) && !memory().take_room_beyond(&stream, more)) {
    if (!std::exchange(lacks_memory_, true)) memory().count_waiting(1);
    return false;
  }
  if (beyond) beyond_ = &stream;
  return true;
}

void Assemblies::wait_for_room(CallStream& stream) {
  if (std::exchange(stream.assembly_.waits_for_room, true)) return;
  ++waiting_ == 1 ? look_from_now() : look_in_time();
}

void Assemblies::stop_waiting(CallStream& stream) {
  if (!std::exchange(stream.assembly_.waits_for_room, false) || --waiting_ > 0) return;
  if (std::exchange(lacks_memory_, false)) memory().count_waiting(-1);
}

void Assemblies::look_from_now() {
  came_ = 0;
  idle_looks_ = 0;
  look_at_ = after(loop_.now(), kLook);
  look_in_time();
}

void Assemblies::look_in_time() {
  const TimePoint ask = lacks_memory_ ? after(loop_.now(), kAskForMemory) : kNever;
  patience_.await(Awaited::kAssembly, std::min(look_at_, ask));
}

void Assemblies::note_progress(CallStream& stream) {
  const std::size_t came =
      stream.reader_.held() - std::exchange(stream.assembly_.seen, stream.reader_.held());
  if (!stream.assembly_.waits_for_room) came_ += came;
  if (stream.reader_.held() - stream.assembly_.marked < kSome) return;
  stream.assembly_.marked = stream.reader_.held();
  stream.assembly_.marked_at = loop_.now();
}

void Assemblies::end(CallStream& stream) {
  stream.assembly_.active = false;
  stop_waiting(stream);
  if (beyond_ == &stream) beyond_ = nullptr;
  memory().end_beyond(&stream);
  if (stream.assembly_.room > 0) {
    taken_ -= stream.assembly_.room;
    memory().give_room_back(std::exchange(stream.assembly_.room, 0));
    if (waiting_ > 0 && !closing_) let_in();
  }
  if (taken_ == 0 && waiting_ == 0) patience_.stop(Awaited::kAssembly);
}

// Those first of which least is missing: so their room is soon somebody else's.
void Assemblies::let_in() {
  for (;;) {
    CallStream* next = nullptr;
    for (CallStream* s = streams_.first(); s != nullptr; s = s->next_) {
      if (s->assembly_.waits_for_room && (!next || share(s->reader_) > share(next->reader_))) next = s;
    }
    if (!next) return;
    refused_ = false;
    next->want_more();
    if (refused_) return;
    stop_waiting(*next);  // it may want none any more
  }
}

// Room that another connection gave back is found here. Where the Runtime's memory is what lacks, others may
// get on although nothing comes here: they are given longer.
void Assemblies::look() {
  if (lacks_memory_) let_in();
  if (taken_ == 0 && waiting_ == 0) return;
  if (loop_.now() < look_at_) return look_in_time();
  const bool stuck = std::exchange(came_, 0) < kSome;
  idle_looks_ = stuck && waiting_ > 0 ? idle_looks_ + 1 : 0;
  const TimePoint now = loop_.now();
  CallStream* least = one_to_refuse(idle_looks_ >= (lacks_memory_ ? kLooksForMemory : 1), now);
  look_at_ = after(now, least ? kLookAgain : kLook);
  look_in_time();
  if (least) refuse(*least);
}

// Null: none has to go.
CallStream* Assemblies::one_to_refuse(bool refuse_waiting, TimePoint now) const {
  const bool room_is_wanted = waiting_ > 0 || memory().is_waited_for();
  CallStream* least = nullptr;
  for (CallStream* s = streams_.first(); s != nullptr; s = s->next_) {
    if (s->assembly_.waits_for_room) {
      if (refuse_waiting && (!least || share(s->reader_) < share(least->reader_))) least = s;
    } else if (room_is_wanted && s->assembly_.room > 0 && after(s->assembly_.marked_at, kNoProgress) <= now) {
      return s;
    }
  }
  return least;
}

void Assemblies::refuse(CallStream& stream) {
  const std::string_view why = stream.assembly_.waits_for_room
                                   ? "it waited for room, and hardly anything came of the others"
                                   : "others waited for its room, and hardly anything came of it";
  Status status(StatusCode::kResourceExhausted,
                "a message of " + std::to_string(stream.reader_.message_size()) +
                    " bytes was refused, of which " + std::to_string(stream.reader_.held()) +
                    " had come: the large messages of the connection have taken " +
                    std::to_string(windows_.grown() + taken_) + " bytes of its assembly_budget of " +
                    std::to_string(limits_.assembly_budget) + ", and all messages " +
                    std::to_string(memory().used()) + " of the Runtime's memory_budget of " +
                    std::to_string(memory().bytes()) + "; " + std::string(why));
  stream.call_.refuse_message(std::move(status));
}

}  // namespace sluice::inline v0::transport
