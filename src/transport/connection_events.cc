// What the session tells a Connection, handed to the stream or the owner it concerns.
#include "transport/connection.h"
#include "transport/server_call_stream.h"

namespace sluice::inline v0::transport {
namespace {

CallStream& call(http2::Stream& stream) { return static_cast<CallStream&>(stream); }

}  // namespace

http2::Stream* Connection::on_open(http2::StreamId) {
  reading_.request = {};
  call::ServedCall* call = owner_.on_incoming(*this, sizeof(ServerCallStream));
  return call ? new (call->stream_room()) ServerCallStream(*call, *this) : nullptr;
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
  reading_.response.clear();  // it may be wrong in the middle of a block
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
              patience_.deadline(Awaited::kHandshake) - begun());
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
  switch (static_cast<Ping>(payload)) {
    case Ping::kRoundTrip:
      return windows_.on_ack(session_.data_received());
    case Ping::kDrain:
      if (!drain_.pinging) return;
      patience_.stop(Awaited::kDrainPing);
      return finish_drain();
  }
}

void Connection::on_goaway(http2::StreamId last, http2::ErrorCode code, std::string_view debug) {
  goaway_.note(last, code, debug);
  if (code != http2::ErrorCode::kNoError && complain()) loop_.group().log(LogLevel::kWarning, goaway_text());
  if (role_ == http2::Role::kServer || drain_.begun) return;
  drain_.begun = true;
  drain_.goes_on = !streams_.empty() && streams_.first()->id() <= last;  // the oldest comes first
  owner_.on_draining(*this);
}

}  // namespace sluice::inline v0::transport
