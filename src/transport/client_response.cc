// How a ClientCallStream reads its response: header blocks, messages, trailers, and everything that is none
// of these.
#include <algorithm>

#include "base/escape.h"
#include "transport/client_call_stream.h"
#include "wire/content_type.h"
#include "wire/error_map.h"
#include "wire/grpc_status.h"
#include "wire/http_status.h"

namespace sluice::inline v0::transport {
namespace {

// Tags of fields that every response repeats.
constexpr http2::Tag kTagGrpcContent = 1;
constexpr http2::Tag kTagStatusOk = 2;

// Whole blocks that say nothing but what nearly every response says: the same bytes say the same again.
constexpr http2::Tag kPlainHeader = 1;
constexpr http2::Tag kPlainTrailers = 2;

// Of a body that is no gRPC, for the error's text.
constexpr std::size_t kMaxBodyText = 1024;
// Of a name or another value that is quoted there.
constexpr std::size_t kMaxQuoted = 64;

}  // namespace

http2::Tag ClientCallStream::on_header(const http2::Field& field) {
  if (call().ended()) return 0;
  const std::string_view name = field.name;
  if (name == ":status") {
    block().http_status = wire::parse_http_status(field.value);
  } else if (name == "content-type") {
    block().content_is_grpc = wire::is_grpc_content(field.value);
    if (block().content_is_grpc) return kTagGrpcContent;
    block().texts().content_type = field.value.substr(0, kMaxQuoted);
  } else if (name == "grpc-status") {
    block().has_code = true;
    block().code_ok = field.value == "0";
    if (block().code_ok) return kTagStatusOk;
    block().texts().code = field.value;
  } else if (name == "grpc-message") {
    block().has_message = true;
    block().texts().message = field.value;
  } else if (name == "grpc-status-details-bin") {
    block().has_details = true;
    block().texts().details = field.value;
  } else if (name == "grpc-encoding") {
    // In trailers it means nothing, and messages that wait may be of the one that the header has named.
    if (!call().header_seen()) encoding_named(field.value);
  } else if (wire::visible_metadata(name)) {
    if (wire::add_received(block().metadata, name, field.value)) return 0;
    block().bad_metadata = true;
    block().texts().bad_name = name.substr(0, kMaxQuoted);
  }
  return 0;
}

void ClientCallStream::on_header_tag(http2::Tag tag) {
  if (tag == kTagGrpcContent) block().content_is_grpc = true;
  if (tag == kTagStatusOk) block().has_code = block().code_ok = true;
}

http2::Tag ClientCallStream::on_headers_end(http2::EndStream end, bool truncated) {
  assert(!call().ended() && "its stream was reset");
  ResponseReading& block = this->block();  // the call may end, and be detached
  http2::Tag memo = 0;
  const bool of_trailers = call().header_seen() || end == http2::EndStream::kYes;
  if (truncated || block.bad_metadata) [[unlikely]]
    // What was right of it.
    of_trailers ? call().set_trailer(std::move(block.metadata))
                : call().set_header(std::move(block.metadata));
  if (truncated) {
    call().end(Status(
        StatusCode::kResourceExhausted,
        beside_told_status("the response's header list exceeds the limit of " + conn_->breached_limit())));
  } else if (block.bad_metadata) {
    call().end(Status(StatusCode::kInternal,
                      beside_told_status("the response's " + block.texts().bad_name + " is no base64")));
  } else if (block.http_status >= 100 && block.http_status < 200) {
    if (++interim_blocks_ > conn_->limits().informational_headers) {
      call().end(Status(
          StatusCode::kInternal,
          "more than " + std::to_string(conn_->limits().informational_headers) + " interim responses"));
    }
    block.metadata.clear();
  } else if (of_trailers) {
    trailer_block();
  } else {
    header_block();
    if (!foreign_ && !early_status_ && !call().ended() && call().header().empty() && !block.encoded)
      memo = kPlainHeader;
  }
  if (call().header_seen() && block.code_ok && from_server_ && call().status().ok() &&
      call().trailer().empty())
    memo = kPlainTrailers;
  block.clear();
  return memo;
}

void ClientCallStream::on_repeated_block(http2::Tag tag, http2::EndStream end) {
  if (call().ended()) return;
  if (tag == kPlainTrailers) return trailers_say_ok();
  if (end == http2::EndStream::kNo) return call().on_header();
  ResponseReading& block = this->block();
  block.http_status = 200;
  block.content_is_grpc = true;
  trailer_block();
  block.clear();
}

void ClientCallStream::encoding_named(std::string_view name) {
  if (name.empty() || name == "identity") return;
  call::MessageEncoding& encoding = call_.encoding();
  encoding.receives = call().identity().compression.known.share(name);
  block().encoded = encoding.receives != nullptr;
  block().bad_encoding = !block().encoded;
  if (block().bad_encoding) block().texts().encoding = name.substr(0, kMaxBodyText);
}

void ClientCallStream::header_block() {
  if (block().http_status <= 0) {
    return call().end(Status(StatusCode::kInternal, "the response has no valid :status"));
  }
  if (block().bad_encoding) {
    return call().end(Status(StatusCode::kInternal, "the response's grpc-encoding \"" +
                                                        escaped(block().texts().encoding, Keep::kAscii) +
                                                        "\" is not known here"));
  }
  if (block().encoded) allow_compressed();
  call().set_header(std::move(block().metadata));
  block().metadata.clear();
  if (block().http_status != 200 || !block().content_is_grpc) {
    note_foreign();
    expect_text();
  }
  // Proxies make this of Trailers-Only: HEADERS, and an empty DATA frame that ends the stream.
  if (block().has_code) [[unlikely]] {
    early_status_ = std::make_unique<Status>(told_status());
    watch_body();
  }
  call().on_header();
}

void ClientCallStream::trailer_block() {
  call().set_trailer(std::move(block().metadata));
  block().metadata.clear();
  if (!call().header_seen() && (block().http_status != 200 || !block().content_is_grpc)) note_foreign();
  if (block().has_code) {
    if (block().code_ok && !block().has_details) return trailers_say_ok();
    return end_as_told(told_status());
  }
  if (early_status_) return end_as_told(std::move(*early_status_));
  call().end(foreign_ ? foreign_status()
                      : Status(StatusCode::kUnknown, "the server sent trailers without grpc-status"));
}

// grpc-status, grpc-message and grpc-status-details-bin of the block.
Status ClientCallStream::told_status() {
  if (block().code_ok && !block().has_details) return {};
  const ResponseReading::Texts& text = block().texts();
  return wire::parse_grpc_status(block().code_ok ? "0" : text.code, text.message, text.details,
                                 block().has_details);
}

// The reason why the server's own status does not count must not hide it.
std::string ClientCallStream::beside_told_status(std::string why) {
  if (block().has_code) why.append(", beside grpc-status ").append(told_status().to_string());
  return why;
}

void ClientCallStream::note_foreign() {
  foreign_ = std::make_unique<Foreign>();
  foreign_->http_status = block().http_status;
  if (block().content_is_grpc) return;
  const std::string& type = block().texts().content_type;
  foreign_->content =
      type.empty() ? "no content-type" : "content-type \"" + escaped(type, Keep::kAscii) + "\"";
}

Status ClientCallStream::foreign_status() const {
  if (foreign_->http_status <= 0) return {StatusCode::kInternal, "the response has no valid :status"};
  std::string detail = foreign_->content;
  if (!foreign_->body.empty()) {
    if (!detail.empty()) detail += ": ";
    detail += escaped(foreign_->body, Keep::kUnicode);
  }
  return wire::status_of_http(foreign_->http_status, detail);
}

void ClientCallStream::trailers_say_ok() {
  if (foreign_) [[unlikely]]
    return end_as_told({});
  from_server_ = true;
  call().end(inside_message() ? Status(StatusCode::kInternal, "the stream ended inside a message")
                              : Status());
}

// A failure that the server tells of counts whatever is around it. OK is no word of a server that does not
// speak gRPC: there are no messages then.
void ClientCallStream::end_as_told(Status told) {
  if (told.ok() && foreign_) return call().end(foreign_status());
  from_server_ = true;
  call().end(std::move(told));
}

void ClientCallStream::on_body(std::string_view piece) {
  if (piece.empty()) return;
  early_status_.reset();
  if (!foreign_) return;
  std::string& body = foreign_->body;
  body += piece.substr(0, kMaxBodyText - std::min(kMaxBodyText, body.size()));
}

void ClientCallStream::on_remote_end() {
  if (call().ended()) return;
  if (early_status_) {
    call().set_trailer(Metadata(call().header()));  // as they would be one
    return end_as_told(std::move(*early_status_));
  }
  call().end(foreign_ ? foreign_status()
                      : Status(StatusCode::kInternal, "server closed the stream without sending trailers"));
}

void ClientCallStream::on_reset(http2::ErrorCode code) {
  if (call().ended()) return;
  if (code == http2::ErrorCode::kRefusedStream &&
      will_go_again(conn_->has_left(id()) ? call::Unprocessed::kRefused : call::Unprocessed::kNeverLeft))
    return;
  if (conn_->goaway().left_out(id()))
    return call().end(Status(StatusCode::kUnavailable, "call not processed: " + conn_->goaway_text()));
  const TimePoint deadline = call().deadline();
  call().end(wire::to_status(code, deadline != kNever && loop_.now() >= deadline));
}

void ClientCallStream::on_stream_error(const http2::Error& error) {
  call().end(Status(StatusCode::kInternal, "stream error: " + std::string(wire::error_code_name(error.code)) +
                                               ": " + std::string(error.what)));
}

}  // namespace sluice::inline v0::transport
