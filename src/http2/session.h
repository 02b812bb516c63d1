// The HTTP/2 state machine of one connection, client or server (RFC 9113): bytes in, bytes and events out.
// It knows no socket, no clock, no coroutine and no gRPC; transport drives it.
//
// The legal order of events on a stream is
//   on_open? (begin headers end)+ with on_data* between, then one of: nothing more | on_reset |
//   on_stream_error, and last of all on_closed.
// "headers end" is either on_header/on_header_tag … on_headers_end or one on_repeated_block. Where a block
// turns out malformed, or the sink resets the stream within it, on_headers_end is left out.
// 1xx blocks come before the final headers and never end a stream; a block after the final headers is
// trailers and always ends it; DATA comes only after the final headers. What violates this is a stream error.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "http2/error.h"
#include "http2/field.h"
#include "http2/frame.h"
#include "http2/guards.h"
#include "http2/hpack.h"
#include "http2/output.h"
#include "http2/session_parts.h"
#include "http2/settings.h"
#include "http2/stream.h"
#include "sluice/base/bytes.h"
#include "sluice/base/limits.h"
#include "sluice/base/time.h"

namespace sluice::inline v0::http2 {

enum class EndStream : bool { kNo, kYes };

struct SessionOptions {
  Role role = Role::kClient;
  Settings local;                           // announced at once; in force for the peer when acknowledged
  std::uint32_t connection_window = 65535;  // what we let the peer send on all streams together; ≥ 65535
  std::uint32_t peer_streams_before_settings =
      100;                             // client: streams assumed to be allowed until SETTINGS come
  StreamId first_stream_id = 1;        // client: odd
  std::size_t output_limit = 1 << 20;  // DATA is framed only while less than this waits to be taken
  std::uint32_t max_headers = 100;     // fields in one block
  std::uint32_t header_list_hard_limit = 16
                                         << 10;  // name + value + 32 each; past it nothing more is delivered
  std::uint32_t encoder_table_size = 4096;       // at most what the peer allows is used
  // For the guards of frames; the two limits of header lists are the ones above. Outlives the session.
  const Limits* limits = &kDefaultLimits;
};

// The connection's window, as far as the protocol lets one choose it.
inline std::int64_t connection_window(const SessionOptions& options) {
  return std::clamp<std::int64_t>(options.connection_window, kInitialWindow, kMaxWindow);
}

// Received so far; indexed by FrameType, the last one counts unknown types.
struct FrameCounts {
  std::array<std::uint64_t, 11> frames{};
  std::uint64_t empty = 0;            // DATA, HEADERS and CONTINUATION without payload and without END_STREAM
  std::uint64_t provoked_resets = 0;  // RST_STREAM sent because the peer broke a rule
};

// Receives events. Sinks may call open, submit_*, reset and credit; never feed, take_output, release or
// destroy. Views are valid during the call only.
class EventSink {
 public:
  // Server: the peer opens a stream; a headers block follows. Null refuses it (REFUSED_STREAM); the block is
  // then decoded without events, to keep the HPACK table in step.
  virtual Stream* on_open(StreamId id) = 0;
  // One field. The tag returned (at most kMaxTag) is kept with the dynamic table's entry if this field is put
  // into it.
  virtual Tag on_header(Stream& stream, const Field& field) = 0;
  // A field whose table entry carries a tag other than 0.
  virtual void on_header_tag(Stream& stream, Tag tag) = 0;
  // The block is complete. The tag returned is kept if the block changed nothing in the table.
  // `truncated`: more than max_headers fields or the hard list limit; the excess was not delivered.
  virtual Tag on_headers_end(Stream& stream, EndStream end, bool truncated) = 0;
  // The same bytes as one of the last few blocks whose on_headers_end returned a tag, against the same table.
  virtual void on_repeated_block(Stream& stream, Tag tag, EndStream end) = 0;
  // A piece of a DATA frame; pieces and frames have nothing to do with messages. Credit for `data` is due by
  // credit(); padding has been credited already. `data` may borrow from what was fed.
  virtual void on_data(Stream& stream, Bytes data, EndStream end) = 0;
  // queued() has fallen to Session::kWriteAhead or below after having been above.
  virtual void on_writable(Stream& stream) = 0;
  virtual void on_reset(Stream& stream, ErrorCode code) = 0;  // RST_STREAM came
  virtual void on_stream_error(Stream& stream,
                               const Error& error) = 0;  // RST_STREAM was sent: the peer broke a rule
  // Both sides are done and all is framed, or the stream was reset; the stream is detached now and may be
  // freed.
  virtual void on_closed(Stream& stream) = 0;
  virtual void on_settings(const Settings& peer) = 0;  // the peer's, now in force (ACK queued)
  virtual void on_settings_ack() = 0;
  virtual void on_ping_ack(std::uint64_t payload) = 0;
  // Streams above `last` get on_reset(REFUSED_STREAM) and on_closed afterwards.
  virtual void on_goaway(StreamId last, ErrorCode code, std::string_view debug) = 0;

 protected:
  ~EventSink() = default;
};

// One side of one connection.
//
// Thread: none of its own; calls must not overlap. Errors: a connection error is returned by feed once and by
// every feed after it; GOAWAY is then in the output, and nothing but take_output and release makes sense.
// The peer's bytes never cause an assertion.
class Session : private SessionParts {
 public:
  // A write to a stream is "done" when no more than this many bytes of it wait behind the window.
  static constexpr std::size_t kWriteAhead = 64 << 10;

  // Queues the preface (client) and SETTINGS.
  explicit Session(const SessionOptions& options);
  ~Session();  // streams still attached are detached without an event

  // Takes received bytes, cut anywhere. on_data may deliver slices of `bytes`, borrowed if `bytes` borrows;
  // everything else is copied where it must be kept. `now` is for limits that count in seconds, and never
  // goes back.
  Error feed(Bytes bytes, TimePoint now, EventSink& sink);

  // Appends all frames that may leave now, in order; frames of waiting DATA are made here, fairly among
  // streams. Delivers on_writable and on_closed.
  void take_output(Chain& out, EventSink& sink);
  Chain take_output(EventSink& sink) {
    Chain out;
    take_output(out, sink);
    return out;
  }
  // True when take_output would return bytes or deliver events. After a connection error no more events come.
  bool has_output() const;

  // Client: true when open() will do: the peer's limit, stream ids and GOAWAY allow it.
  bool can_open() const;
  // Client: gives `stream` the next id and queues HEADERS. REQUIRES: can_open().
  void open(Stream& stream, std::span<const HeaderPart> parts, EndStream end);
  // On a stream that is detached or local_closed(), submit_headers and submit_data do nothing.
  //
  // HEADERS or trailers; trailers wait behind queued DATA. A block past the frame size goes on in
  // CONTINUATION. REQUIRES: `end` is kYes if queued() is not 0.
  void submit_headers(Stream& stream, std::span<const HeaderPart> parts, EndStream end);
  // Slices that borrow are copied. What is left in `data` means nothing.
  void submit_data(Stream& stream, Chain&& data, EndStream end);
  // The same as open() without END_STREAM and submit_headers() with the one part that filled `block`, by
  // copying it. False: `block` does not serve any more, or must wait; nothing was done.
  bool open_cached(Stream& stream, const BlockCache& block);
  // Client: the id of the next stream.
  StreamId next_id() const { return ids_.next; }
  bool submit_cached(Stream& stream, const BlockCache& block, EndStream end);
  // Queues RST_STREAM unless the stream is closed already, and drops its queue. on_closed follows, at the
  // latest from the next feed or take_output.
  void reset(Stream& stream, ErrorCode code);
  // Detaches at once and without events, resetting with CANCEL if it was open. Not from within a sink.
  void release(Stream& stream);
  // `n` received bytes were consumed, or may come beyond the window because room for them is reserved.
  // A WINDOW_UPDATE leaves when half the window has gathered, or at once.
  enum class When : bool { kGathered, kNow };
  void credit(Stream& stream, std::size_t n, When when = When::kGathered);
  // Bytes that the peer may send on the stream before it needs more credit; what was gathered is none yet.
  std::int64_t open_window(const Stream& stream) const;
  // Some was gathered.
  bool owes_credit(const Stream& stream) const { return stream.gathered_ > 0; }
  // Opens the window at least so far, at once. How much of that had not been credited before.
  std::size_t open_window_to(Stream& stream, std::size_t n);
  // For assertions: bytes that came on `stream` and were not credited; negative while more was. Nothing for a
  // stream that takes no credit any more.
  std::optional<std::int64_t> uncredited(const Stream& stream) const;

  void submit_ping(std::uint64_t payload);
  // `last`: kMaxStreamId to announce the end, last_peer_stream() to fix it.
  void submit_goaway(StreamId last, ErrorCode code, std::string_view debug);
  StreamId last_peer_stream() const;

  const Settings& peer_settings() const;
  bool settings_received() const { return greeting_.received; }
  std::size_t open_streams() const;  // attached, both initiators
  // The size a field list counts as against max_header_list_size.
  static std::size_t list_size(std::span<const HeaderPart> parts);
  // The same for the block that on_headers_end is telling of.
  std::size_t received_list_size() const { return received_list_size_; }
  const FrameCounts& counts() const { return counts_; }
  Peaks& peaks() { return peaks_; }
  std::uint64_t data_received() const { return window_.credited + window_.gathered; }  // bytes, with padding
  // Of what waits to be taken: frames that the peer's frames asked for, and bytes without DATA's payload.
  std::uint32_t queued_replies() const { return replies_; }
  std::size_t queued_bytes() const { return out_.size() - queued_payload_; }
  // A header block, or the frame it comes in, has come in part. The number tells it from others.
  bool in_header_block() const {
    return (block_.stream != 0 || !partial_.bytes.empty()) && header_block_begun();
  }
  std::uint64_t header_block() const { return counts_.frames[static_cast<std::size_t>(FrameType::kHeaders)]; }
  // What has come in part: "the preface", "a header block", "a frame"; empty between frames. For the
  // text of a connection that ends there.
  std::string_view unfinished() const;

  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  class BlockReader;
  // What is rare stays out of line, and what ends something out of the way: the code of a usual call should
  // fit into the instruction cache.
  //
  // session.cc.
  [[gnu::cold]] bool broken(ErrorCode code, std::string_view what);
  [[gnu::cold]] Error fail();
  bool header_block_begun() const;

  // session_guards.cc: is what comes within the limits? For stream errors, which have nobody to tell, feed
  // looks at error_.
  [[gnu::cold]] bool exceeded(Limit limit);
  void count_reply();
  bool admit_ping();
  bool admit_control_frame();
  bool admit_reset(const Stream& stream);
  [[gnu::cold]] bool admit_late_reset();
  bool admit_window_update(const Stream* stream, std::uint32_t increment);
  bool admit_empty_frame();
  void admit_provoked_reset();

  // What returns bool has, when false, told broken() of an error of the connection.
  //
  // session_feed.cc: bytes to frames, and DATA.
  bool feed_some(Bytes& bytes, EventSink& sink);
  [[gnu::cold]] bool feed_preface(Bytes& bytes);
  [[gnu::noinline]] bool feed_partial(Bytes& bytes, EventSink& sink);
  bool feed_whole_data(const FrameHeader& header, Bytes& bytes, EventSink& sink);
  [[gnu::noinline]] bool feed_body(Bytes& bytes, EventSink& sink);
  bool unquestioned(const FrameHeader& header) const {
    return header.length <= unquestioned_length_ && block_.stream == 0 && greeting_.received;
  }
  [[gnu::noinline]] bool check_header(const FrameHeader& header);
  bool handle_frame(const FrameHeader& header, std::span<const std::byte> payload, EventSink& sink);
  [[gnu::noinline]] bool begin_data(const FrameHeader& header, std::span<const std::byte> pad_length,
                                    EventSink& sink);
  void deliver_data(Bytes data, EventSink& sink);
  void end_body();
  void give_back(std::uint32_t n);

  // session_frames.cc: the frames that control a connection or a stream.
  [[gnu::noinline]] bool handle_settings(const FrameHeader& header, std::span<const std::byte> payload,
                                         EventSink& sink);
  [[gnu::noinline]] bool handle_settings_ack(EventSink& sink);
  [[gnu::noinline]] bool handle_ping(const FrameHeader& header, std::span<const std::byte> payload,
                                     EventSink& sink);
  [[gnu::noinline]] bool handle_goaway(const FrameHeader& header, std::span<const std::byte> payload,
                                       EventSink& sink);
  [[gnu::noinline]] bool handle_rst_stream(const FrameHeader& header, std::span<const std::byte> payload,
                                           EventSink& sink);
  [[gnu::noinline]] bool handle_window_update(const FrameHeader& header, std::span<const std::byte> payload,
                                              EventSink& sink);
  [[gnu::noinline]] bool handle_priority(const FrameHeader& header, std::span<const std::byte> payload,
                                         EventSink& sink);
  // By the fields of PRIORITY, which RFC 7540 section 5.3.1 forbids and RFC 9113 does not mention.
  static bool depends_on_itself(StreamId id, std::span<const std::byte> priority) {
    return (load_u32(priority.data()) & kMaxStreamId) == id;
  }
  bool adjust_send_windows(std::int64_t delta);

  // session_headers.cc: received header blocks.
  bool handle_headers(const FrameHeader& header, std::span<const std::byte> payload, EventSink& sink);
  [[gnu::noinline]] bool handle_continuation(const FrameHeader& header, std::span<const std::byte> payload,
                                             EventSink& sink);
  // `on_itself`: the stream depends on itself.
  bool handle_block(StreamId id, std::span<const std::byte> block, bool end, bool on_itself, EventSink& sink);
  bool accept_stream(StreamId id, Stream*& stream, EventSink& sink);
  // `refused`: whatever the block says, why its stream is reset.
  [[gnu::noinline]] bool decode_block(Stream* stream, std::span<const std::byte> block, bool end,
                                      std::string_view refused, EventSink& sink);
  bool deliver_repeated(Stream& stream, std::span<const std::byte> block, bool end, EventSink& sink);

  // session_streams.cc: streams come and go.
  bool idle(StreamId id) const;
  Stream* find(StreamId id) {
    if (memo_ != nullptr && memo_->id_ == id) [[likely]]
      return memo_;
    return find_in_table(id);
  }
  Stream* find_in_table(StreamId id);
  void attach(Stream& stream, StreamId id);
  void detach(Stream& stream);
  // REQUIRES: a legal event.
  void advance(Stream& stream, Event event) {
    const Transition& to = transition(stream.state_, event);
    assert(to.ok());
    if (to.next == State::kClosed && stream.state_ != State::kClosed) close(stream);
    stream.state_ = to.next;
  }
  void close(Stream& stream);
  [[gnu::cold]] void stream_error(Stream& stream, ErrorCode code, std::string_view what, EventSink& sink);
  // Takes `n` bytes of content. False: they, or the end behind them, are not what content-length says.
  bool counts(Stream& stream, std::size_t n, bool end) {
    return stream.content_ != Stream::Content::kCounted || count_content(stream, n, end);
  }
  [[gnu::cold]] bool count_content(Stream& stream, std::size_t n, bool end);
  [[gnu::cold]] void on_closed_stream(StreamId id);
  [[gnu::cold]] void skip_to(StreamId id);
  bool skipped(StreamId id) const;
  void mark_reset(StreamId id) {
    if (!gone_.reset) gone_.reset = std::make_unique<ResetIds>();
    gone_.reset->set((id >> 1) % kRememberedResets);
  }
  void deliver_closed(EventSink& sink);

  // session_send.cc: what submit_* and take_output write.
  bool can_frame(const Stream& stream, std::size_t n) const;
  [[gnu::noinline]] void write_headers(Stream& stream, std::span<const HeaderPart> parts, bool end);
  void write_cached(Stream& stream, const BlockCache& block, bool end);
  void headers_written(Stream& stream, bool end);
  void write_data(Stream& stream, Chain&& payload, bool end);
  [[gnu::noinline]] void enqueue(Stream& stream, Chain&& data);
  void wake_if_ready(Stream& stream);
  [[gnu::noinline]] void frame_ready(EventSink& sink);
  void frame_some(Stream& stream);

  // Constant after construction.
  const SessionOptions options_;
  const std::size_t max_block_;              // bytes of one header block, and of any frame that is kept whole
  const std::uint32_t unquestioned_length_;  // a frame up to this is within that and the frame size
  const std::uint32_t conn_credit_at_;       // half of the connection's window

  // Both ways.
  Error error_;
  Settings peer_;
  Greeting greeting_;
  StreamTable table_;
  Stream* memo_ = nullptr;  // the stream found last
  StreamList closing_{Stream::List::kClosing};
  Ids ids_;
  Goaways goaway_;
  Gone gone_;

  // Receiving.
  Partial partial_;
  Body body_;
  Block block_;
  HpackDecoder decoder_;
  std::size_t received_list_size_ = 0;
  Window window_;
  std::uint32_t replies_ = 0;  // frames that the peer made us queue since the last take_output
  FrameCounts counts_;
  TimePoint now_{};
  Guards guards_;
  Peaks peaks_;

  // Sending.
  Output out_;
  std::size_t queued_payload_ = 0;  // DATA's, in out_
  OpenFrame open_frame_;
  HpackEncoder encoder_;
  std::vector<std::byte> encoded_;
  StreamList ready_{Stream::List::kReady};  // have queued DATA and window of their own
};

}  // namespace sluice::inline v0::http2
