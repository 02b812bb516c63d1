// ClientCallStream: the HTTP/2 stream of a call that was made here: request headers, and the response turned
// into header, messages and status.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "call/made_call.h"
#include "transport/call_stream.h"
#include "wire/metadata_fields.h"

namespace sluice::inline v0::transport {

class ClientCallStream final : public CallStreamOf<call::ClientTransportStream> {
 public:
  explicit ClientCallStream(call::MadeCall& call) : CallStreamOf(call) {}

  // Sends what the call has gathered. False: it cannot be sent; the call has ended. REQUIRES:
  // connection.can_open(), and a call that has not ended.
  bool open(Connection& connection);

 private:
  // A response that is none of gRPC's, as its error will quote it.
  struct Foreign {
    int http_status = 0;
    std::string content;  // of what type, if that is wrong
    std::string body;
  };
  call::MadeCall& call() const { return static_cast<call::MadeCall&>(call_); }

  // call::ClientTransportStream
  Status send(const Message& message, WriteOptions options) override;
  void half_close() override;
  void on_call_ended(const Status& status) override;

  // CallStream
  http2::Tag on_header(const http2::Field& field) override;
  void on_header_tag(http2::Tag tag) override;
  http2::Tag on_headers_end(http2::EndStream end, bool truncated) override;
  void on_repeated_block(http2::Tag tag, http2::EndStream end) override;
  void on_reset(http2::ErrorCode code) override;
  void on_stream_error(const http2::Error& error) override;
  void on_detached(Connection& connection) override;
  void on_connection_lost(Connection& connection, const Status& why) override;
  void on_remote_end() override;
  void on_body(std::string_view piece) override;

  [[gnu::noinline]] bool open_anew(Connection& connection, RequestCache& cache, std::size_t limit);
  void attach(Connection& connection);
  bool will_go_again(call::Unprocessed how) { return interim_blocks_ == 0 && call().will_go_again(how); }
  // REQUIRES: attached.
  ResponseReading& block() const { return conn_->response_reading(); }
  [[gnu::noinline]] void encoding_named(std::string_view name);
  [[gnu::noinline]] void header_block();
  [[gnu::noinline]] void trailer_block();
  void trailers_say_ok();
  Status told_status();
  [[gnu::cold]] std::string beside_told_status(std::string why);
  [[gnu::cold]] void note_foreign();
  [[gnu::cold]] Status foreign_status() const;
  [[gnu::cold]] void end_as_told(Status told);

  bool from_server_ = false;  // the status came in trailers
  std::uint32_t interim_blocks_ = 0;
  std::unique_ptr<Foreign> foreign_;      // null: the response is gRPC's, as far as it has come
  std::unique_ptr<Status> early_status_;  // came in the header: counts if nothing follows it
};

}  // namespace sluice::inline v0::transport
