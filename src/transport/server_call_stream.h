// ServerCallStream: the HTTP/2 stream of a call that came in: the request's head read and checked, header,
// messages and trailers sent.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "call/served_call.h"
#include "transport/call_stream.h"
#include "wire/content_type.h"
#include "wire/metadata_fields.h"

namespace sluice::inline v0::transport {

class ServerCallStream final : public CallStreamOf<call::ServerTransportStream> {
 public:
  ServerCallStream(call::ServedCall& call, Connection& connection);

 private:
  struct Refusal {
    int http_status = 200;
    Status status;
  };
  call::ServedCall& call() const { return static_cast<call::ServedCall&>(call_); }

  // call::ServerTransportStream
  Status send(const Message& message, WriteOptions options) override;
  Status send_header() override;
  void send_status(const Status& status) override;
  void reset() override { CallStream::reset(http2::ErrorCode::kCancel); }
  void start_soon(Runnable& node) override { conn_->start_soon(node); }
  void hold_request(std::size_t bytes) override;
  void complain(const Status& why) override;
  const Addr& peer() const override { return conn_->peer_addr(); }
  const Addr& local() const override { return conn_->local_addr(); }
  std::optional<PeerCredentials> peer_credentials() const override { return conn_->peer_credentials(); }
  void complete(Metadata& metadata) const override;

  // CallStream
  http2::Tag on_header(const http2::Field& field) override;
  void on_header_tag(http2::Tag tag) override;
  http2::Tag on_headers_end(http2::EndStream end, bool truncated) override;
  void on_repeated_block(http2::Tag tag, http2::EndStream end) override;
  void on_reset(http2::ErrorCode code) override;
  void on_stream_error(const http2::Error& error) override;
  void on_detaching() override { call().on_detaching(); }
  void on_detached(Connection&) override { call().let_go(); }
  void on_connection_lost(Connection& connection, const Status& why) override;
  void on_remote_end() override { call().on_remote_end(); }

  // REQUIRES: attached.
  RequestReading& reading() const { return conn_->request_reading(); }
  http2::Tag known_field(http2::Tag tag);
  void set_content_type(std::string_view type, std::string_view subtype);
  // Of the response: the request's subtype, if it names one.
  std::string_view content_type() const { return content_type_ ? *content_type_ : wire::kGrpcContent; }
  [[gnu::noinline]] http2::Tag on_encoding(const http2::Field& field);
  [[gnu::noinline]] void settle_encoding();
  bool bad_encoding() const { return call_.known_encoding() && !call_.known_encoding()->unknown.empty(); }
  Refusal check_head() const;
  void settle_authority();
  void accept(http2::EndStream end);
  [[gnu::cold]] void refuse(const Refusal& refusal);
  std::string quoted_path() const;

  Status send_header_block();
  [[gnu::noinline]] Status send_header_anew();
  void send_trailers(const Status& status);
  [[gnu::noinline]] void send_trailers_anew(const Status& status);
  Status check_list_size(const char* what, std::span<const http2::HeaderPart> parts) const;

  RequestHead head_;
  bool head_done_ = false;
  std::unique_ptr<const std::string> path_;    // of a method that is not known
  std::unique_ptr<std::string> content_type_;  // null: the usual one
};

}  // namespace sluice::inline v0::transport
