// Connection: one Conn and its HTTP/2 session: the read and write loops, the streams, drain and close. Client
// and server share it; what differs is behind ConnectionOwner and the two kinds of CallStream.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "http2/session.h"
#include "sluice/base/flow_control.h"
#include "sluice/base/limits.h"
#include "sluice/net/conn.h"
#include "sluice/rpc/compressor.h"
#include "transport/patience.h"
#include "transport/round_trip_meter.h"
#include "transport/shared_addr.h"

namespace sluice::transport {

class CallStream;
class ClientStream;
class Connection;
struct ServedMethod;

// What a connection tells the channel or server it serves. Loop-only.
class ConnectionOwner {
 public:
  // Server: a stream for the call that begins, or null to refuse it.
  virtual CallStream* on_incoming(Connection& connection) = 0;
  virtual void on_ready(Connection& connection) = 0;     // the peer's first SETTINGS have come
  virtual void on_capacity(Connection& connection) = 0;  // can_open() may have become true
  virtual void on_draining(Connection& connection) = 0;  // the peer's GOAWAY: no new calls here
  // Client: the server has not processed this call, nor will it; the connection has let go of it. It is to be
  // sent again (ClientStream::begin_again) or to end.
  virtual void on_unprocessed(ClientStream&) {}
  // The last word; `why` says what ended it. Every stream has ended. The connection may be destroyed.
  virtual void on_closed(Connection& connection, const Status& why) = 0;

 protected:
  ~ConnectionOwner() = default;
};

struct ConnectionOptions {
  http2::Role role = http2::Role::kClient;
  std::uint32_t max_concurrent_streams = http2::Settings::kUnlimited;  // of the peer's
  TimePoint handshake_deadline = kNever;                               // for the peer's first SETTINGS
  const Limits* limits = &kDefaultLimits;                              // outlive the connection
  FlowControl flow_control = {};
  // Client: the connection drains once a stream has this id. Ids are not used again (RFC 9113 section 5.1.1);
  // at three quarters of them there is time to connect anew before they run out.
  http2::StreamId last_stream_id = http2::kMaxStreamId / 4 * 3;
};

// A field that this connection's peer has put into its HPACK table and will send again.
struct KnownField {
  enum class Kind : std::uint8_t { kPath, kAuthority, kUserAgent, kEncoding, kAcceptEncoding };
  Kind kind = Kind::kPath;
  std::string name;
  std::string value;
  const ServedMethod* method = nullptr;  // of a path
  CompressorSet::Mask accepts = 0;       // of an accept-encoding
};

// Encoded blocks of the requests for one path.
struct RequestCache {
  http2::BlockCache whole = {};   // of a request with nothing of its own
  http2::BlockCache pseudo = {};  // its beginning, up to where a timeout goes
  std::size_t list_size = 0;      // of the whole one; 0: not known yet
  bool is_path = true;            // false: nothing is sent with what is no ":path"
};

// What a header block of a request says, if it says nothing but known fields: the same bytes say the same
// again.
struct RequestHead {
  const ServedMethod* method = nullptr;
  http2::Tag path = 0;
  http2::Tag authority = 0;
  http2::Tag user_agent = 0;
  bool encoded = false;             // says something about encodings: the next two
  CompressorSet::Mask accepts = 0;  // those of ours that the client knows
  http2::Tag encoding = 0;          // none if it is identity
};

// Thread: belongs to the Conn's loop; everything is loop-only. Lifetime: destroyed by its owner, in or after
// on_closed.
class Connection final : private http2::EventSink, private Waiter, private Patience::Owner {
 public:
  Connection(std::unique_ptr<net::Conn> conn, const ConnectionOptions& options, ConnectionOwner& owner);
  ~Connection();

  void start();
  Loop& loop() const { return loop_; }
  http2::Session& session() { return session_; }
  ConnectionOwner& owner() const { return owner_; }
  const Addr& local_addr() const { return conn_->local_addr(); }
  const Addr& peer_addr() const { return conn_->peer_addr(); }
  const SharedAddr& shared_peer_addr() {
    if (!shared_peer_addr_) shared_peer_addr_ = SharedAddr(peer_addr());
    return shared_peer_addr_;
  }
  std::optional<PeerCredentials> peer_credentials() const { return peer_credentials_; }

  // Something was submitted to the session: it leaves at the end of this tick, with everything else.
  void flush_soon() {
    if (flush_queued_) return;
    flush_queued_ = true;
    loop_.post_tick_end(flush_node_);
  }
  bool ready() const { return state_ == State::kReady; }
  bool closing() const { return state_ >= State::kClosing; }
  // close() was called from within an event; it takes effect after it.
  bool about_to_close() const { return close_wanted_; }
  bool can_open() const { return state_ == State::kReady && !draining_ && session_.can_open(); }
  bool draining() const { return draining_; }
  // Client: bytes of the stream have been given to the Conn, or may have been.
  bool has_left(http2::StreamId id) const { return id < kept_back_from_; }

  // Client: a stream was opened; the last thing that is done for it there.
  void opened(http2::StreamId id) {
    if (id >= last_stream_id_ && !draining_) [[unlikely]]
      out_of_ids();
  }

  // Server: refuses new streams politely (GOAWAY with the largest id, a PING round trip of at most 5 s,
  // GOAWAY with the last id: gRPC A9) and closes when the last stream has ended. With no stream open it takes
  // Limits::goodbye_timeout at most. Client: opens none any more; closes likewise. Idempotent.
  void drain();
  // Client: it drains, and calls go on that the server has accepted.
  bool goes_on() const { return goes_on_; }
  // Client: a response has begun.
  bool answered() const {
    return session_.counts().frames[static_cast<std::size_t>(http2::FrameType::kHeaders)] > 0;
  }
  TimePoint begun() const { return begun_; }
  // Ends every stream and the connection now; on_closed follows from the loop. Idempotent. A connection error
  // says GOAWAY with `code` first.
  [[gnu::cold]] void close(Status why, http2::ErrorCode code = http2::ErrorCode::kNoError);

  // Closes what is one too many.
  void turn_away(Limit limit);

  // For the log. The peer ended it by breaking the protocol, by stopping in the middle, or never spoke it.
  bool broken() const { return broken_; }
  // The limit that it went beyond, and that ended it.
  Limit exceeded() const { return exceeded_; }
  const LimitPeaks* peaks() { return session_.peaks().kept(); }  // null: it came near none
  const Limits& limits() const { return limits_; }
  // The peer's GOAWAY says that it has not processed the stream, and will not.
  bool left_out(http2::StreamId id) const { return goaway_ && id > goaway_->last; }
  // What that GOAWAY said: "GOAWAY from tcp:10.0.0.7:4711: ENHANCE_YOUR_CALM \"too_many_pings\"". REQUIRES:
  // left_out() of some stream.
  std::string goaway_text() const { return "GOAWAY from " + peer_addr().to_string() + ": " + goaway_->said; }

  // Something about the peer that the log should know; true if it is to be written: the first time only, so
  // that no peer fills the log. The others are counted in ending().
  bool complain() { return complaints_++ == 0 && loop_.group().logs(); }
  // A line without its beginning: "ended: connection closed by tcp:10.0.0.7:4711".
  std::string ending(const Status& why) const;

  // Streams of this connection, for close and for reports.
  void add_stream(CallStream& stream);
  void remove_stream(CallStream& stream);
  CallStream* first_stream() const { return streams_; }
  std::size_t stream_count() const { return stream_count_; }
  // Server: a handler has a place from its start to its end, also when its stream was reset: a client that
  // opens and resets streams has no more of them running than it may have streams open. Handlers for which
  // there is no place wait, first come first served; whose turn it is has it before CallStream::on_place says
  // so.
  struct Place {
    Connection* on = nullptr;  // null: not taken, or the connection has gone
    Place* prev = nullptr;
    Place* next = nullptr;
    CallStream* waiting = nullptr;  // null: does not wait
  };
  bool take_place(Place& place, CallStream& stream);
  void give_place(Place& place);
  void forget_wait(Place& place);  // REQUIRES: it waits here

  std::size_t slot = 0;        // where its owner keeps it
  std::uint64_t stranger = 0;  // its number among its owner's connections that have not greeted; 0: none

  // Room for a message that is let in beyond its stream's window. False: this connection's budget, or the
  // Runtime's, has none left; the stream's want_more() is called when it has. One message at a time may go
  // beyond each budget: else all might have part of their room, and none the rest. An intermediary with one
  // window for all streams may have filled it with messages that wait, and then cannot send the others. So
  // while hardly anything comes, the waiting message that got least far is refused. So is one that has room
  // and hardly uses it.
  bool take_room(CallStream& stream, std::size_t bytes);
  void note_progress(CallStream& stream);
  void end_assembly(CallStream& stream);

  // For a header block that was truncated: the limit it is over, such as "8192 bytes".
  [[gnu::cold]] std::string breached_limit() const;

  // The window that each stream of the peer starts with.
  std::size_t stream_window() const { return stream_window_; }
  // What the link has been seen to bring ahead of an answer: as much of a message that somebody waits for may
  // be let in at once. 0: nothing is known.
  std::size_t window_of_link() const { return std::min(2 * meter_.per_round_trip(), largest_window_); }
  bool windows_grow() const { return largest_window_ > 0; }
  // For a stream that is read as it comes: so many bytes more may be sent ahead than its window of today.
  std::size_t grow_window(std::size_t window);
  void end_growth(std::size_t bytes);

  // Cached header blocks of requests, by path.
  RequestCache& request_cache(std::string_view path) {
    if (last_path_ && *last_path_ == path) [[likely]]
      return *last_cache_;
    return find_request_cache(path);
  }
  http2::BlockCache common_cache;    // what every request has after :authority, or every response header
  http2::BlockCache trailers_cache;  // "grpc-status: 0"

  // Tags for fields that will come again; 0 when there are too many.
  http2::Tag know(KnownField field);
  const KnownField& known(http2::Tag tag) const { return *known_[tag - kFirstKnown]; }
  static constexpr http2::Tag kFirstKnown = 64;

  // Whole request blocks; 0 when there are too many.
  http2::Tag know_head(const RequestHead& head);
  const RequestHead& known_head(http2::Tag tag) const { return heads_[tag - 1]; }

  // A stream whose trailers wait behind data: reset once they have left.
  void reset_when_sent(CallStream& stream);

 private:
  MemoryBudget& memory() const { return loop_.group().memory(); }
  [[gnu::noinline]] bool find_room(CallStream& stream, std::size_t more);
  [[gnu::cold]] void wait_for_room(CallStream& stream);
  void stop_waiting(CallStream& stream);
  void look_from_now();
  void look_in_time();
  void measure_link();  // after a read
  [[gnu::cold]] void let_in();
  [[gnu::cold]] void look_at_assemblies();
  [[gnu::cold]] void refuse_assembly(CallStream& stream, std::string_view why);

  enum class State : std::uint8_t { kHandshake, kReady, kClosing, kClosed };
  static constexpr std::size_t kMaxKnown = 256;
  static constexpr std::size_t kMaxHeads = 64;
  static constexpr std::size_t kMaxCachedPaths = 1024;

  struct Read : net::ReadOp {
    explicit Read(Connection& c) : ReadOp(&done), connection(c) {}
    static void done(Runnable& self) noexcept;
    Connection& connection;
    bool active = false;
  };
  struct Write : net::WriteOp {
    explicit Write(Connection& c) : WriteOp(&done), connection(c) {}
    static void done(Runnable& self) noexcept;
    Connection& connection;
    bool active = false;
  };
  struct Goaway {
    http2::StreamId last;
    http2::ErrorCode code;
    std::string said;  // the code, and the debug data in part
  };
  struct Node : Runnable {
    Node(Connection& c, Run run) : Runnable(run), connection(c) {}
    Connection& connection;
  };

  void read_on();
  bool take_read();  // false: the connection ended, or nothing is read for now
  void feed(Chain& data, std::string_view greeting);
  [[gnu::cold]] void feed_stranger(Chain& data);
  [[gnu::cold]] void feed_failed(const http2::Error& error, std::string_view greeting);
  [[gnu::noinline]] RequestCache& find_request_cache(std::string_view path);
  [[gnu::cold]] void end_of_input();
  [[gnu::cold]] void write_failed();
  [[gnu::cold]] std::string after_goaway() const;
  [[gnu::cold]] std::string unfinished_handshake() const;
  std::string quoted_greeting(const Chain& data) const;
  void settle();  // after the session was busy
  void flush();
  [[gnu::noinline]] void watch_write();
  [[gnu::cold]] void note_wait(Awaited what, Limit limit, Duration timeout);
  void start_write(Chain&& data);
  bool output_full() const;
  [[gnu::cold]] void pause_reading();
  [[gnu::cold]] void resume_reading();
  [[gnu::noinline]] void watch_header_block();
  [[gnu::cold]] void end_for(Limit limit, http2::ErrorCode code);
  [[gnu::cold]] void end_now(http2::ErrorCode code);
  [[gnu::cold]] void begin_goodbye();
  [[gnu::cold]] void say_goodbye();
  [[gnu::cold]] void read_away();
  bool lingers() const { return role_ == http2::Role::kServer && !conn_->in_memory(); }
  [[gnu::cold]] void end_goodbye();
  [[gnu::cold]] void finish_drain();
  [[gnu::cold]] void out_of_ids();
  void close_if_drained();
  void hold_place(Place& place);
  [[gnu::cold]] void finish_if_quiet();

  // http2::EventSink
  http2::Stream* on_open(http2::StreamId id) override;
  http2::Tag on_header(http2::Stream& stream, const http2::Field& field) override;
  void on_header_tag(http2::Stream& stream, http2::Tag tag) override;
  http2::Tag on_headers_end(http2::Stream& stream, http2::EndStream end, bool truncated) override;
  void on_repeated_block(http2::Stream& stream, http2::Tag tag, http2::EndStream end) override;
  void on_data(http2::Stream& stream, Bytes data, http2::EndStream end) override;
  void on_writable(http2::Stream& stream) override;
  void on_reset(http2::Stream& stream, http2::ErrorCode code) override;
  void on_stream_error(http2::Stream& stream, const http2::Error& error) override;
  void on_closed(http2::Stream& stream) override;
  void on_settings(const http2::Settings& peer) override;
  void on_settings_ack() override;
  void on_ping_ack(std::uint64_t payload) override;
  void on_goaway(http2::StreamId last, http2::ErrorCode code, std::string_view debug) override;

  void describe(std::string& out) const override;
  void on_impatient(Awaited what) override;

  // Constant after construction.
  const http2::Role role_;
  Loop& loop_;
  ConnectionOwner& owner_;
  const std::unique_ptr<net::Conn> conn_;
  const std::optional<PeerCredentials> peer_credentials_;
  const std::size_t stream_window_;
  const std::size_t largest_window_;  // 0: none grows
  const Limits& limits_;
  const std::size_t max_handlers_;
  const http2::StreamId last_stream_id_;
  const TimePoint begun_;

  http2::Session session_;
  State state_ = State::kHandshake;
  bool draining_ = false;
  bool goes_on_ = false;
  http2::StreamId kept_back_from_ = 0;  // streams from this one on are in the session's output
  http2::StreamId left_before_ = 0;     // the same, before the last write
  bool flush_queued_ = false;
  bool close_queued_ = false;
  bool busy_ = false;  // inside the session: closing has to wait
  bool close_wanted_ = false;
  bool read_queued_ = false;
  bool broken_ = false;
  bool reading_paused_ = false;
  bool header_block_watched_ = false;
  bool drained_ = false;         // closing because nothing is left to do
  bool saying_goodbye_ = false;  // closing, but what is being written may still leave, and be read
  Limit exceeded_ = Limit::kNone;
  std::uint64_t header_block_ = 0;     // the one that is watched
  std::size_t write_left_ = 0;         // bytes of the write in flight when its stall began
  std::unique_ptr<Chain> last_words_;  // wait for the write in flight
  std::size_t read_away_ = 0;          // bytes, while saying goodbye
  std::size_t complaints_ = 0;
  std::unique_ptr<Goaway> goaway_;  // the peer's, if there was one
  Status why_;
  std::uint64_t drain_ping_ = 0;   // payload of the PING between the two GOAWAYs; 0: none
  TimePoint goodbye_by_ = kNever;  // when an idle connection that drains has gone
  http2::ErrorCode close_code_ = http2::ErrorCode::kNoError;

  Read read_;
  Write write_;
  Node flush_node_;
  Node close_node_;
  Node read_node_;
  Patience patience_;

  CallStream* streams_ = nullptr;  // oldest first
  CallStream* last_stream_ = nullptr;
  std::size_t stream_count_ = 0;
  Place* places_ = nullptr;  // taken
  std::size_t places_taken_ = 0;
  Place* first_waiting_ = nullptr;  // for a place
  Place* last_waiting_ = nullptr;
  std::vector<CallStream*> reset_when_sent_;
  RoundTripMeter meter_;
  // Of the messages that are longer than their windows, and of what windows have grown by.
  std::size_t grown_ = 0;             // bytes, of windows
  std::size_t room_taken_ = 0;        // bytes
  std::size_t waiting_for_room_ = 0;  // messages
  TimePoint look_at_{};               // when what came is looked at next
  unsigned idle_looks_ = 0;           // in a row that saw hardly anything come while some waited
  bool room_refused_ = false;         // the last time it was asked for
  bool lacks_memory_ = false;         // some wait for the Runtime's; counted there
  std::size_t assembly_came_ = 0;     // bytes since it was last looked
  CallStream* beyond_budget_ = nullptr;

  std::unordered_map<std::string, RequestCache> request_caches_;
  const std::string* last_path_ = nullptr;
  RequestCache* last_cache_ = nullptr;
  std::unique_ptr<RequestCache> spare_cache_;
  std::vector<std::unique_ptr<const KnownField>> known_;  // streams point to their texts
  std::vector<RequestHead> heads_;
  SharedAddr shared_peer_addr_;  // null until there is a call
};

}  // namespace sluice::transport
