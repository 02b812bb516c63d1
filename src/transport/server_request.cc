// How a ServerCallStream reads the head of its request (gRPC PROTOCOL-HTTP2, "Requests"), and what it answers
// to one that is none.
#include "transport/server_call_stream.h"
#include "wire/content_type.h"
#include "wire/error_map.h"
#include "wire/grpc_status.h"
#include "wire/grpc_timeout.h"

namespace sluice::inline v0::transport {
namespace {

constexpr http2::Tag kTagNothingNew = 1;  // a field that changes nothing: te, grpc-encoding: identity
constexpr http2::Tag kTagContentType = 2;
constexpr http2::Tag kTagMethodPost = 3;

// A connection remembers a few hundred fields of up to this many bytes.
constexpr std::size_t kMaxKnownValue = 256;

}  // namespace

http2::Tag ServerCallStream::on_header(const http2::Field& field) {
  if (head_done_) return 0;  // trailers of a client mean nothing
  const std::string_view name = field.name;
  const std::string_view value = wire::without_blanks(field.value);
  const auto know = [&](KnownField::Kind kind, const call::ServedMethod* method = nullptr) -> http2::Tag {
    if (value.size() > kMaxKnownValue) return 0;
    return conn_->requests().know({kind, std::string(name), std::string(value), method});
  };
  if (name == ":method") {
    reading().method_post = value == "POST";
    return reading().method_post ? kTagMethodPost : 0;
  }
  if (name == ":path") {
    const call::ServedMethod* method = call().methods().find(value);
    const http2::Tag tag = method ? know(KnownField::Kind::kPath, method) : 0;
    if (tag != 0) return known_field(tag);
    reading().plain = false;
    path_ = std::make_unique<const std::string>(value);
    call().set_method(method, *path_);
    return 0;
  }
  if (name == ":authority" || name == "user-agent") {
    const auto kind = name[0] == ':' ? KnownField::Kind::kAuthority : KnownField::Kind::kUserAgent;
    if (const http2::Tag tag = know(kind); tag != 0) return known_field(tag);
    if (name[0] == ':') ++reading().authorities;
    call().received_metadata().add(name, value);
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
    if (++reading().hosts == 1) call().received_metadata().add(name, value);
    return 0;
  }
  if (!wire::visible_metadata(name)) return kTagNothingNew;  // :scheme, te, other grpc- fields
  reading().plain = false;
  if (!wire::add_received(call().received_metadata(), name, value)) reading().bad_metadata = true;
  return 0;
}

http2::Tag ServerCallStream::on_encoding(const http2::Field& field) {
  using Kind = KnownField::Kind;
  const CompressorSet& known = call().methods().compression().known;
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
  if (bad) call_.encoding().unknown = field.value.substr(0, kMaxKnownValue);
  if (!accept && !bad) call_.encoding().receives = known.share(field.value);
  return 0;
}

// What the handler's replies will be encoded with, and how its requests are.
void ServerCallStream::settle_encoding() {
  const call::Compression& compression = call().methods().compression();
  if (head_.encoding != 0)
    call_.encoding().receives = compression.known.share(conn_->requests().known(head_.encoding).value);
  if (call_.known_encoding() && call_.known_encoding()->receives) allow_compressed();
  call().set_accepted(head_.accepts);
  if ((head_.accepts & compression.sends) != 0)
    call_.encoding().sends = compression.known.share(compression.sends);
}

void ServerCallStream::on_header_tag(http2::Tag tag) {
  if (head_done_) return;
  if (tag == kTagContentType) {
    reading().content_ok = true;
  } else if (tag == kTagMethodPost) {
    reading().method_post = true;
  } else if (tag >= RequestMemory::kFirstKnown) {
    known_field(tag);
  }
}

http2::Tag ServerCallStream::known_field(http2::Tag tag) {
  const KnownField& field = conn_->requests().known(tag);
  switch (field.kind) {
    case KnownField::Kind::kPath:
      head_.path = tag;
      call().set_method(field.method, field.value);
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

http2::Tag ServerCallStream::on_headers_end(http2::EndStream end, bool truncated) {
  const bool trailers = head_done_;
  head_done_ = true;
  if (trailers) {
    if (end == http2::EndStream::kYes && !call().over()) end_of_data();
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
      head_.method = call().method();
      memo = conn_->requests().know_head(head_);
    }
    accept(end);
  }
  return memo;
}

void ServerCallStream::on_repeated_block(http2::Tag tag, http2::EndStream end) {
  if (head_done_) {
    if (end == http2::EndStream::kYes && !call().over()) end_of_data();
    return;
  }
  head_done_ = true;
  head_ = conn_->requests().known_head(tag);
  call().set_method(head_.method, conn_->requests().known(head_.path).value);
  accept(end);
}

void ServerCallStream::set_content_type(std::string_view type, std::string_view subtype) {
  content_type_ =
      std::make_unique<std::string>(type.substr(0, wire::kGrpcContent.size() + 1 + subtype.size()));
  call().set_content_subtype(wire::subtype_of(*content_type_));
}

// In the order in which grpc-go looks at them: what is no gRPC request at all first.
ServerCallStream::Refusal ServerCallStream::check_head() const {
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
  const std::string_view path = call().path();
  if (path.empty() || path[0] != '/' || path.find('/', 1) == std::string_view::npos) {
    return {200, Status(StatusCode::kUnimplemented, "malformed method name: \"" + quoted_path() + "\"")};
  }
  if (bad_encoding()) {
    return {200, Status(StatusCode::kUnimplemented,
                        "grpc-encoding \"" + call_.known_encoding()->unknown + "\" is not among " +
                            std::string(call().methods().compression().known.accept_encoding()))};
  }
  if (!call().method()) return {200, call().methods().not_found(path)};
  return {};
}

void ServerCallStream::complain(const Status& why) {
  if (!conn_ || !conn_->complain()) return;
  loop_.group().log(LogLevel::kInfo, "refused a request from " + conn_->peer_addr().to_string() + " for \"" +
                                         quoted_path() + "\": " + why.to_string());
}

std::string ServerCallStream::quoted_path() const {
  return std::string(call().path().substr(0, call::ServedCall::kMaxQuotedPath));
}

void ServerCallStream::refuse(const Refusal& refusal) {
  complain(refusal.status);
  if (refusal.http_status == 200) return call().end(refusal.status);
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
  call().set_ended();
}

void ServerCallStream::settle_authority() {
  Metadata& metadata = call().received_metadata();
  const std::string host(metadata.get("host").value_or(""));
  metadata.erase("host");
  if (head_.authority == 0 && !metadata.get(":authority")) metadata.add(":authority", host);
}

// The request is one.
void ServerCallStream::accept(http2::EndStream end) {
  if (head_.encoded) [[unlikely]]
    settle_encoding();
  if (!call().begin(reading().has_timeout ? reading().timeout : kNoTimeout)) return;
  if (end == http2::EndStream::kYes) call().on_remote_end();
}

void ServerCallStream::complete(Metadata& metadata) const {
  for (const http2::Tag tag : {head_.authority, head_.user_agent}) {
    if (tag != 0) metadata.add(conn_->requests().known(tag).name, conn_->requests().known(tag).value);
  }
}

}  // namespace sluice::inline v0::transport
