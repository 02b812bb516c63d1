// What the session tells a Connection, handed to the stream or the owner it concerns.
#include "base/escape.h"
#include "transport/call_stream.h"
#include "transport/connection.h"
#include "wire/error_map.h"

namespace sluice::transport {
namespace {

constexpr std::size_t kQuotedDebugData = 256;  // bytes

CallStream& call(http2::Stream& stream) { return static_cast<CallStream&>(stream); }

}  // namespace

http2::Stream* Connection::on_open(http2::StreamId) {
  CallStream* stream = owner_.on_incoming(*this);
  if (stream) stream->attach_to(*this);
  return stream;
}

http2::Tag Connection::on_header(http2::Stream& stream, const http2::Field& field) {
  return call(stream).on_header(field);
}

void Connection::on_header_tag(http2::Stream& stream, http2::Tag tag) { call(stream).on_header_tag(tag); }

http2::Tag Connection::on_headers_end(http2::Stream& stream, http2::EndStream end, bool truncated) {
  return call(stream).on_headers_end(end,
                                     truncated || session_.received_list_size() > limits_.header_list_size);
}

std::string Connection::breached_limit() const {
  if (session_.received_list_size() > limits_.header_list_size)
    return std::to_string(limits_.header_list_size) + " bytes";
  return std::to_string(limits_.headers) + " fields";
}

void Connection::on_repeated_block(http2::Stream& stream, http2::Tag tag, http2::EndStream end) {
  call(stream).on_repeated_block(tag, end);
}

void Connection::on_data(http2::Stream& stream, Bytes data, http2::EndStream end) {
  call(stream).on_data(std::move(data), end);
}

void Connection::on_writable(http2::Stream& stream) { call(stream).on_writable(); }

void Connection::on_reset(http2::Stream& stream, http2::ErrorCode code) { call(stream).on_reset(code); }

void Connection::on_stream_error(http2::Stream& stream, const http2::Error& error) {
  call(stream).on_stream_error(error);
}

void Connection::on_closed(http2::Stream& stream) {
  CallStream& ended = call(stream);
  ended.detach_from();
  ended.on_detached(*this);
  if (role_ == http2::Role::kClient) owner_.on_capacity(*this);
}

void Connection::on_settings(const http2::Settings&) {
  if (state_ == State::kHandshake) {
    state_ = State::kReady;
    note_wait(Awaited::kHandshake, Limit::kHandshakeTimeout,
              patience_.deadline(Awaited::kHandshake) - begun_);
    patience_.stop(Awaited::kHandshake);
    patience_.await(Awaited::kSettingsAck, after(loop_.now(), limits_.settings_ack_timeout));
    return owner_.on_ready(*this);
  }
  owner_.on_capacity(*this);
}

void Connection::on_settings_ack() {
  note_wait(Awaited::kSettingsAck, Limit::kSettingsAckTimeout, limits_.settings_ack_timeout);
  patience_.stop(Awaited::kSettingsAck);
}

void Connection::on_ping_ack(std::uint64_t payload) {
  if (payload == RoundTripMeter::kPing) return meter_.on_ack(session_.data_received());
  if (drain_ping_ == 0 || payload != drain_ping_) return;
  patience_.stop(Awaited::kDrainPing);
  finish_drain();
}

void Connection::on_goaway(http2::StreamId last, http2::ErrorCode code, std::string_view debug) {
  std::string said = wire::error_code_text(code);
  if (!debug.empty())
    said.append(" \"").append(escaped(debug.substr(0, kQuotedDebugData), Keep::kAscii)).append("\"");
  // One that only says goodbye does not hide the error before it.
  const bool hides = goaway_ && code == http2::ErrorCode::kNoError && goaway_->code != code;
  if (hides) {
    goaway_->last = last;
  } else {
    goaway_ = std::make_unique<Goaway>(Goaway{last, code, std::move(said)});
  }
  if (code != http2::ErrorCode::kNoError && complain()) loop_.group().log(LogLevel::kWarning, goaway_text());
  if (role_ == http2::Role::kServer || draining_) return;
  draining_ = true;
  goes_on_ = streams_ != nullptr && streams_->id() <= last;  // the oldest comes first
  owner_.on_draining(*this);
}

}  // namespace sluice::transport
