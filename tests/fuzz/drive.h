// One session fed with a wire in pieces; what the targets that feed raw bytes share.
#pragma once

#include "fuzz.h"

namespace sluice::inline v0::http2::fuzz {

// Everything that can be seen of a session.
struct Outcome {
  std::string events;
  std::string output;
  ErrorCode code = ErrorCode::kNoError;

  bool operator==(const Outcome&) const = default;
};

enum class Take : bool { kAtEnd, kBetween };

// `next` gives the size of the next piece; 0 is all that is left. A client has six requests under way.
template <class F>
Outcome drive(Role role, std::uint32_t how, std::string_view wire, F next, Take take = Take::kBetween) {
  static constexpr std::string_view kEmptySettings("\0\0\0\4\0\0\0\0\0", kFrameHeaderSize);
  App app(role, how);
  Outcome outcome;
  if ((how & how::kNoHandshake) == 0) {
    if (role == Role::kServer) (void)app.feed(Bytes::borrow(as_bytes(kClientPreface)));
    (void)app.feed(Bytes::borrow(as_bytes(kEmptySettings)));
  }
  const std::size_t size = (how & how::kLarge) != 0 ? 90000 : 7;
  for (int i = 0; role == Role::kClient && i < 6; ++i) {
    app.open(size, i % 3 == 2 ? EndStream::kNo : EndStream::kYes);
  }
  outcome.output = app.take();
  while (!wire.empty() && outcome.code == ErrorCode::kNoError) {
    const std::size_t n = next();
    const std::string_view piece = wire.substr(0, n == 0 ? wire.size() : n);
    wire.remove_prefix(piece.size());
    outcome.code = app.feed(Bytes::borrow(as_bytes(piece))).code;
    if (take == Take::kBetween) outcome.output += app.take();
  }
  outcome.output += app.take();
  expect(outcome.code == ErrorCode::kNoError || !app.session.has_output(), "output after the end");
  (void)app.session.unfinished();
  if (Stream* stream = app.nth(1); stream != nullptr) app.release(*stream);
  outcome.events = std::move(app.events);
  return outcome;
}

}  // namespace sluice::inline v0::http2::fuzz
