// ServerStream: one call as its server sees it: the request's head checked and understood, the handler run,
// its reply, header and trailer sent.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/rpc/interceptor.h"
#include "sluice/rpc/service.h"
#include "transport/call_slab.h"
#include "transport/call_stream.h"
#include "wire/content_type.h"
#include "wire/metadata_fields.h"

namespace sluice::transport {

// A method as the server serves it.
struct ServedMethod {
  std::string path;
  bool client_streams = true;  // false: exactly one request message, complete before the handler runs
  void (*handler)(void* object, ServerCall& call) = nullptr;
  void* object = nullptr;
  std::span<const InterceptorRef<ServerInterceptor>> interceptors = {};  // asked before the body is read
  // Bytes that a call of it has needed for its handler and frames; 0: not known yet. Any thread.
  mutable std::atomic<std::uint32_t> slab_size{0};
};

class ServerStream;

// How many handlers run on one loop, for whoever ends the server on another one.
//
// Thread: enter and leave are loop-only, count is for any. Where there are other loops each side says what it
// does before it looks at the other: a handler counts itself and then asks whether the server is `gone`; the
// server is gone and then counts. One loop needs no such order, and pays for none.
class RunningHandlers {
 public:
  explicit RunningHandlers(const std::atomic<bool>* gone) : gone_(gone) {}
  // False: the server has gone, and what handlers use with it.
  bool enter() {
    if (gone_ == nullptr) {
      count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return true;
    }
    count_.fetch_add(1);
    if (!gone_->load()) return true;
    leave();
    return false;
  }
  void leave() { count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_release); }
  std::size_t count() const { return count_.load(); }

 private:
  const std::atomic<bool>* const gone_;  // null: there is one loop
  std::atomic<std::uint32_t> count_{0};
};

// What a server tells the calls of a connection. Constant while it serves.
class ServedMethods {
 public:
  virtual const ServedMethod* find(std::string_view path) const = 0;
  virtual Status not_found(std::string_view path) const = 0;
  virtual const Compression& compression() const = 0;
  virtual const CodecSet& codecs() const = 0;
  // The stream is about to be freed: its handler has ended and its connection has let go of it. Loop-only.
  virtual void on_stream_gone(ServerStream& stream) = 0;

  RunningHandlers handlers;

 protected:
  explicit ServedMethods(const std::atomic<bool>* gone) : handlers(gone) {}
  ~ServedMethods() = default;
};

// Thread: loop-only. Lifetime: frees itself when its handler has ended and the session has let go of it.
class ServerStream final : public sluice::ServerStream, public CallStream, private ServerCall {
 public:
  ServerStream(Loop& loop, const MessageLimits& limits, ServedMethods& methods);

  bool running() const { return handler_ != nullptr; }
  bool is_cancelled() const { return cancelled_; }
  std::string_view path() const { return path_; }
  TimePoint started() const { return started_; }
  const Addr& peer_address() const { return own_ ? own_->peer : conn_->peer_addr(); }

  // In the server's list of its streams.
  ServerStream* prev_served = nullptr;
  ServerStream* next_served = nullptr;

  // sluice::ServerStream
  Loop& loop() const override { return loop_; }
  const Codec* codec() const override { return codec_; }
  OpRecord* start_recv() override { return CallStream::start_recv(*this); }
  OpRecord* start_send(const Message& message, WriteOptions options) override;
  void release(OpRecord& record) override;
  bool message_compressed() const override { return recv_.compressed || request_compressed_; }
  void fail(Status status) override;
  void misused(Status why) override { fail(Status(StatusCode::kInternal, std::string(why.message()))); }
  ServerContext& context() override { return call_context_; }
  Status send_header() override;

 private:
  static constexpr std::size_t kMaxQuotedPath = 256;  // bytes of what a peer chose, in statuses and the log

  // What a handler may ask about the connection.
  struct Origin {
    Addr peer;
    Addr local;
    std::optional<PeerCredentials> peer_credentials;
  };
  struct Node : Runnable {
    Node(ServerStream& s, Run run) : Runnable(run), stream(s) {}
    ServerStream& stream;
  };
  struct DeadlineTimer : Timer {
    explicit DeadlineTimer(ServerStream& s) : Timer(&expired), stream(s) {}
    static void expired(Runnable& self) noexcept;
    ServerStream& stream;
  };
  // What the handler sees; frames of its coroutine come from the call's slab.
  struct CallContext final : ServerContext {
    explicit CallContext(ServerStream& s) : stream(s) {}
    std::string_view method() const override { return stream.path_; }
    const Metadata& metadata() const override { return stream.request_metadata(); }
    TimePoint deadline() const override { return stream.deadline_; }
    bool cancelled() const override { return stream.cancelled_; }
    const Addr& peer() const override { return stream.peer_address(); }
    const Addr& local() const override {
      return stream.own_ ? stream.own_->local : stream.conn_->local_addr();
    }
    std::optional<PeerCredentials> peer_credentials() const override {
      return stream.own_ ? stream.own_->peer_credentials : stream.conn_->peer_credentials();
    }
    const Context& context() override { return stream.shared_context(); }
    Loop& loop() const override { return stream.loop_; }
    void set_context(Context context) override { stream.set_context(std::move(context)); }
    Status add_header(std::string_view key, std::string_view value) override;
    Status add_trailer(std::string_view key, std::string_view value) override;
    Status set_compression_algorithm(std::string_view name) override {
      return stream.set_compression_algorithm(name);
    }
    bool message_compressed() const override { return stream.message_compressed(); }
    void* allocate_frame(std::size_t size) override {
      return stream.allocate(size, alignof(std::max_align_t));
    }
    void free_frame(void* frame, std::size_t size) override { stream.slab_.deallocate(frame, size); }
    ServerStream& stream;
  };
  ~ServerStream();

  // CallStream
  http2::Tag on_header(const http2::Field& field) override;
  void on_header_tag(http2::Tag tag) override;
  http2::Tag on_headers_end(http2::EndStream end, bool truncated) override;
  void on_repeated_block(http2::Tag tag, http2::EndStream end) override;
  void on_reset(http2::ErrorCode code) override;
  void on_stream_error(const http2::Error& error) override;
  void on_detached(Connection&) override { try_free(); }
  void on_detaching() override;
  [[gnu::noinline]] void keep_origin();
  void on_connection_lost(Connection& connection, const Status& why) override;
  bool on_place() override;
  void describe(std::string& out) const override;
  bool on_message(Received&& message) override;
  void on_remote_end() override;
  void on_bad_message(Status status) override;
  bool wants_message() const override {
    return (method_ && !method_->client_streams) || CallStream::wants_message();
  }

  // For CallContext.
  const Metadata& request_metadata() const;
  const Context& shared_context();
  void set_context(Context context);
  Status set_compression_algorithm(std::string_view name);
  [[gnu::noinline]] Status add(wire::MetadataFields& fields, KV pair);
  bool was_received(KV pair) const;
  wire::MetadataFields& header_fields();
  wire::MetadataFields& trailer_fields();

  // ServerCall
  sluice::ServerStream& stream() override { return *this; }
  const Chain& request() const override { return request_; }
  void release_request() override { request_.clear(); }
  void run(Handler& handler) override;
  void drop(Handler& handler) override;
  void reject(Status status) override;
  void threw(Status status) override;
  void* allocate(std::size_t size, std::size_t align) override {
    return slab_.allocate(loop_.blocks(), method_->slab_size, size, align);
  }

  struct Refusal {
    int http_status = 200;
    Status status;
  };
  // REQUIRES: attached.
  RequestReading& reading() const { return conn_->request_reading(); }
  http2::Tag known_field(http2::Tag tag);
  void set_content_type(std::string_view type, std::string_view subtype);
  // Of the response: the request's subtype, if it names one.
  std::string_view content_type() const { return content_type_ ? *content_type_ : wire::kGrpcContent; }
  [[gnu::noinline]] http2::Tag on_encoding(const http2::Field& field);
  [[gnu::noinline]] void settle_encoding();
  bool bad_encoding() const { return encoding_ && !encoding_->unknown.empty(); }
  Refusal check_head() const;
  void settle_authority();
  void accept(http2::EndStream end);
  [[gnu::noinline]] bool admitted();  // false: an interceptor has ended the call
  [[gnu::cold]] Status out_of_memory() const;
  [[gnu::cold]] void refuse(const Refusal& refusal);
  [[gnu::cold]] void refuse_messages(const Status& status);
  // A line in the log, if it is the first about this connection.
  [[gnu::cold]] void complain(const Status& why);
  void start_soon();
  void start_handler();
  [[gnu::noinline]] void start_compressed();
  void handler_ended();
  Status send_header_block();
  [[gnu::noinline]] Status send_header_anew();
  void stop_running();
  Status send_message(const Message& message, WriteOptions options);
  void end(const Status& status);  // sends trailers, unless the call is over
  void send_trailers(const Status& status);
  [[gnu::noinline]] void send_trailers_anew(const Status& status);
  Status check_list_size(const char* what, std::span<const http2::HeaderPart> parts) const;
  bool waits_for_credit() const { return conn_ && attached() && queued() > 0; }
  [[gnu::cold]] void cancel_handler(std::string why);  // the call is over; the handler is told
  void try_free();

  ServedMethods& methods_;
  const ServedMethod* method_ = nullptr;
  std::string_view path_;  // in path_text_ or the connection's known fields; own text once detached
  std::string path_text_;
  TimePoint started_{};
  TimePoint deadline_ = kNever;
  std::unique_ptr<const Origin> own_;  // once detached, for a handler that is still to run or runs on

  RequestHead head_;
  bool head_done_ = false;
  mutable Metadata metadata_;
  mutable bool metadata_complete_ = false;

  Chain request_;
  bool request_compressed_ = false;
  std::uint32_t requests_ = 0;
  HandlerPlaces::Place place_;   // while it waits for one, and while running; may outlive conn_
  std::atomic<int> failing_{0};  // fail() on its way to the loop; any thread
  bool start_queued_ = false;
  bool running_ = false;  // counted as a call
  bool header_sent_ = false;
  bool ended_ = false;  // trailers sent, or reset
  bool cancelled_ = false;
  std::unique_ptr<std::string> content_type_;  // null: the usual one
  std::unique_ptr<wire::MetadataFields> header_fields_;
  std::unique_ptr<wire::MetadataFields> trailer_fields_;
  Context context_;                         // made when the handler asks for it
  std::unique_ptr<Context> first_context_;  // the one that is cancelled, if there is another one for users
  CallContext call_context_;
  Handler* handler_ = nullptr;
  Node start_node_;
  Node done_node_;
  DeadlineTimer timer_;
  CallSlab slab_;
};

}  // namespace sluice::transport
