// Connection: one Conn and its HTTP/2 session: the read and write loops, the streams, drain and close. Client
// and server share it; what differs is behind the two kinds of CallStream.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "call/handler_places.h"
#include "call/shared_addr.h"
#include "call/transport.h"
#include "http2/session.h"
#include "sluice/async/detail/queues.h"
#include "transport/assemblies.h"
#include "transport/header_reading.h"
#include "transport/link_windows.h"
#include "transport/patience.h"
#include "transport/peer_goaway.h"
#include "transport/request_memory.h"
#include "transport/stream_list.h"

namespace sluice::inline v0::transport {

class CallStream;

struct ConnectionOptions : call::TransportOptions {
  http2::Role role = http2::Role::kClient;
  // Client: the connection drains once a stream has this id. Ids are not used again (RFC 9113 section 5.1.1);
  // at three quarters of them there is time to connect anew before they run out.
  http2::StreamId last_stream_id = http2::kMaxStreamId / 4 * 3;
};

// Payloads of PINGs, by what they are for.
enum class Ping : std::uint64_t {
  kRoundTrip = 0x736c'7569'6365'7274,
  kDrain = 0x736c'7569'6365'6472,
};

// Thread: belongs to the Conn's loop; everything is loop-only. Lifetime: destroyed by its owner, in or after
// on_closed.
class Connection final : public call::Transport,
                         private http2::EventSink,
                         private detail::StuckReporter,
                         private Patience::Owner {
 public:
  Connection(std::unique_ptr<net::Conn> conn, const ConnectionOptions& options, call::TransportOwner& owner);
  ~Connection() override;

  // call::Transport
  void start() override;
  const Addr& peer_addr() const override { return conn_->peer_addr(); }
  bool open(call::MadeCall& call, const Message* request) override;
  std::optional<std::uint32_t> calls_allowed() const override;
  bool goes_on() const override { return drain_.goes_on; }
  bool answered() const override {
    return session_.counts().frames[static_cast<std::size_t>(http2::FrameType::kHeaders)] > 0;
  }
  // Server: GOAWAY with the largest id, a PING round trip of at most 5 s, GOAWAY with the last id (gRPC A9).
  // With no stream open it takes Limits::goodbye_timeout at most.
  void drain() override;
  void close(Status why) override { close(std::move(why), http2::ErrorCode::kNoError); }
  void turn_away(Limit limit) override;

  Loop& loop() const { return loop_; }
  http2::Session& session() { return session_; }
  call::TransportOwner& owner() const { return owner_; }
  const Addr& local_addr() const { return conn_->local_addr(); }
  const call::SharedAddr& shared_peer_addr() {
    if (!peer_.shared_addr) peer_.shared_addr = call::SharedAddr(peer_addr());
    return peer_.shared_addr;
  }
  std::optional<PeerCredentials> peer_credentials() const { return peer_.credentials; }

  // Something was submitted to the session: it leaves at the end of this tick, with everything else.
  void flush_soon() {
    if (flush_node_.queued) return;
    flush_node_.queued = true;
    loop_.post_tick_end(flush_node_);
  }
  bool ready() const { return state_ == State::kReady; }
  bool closing() const { return state_ >= State::kClosing; }
  bool can_open() const override { return state_ == State::kReady && !drain_.begun && session_.can_open(); }
  bool draining() const { return drain_.begun; }
  // Client: bytes of the stream have been given to the Conn, or may have been.
  bool has_left(http2::StreamId id) const { return id < departures_.kept_back_from; }

  // Client: a stream was opened; the last thing that is done for it there.
  void opened(http2::StreamId id) {
    if (id >= departures_.last && !drain_.begun) [[unlikely]]
      out_of_ids();
  }

  const Limits& limits() const { return limits_; }
  const PeerGoaway& goaway() const { return goaway_; }
  // "GOAWAY from tcp:10.0.0.7:4711: ENHANCE_YOUR_CALM \"too_many_pings\"". REQUIRES that there was one.
  std::string goaway_text() const { return "GOAWAY from " + peer_addr().to_string() + ": " + goaway_.text(); }

  // Something about the peer that the log should know; true if it is to be written: the first time only, so
  // that no peer fills the log. The others are counted at the end.
  bool complain() { return ending_.complaints++ == 0 && loop_.group().logs(); }

  // Server: `node` runs when what was read has been dealt with: a handler may do anything, and the session is
  // not to be found in the middle of a frame.
  void start_soon(Runnable& node) {
    if (!loop_.may_begin_inline()) return loop_.post(node);
    if (start_ == nullptr) [[likely]] {
      start_ = &node;
    } else {
      more_starts_.push(node);
    }
  }

  // Streams of this connection, for close and for reports.
  void add_stream(CallStream& stream) { streams_.push(stream); }
  void remove_stream(CallStream& stream) {
    streams_.remove(stream);
    if (!reset_when_sent_.empty()) std::erase(reset_when_sent_, &stream);
  }

  // What it is made of, for its streams.
  call::HandlerPlaces& places() { return places_; }
  Assemblies& assemblies() { return assemblies_; }
  LinkWindows& windows() { return windows_; }
  RequestMemory& requests() { return requests_; }
  RequestReading& request_reading() { return reading_.request; }
  ResponseReading& response_reading() { return reading_.response; }

  // For a header block that was truncated: the limit it is over, such as "8192 bytes".
  [[gnu::cold]] std::string breached_limit() const;

  // A stream whose trailers wait behind data: reset once they have left.
  void reset_when_sent(CallStream& stream);

 private:
  void measure_link();  // after a read

  enum class State : std::uint8_t { kHandshake, kReady, kClosing, kClosed };

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
  struct Node : Runnable {
    Node(Connection& c, Run run) : Runnable(run), connection(c) {}
    Connection& connection;
    bool queued = false;
  };
  // Which streams have left. Client.
  struct Departures {
    http2::StreamId kept_back_from = 0;     // streams from this one on are in the session's output
    http2::StreamId before_last_write = 0;  // the same, before the last write
    const http2::StreamId last;             // the connection drains once it was opened
  };
  struct Reading {
    RequestReading request;
    ResponseReading response;
  };
  struct Peer {
    const std::optional<PeerCredentials> credentials;
    call::SharedAddr shared_addr = {};  // null until there is a call
  };
  // What ends the connection, and what the log will say of it.
  struct Ending {
    std::size_t complaints = 0;
    bool wanted = false;  // from within the session; it ends when that has returned
    bool broken = false;
    Limit exceeded = Limit::kNone;
    http2::ErrorCode code = http2::ErrorCode::kNoError;
    Status why;
  };
  struct Drain {
    bool begun = false;
    bool goes_on = false;        // with calls that the server has accepted
    bool pinging = false;        // between the two GOAWAYs: an acknowledgement is awaited
    bool done = false;           // closing because nothing is left to do
    TimePoint gone_by = kNever;  // when an idle connection has gone
  };
  // While the connection is closing, but its last frames may still leave, and be read.
  struct Goodbye {
    bool is_said = false;
    std::unique_ptr<Chain> last_words;  // wait for the write in flight
    std::size_t read_away = 0;          // bytes
  };
  // What a slow peer makes wait.
  struct Stalls {
    bool reading_paused = false;
    bool block_watched = false;
    std::uint64_t block = 0;     // the header block that is watched
    std::size_t write_left = 0;  // bytes of the write in flight when its stall began
  };

  // A connection error says GOAWAY with `code` first.
  [[gnu::cold]] void close(Status why, http2::ErrorCode code);
  [[gnu::cold]] call::TransportEnd ending();
  void read_on();
  bool take_read();  // false: the connection ended, or nothing is read for now
  void feed(Chain& data, std::string_view greeting);
  [[gnu::cold]] void feed_stranger(Chain& data);
  [[gnu::cold]] void feed_failed(const http2::Error& error, std::string_view greeting);
  [[gnu::cold]] void end_of_input();
  [[gnu::cold]] void write_failed();
  [[gnu::cold]] std::string after_goaway() const;
  [[gnu::cold]] std::string unfinished_handshake() const;
  std::string quoted_greeting(const Chain& data) const;
  void run_starts();
  void settle();  // after the session
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
  call::TransportOwner& owner_;
  const std::unique_ptr<net::Conn> conn_;
  const Limits& limits_;

  http2::Session session_;
  State state_ = State::kHandshake;
  bool in_session_ = false;  // closing has to wait
  Peer peer_;
  Departures departures_;
  Ending ending_;
  Drain drain_;
  Goodbye goodbye_;
  Stalls stalls_;
  PeerGoaway goaway_;

  Read read_;
  Write write_;
  Node flush_node_;
  Node close_node_;
  Node read_node_;
  Patience patience_;

  StreamList streams_;
  std::vector<CallStream*> reset_when_sent_;
  Runnable* start_ = nullptr;                // null but while something is read
  detail::ReadyQueue more_starts_{nullptr};  // behind it
  call::HandlerPlaces places_;
  LinkWindows windows_;
  Assemblies assemblies_;
  RequestMemory requests_;
  Reading reading_;
};

}  // namespace sluice::inline v0::transport
