// HandOver: a transport of these tests. Messages go from one end to the other as they are, inside the process
// and on one loop; nothing is encoded that has not waited for a connection. It knows of the library what
// src/call offers to transports, and so shows that this is enough.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>

#include "call/transport.h"

namespace sluice::support {

class HandOverEnd;

// Both ends of a connection must be made by one HandOver. The connection itself carries nothing: its end is
// the end of the transport.
class HandOver final : public call::Transports {
 public:
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

  // Messages that were handed over.
  int objects() const { return objects_; }
  int bytes() const { return bytes_; }

 private:
  friend class HandOverEnd;
  mutable std::map<std::string, HandOverEnd*> alone_;  // by the client's address
  mutable int objects_ = 0;
  mutable int bytes_ = 0;
};

}  // namespace sluice::support
