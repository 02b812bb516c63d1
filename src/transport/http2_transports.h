// Http2Transports: gRPC over HTTP/2, on any connection.
#pragma once

#include "transport/connection.h"

namespace sluice::inline v0::transport {

class Http2Transports final : public call::Transports {
 public:
  // `last_stream_id`: of each client's connection, as ConnectionOptions has it.
  constexpr explicit Http2Transports(http2::StreamId last_stream_id = ConnectionOptions().last_stream_id)
      : last_stream_id_(last_stream_id) {}

  std::size_t client_stream_size() const override;
  std::unique_ptr<call::Transport> make_client(std::unique_ptr<net::Conn> conn,
                                               const call::TransportOptions& options,
                                               call::TransportOwner& owner) const override;
  std::unique_ptr<call::Transport> make_server(std::unique_ptr<net::Conn> conn,
                                               const call::TransportOptions& options,
                                               call::TransportOwner& owner) const override;
  std::unique_ptr<call::Farewell> make_farewell(std::unique_ptr<net::Conn> conn, std::string_view why,
                                                TimePoint deadline,
                                                call::Farewell::Owner& owner) const override;

 private:
  const http2::StreamId last_stream_id_;
};

// With nothing of its own.
inline constexpr Http2Transports kHttp2;

}  // namespace sluice::inline v0::transport
