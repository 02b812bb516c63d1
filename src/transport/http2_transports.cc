// See http2_transports.h.
#include "transport/http2_transports.h"

#include "transport/client_call_stream.h"
#include "transport/farewell.h"

namespace sluice::inline v0::transport {

std::size_t Http2Transports::client_stream_size() const { return sizeof(ClientCallStream); }

std::unique_ptr<call::Transport> Http2Transports::make_client(std::unique_ptr<net::Conn> conn,
                                                              const call::TransportOptions& options,
                                                              call::TransportOwner& owner) const {
  ConnectionOptions http2{options};
  http2.role = http2::Role::kClient;
  http2.max_concurrent_streams = 0;  // servers open no streams
  http2.last_stream_id = last_stream_id_;
  return std::make_unique<Connection>(std::move(conn), http2, owner);
}

std::unique_ptr<call::Transport> Http2Transports::make_server(std::unique_ptr<net::Conn> conn,
                                                              const call::TransportOptions& options,
                                                              call::TransportOwner& owner) const {
  ConnectionOptions http2{options};
  http2.role = http2::Role::kServer;
  return std::make_unique<Connection>(std::move(conn), http2, owner);
}

std::unique_ptr<call::Farewell> Http2Transports::make_farewell(std::unique_ptr<net::Conn> conn,
                                                               std::string_view why, TimePoint deadline,
                                                               call::Farewell::Owner& owner) const {
  return std::make_unique<Http2Farewell>(std::move(conn), why, deadline, owner);
}

}  // namespace sluice::inline v0::transport
