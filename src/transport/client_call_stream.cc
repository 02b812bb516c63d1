// ClientCallStream: the request, and the end. What the response says is read in client_response.cc.
#include "transport/client_call_stream.h"

#include <optional>

#include "base/escape.h"
#include "wire/content_type.h"
#include "wire/error_map.h"
#include "wire/grpc_timeout.h"

namespace sluice::inline v0::transport {

using http2::EndStream;
using http2::ErrorCode;
using http2::Field;
using http2::HeaderPart;

static_assert(call::Call::kWriteAhead == http2::Session::kWriteAhead);

namespace {

constexpr std::size_t kMaxQuotedPath = 256;

[[gnu::cold]] std::string content_type_of(const Codec& codec) {
  return std::string(wire::kGrpcContent).append("+").append(codec.name());
}

}  // namespace

void ClientCallStream::attach(Connection& connection) {
  attach_to(connection);
  call().opened(*this);
}

bool ClientCallStream::open(Connection& connection) {
  call::MadeCall& call = this->call();
  RequestCache& cache = connection.requests().cache(call.method().path);
  const std::size_t limit = connection.session().peer_settings().max_header_list_size;
  const bool plain = call.deadline() == kNever && call.request_metadata().empty() && !call.known_encoding() &&
                     cache.list_size <= limit;
  if (plain && connection.session().open_cached(*this, cache.whole)) [[likely]] {
    attach(connection);
  } else if (!open_anew(connection, cache, limit)) {
    return false;
  }
  call.send_request([&](Chain&& framed, bool last) {
    connection.session().submit_data(*this, std::move(framed), last ? EndStream::kYes : EndStream::kNo);
  });
  connection.flush_soon();
  connection.opened(id());
  call.on_opened(connection.shared_peer_addr());
  return true;
}

// With a block of its own, or the first of its kind. False: it is longer than the peer takes, or cannot be
// sent; the call has ended.
bool ClientCallStream::open_anew(Connection& connection, RequestCache& cache, std::size_t limit) {
  call::MadeCall& call = this->call();
  const call::ClientIdentity& identity = call.identity();
  const std::string_view path = call.method().path;
  const call::MessageEncoding* const encoding = call.known_encoding();
  if (!cache.is_path) {
    call.end(Status(StatusCode::kInternal,
                    "method \"" + escaped(path.substr(0, kMaxQuotedPath), Keep::kAscii) +
                        "\" is no path: it begins with '/', and has no blanks or controls"));
    return false;
  }
  const bool with_codec = encoding && encoding->codec;
  const std::string subtype = with_codec ? content_type_of(*encoding->codec) : std::string();
  const Field fixed[] = {{":method", "POST"},
                         {":scheme", "http"},
                         {":path", path},
                         {":authority", identity.authority},
                         {"te", "trailers"},
                         {"content-type", with_codec ? std::string_view(subtype) : wire::kGrpcContent},
                         {"user-agent", identity.user_agent},
                         {"grpc-accept-encoding", identity.compression.known.accept_encoding()}};
  const std::span<const Field> whole(fixed, identity.compression.known.empty() ? 7 : 8);
  const std::span<const Field> pseudo = whole.first(4), common = whole.subspan(4);
  std::optional<wire::TimeoutText> timeout;
  std::optional<wire::MetadataFields> custom;
  Field timeout_field, encoding_field;
  HeaderPart parts[5];
  std::size_t n = 0;
  if (call.deadline() == kNever && call.request_metadata().empty() && !encoding) {
    parts[n++] = {whole, &cache.whole};
  } else {
    parts[n++] = {pseudo, &cache.pseudo};
    if (call.deadline() != kNever) {
      timeout.emplace(call.deadline() - loop_.now());
      timeout_field = {"grpc-timeout", timeout->view(), http2::Indexing::kName};
      parts[n++] = {{&timeout_field, 1}, nullptr};
    }
    if (encoding && encoding->sends) {
      encoding_field = {"grpc-encoding", encoding->sends->name()};
      parts[n++] = {{&encoding_field, 1}, nullptr};
    }
    parts[n++] = {common, with_codec ? nullptr : &connection.requests().common};
    if (!call.request_metadata().empty()) {
      custom.emplace();
      for (const KV kv : call.request_metadata()) custom->add_checked(kv);
      parts[n++] = {custom->fields(), nullptr};
    }
  }
  const std::span<const HeaderPart> all(parts, n);
  const std::size_t size = http2::Session::list_size(all);
  if (size > limit) {
    call.end(Status(StatusCode::kResourceExhausted, "request header list of " + std::to_string(size) +
                                                        " bytes exceeds the peer's limit of " +
                                                        std::to_string(limit)));
    return false;
  }
  if (n == 1) cache.list_size = size;
  attach(connection);
  connection.session().open(*this, all, EndStream::kNo);
  return true;
}

Status ClientCallStream::send(const Message& message, WriteOptions options) {
  call::Call::Room room;
  Chain framed;
  if (Status s = call_.encode(message, options, room, framed); !s.ok()) return s;
  conn_->session().submit_data(*this, std::move(framed), options.last ? EndStream::kYes : EndStream::kNo);
  conn_->flush_soon();
  return {};
}

void ClientCallStream::half_close() {
  conn_->session().submit_data(*this, Chain(), EndStream::kYes);
  conn_->flush_soon();
}

void ClientCallStream::on_call_ended(const Status& status) {
  reset(from_server_ ? ErrorCode::kNoError : wire::reset_code_for(status.code()));
}

// The call may go, and the stream with it.
void ClientCallStream::on_detached(Connection& connection) {
  call::MadeCall& call = this->call();
  call.goes_again() ? connection.owner().on_unprocessed(call) : call.let_go();
}

void ClientCallStream::on_connection_lost(Connection& connection, const Status& why) {
  call::MadeCall& call = this->call();
  if (call.goes_again() || (!connection.has_left(id()) && will_go_again(call::Unprocessed::kNeverLeft)))
    return connection.owner().on_unprocessed(call);
  call.on_connection_lost(why, why.code() == StatusCode::kCancelled);  // closed on this side
}

}  // namespace sluice::inline v0::transport
