// The HTTP/2 state machine of one connection, client or server (RFC 9113): bytes in, bytes and events out.
// It knows no socket, no clock, no coroutine and no gRPC; transport drives it.
//
// The legal order of events on a stream is
//   on_open? (begin headers end)+ with on_data* between, then one of: nothing more | on_reset | on_stream_error,
//   and last of all on_closed.
// "headers end" is either on_header/on_header_tag … on_headers_end or one on_repeated_block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "http2/error.h"
#include "http2/field.h"
#include "sluice/base/bytes.h"
#include "sluice/base/time.h"

namespace sluice::http2 {

enum class Role : std::uint8_t { kClient, kServer };
enum class EndStream : bool { kNo, kYes };

// SETTINGS of one side, with the protocol's initial values (RFC 9113 section 6.5.2).
struct Settings {
  static constexpr std::uint32_t kUnlimited = 0xffffffff;
  std::uint32_t header_table_size = 4096;
  bool enable_push = true;
  std::uint32_t max_concurrent_streams = kUnlimited;
  std::uint32_t initial_window_size = 65535;
  std::uint32_t max_frame_size = 16384;
  std::uint32_t max_header_list_size = kUnlimited;
};

struct SessionOptions {
  Role role = Role::kClient;
  Settings local;                              // announced at once; in force for the peer when acknowledged
  std::uint32_t connection_window = 65535;     // what we let the peer send on all streams together; ≥ 65535
  std::uint32_t peer_streams_before_settings = 100;  // client: streams assumed to be allowed until SETTINGS come
  std::size_t output_limit = 1 << 20;          // DATA is framed only while less than this waits to be taken
  std::uint32_t max_headers = 100;             // fields in one block
  std::uint32_t header_list_hard_limit = 16 << 10;  // name + value + 32 each; past it nothing more is delivered
  std::uint32_t encoder_table_size = 4096;     // at most what the peer allows is used
};

// The session's part of a stream; transport's stream derives from it, so that a call is one object.
//
// Lifetime: must not be destroyed while attached(); it is attached from open() or on_open until on_closed,
// release() or the session's end.
class Stream {
 public:
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  StreamId id() const { return id_; }
  bool attached() const { return attached_; }
  bool local_closed() const { return local_closed_; }    // END_STREAM or RST_STREAM accepted for sending
  bool remote_closed() const { return remote_closed_; }  // END_STREAM or RST_STREAM received
  // DATA bytes accepted by submit_data and not yet framed.
  std::size_t queued() const { return queue_.size(); }

 protected:
  Stream() = default;
  ~Stream();  // asserts !attached()
  // Makes a stream that on_closed or release() gave back ready for another life.
  void recycle();

 private:
  friend class SessionImpl;
  friend class Session;
  // The implementation's fields follow; see stream.cc and session*.cc.
  StreamId id_ = 0;
  bool attached_ = false;
  bool local_closed_ = false;
  bool remote_closed_ = false;
  Chain queue_;
};

// Receives events. Sinks may call submit_*, reset and credit; never feed, take_output, release or destroy.
// Views are valid during the call only.
class EventSink {
 public:
  // Server: the peer opens a stream; a headers block follows. Null refuses it (REFUSED_STREAM); the block is
  // then decoded without events, to keep the HPACK table in step.
  virtual Stream* on_open(StreamId id) = 0;
  // One field. The tag returned is kept with the dynamic table's entry if this field is put into it.
  virtual Tag on_header(Stream& stream, const Field& field) = 0;
  // A field whose table entry carries a tag other than 0.
  virtual void on_header_tag(Stream& stream, Tag tag) = 0;
  // The block is complete. The tag returned is kept if the block changed nothing in the table.
  // `truncated`: more than max_headers fields or the hard list limit; the excess was not delivered.
  virtual Tag on_headers_end(Stream& stream, EndStream end, bool truncated) = 0;
  // The same bytes as the last block whose on_headers_end returned a tag, against the same table.
  virtual void on_repeated_block(Stream& stream, Tag tag, EndStream end) = 0;
  // A piece of a DATA frame; pieces and frames have nothing to do with messages. Credit for `data` is due by
  // credit(); padding has been credited already. `data` may borrow from what was fed.
  virtual void on_data(Stream& stream, Bytes data, EndStream end) = 0;
  // queued() has fallen to Session::kWriteAhead or below after having been above.
  virtual void on_writable(Stream& stream) = 0;
  virtual void on_reset(Stream& stream, ErrorCode code) = 0;                // RST_STREAM came
  virtual void on_stream_error(Stream& stream, const Error& error) = 0;    // RST_STREAM was sent: the peer broke a rule
  // Both sides are done and all is framed, or the stream was reset; the stream is detached now and may be freed.
  virtual void on_closed(Stream& stream) = 0;
  virtual void on_settings(const Settings& peer) = 0;                      // the peer's, now in force (ACK queued)
  virtual void on_settings_ack() = 0;
  virtual void on_ping_ack(std::uint64_t payload) = 0;
  virtual void on_goaway(StreamId last, ErrorCode code, std::string_view debug) = 0;

 protected:
  ~EventSink() = default;
};

// One side of one connection.
//
// Thread: none of its own; calls must not overlap. Errors: a connection error is returned by feed once and by
// every feed after it; GOAWAY is then in the output, and nothing but take_output and release makes sense.
// The peer's bytes never cause an assertion.
class Session {
 public:
  // A write to a stream is "done" when no more than this many bytes of it wait behind the window.
  static constexpr std::size_t kWriteAhead = 64 << 10;

  // Queues the preface (client) and SETTINGS.
  explicit Session(const SessionOptions& options);
  ~Session();  // streams still attached are detached without an event

  // Takes received bytes, cut anywhere. on_data may deliver slices of `bytes`, borrowed if `bytes` borrows;
  // everything else is copied where it must be kept.
  Error feed(Bytes bytes, TimePoint now, EventSink& sink);

  // All frames that may leave now, in order; frames of waiting DATA are made here, fairly among streams.
  // Delivers on_writable and on_closed.
  Chain take_output(EventSink& sink);
  // True when take_output would return bytes or deliver events.
  bool has_output() const;

  // Client: true when open() will do: the peer's limit, stream ids and GOAWAY allow it.
  bool can_open() const;
  // Client: gives `stream` the next id and queues HEADERS. REQUIRES: can_open().
  void open(Stream& stream, std::span<const HeaderPart> parts, EndStream end);
  // HEADERS or trailers; trailers wait behind queued DATA. A block past the frame size goes on in CONTINUATION.
  void submit_headers(Stream& stream, std::span<const HeaderPart> parts, EndStream end);
  void submit_data(Stream& stream, Chain data, EndStream end);
  // Queues RST_STREAM unless the stream is closed already, and drops its queue. on_closed follows.
  void reset(Stream& stream, ErrorCode code);
  // Detaches at once and without events, resetting with CANCEL if it was open. Not from within a sink.
  void release(Stream& stream);
  // `n` received bytes were consumed, or may come beyond the window because room for them is reserved.
  // A WINDOW_UPDATE leaves when half the window has gathered, or at once.
  enum class When : bool { kGathered, kNow };
  void credit(Stream& stream, std::size_t n, When when = When::kGathered);

  void submit_ping(std::uint64_t payload);
  // `last`: kMaxStreamId to announce the end, last_peer_stream() to fix it.
  void submit_goaway(StreamId last, ErrorCode code, std::string_view debug);
  StreamId last_peer_stream() const;

  const Settings& peer_settings() const;
  std::size_t open_streams() const;  // attached, both initiators
  // The size a field list counts as against max_header_list_size.
  static std::size_t list_size(std::span<const HeaderPart> parts);

  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  std::unique_ptr<class SessionImpl> impl_;  // the implementer may flatten this
};

}  // namespace sluice::http2
