// Requests of one long message each, which a scripted client sends as far as its server's windows let it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include "support/scripted_peer.h"

namespace sluice::support {

// Over windows as sockets have them.
class Uploads {
 public:
  explicit Uploads(ScriptedPeer& peer) : peer_(peer) {}

  // A unary request whose message is to have `size` bytes; none of them yet.
  void open(http2::StreamId id, std::size_t size) {
    streams_[id] = {65'535 - 5, size, size};
    connection_ -= 5;
    peer_.send(Wire().headers(id, request_head("/test.Raw/Unary")).data(id, message("", 0, size)));
  }
  // At most `n` bytes more, and the end of the stream with the last of them. How many the windows let out.
  std::size_t send(http2::StreamId id, std::size_t n) {
    read_credit();
    Stream& stream = streams_.at(id);
    const std::int64_t room = std::min({stream.window, connection_, std::int64_t{16'384}});
    n = std::min({n, stream.missing, static_cast<std::size_t>(std::max<std::int64_t>(room, 0))});
    if (n == 0) return 0;
    stream.window -= static_cast<std::int64_t>(n), connection_ -= static_cast<std::int64_t>(n);
    stream.missing -= n, sent_ += n;
    peer_.send(Wire().data(id, std::string(n, 'x'), stream.missing == 0 ? kEnd : std::uint8_t{0}));
    return n;
  }
  std::size_t missing(http2::StreamId id) const { return streams_.at(id).missing; }
  // Bytes that may be sent on the stream now.
  std::int64_t window(http2::StreamId id) { return read_credit(), streams_.at(id).window; }
  std::size_t sent() const { return sent_; }
  // The most that unfinished uploads had sent, or might have, at one time.
  std::int64_t most_open() const { return most_open_; }

 private:
  struct Stream {
    std::int64_t window;
    std::size_t missing, size;
  };
  void read_credit() {
    for (; seen_ < peer_.frames().size(); ++seen_) {
      const std::string& frame = peer_.frames()[seen_];
      if (!frame.starts_with("WINDOW_UPDATE ")) continue;
      const std::size_t space = frame.rfind(' ');
      const auto id = static_cast<http2::StreamId>(std::stoul(frame.substr(14, space - 14)));
      const int n = std::stoi(frame.substr(space + 1));
      (id == 0 ? connection_ : streams_.at(id).window) += n;
    }
    std::int64_t open = 0;
    for (const auto& [id, stream] : streams_) {
      if (stream.missing > 0) open += stream.window + static_cast<std::int64_t>(stream.size - stream.missing);
    }
    most_open_ = std::max(most_open_, open);
  }

  ScriptedPeer& peer_;
  std::map<http2::StreamId, Stream> streams_;
  std::int64_t connection_ = 1 << 20;
  std::size_t seen_ = 0, sent_ = 0;
  std::int64_t most_open_ = 0;
};

}  // namespace sluice::support
