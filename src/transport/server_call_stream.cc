// ServerCallStream: the response. The request's head is read in server_request.cc.
#include "transport/server_call_stream.h"

#include <algorithm>

#include "wire/error_map.h"
#include "wire/grpc_status.h"

namespace sluice::inline v0::transport {

using http2::EndStream;
using http2::Field;
using http2::HeaderPart;
using http2::Indexing;

ServerCallStream::ServerCallStream(call::ServedCall& call, Connection& connection) : CallStreamOf(call) {
  attach_to(connection);
  call.opened(*this, connection.places());
}

Status ServerCallStream::send(const Message& message, WriteOptions options) {
  call::Call::Room room;
  Chain framed;
  if (Status s = call_.encode(message, options, room, framed); !s.ok()) return s;
  if (!call().header_sent()) {
    if (Status s = send_header_block(); !s.ok()) return s;
  }
  conn_->session().submit_data(*this, std::move(framed), EndStream::kNo);
  conn_->flush_soon();
  return {};
}

Status ServerCallStream::send_header() {
  Status status = send_header_block();
  conn_->flush_soon();
  return status;
}

// The header is the usual one for most calls.
Status ServerCallStream::send_header_block() {
  if (!content_type_ && !call_.known_encoding() && call().header_fields().empty() &&
      conn_->session().submit_cached(*this, conn_->requests().common, EndStream::kNo)) {
    call().set_header_sent();
    return {};
  }
  return send_header_anew();
}

Status ServerCallStream::send_header_anew() {
  const Field fixed[] = {{":status", "200"}, {"content-type", content_type()}};
  HeaderPart parts[3] = {{fixed, content_type_ ? nullptr : &conn_->requests().common}, {}, {}};
  std::size_t n = 1;
  Field encoding;
  if (call_.known_encoding() && call_.known_encoding()->sends) {
    encoding = {"grpc-encoding", call_.known_encoding()->sends->name()};
    parts[n++] = {{&encoding, 1}, nullptr};
  }
  wire::MetadataFields fields;
  if (!call().header_fields().empty()) {
    for (const KV kv : call().header_fields()) fields.add_checked(kv);
    parts[n++] = {fields.fields(), nullptr};
    const std::span<const HeaderPart> all(parts, n);
    if (Status s = check_list_size("header", all); !s.ok()) return call().header_fields().clear(), s;
  }
  call().set_header_sent();
  conn_->session().submit_headers(*this, {parts, n}, EndStream::kNo);
  return {};
}

// What the peer would not take must not be sent: it may drop the whole connection.
Status ServerCallStream::check_list_size(const char* what, std::span<const HeaderPart> parts) const {
  const std::size_t limit = conn_->session().peer_settings().max_header_list_size;
  const std::size_t size = http2::Session::list_size(parts);
  if (size <= limit) return {};
  return Status(StatusCode::kResourceExhausted,
                std::string("response ") + what + " list of " + std::to_string(size) +
                    " bytes exceeds the peer's limit of " + std::to_string(limit));
}

void ServerCallStream::send_status(const Status& status) {
  if (!open()) return;
  send_trailers(status);
  // What the client still sends is of no use to anybody: tell it so.
  if (!remote_closed()) conn_->reset_when_sent(*this);
  conn_->flush_soon();
}

void ServerCallStream::send_trailers(const Status& status) {
  if (status.ok() && call().header_sent() && call().trailer_fields().empty() &&
      conn_->session().submit_cached(*this, conn_->requests().trailers, EndStream::kYes)) {
    return;
  }
  send_trailers_anew(status);
}

// Trailers, or Trailers-Only if there is no header: nothing was sent, and nobody has added to it. A message
// that would not fit into what the peer takes is cut, and details and the handler's fields are left out: the
// code must arrive.
void ServerCallStream::send_trailers_anew(const Status& status) {
  if (!call().header_sent() && !call().header_fields().empty()) {
    if (Status too_long = send_header_anew(); !too_long.ok())
      return send_trailers_anew(status.ok() ? too_long : status);
  }
  const bool of_user = !call().trailer_fields().empty();
  const bool no_header = !call().header_sent();
  const Field fixed[] = {{":status", "200"}, {"content-type", content_type()}};
  const Field code[] = {{"grpc-status", wire::status_code_text(status.code())}};
  HeaderPart parts[3];
  std::size_t n = 0;
  if (no_header) parts[n++] = {fixed, content_type_ ? nullptr : &conn_->requests().common};
  parts[n++] = {code, status.ok() ? &conn_->requests().trailers : nullptr};
  wire::MetadataFields fields;
  // A request that names an unknown encoding is told what is known.
  if (no_header && bad_encoding())
    fields.add_plain("grpc-accept-encoding", call().methods().compression().known.accept_encoding());
  for (const KV kv : call().trailer_fields()) fields.add_checked(kv);
  if (!status.ok()) {
    const std::size_t room =
        std::min<std::size_t>(conn_->session().peer_settings().max_header_list_size, 1 << 20);
    std::string text = wire::encode_grpc_message(status.message(), room / 2);
    // In base64, beside a text and a few fields.
    const bool details_fit = status.details().size() / 3 * 4 + text.size() + 512 <= room;
    if (!text.empty()) fields.add_plain("grpc-message", fields.keep(text));
    if (!status.details().empty() && details_fit)
      fields.add_checked({"grpc-status-details-bin", status.details()});
  }
  if (!fields.empty()) parts[n++] = {fields.fields(), nullptr};
  if (of_user) {
    if (Status too_long = check_list_size("trailer", {parts, n}); !too_long.ok()) {
      call().trailer_fields().clear();
      return send_trailers_anew(status.ok() ? too_long : status);
    }
  }
  call().set_header_sent();
  conn_->session().submit_headers(*this, {parts, n}, EndStream::kYes);
}

void ServerCallStream::hold_request(std::size_t bytes) { count_unread(bytes); }

void ServerCallStream::on_reset(http2::ErrorCode code) {
  call().cancel_handler("the client reset the stream: " + wire::error_code_text(code));
}

void ServerCallStream::on_stream_error(const http2::Error& error) {
  if (conn_->complain()) {
    loop_.group().log(LogLevel::kWarning, "stream error from " + conn_->peer_addr().to_string() + " for \"" +
                                              quoted_path() +
                                              "\": " + std::string(wire::error_code_name(error.code)) + ": " +
                                              std::string(error.what));
  }
  call().cancel_handler("stream error");
}

void ServerCallStream::on_connection_lost(Connection&, const Status& why) { call().on_connection_lost(why); }

}  // namespace sluice::inline v0::transport
