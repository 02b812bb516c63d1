// How a ServerStream reads the head of its request (gRPC PROTOCOL-HTTP2, "Requests"), and what it answers to
// one that is none.
#include "transport/server_stream.h"
#include "wire/content_type.h"
#include "wire/error_map.h"
#include "wire/grpc_status.h"
#include "wire/grpc_timeout.h"

namespace sluice::transport {
namespace {

constexpr http2::Tag kTagNothingNew = 1;  // a field that changes nothing: te, grpc-encoding: identity
constexpr http2::Tag kTagContentType = 2;
constexpr http2::Tag kTagMethodPost = 3;

// A connection remembers a few hundred fields of up to this many bytes.
constexpr std::size_t kMaxKnownValue = 256;

}  // namespace

http2::Tag ServerStream::on_header(const http2::Field& field) {
  if (head_done_) return 0;  // trailers of a client mean nothing
  const std::string_view name = field.name;
  const std::string_view value = wire::without_blanks(field.value);
  const auto know = [&](KnownField::Kind kind, const ServedMethod* method = nullptr) -> http2::Tag {
    if (value.size() > kMaxKnownValue) return 0;
    return conn_->requests().know({kind, std::string(name), std::string(value), method});
  };
  if (name == ":method") {
    reading().method_post = value == "POST";
    return reading().method_post ? kTagMethodPost : 0;
  }
  if (name == ":path") {
    method_ = methods_.find(value);
    const http2::Tag tag = method_ ? know(KnownField::Kind::kPath, method_) : 0;
    if (tag != 0) return known_field(tag);
    reading().plain = false;
    path_text_ = value;
    path_ = path_text_;
    return 0;
  }
  if (name == ":authority" || name == "user-agent") {
    const auto kind = name[0] == ':' ? KnownField::Kind::kAuthority : KnownField::Kind::kUserAgent;
    if (const http2::Tag tag = know(kind); tag != 0) return known_field(tag);
    if (name[0] == ':') ++reading().authorities;
    metadata_.add(name, value);
    reading().plain = false;
    return 0;
  }
  if (name == "content-type") {
    reading().content_ok = wire::is_grpc_content(value);
    if (!reading().content_ok) return 0;
    if (const std::string_view subtype = wire::subtype_of(value); !subtype.empty()) {
      reading().plain = false;
      set_content_type(value, subtype);
      return 0;
    }
    return kTagContentType;
  }
  const bool of_grpc = name.starts_with("grpc-");  // few are, and there may be many fields
  if (of_grpc && name == "grpc-timeout") {
    reading().plain = false;
    const auto timeout = wire::parse_timeout(value);
    reading().has_timeout = timeout.has_value();
    reading().bad_timeout = !reading().has_timeout;
    if (timeout) reading().timeout = *timeout;
    return 0;
  }
  if (of_grpc && (name == "grpc-encoding" || name == "grpc-accept-encoding")) return on_encoding(field);
  if (name == "host") {
    // What stands in for a missing :authority (gRPC A41).
    reading().plain = false;
    if (++reading().hosts == 1) metadata_.add(name, value);
    return 0;
  }
  if (!wire::visible_metadata(name)) return kTagNothingNew;  // :scheme, te, other grpc- fields
  reading().plain = false;
  if (!wire::add_received(metadata_, name, value)) reading().bad_metadata = true;
  return 0;
}

http2::Tag ServerStream::on_encoding(const http2::Field& field) {
  using Kind = KnownField::Kind;
  const CompressorSet& known = methods_.compression().known;
  const bool accept = field.name == "grpc-accept-encoding";
  if (accept ? known.empty() : field.value.empty() || field.value == "identity") return kTagNothingNew;
  const CompressorSet::Mask accepts = accept ? known.named_in(field.value) : 0;
  const bool bad = !accept && !known.find(field.value);
  if (!bad && field.value.size() <= kMaxKnownValue) {
    const http2::Tag tag =
        conn_->requests().know({accept ? Kind::kAcceptEncoding : Kind::kEncoding, std::string(field.name),
                                std::string(field.value), nullptr, accepts});
    if (tag != 0) return known_field(tag);
  }
  reading().plain = false;
  head_.encoded = true;
  head_.accepts |= accepts;
  if (bad) encoding().unknown = field.value.substr(0, kMaxKnownValue);
  if (!accept && !bad) encoding().receives = known.share(field.value);
  return 0;
}

// What the handler's replies will be encoded with, and how its requests are.
void ServerStream::settle_encoding() {
  const Compression& compression = methods_.compression();
  if (head_.encoding != 0)
    encoding().receives = compression.known.share(conn_->requests().known(head_.encoding).value);
  if (encoding_ && encoding_->receives) allow_compressed();
  if ((head_.accepts & compression.sends) != 0) encoding().sends = compression.known.share(compression.sends);
}

void ServerStream::on_header_tag(http2::Tag tag) {
  if (head_done_) return;
  if (tag == kTagContentType) {
    reading().content_ok = true;
  } else if (tag == kTagMethodPost) {
    reading().method_post = true;
  } else if (tag >= RequestMemory::kFirstKnown) {
    known_field(tag);
  }
}

http2::Tag ServerStream::known_field(http2::Tag tag) {
  const KnownField& field = conn_->requests().known(tag);
  switch (field.kind) {
    case KnownField::Kind::kPath:
      head_.path = tag;
      method_ = field.method;
      path_ = field.value;
      break;
    case KnownField::Kind::kAuthority:
      head_.authority = tag;
      ++reading().authorities;
      break;
    case KnownField::Kind::kUserAgent:
      head_.user_agent = tag;
      break;
    case KnownField::Kind::kEncoding:
      head_.encoded = true;
      head_.encoding = tag;
      break;
    case KnownField::Kind::kAcceptEncoding:
      head_.encoded = true;
      head_.accepts |= field.accepts;
      break;
  }
  return tag;
}

http2::Tag ServerStream::on_headers_end(http2::EndStream end, bool truncated) {
  const bool trailers = head_done_;
  head_done_ = true;
  if (trailers) {
    if (end == http2::EndStream::kYes && !ended_ && !cancelled_) end_of_data();
    return 0;
  }
  http2::Tag memo = 0;
  if (reading().hosts > 0) settle_authority();
  if (truncated) {
    refuse({200, Status(StatusCode::kResourceExhausted,
                        "the request's header list exceeds the limit of " + conn_->breached_limit())});
  } else if (const Refusal refusal = check_head(); !refusal.status.ok()) {
    refuse(refusal);
  } else {
    if (reading().plain) {
      head_.method = method_;
      memo = conn_->requests().know_head(head_);
    }
    accept(end);
  }
  return memo;
}

void ServerStream::on_repeated_block(http2::Tag tag, http2::EndStream end) {
  if (head_done_) {
    if (end == http2::EndStream::kYes && !ended_ && !cancelled_) end_of_data();
    return;
  }
  head_done_ = true;
  head_ = conn_->requests().known_head(tag);
  method_ = head_.method;
  path_ = conn_->requests().known(head_.path).value;
  accept(end);
}

void ServerStream::set_content_type(std::string_view type, std::string_view subtype) {
  content_type_ =
      std::make_unique<std::string>(type.substr(0, wire::kGrpcContent.size() + 1 + subtype.size()));
  content_subtype_ = wire::subtype_of(*content_type_);
  std::shared_ptr<const Codec> codec = methods_.codecs().share(content_subtype_);
  recv_.codec = codec_ = codec.get();
  if (codec || encoding_) encoding().codec = std::move(codec);
  header_fields();  // the response's header is not the usual one
}

// In the order in which grpc-go looks at them: what is no gRPC request at all first.
ServerStream::Refusal ServerStream::check_head() const {
  const auto internal = [](int http_status, std::string text) {
    return Refusal{http_status, Status(StatusCode::kInternal, std::move(text))};
  };
  if (!reading().content_ok) return internal(415, "content-type is not application/grpc");
  if (!reading().method_post) return internal(405, ":method is not POST");
  if (reading().bad_timeout) return internal(400, "malformed grpc-timeout");
  if (reading().bad_metadata) return internal(400, "a -bin header is no base64");
  if (reading().hosts > 1)
    return internal(400, "the request has " + std::to_string(reading().hosts) + " host headers");
  if (reading().authorities > 1)
    return internal(400, "the request has " + std::to_string(reading().authorities) + " :authority headers");
  if (path_.empty() || path_[0] != '/' || path_.find('/', 1) == std::string_view::npos) {
    return {200, Status(StatusCode::kUnimplemented,
                        "malformed method name: \"" + std::string(path_.substr(0, kMaxQuotedPath)) + "\"")};
  }
  if (bad_encoding()) {
    return {200, Status(StatusCode::kUnimplemented,
                        "grpc-encoding \"" + encoding_->unknown + "\" is not among " +
                            std::string(methods_.compression().known.accept_encoding()))};
  }
  if (!method_) return {200, methods_.not_found(path_)};
  return {};
}

void ServerStream::complain(const Status& why) {
  if (!conn_ || !conn_->complain()) return;
  loop_.group().log(LogLevel::kInfo, "refused a request from " + conn_->peer_addr().to_string() + " for \"" +
                                         std::string(path_.substr(0, kMaxQuotedPath)) +
                                         "\": " + why.to_string());
}

// The head was right, and what follows it is not.
void ServerStream::refuse_messages(const Status& status) {
  complain(status);
  end(status);
}

void ServerStream::on_bad_message(Status status) {
  if (!ended_ && !cancelled_) complain(status);
  fail(std::move(status));
}

void ServerStream::refuse(const Refusal& refusal) {
  complain(refusal.status);
  if (refusal.http_status == 200) {
    // A request that names an unknown encoding is told what is known.
    if (bad_encoding())
      trailer_fields().add_plain("grpc-accept-encoding", methods_.compression().known.accept_encoding());
    return end(refusal.status);
  }
  ended_ = true;
  header_sent_ = true;
  const std::string http_status = std::to_string(refusal.http_status);
  const std::string text = wire::encode_grpc_message(refusal.status.message());
  const http2::Field fields[] = {{":status", http_status, http2::Indexing::kPlain},
                                 {"content-type", content_type()},
                                 {"grpc-status", wire::status_code_text(refusal.status.code())},
                                 {"grpc-message", text, http2::Indexing::kPlain}};
  const http2::HeaderPart part{fields, nullptr};
  conn_->session().submit_headers(*this, {&part, 1}, http2::EndStream::kYes);
  if (!remote_closed()) conn_->reset_when_sent(*this);
  conn_->flush_soon();
  end_reads(true);
}

void ServerStream::settle_authority() {
  const std::string host(metadata_.get("host").value_or(""));
  metadata_.erase("host");
  if (head_.authority == 0 && !metadata_.get(":authority")) metadata_.add(":authority", host);
}

// The request is one: its deadline counts, and a handler that takes a stream starts.
void ServerStream::accept(http2::EndStream end) {
  started_ = loop_.recently();
  if (head_.encoded) [[unlikely]]
    settle_encoding();
  if (reading().has_timeout) {
    deadline_ = after(loop_.now(), reading().timeout);
    if (reading().timeout <= Duration::zero())
      return this->end(Status(StatusCode::kDeadlineExceeded, "deadline exceeded before the call started"));
    loop_.arm(timer_, deadline_);
  }
  if (loop_.group().memory().exceeded()) [[unlikely]]
    return refuse({200, out_of_memory()});
  if (!method_->interceptors.empty() && !admitted()) return;
  if (method_->client_streams) start_soon();
  if (end == http2::EndStream::kYes) on_remote_end();
}

Status ServerStream::out_of_memory() const {
  const MemoryBudget& memory = loop_.group().memory();
  return Status(
      StatusCode::kResourceExhausted,
      "the server has no memory for new calls: messages that nobody has taken, and room for others, "
      "use " +
          std::to_string(memory.used()) + " bytes of its memory_budget of " + std::to_string(memory.bytes()));
}

bool ServerStream::admitted() {
  const Status status = detail::run_on_headers(method_->interceptors, call_context_);
  if (!status.ok()) this->end(status);
  return status.ok();
}

void ServerStream::on_detaching() {
  if (timer_.armed()) loop_.disarm(timer_);  // what waited for credit has left, or never will
  if (place_.waiting) conn_->places().forget_wait(place_);
  if (running_ || start_queued_) keep_origin();
}

void ServerStream::keep_origin() {
  path_text_ = std::string(path_);
  path_ = path_text_;
  request_metadata();
  own_ = std::make_unique<const Origin>(
      Origin{conn_->peer_addr(), conn_->local_addr(), conn_->peer_credentials()});
}

const Metadata& ServerStream::request_metadata() const {
  if (!metadata_complete_) {
    metadata_complete_ = true;
    if (conn_) {
      for (const http2::Tag tag : {head_.authority, head_.user_agent}) {
        if (tag != 0) metadata_.add(conn_->requests().known(tag).name, conn_->requests().known(tag).value);
      }
    }
  }
  return metadata_;
}

}  // namespace sluice::transport
