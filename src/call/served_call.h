// ServedCall: one call as its server sees it: its method, deadline and metadata, admission by interceptors,
// the handler, its place and memory, and the one status.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "call/call.h"
#include "call/call_slab.h"
#include "call/handler_places.h"
#include "call/served_method.h"

namespace sluice::inline v0::call {

// Thread: loop-only. Lifetime: frees itself when its handler has ended and its transport has let go of it.
class ServedCall final : public sluice::ServerStream, public Call, private ServerCall {
 public:
  // Of what a peer chose, in statuses and the log.
  static constexpr std::size_t kMaxQuotedPath = 256;  // bytes

  // With room for a stream of that many bytes behind it.
  static ServedCall* make(Loop& loop, const MessageLimits& limits, ServedMethods& methods,
                          std::size_t stream_size);

  // For its server.
  bool running() const { return handler_ != nullptr; }
  bool is_cancelled() const { return cancelled_; }
  bool held_by_transport() const { return held_by_transport_; }
  std::string_view path() const { return path_; }
  TimePoint started() const { return started_; }
  // REQUIRES: it runs, or its transport holds it.
  const Addr& peer_address() const { return origin_ ? origin_->peer : transport_stream()->peer(); }
  // In the server's list of its calls.
  struct Links {
    ServedCall* prev;
    ServedCall* next;
  };
  Links served;  // set by the server

  // For its transport.

  void* stream_room() { return reinterpret_cast<std::byte*>(this) + stream_offset(); }
  // The stream is made, and the transport holds it until let_go(). Handlers take their places there.
  void opened(ServerTransportStream& stream, HandlerPlaces& places) {
    Call::opened(stream);
    places_ = &places;
  }
  const ServedMethods& methods() const { return methods_; }
  const ServedMethod* method() const { return method_; }
  // `path` must live until let_go(). Null: nobody serves it.
  void set_method(const ServedMethod* method, std::string_view path) {
    method_ = method;
    path_ = path;
  }
  // The codec that the client names: "json" in "application/grpc+json". `subtype` lives as long as the call.
  void set_content_subtype(std::string_view subtype);
  // Those of our compressors that the client knows.
  void set_accepted(CompressorSet::Mask accepted) { accepted_ = accepted; }
  Metadata& received_metadata() { return metadata_; }
  // The request is complete but for its messages: its deadline counts, and interceptors and the handler come.
  // kNoTimeout: there is none. False: the call has ended. REQUIRES a method.
  bool begin(Duration timeout);
  // The peer has half-closed, behind all its messages.
  void on_remote_end();
  // The head was right, and what follows it is not.
  void refuse_messages(const Status& status);
  // The final status, unless there is one.
  void end(const Status& status);
  // The transport has said how it ended, in words of its own.
  void set_ended();
  // The client has gone, or broken off; a handler that runs is told.
  [[gnu::cold]] void cancel_handler(std::string why);
  bool over() const { return ended_ || cancelled_; }
  // Header and trailer that the handler has set.
  bool header_sent() const { return header_sent_; }
  void set_header_sent() { header_sent_ = true; }
  Metadata& header_fields() { return header_; }
  Metadata& trailer_fields() { return trailer_; }
  // Before the stream is let go of: what is borrowed from its connection must be copied.
  void on_detaching();
  void let_go() {
    held_by_transport_ = false;
    try_free();
  }
  void on_connection_lost(const Status& why);
  // For HandlerPlaces: the place is free that it waited for, and is its own from then on. False: it is not
  // wanted any more.
  bool on_place();

  // Call
  bool on_message(Message&& message, bool compressed) override;
  void on_bad_message(Status status) override;
  void describe(std::string& out) const override;

  // sluice::ServerStream
  Loop& loop() const override { return loop_; }
  const Codec* codec() const override { return codec_; }
  detail::OpRecord* start_recv() override { return Call::start_recv(*this); }
  detail::OpRecord* start_send(const Message& message, WriteOptions options) override;
  void release(detail::OpRecord& record) override;
  void keep(detail::OpRecord&) override { inbox_.keep(); }
  bool message_compressed() const override { return inbox_.record().compressed || request_.compressed; }
  void fail(Status status) override;
  void misused(Status why) override { fail(Status(StatusCode::kInternal, std::string(why.message()))); }
  ServerContext& context() override { return call_context_; }
  Status send_header() override;
  void finish(Status status) override;

 private:
  // What a handler may ask about the connection.
  struct Origin {
    std::string path;
    Addr peer;
    Addr local;
    std::optional<PeerCredentials> peer_credentials;
  };
  // The one request of a method that takes no stream, which lies in the inbox.
  struct Request {
    bool compressed = false;
    bool told = false;  // the stream knows that it is held
    std::uint32_t count = 0;
  };
  // How far the call is on its way to its handler.
  struct Start {
    bool queued = false;          // start_node_ is
    bool to_be_admitted = false;  // interceptors are to be asked first
    bool ready = false;           // the request is there, as far as the handler waits for it
    Status failure;               // of the body, seen before interceptors were asked
  };
  struct Node : Runnable {
    Node(ServedCall& c, Run run) : Runnable(run), call(c) {}
    ServedCall& call;
  };
  struct DeadlineTimer : Timer {
    explicit DeadlineTimer(ServedCall& c) : Timer(&expired), call(c) {}
    static void expired(Runnable& self) noexcept;
    ServedCall& call;
  };
  // What the handler sees; frames of its coroutine come from the call's slab.
  struct CallContext final : ServerContext {
    explicit CallContext(ServedCall& c) : call(c) {}
    std::string_view method() const override { return call.path_; }
    const Metadata& metadata() const override { return call.request_metadata(); }
    TimePoint deadline() const override { return call.deadline_; }
    bool cancelled() const override { return call.cancelled_; }
    const Addr& peer() const override { return call.peer_address(); }
    const Addr& local() const override {
      return call.origin_ ? call.origin_->local : call.transport_stream()->local();
    }
    std::optional<PeerCredentials> peer_credentials() const override {
      return call.origin_ ? call.origin_->peer_credentials : call.transport_stream()->peer_credentials();
    }
    const Context& context() override { return call.shared_context(); }
    const Context& draining() const override { return call.methods_.draining(); }
    Loop& loop() const override { return call.loop_; }
    void set_context(Context context) override { call.set_context(std::move(context)); }
    Status add_header(std::string_view key, std::string_view value) override;
    Status add_trailer(std::string_view key, std::string_view value) override;
    Status set_compression_algorithm(std::string_view name) override {
      return call.set_compression_algorithm(name);
    }
    bool message_compressed() const override { return call.message_compressed(); }
    void* allocate_frame(std::size_t size) override { return call.allocate(size, alignof(std::max_align_t)); }
    void free_frame(void* frame, std::size_t size) override { call.slab_.deallocate(frame, size); }
    ServedCall& call;
  };
  ServedCall(Loop& loop, const MessageLimits& limits, ServedMethods& methods, std::size_t size);
  ~ServedCall();

  static std::size_t stream_offset() { return round_up(sizeof(ServedCall)); }
  ServerTransportStream* transport_stream() const { return static_cast<ServerTransportStream*>(stream_); }

  // For CallContext.
  const Metadata& request_metadata() const;
  const Context& shared_context();
  void set_context(Context context);
  Status set_compression_algorithm(std::string_view name);
  [[gnu::noinline]] Status add(Metadata& fields, KV pair);
  bool was_received(KV pair) const;

  // ServerCall
  sluice::ServerStream& stream() override { return *this; }
  const Message& request() const override { return inbox_.only(); }
  void release_request() override {
    if (one_message_) inbox_.only().clear();
  }
  void run(Handler& handler) override;
  void drop(Handler& handler) override;
  void reject(Status status) override;
  void threw(Status status) override;
  void* allocate(std::size_t size, std::size_t align) override {
    return slab_.allocate(loop_.blocks(), method_->slab_size, size, align);
  }

  [[gnu::cold]] Status out_of_memory() const;
  [[gnu::noinline]] bool admitted();  // false: an interceptor has ended the call
  [[gnu::cold]] bool comes_too_early(const Status& why);
  [[gnu::cold]] void complain(const Status& why);
  void queue_start();
  void start_soon();
  void start();
  [[gnu::noinline]] void start_admission();
  void start_handler();
  [[gnu::noinline]] void start_compressed();
  void handler_ended();
  [[noreturn, gnu::cold]] void stream_outlived() const;
  void stop_running();
  void end_all_reads(std::string_view why);
  bool waits_for_credit() const { return held_by_transport_ && stream_->unsent() > 0; }
  void keep_origin();
  void try_free();

  ServedMethods& methods_;
  const std::uint32_t size_;  // bytes, with the stream behind
  const ServedMethod* method_ = nullptr;
  std::string_view path_;  // the stream's, and origin_'s once that is let go of
  TimePoint started_{};
  TimePoint deadline_ = kNever;
  std::unique_ptr<const Origin> origin_;  // once let go of, for a handler that is still to run or runs on
  CompressorSet::Mask accepted_ = 0;
  mutable Metadata metadata_;
  mutable bool metadata_complete_ = false;
  Request request_;
  HandlerPlaces* places_ = nullptr;  // of its connection
  HandlerPlaces::Place place_;       // while it waits for one, and while running; may outlive places_
  std::atomic<int> crossing_{0};     // fail() on its way to the loop; any thread
  Start start_;
  bool running_ = false;  // counted as a call
  bool header_sent_ = false;
  bool ended_ = false;  // a status was sent, or reset
  bool cancelled_ = false;
  Metadata header_;
  Metadata trailer_;
  Context context_;                         // made when the handler asks for it
  std::unique_ptr<Context> first_context_;  // the one that is cancelled, if there is another one for users
  CallContext call_context_;
  Handler* handler_ = nullptr;
  Node start_node_;
  Node done_node_;
  DeadlineTimer timer_;
  CallSlab slab_;
};

}  // namespace sluice::inline v0::call
