// The messages of a connection that are longer than their streams' windows: what they may hold together.
#include <algorithm>
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
constexpr Duration kAskForMemory = std::chrono::milliseconds(20);  // whether others gave some back
constexpr unsigned kLooksForMemory = 12;                           // longer than kNoProgress

// How far the message that is being read got.
double share(const wire::MessageReader& reader) {
  return static_cast<double>(reader.held()) / static_cast<double>(reader.message_size());
}
}  // namespace

bool Connection::take_room(CallStream& stream, std::size_t bytes) {
  stream.assembles_ = true;
  stream.seen_ = stream.reader_.held();
  if (bytes > stream.room_ && !find_room(stream, bytes - stream.room_)) {
    room_refused_ = true;
    wait_for_room(stream);
    return false;
  }
  if (bytes < stream.room_) memory().give_room_back(stream.room_ - bytes);
  stop_waiting(stream);
  room_taken_ += bytes - stream.room_;
  stream.room_ = bytes;
  stream.marked_ = stream.reader_.held();
  stream.marked_at_ = loop_.now();
  if (!patience_.awaits(Awaited::kAssembly)) look_from_now();
  return true;
}

bool Connection::find_room(CallStream& stream, std::size_t more) {
  const bool beyond = grown_ + room_taken_ + more > limits_.assembly_budget;
  if (beyond && beyond_budget_ && beyond_budget_ != &stream) return false;
  if (!memory().take_room(more) && !memory().take_room_beyond(&stream, more)) {
    if (!std::exchange(lacks_memory_, true)) memory().count_waiting(1);
    return false;
  }
  if (beyond) beyond_budget_ = &stream;
  return true;
}

void Connection::wait_for_room(CallStream& stream) {
  if (std::exchange(stream.waits_for_room_, true)) return;
  ++waiting_for_room_ == 1 ? look_from_now() : look_in_time();
}

void Connection::stop_waiting(CallStream& stream) {
  if (!std::exchange(stream.waits_for_room_, false) || --waiting_for_room_ > 0) return;
  if (std::exchange(lacks_memory_, false)) memory().count_waiting(-1);
}

void Connection::look_from_now() {
  assembly_came_ = 0;
  idle_looks_ = 0;
  look_at_ = after(loop_.now(), kLook);
  look_in_time();
}

void Connection::look_in_time() {
  const TimePoint ask = lacks_memory_ ? after(loop_.now(), kAskForMemory) : kNever;
  patience_.await(Awaited::kAssembly, std::min(look_at_, ask));
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
  stop_waiting(stream);
  if (beyond_budget_ == &stream) beyond_budget_ = nullptr;
  memory().end_beyond(&stream);
  if (stream.room_ > 0) {
    room_taken_ -= stream.room_;
    memory().give_room_back(std::exchange(stream.room_, 0));
    if (waiting_for_room_ > 0 && state_ == State::kReady) let_in();
  }
  if (room_taken_ == 0 && waiting_for_room_ == 0) patience_.stop(Awaited::kAssembly);
}

// Those first of which least is missing: so their room is soon somebody else's.
void Connection::let_in() {
  for (;;) {
    CallStream* next = nullptr;
    for (CallStream* s = streams_; s != nullptr; s = s->next_) {
      if (s->waits_for_room_ && (!next || share(s->reader_) > share(next->reader_))) next = s;
    }
    if (!next) return;
    room_refused_ = false;
    next->want_more();
    if (room_refused_) return;
    stop_waiting(*next);  // it may want none any more
  }
}

void Connection::measure_link() {
  if (!meter_.asks(session_.data_received()) || closing()) return;
  session_.submit_ping(RoundTripMeter::kPing);
  flush_soon();
}

// What large messages may need has its half of the budget.
std::size_t Connection::grow_window(std::size_t window) {
  const std::size_t most = window_of_link();
  const std::size_t budget = limits_.assembly_budget / 2;
  if (most <= window || grown_ >= budget) return 0;
  const std::size_t more = std::min(most - window, budget - grown_);
  if (!memory().take_room(more)) return 0;
  grown_ += more;
  return more;
}

void Connection::end_growth(std::size_t bytes) {
  grown_ -= bytes;
  memory().give_room_back(bytes);
  if (waiting_for_room_ > 0 && state_ == State::kReady) let_in();
}

// Room that another connection gave back is found here. Where the Runtime's memory is what lacks, others may
// get on although nothing comes here: they are given longer.
void Connection::look_at_assemblies() {
  if (lacks_memory_) let_in();
  if (room_taken_ == 0 && waiting_for_room_ == 0) return;
  if (loop_.now() < look_at_) return look_in_time();
  const bool stuck = std::exchange(assembly_came_, 0) < kSome;
  idle_looks_ = stuck && waiting_for_room_ > 0 ? idle_looks_ + 1 : 0;
  const bool refuse_waiting = idle_looks_ >= (lacks_memory_ ? kLooksForMemory : 1);
  const bool room_is_wanted = waiting_for_room_ > 0 || memory().is_waited_for();
  const TimePoint now = loop_.now();
  CallStream* least = nullptr;
  for (CallStream* s = streams_; s != nullptr; s = s->next_) {
    if (s->waits_for_room_) {
      if (refuse_waiting && (!least || share(s->reader_) < share(least->reader_))) least = s;
    } else if (room_is_wanted && s->room_ > 0 && after(s->marked_at_, kNoProgress) <= now) {
      least = s;
      break;
    }
  }
  look_at_ = after(now, least ? kLookAgain : kLook);
  look_in_time();
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
                    std::to_string(grown_ + room_taken_) + " bytes of its assembly_budget of " +
                    std::to_string(limits_.assembly_budget) + ", and all messages " +
                    std::to_string(memory().used()) + " of the Runtime's memory_budget of " +
                    std::to_string(memory().bytes()) + "; " + std::string(why));
  stream.discard_messages();
  stream.on_bad_message(std::move(status));
}

}  // namespace sluice::transport
