// The messages of a connection that are longer than their streams' windows: what they may hold together.
#include <utility>

#include "transport/call_stream.h"
#include "transport/connection.h"

namespace sluice::transport {

bool Connection::assemble(CallStream& stream) {
  const std::size_t held = stream.reader_.held();
  assemblies_ += stream.assembled_ == 0;
  assembled_ += held - stream.assembled_;
  if (held != stream.assembled_) stream.progressed_ = loop_.now();
  stream.assembled_ = held;
  while (assembled_ > limits_.assembly_budget && assemblies_ > 1) {
    CallStream& least = least_assembled();
    refuse_assembly(least);
    if (&least == &stream) return false;
  }
  return true;
}

void Connection::end_assembly(CallStream& stream) {
  --assemblies_;
  assembled_ -= std::exchange(stream.assembled_, 0);
}

// REQUIRES: there is one.
CallStream& Connection::least_assembled() const {
  // What has not moved for so long is overtaken by what does, however little is missing.
  constexpr Duration kNoProgress = std::chrono::seconds(10);
  const TimePoint now = loop_.now();
  const auto share = [&](const CallStream& s) {
    if (after(s.progressed_, kNoProgress) <= now) return -1.0;
    return static_cast<double>(s.assembled_) / static_cast<double>(s.reader_.message_size());
  };
  CallStream* least = nullptr;
  for (CallStream* s = streams_; s != nullptr; s = s->next_) {
    if (s->assembled_ > 0 && (!least || share(*s) < share(*least))) least = s;
  }
  return *least;
}

void Connection::refuse_assembly(CallStream& stream) {
  Status why(StatusCode::kResourceExhausted,
             "a message of " + std::to_string(stream.reader_.message_size()) +
                 " bytes was refused, of which " + std::to_string(stream.assembled_) +
                 " had come: the large messages of the connection hold " + std::to_string(assembled_) +
                 " bytes, and its assembly_budget is " + std::to_string(limits_.assembly_budget));
  stream.discard_messages();
  stream.on_bad_message(std::move(why));
}

}  // namespace sluice::transport
