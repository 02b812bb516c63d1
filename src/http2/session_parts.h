// SessionParts: what a Session is made of that has no behaviour of its own.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "http2/frame.h"
#include "http2/output.h"

namespace sluice::inline v0::http2 {

// Names for Session alone.
struct SessionParts {
  static constexpr std::size_t kRememberedResets = 1024;
  using ResetIds = std::bitset<kRememberedResets>;
  // What is known of the peer's first SETTINGS, and ours.
  struct Greeting {
    bool received = false;
    bool acked = false;
  };
  struct Ids {
    StreamId next;                 // client: of the next stream
    StreamId highest_of_peer = 0;  // server: of the streams seen
  };
  struct Goaways {
    StreamId sent = kMaxStreamId;
    StreamId received = kMaxStreamId;
    bool any_received = false;
  };
  // Null until there is one.
  struct Gone {
    // Which of the last streams we reset, by id: their frames may still be on the way. Older ones count as
    // such.
    std::unique_ptr<ResetIds> reset;
    // Server: which of the last stream ids the peer passed over.
    std::unique_ptr<ResetIds> skipped;
  };
  // What waits for its rest.
  struct Partial {
    std::size_t preface_left;      // a client's: the first byte to be looked at
    std::vector<std::byte> bytes;  // an incomplete frame
    std::size_t want = 0;          // what must be there to go on
  };
  // The connection's.
  struct Window {
    std::int64_t receive;        // what the peer may still send
    std::uint64_t credited = 0;  // given back beyond the first window
    std::uint32_t gathered = 0;
    std::int64_t send = kInitialWindow;
  };
  // How a DATA frame, or one to be ignored, goes on in the bytes to come.
  struct Body {
    StreamId stream = 0;        // 0: to be ignored
    std::uint32_t charged = 0;  // what the whole frame takes from the connection's window
    std::uint32_t data = 0;     // still to come
    std::uint32_t padding = 0;  // still to come after it
    std::uint32_t padded = 0;   // padding in all, with its length byte
    bool end = false;
    bool active = false;
  };
  // A header block on its way through CONTINUATION frames.
  struct Block {
    StreamId stream = 0;  // 0: none
    bool end = false;
    bool on_itself = false;
    std::uint32_t continuations = 0;
    std::vector<std::byte> bytes;
  };
  // The last DATA frame in the output: small messages of one stream share it as long as nothing comes between
  // them.
  struct OpenFrame {
    bool takes(std::size_t n, const Output& out) const {
      return end == out.tail() && n <= out.room() && size + n <= kMinMaxFrameSize;
    }
    StreamId stream = 0;  // 0: none
    std::uint32_t size = 0;
    std::byte* header = nullptr;
    const std::byte* end = nullptr;
  };
};

}  // namespace sluice::inline v0::http2
