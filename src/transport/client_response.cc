// How a ClientStream reads its response: header blocks, messages, trailers, and everything that is none of
// these.
#include <algorithm>

#include "base/escape.h"
#include "transport/client_stream.h"
#include "wire/content_type.h"
#include "wire/error_map.h"
#include "wire/grpc_status.h"
#include "wire/http_status.h"

namespace sluice::transport {
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

http2::Tag ClientStream::on_header(const http2::Field& field) {
  if (ended_) return 0;
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
    if (!header_seen_) encoding_named(field.value);
  } else if (wire::visible_metadata(name)) {
    if (wire::add_received(block().metadata, name, field.value)) return 0;
    block().bad_metadata = true;
    block().texts().bad_name = name.substr(0, kMaxQuoted);
  }
  return 0;
}

void ClientStream::on_header_tag(http2::Tag tag) {
  if (tag == kTagGrpcContent) block().content_is_grpc = true;
  if (tag == kTagStatusOk) block().has_code = block().code_ok = true;
}

http2::Tag ClientStream::on_headers_end(http2::EndStream end, bool truncated) {
  assert(!ended_ && "its stream was reset");
  ResponseReading& block = this->block();  // the call may end, and be detached
  http2::Tag memo = 0;
  const bool of_trailers = header_seen_ || end == http2::EndStream::kYes;
  if (truncated || block.bad_metadata) [[unlikely]]
    (of_trailers ? trailer_ : header_) = std::move(block.metadata);  // what was right of it
  if (truncated) {
    this->end(Status(
        StatusCode::kResourceExhausted,
        beside_told_status("the response's header list exceeds the limit of " + conn_->breached_limit())));
  } else if (block.bad_metadata) {
    this->end(Status(StatusCode::kInternal,
                     beside_told_status("the response's " + block.texts().bad_name + " is no base64")));
  } else if (block.http_status >= 100 && block.http_status < 200) {
    if (++interim_blocks_ > conn_->limits().informational_headers) {
      this->end(Status(
          StatusCode::kInternal,
          "more than " + std::to_string(conn_->limits().informational_headers) + " interim responses"));
    }
    block.metadata.clear();
  } else if (of_trailers) {
    trailer_block();
  } else {
    header_block();
    if (!foreign_ && !early_status_ && !ended_ && header_.empty() && !block.encoded) memo = kPlainHeader;
  }
  if (header_seen_ && block.code_ok && from_server_ && status_.ok() && trailer_.empty())
    memo = kPlainTrailers;
  block.clear();
  return memo;
}

void ClientStream::on_repeated_block(http2::Tag tag, http2::EndStream end) {
  if (ended_) return;
  if (tag == kPlainTrailers) return trailers_say_ok();
  if (end == http2::EndStream::kNo) return header_came();
  ResponseReading& block = this->block();
  block.http_status = 200;
  block.content_is_grpc = true;
  trailer_block();
  block.clear();
}

void ClientStream::encoding_named(std::string_view name) {
  if (name.empty() || name == "identity") return;
  encoding().receives = identity_.compression.known.share(name);
  block().encoded = encoding().receives != nullptr;
  block().bad_encoding = !block().encoded;
  if (block().bad_encoding) block().texts().encoding = name.substr(0, kMaxBodyText);
}

void ClientStream::header_block() {
  if (block().http_status <= 0) {
    return end(Status(StatusCode::kInternal, "the response has no valid :status"));
  }
  if (block().bad_encoding) {
    return end(Status(StatusCode::kInternal, "the response's grpc-encoding \"" +
                                                 escaped(block().texts().encoding, Keep::kAscii) +
                                                 "\" is not known here"));
  }
  if (block().encoded) allow_compressed();
  header_ = std::move(block().metadata);
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
  header_came();
}

void ClientStream::header_came() {
  header_seen_ = true;
  if (holding_) [[unlikely]]
    let_go_of_request();
  if (header_in_use_ && !header_record_.done()) header_record_.complete(loop_);
}

void ClientStream::trailer_block() {
  trailer_ = std::move(block().metadata);
  block().metadata.clear();
  if (!header_seen_ && (block().http_status != 200 || !block().content_is_grpc)) note_foreign();
  if (block().has_code) {
    if (block().code_ok && !block().has_details) return trailers_say_ok();
    return end_as_told(told_status());
  }
  if (early_status_) return end_as_told(std::move(*early_status_));
  end(foreign_ ? foreign_status()
               : Status(StatusCode::kUnknown, "the server sent trailers without grpc-status"));
}

// grpc-status, grpc-message and grpc-status-details-bin of the block.
Status ClientStream::told_status() {
  if (block().code_ok && !block().has_details) return {};
  const ResponseReading::Texts& text = block().texts();
  return wire::parse_grpc_status(block().code_ok ? "0" : text.code, text.message, text.details,
                                 block().has_details);
}

// The reason why the server's own status does not count must not hide it.
std::string ClientStream::beside_told_status(std::string why) {
  if (block().has_code) why.append(", beside grpc-status ").append(told_status().to_string());
  return why;
}

void ClientStream::note_foreign() {
  foreign_ = std::make_unique<Foreign>();
  foreign_->http_status = block().http_status;
  if (block().content_is_grpc) return;
  const std::string& type = block().texts().content_type;
  foreign_->content =
      type.empty() ? "no content-type" : "content-type \"" + escaped(type, Keep::kAscii) + "\"";
}

Status ClientStream::foreign_status() const {
  if (foreign_->http_status <= 0) return {StatusCode::kInternal, "the response has no valid :status"};
  std::string detail = foreign_->content;
  if (!foreign_->body.empty()) {
    if (!detail.empty()) detail += ": ";
    detail += escaped(foreign_->body, Keep::kUnicode);
  }
  return wire::status_of_http(foreign_->http_status, detail);
}

void ClientStream::trailers_say_ok() {
  if (foreign_) [[unlikely]]
    return end_as_told({});
  from_server_ = true;
  end(inside_message() ? Status(StatusCode::kInternal, "the stream ended inside a message") : Status());
}

// A failure that the server tells of counts whatever is around it. OK is no word of a server that does not
// speak gRPC: there are no messages then.
void ClientStream::end_as_told(Status told) {
  if (told.ok() && foreign_) return end(foreign_status());
  from_server_ = true;
  end(std::move(told));
}

bool ClientStream::on_message(Received&& message) {
  if (ended_) return false;
  if (!single_reply_) {
    queue_message(std::move(message));
    return true;
  }
  if (++replies_ > 1) {
    end(Status(StatusCode::kUnimplemented, "the server sent more than one reply message"));
    return false;
  }
  consume(message.bytes.size() + kPrefix);
  if (message.compressed) [[unlikely]] {
    if (Status s = decompress(message.bytes); !s.ok()) return end(std::move(s)), false;
  }
  unary_.reply = std::move(message.bytes);
  unary_.reply.keep_tight();  // the server may be long in ending the call, and its caller in asking
  unary_.reply_compressed = message.compressed;
  return true;
}

// Of messages that are read late the status may have come already; nobody has been told yet.
void ClientStream::on_bad_message(Status status) {
  if (ended_ && status_.ok()) {
    status_ = std::move(status);
  } else {
    end(std::move(status));
  }
}

void ClientStream::on_body(std::string_view piece) {
  if (piece.empty()) return;
  early_status_.reset();
  if (!foreign_) return;
  std::string& body = foreign_->body;
  body += piece.substr(0, kMaxBodyText - std::min(kMaxBodyText, body.size()));
}

void ClientStream::on_remote_end() {
  if (ended_) return;
  if (early_status_) {
    trailer_ = header_;  // as they would be one
    return end_as_told(std::move(*early_status_));
  }
  end(foreign_ ? foreign_status()
               : Status(StatusCode::kInternal, "server closed the stream without sending trailers"));
}

void ClientStream::on_reset(http2::ErrorCode code) {
  if (ended_) return;
  if (code == http2::ErrorCode::kRefusedStream &&
      will_go_again(conn_->has_left(id()) ? Unprocessed::kRefused : Unprocessed::kNeverLeft))
    return;
  if (conn_->goaway().left_out(id()))
    return end(Status(StatusCode::kUnavailable, "call not processed: " + conn_->goaway_text()));
  end(wire::to_status(code, deadline_ != kNever && loop_.now() >= deadline_));
}

void ClientStream::on_stream_error(const http2::Error& error) {
  end(Status(StatusCode::kInternal, "stream error: " + std::string(wire::error_code_name(error.code)) + ": " +
                                        std::string(error.what)));
}

}  // namespace sluice::transport
