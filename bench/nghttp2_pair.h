// A client and a server session of nghttp2 on one thread, each fed with what the other sends, carrying
// gRPC's headers, framing and trailers. The engine of the second floor (floor_nghttp2.cc).
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "echo.pb.h"
#include "support/payload.h"

namespace bench {

enum class Method { kSayHello, kEchoUnary, kEchoStream, kEchoChat };
enum class Timeout { kNone, kMinute };

// Both ends' view of a stream: bytes waiting to leave and bytes of a message not yet whole.
struct Nghttp2Stream {
  std::vector<char> out;     // framed messages
  std::size_t out_sent = 0;  // how much of `out` has left
  bool out_last = false;     // nothing follows what is in `out`
  std::vector<char> in;
  std::int32_t id = 0;
  Method method = Method::kSayHello;

  void reset();
  bool all_sent() const { return out_sent == out.size(); }
};

struct Nghttp2ServerStream : Nghttp2Stream {
  bool responded = false;
  std::uint32_t to_send = 0;  // messages of kEchoStream still to be made
  std::uint32_t made = 0;
};

// A call as the client sees it; owned by whoever made it, reused after `closed`.
struct Nghttp2Call : Nghttp2Stream {
  std::uint64_t index = 0;     // which contents to expect
  std::uint64_t received = 0;  // whole messages with the right contents
  const std::string* large = nullptr;
  bool wrong = false;      // a message with other contents
  bool status_ok = false;  // grpc-status: 0 came
  bool closed = false;
};

// Thread: one. Throws std::runtime_error when nghttp2 reports an error: then the floor has a bug.
class Nghttp2Pair {
 public:
  explicit Nghttp2Pair(const Payloads& payloads);
  ~Nghttp2Pair();
  Nghttp2Pair(const Nghttp2Pair&) = delete;
  Nghttp2Pair& operator=(const Nghttp2Pair&) = delete;

  // Sends headers and what is in `call.out`. `call` must live until it is closed or the pair ends.
  void start(Nghttp2Call& call, Method method, Timeout timeout = Timeout::kNone);
  // More has been put into `call.out`.
  void resume(Nghttp2Call& call);
  // Moves bytes both ways until neither session has anything to send.
  void pump();
  // The longest DATA frame either side makes; 16 KiB until set.
  void set_frame_limit(std::size_t limit) { frame_limit_ = limit; }

 private:
  friend struct Nghttp2Callbacks;

  nghttp2_session* make_session(bool server);
  bool drain(nghttp2_session* from, nghttp2_session* to);
  Nghttp2ServerStream* open_server_stream(std::int32_t id);
  void close_server_stream(Nghttp2ServerStream* stream);
  void serve(Nghttp2ServerStream& stream, const char* message, std::size_t size);
  void respond(Nghttp2ServerStream& stream);
  std::size_t make_messages(Nghttp2ServerStream& stream, std::uint8_t* into, std::size_t size);
  void receive(Nghttp2Call& call, const char* message, std::size_t size);

  const Payloads& payloads_;
  nghttp2_session* client_;
  nghttp2_session* server_;
  std::size_t frame_limit_ = 16384;
  std::vector<std::unique_ptr<Nghttp2ServerStream>> server_streams_;  // all ever made
  std::vector<Nghttp2ServerStream*> free_server_streams_;
  echo::Payload made_;  // reused for each message of kEchoStream
};

// Appends gRPC's five-byte prefix and the message.
template <class Message>
void append_framed(std::vector<char>& out, const Message& message) {
  const std::size_t size = message.ByteSizeLong(), at = out.size();
  out.resize(at + 5 + size);
  out[at] = 0;
  for (int k = 0; k < 4; ++k) out[at + 1 + k] = static_cast<char>(size >> (24 - 8 * k));
  message.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(out.data()) + at + 5);
}

}  // namespace bench
