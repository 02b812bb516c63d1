// The life of one stream as RFC 9113 section 5.1 draws it, without push: a table of states and events.
#pragma once

#include <cstdint>

#include "http2/error.h"

namespace sluice::inline v0::http2 {

enum class State : std::uint8_t { kIdle, kOpen, kHalfClosedLocal, kHalfClosedRemote, kClosed };

// "End" is a frame's END_STREAM flag, which follows the frame that carries it.
enum class Event : std::uint8_t {
  kRecvHeaders,
  kRecvData,
  kRecvEnd,
  kRecvReset,
  kRecvWindowUpdate,
  kSendHeaders,
  kSendData,
  kSendEnd,
  kSendReset,
};

struct Transition {
  State next = State::kIdle;
  Scope scope = Scope::kNone;  // other than kNone: illegal, `next` is the state as it was
  ErrorCode code = ErrorCode::kNoError;
  Blame blame = Blame::kPeer;

  bool ok() const { return scope == Scope::kNone; }
};

namespace detail {

constexpr Transition go(State next) { return {next}; }
constexpr Transition peer_error(State at, Scope scope, ErrorCode code) {
  return {at, scope, code, Blame::kPeer};
}
constexpr Transition user_error(State at, ErrorCode code) { return {at, Scope::kStream, code, Blame::kUser}; }

inline constexpr Transition kIdleRecv =
    peer_error(State::kIdle, Scope::kConnection, ErrorCode::kProtocolError);
inline constexpr Transition kIdleSend = user_error(State::kIdle, ErrorCode::kProtocolError);
inline constexpr Transition kEndedLocal = user_error(State::kHalfClosedLocal, ErrorCode::kStreamClosed);
inline constexpr Transition kEndedRemote =
    peer_error(State::kHalfClosedRemote, Scope::kStream, ErrorCode::kStreamClosed);
inline constexpr Transition kClosedRecv =
    peer_error(State::kClosed, Scope::kStream, ErrorCode::kStreamClosed);
inline constexpr Transition kClosedSend = user_error(State::kClosed, ErrorCode::kStreamClosed);
inline constexpr Transition kToOpen = go(State::kOpen);
inline constexpr Transition kToLocal = go(State::kHalfClosedLocal);
inline constexpr Transition kToRemote = go(State::kHalfClosedRemote);
inline constexpr Transition kToClosed = go(State::kClosed);

// Columns in the order of Event. RST_STREAM and WINDOW_UPDATE may cross what closed the stream, so they are
// legal on a closed one and change nothing.
inline constexpr Transition kTransitions[5][9] = {
    {kToOpen, kIdleRecv, kIdleRecv, kIdleRecv, kIdleRecv, kToOpen, kIdleSend, kIdleSend, kIdleSend},
    {kToOpen, kToOpen, kToRemote, kToClosed, kToOpen, kToOpen, kToOpen, kToLocal, kToClosed},
    {kToLocal, kToLocal, kToClosed, kToClosed, kToLocal, kEndedLocal, kEndedLocal, kEndedLocal, kToClosed},
    {kEndedRemote, kEndedRemote, kEndedRemote, kToClosed, kToRemote, kToRemote, kToRemote, kToClosed,
     kToClosed},
    {kClosedRecv, kClosedRecv, kClosedRecv, kToClosed, kToClosed, kClosedSend, kClosedSend, kClosedSend,
     kToClosed},
};

}  // namespace detail

constexpr const Transition& transition(State state, Event event) {
  return detail::kTransitions[static_cast<int>(state)][static_cast<int>(event)];
}

}  // namespace sluice::inline v0::http2
