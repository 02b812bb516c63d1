// How a ClientStream reads its response: header blocks, messages, trailers, and everything that is none of
// these.
#include <algorithm>

#include "transport/client_stream.h"
#include "transport/content_type.h"
#include "transport/error_map.h"
#include "transport/grpc_status.h"
#include "transport/http_status.h"

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

}  // namespace

http2::Tag ClientStream::on_header(const http2::Field& field) {
  if (ended_) return 0;
  const std::string_view name = field.name;
  if (name == ":status") {
    block_.http_status = parse_http_status(field.value);
  } else if (name == "content-type") {
    block_.content_is_grpc = is_grpc_content(field.value);
    return block_.content_is_grpc ? kTagGrpcContent : 0;
  } else if (name == "grpc-status") {
    block_.has_code = true;
    block_.code_ok = field.value == "0";
    if (block_.code_ok) return kTagStatusOk;
    block_.texts().code = field.value;
  } else if (name == "grpc-message") {
    block_.has_message = true;
    block_.texts().message = field.value;
  } else if (name == "grpc-status-details-bin") {
    block_.has_details = true;
    block_.texts().details = field.value;
  } else if (name == "grpc-encoding") {
    // In trailers it means nothing, and messages that wait may be of the one that the header has named.
    if (!header_seen_) encoding_named(field.value);
  } else if (visible_metadata(name)) {
    if (!add_received(block_metadata_, name, field.value)) block_.bad_metadata = true;
  }
  return 0;
}

void ClientStream::on_header_tag(http2::Tag tag) {
  if (tag == kTagGrpcContent) block_.content_is_grpc = true;
  if (tag == kTagStatusOk) block_.has_code = block_.code_ok = true;
}

http2::Tag ClientStream::on_headers_end(http2::EndStream end, bool truncated) {
  if (ended_) return 0;
  http2::Tag memo = 0;
  if (truncated) {
    this->end(Status(StatusCode::kResourceExhausted,
                     "the response's header list exceeds the limit of " + conn_->breached_limit()));
  } else if (block_.bad_metadata) {
    this->end(Status(StatusCode::kInternal, "the response has a -bin header that is no base64"));
  } else if (block_.http_status >= 100 && block_.http_status < 200) {
    if (++interim_blocks_ > conn_->limits().informational_headers) {
      this->end(Status(
          StatusCode::kInternal,
          "more than " + std::to_string(conn_->limits().informational_headers) + " interim responses"));
    }
    block_metadata_.clear();
  } else if (header_seen_ || end == http2::EndStream::kYes) {
    trailer_block();
  } else {
    header_block();
    if (!not_grpc_ && !ended_ && header_.empty() && !block_.encoded) memo = kPlainHeader;
  }
  if (header_seen_ && from_server_ && status_.ok() && trailer_.empty()) memo = kPlainTrailers;
  block_ = ResponseBlock();
  return memo;
}

void ClientStream::on_repeated_block(http2::Tag tag, http2::EndStream end) {
  if (ended_) return;
  if (tag == kPlainTrailers) return trailers_say_ok();
  if (end == http2::EndStream::kNo) return header_came();
  block_.http_status = 200;
  block_.content_is_grpc = true;
  trailer_block();
  block_ = ResponseBlock();
}

void ClientStream::encoding_named(std::string_view name) {
  if (name.empty() || name == "identity") return;
  encoding().receives = identity_.compression.known.share(name);
  block_.encoded = encoding().receives != nullptr;
  block_.bad_encoding = !block_.encoded;
  if (block_.bad_encoding) block_.texts().encoding = name.substr(0, kMaxBodyText);
}

void ClientStream::header_block() {
  if (block_.http_status <= 0) {
    return end(Status(StatusCode::kInternal, "the response has no valid :status"));
  }
  if (block_.bad_encoding) {
    return end(Status(StatusCode::kInternal,
                      "the response's grpc-encoding \"" + block_.texts().encoding + "\" is not known here"));
  }
  if (block_.encoded) allow_compressed();
  header_ = std::move(block_metadata_);
  block_metadata_.clear();
  if (block_.http_status != 200 || !block_.content_is_grpc) {
    not_grpc_ = true;
    http_status_ = block_.http_status;
    expect_text();
  }
  header_came();
}

void ClientStream::header_came() {
  header_seen_ = true;
  if (header_in_use_ && !header_record_.done()) header_record_.complete(loop_);
}

void ClientStream::trailer_block() {
  const bool trailers_only = !header_seen_;
  trailer_ = std::move(block_metadata_);
  block_metadata_.clear();
  if (block_.has_code) {
    if (block_.code_ok && !block_.has_details) return trailers_say_ok();
    from_server_ = true;
    const StatusText& text = block_.texts();
    return end(
        parse_grpc_status(block_.code_ok ? "0" : text.code, text.message, text.details, block_.has_details));
  }
  if (not_grpc_) return end(status_of_http(http_status_, body_text_ ? *body_text_ : std::string()));
  if (!trailers_only)
    return end(Status(StatusCode::kUnknown, "the server sent trailers without grpc-status"));
  if (block_.http_status <= 0) return end(Status(StatusCode::kInternal, "the response has no valid :status"));
  if (block_.http_status == 200 && block_.content_is_grpc) {
    return end(Status(StatusCode::kUnknown, "the server sent trailers without grpc-status"));
  }
  end(status_of_http(block_.http_status, ""));
}

void ClientStream::trailers_say_ok() {
  from_server_ = true;
  end(inside_message() ? Status(StatusCode::kInternal, "the stream ended inside a message") : Status());
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
  unary_.reply_compressed = message.compressed;
  return true;
}

// Of messages that are read late the status may have come already; nobody has been told yet.
void ClientStream::on_bad_message(Status status) {
  if (ended_ && status_.ok()) {
    status_ = std::move(status);
  } else {
    end(std::move(status), Unread::kKept);
  }
}

void ClientStream::on_text(std::string_view text) {
  if (!body_text_) body_text_ = std::make_unique<std::string>();
  *body_text_ += text.substr(0, kMaxBodyText - std::min(kMaxBodyText, body_text_->size()));
}

void ClientStream::on_remote_end() {
  if (ended_) return;
  if (not_grpc_) return end(status_of_http(http_status_, body_text_ ? *body_text_ : std::string()));
  end(Status(StatusCode::kInternal, "server closed the stream without sending trailers"));
}

void ClientStream::on_reset(http2::ErrorCode code) {
  if (ended_) return;
  end(to_status(code, deadline_ != kNever && loop_.now() >= deadline_), Unread::kKept);
}

void ClientStream::on_stream_error(const http2::Error& error) {
  end(Status(StatusCode::kInternal,
             "stream error: " + std::string(error_code_name(error.code)) + ": " + std::string(error.what)),
      Unread::kKept);
}

}  // namespace sluice::transport
