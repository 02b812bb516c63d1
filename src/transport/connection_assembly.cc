// The messages of a connection that are longer than their streams' windows: what they may hold together.
#include <utility>

#include "transport/call_stream.h"
#include "transport/connection.h"

namespace sluice::transport {

namespace {
// Fewer bytes than this in kLook, of all messages, or in kNoProgress, of one, are next to nothing.
constexpr std::size_t kSome = 16 << 10;
constexpr Duration kLook = std::chrono::seconds(1);
constexpr Duration kLookAgain = std::chrono::milliseconds(100);  // after one was refused
constexpr Duration kNoProgress = std::chrono::seconds(10);

// How far the message that is being read got.
double share(const MessageReader& reader) {
  return static_cast<double>(reader.held()) / static_cast<double>(reader.message_size());
}
}  // namespace

bool Connection::take_room(CallStream& stream, std::size_t bytes) {
  stream.assembles_ = true;
  stream.seen_ = stream.reader_.held();
  if (room_taken_ - stream.room_ + bytes > limits_.assembly_budget && beyond_budget_ != &stream) {
    if (beyond_budget_) {
      if (stream.waits_for_room_) return false;
      stream.waits_for_room_ = true;
      ++waiting_for_room_;
      if (!patience_.awaits(Awaited::kAssembly)) {
        assembly_came_ = 0;
        patience_.await(Awaited::kAssembly, after(loop_.now(), kLook));
      }
      return false;
    }
    beyond_budget_ = &stream;
  }
  if (std::exchange(stream.waits_for_room_, false)) --waiting_for_room_;
  room_taken_ += bytes - stream.room_;
  stream.room_ = bytes;
  stream.marked_ = stream.reader_.held();
  stream.marked_at_ = loop_.now();
  return true;
}

void Connection::note_progress(CallStream& stream) {
  const std::size_t came = stream.reader_.held() - std::exchange(stream.seen_, stream.reader_.held());
  if (!stream.waits_for_room_) assembly_came_ += came;
  if (stream.reader_.held() - stream.marked_ < kSome) return;
  stream.marked_ = stream.reader_.held();
  stream.marked_at_ = loop_.now();
}

void Connection::end_assembly(CallStream& stream) {
  stream.assembles_ = false;
  if (std::exchange(stream.waits_for_room_, false)) --waiting_for_room_;
  if (beyond_budget_ == &stream) beyond_budget_ = nullptr;
  if (stream.room_ == 0) return;
  room_taken_ -= std::exchange(stream.room_, 0);
  if (waiting_for_room_ > 0 && state_ == State::kReady) let_in();
}

// Those first of which least is missing: so their room is soon somebody else's.
void Connection::let_in() {
  for (;;) {
    CallStream* next = nullptr;
    for (CallStream* s = streams_; s != nullptr; s = s->next_) {
      if (s->waits_for_room_ && (!next || share(s->reader_) > share(next->reader_))) next = s;
    }
    if (!next) return patience_.stop(Awaited::kAssembly);
    next->waits_for_room_ = false;
    --waiting_for_room_;
    next->want_more();
    if (next->waits_for_room_) return;
  }
}

void Connection::look_at_assemblies() {
  if (waiting_for_room_ == 0) return;
  const bool stuck = std::exchange(assembly_came_, 0) < kSome;
  const TimePoint now = loop_.now();
  CallStream* least = nullptr;
  for (CallStream* s = streams_; s != nullptr; s = s->next_) {
    if (s->waits_for_room_) {
      if (stuck && (!least || share(s->reader_) < share(least->reader_))) least = s;
    } else if (s->room_ > 0 && after(s->marked_at_, kNoProgress) <= now) {
      least = s;
      break;
    }
  }
  patience_.await(Awaited::kAssembly, after(now, least ? kLookAgain : kLook));
  if (!least) return;
  refuse_assembly(*least, least->waits_for_room_
                              ? "it waited for room, and hardly anything came of the others"
                              : "others waited for its room, and hardly anything came of it");
}

void Connection::refuse_assembly(CallStream& stream, std::string_view why) {
  Status status(StatusCode::kResourceExhausted,
                "a message of " + std::to_string(stream.reader_.message_size()) +
                    " bytes was refused, of which " + std::to_string(stream.reader_.held()) +
                    " had come: the large messages of the connection have taken " +
                    std::to_string(room_taken_) + " bytes of its assembly_budget of " +
                    std::to_string(limits_.assembly_budget) + "; " + std::string(why));
  stream.discard_messages();
  stream.on_bad_message(std::move(status));
}

}  // namespace sluice::transport
