// ServerStream: running the handler and answering. The request's head is read in server_request.cc.
#include "transport/server_stream.h"

#include <algorithm>

#include "sluice/async/run_on.h"
#include "wire/error_map.h"
#include "wire/grpc_status.h"

namespace sluice::transport {

using http2::EndStream;
using http2::Field;
using http2::HeaderPart;
using http2::Indexing;

namespace {

std::string lower_case(std::string_view key) {
  std::string lower(key);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace

ServerStream::ServerStream(Loop& loop, const MessageLimits& limits, ServedMethods& methods)
    : CallStream(loop, limits),
      methods_(methods),
      call_context_(*this),
      start_node_(*this, [](Runnable& r) noexcept { static_cast<Node&>(r).stream.start_handler(); }),
      done_node_(*this, [](Runnable& r) noexcept { static_cast<Node&>(r).stream.handler_ended(); }),
      timer_(*this) {
  count_in();
}

ServerStream::~ServerStream() { slab_.give_back(loop_.blocks()); }

bool ServerStream::on_message(Received&& message) {
  if (ended_ || cancelled_) return false;
  if (!method_ || method_->client_streams) {
    queue_message(std::move(message));
    return true;
  }
  if (++requests_ > 1) {
    refuse_messages(Status(StatusCode::kUnimplemented, "the client sent more than one request message"));
    return false;
  }
  consume(message.bytes.size() + kPrefix);
  request_ = std::move(message.bytes);
  request_.keep_tight();  // it may wait for its end, or for a place
  request_compressed_ = message.compressed;
  return true;
}

void ServerStream::on_remote_end() {
  if (ended_ || cancelled_) return;
  if (!method_ || method_->client_streams) return end_reads(false);
  if (requests_ == 0)
    return refuse_messages(Status(StatusCode::kUnimplemented, "the client sent no request message"));
  start_soon();
}

// At once where that is allowed, while the stream is in the cache; it stays attached until the session has
// done with it.
void ServerStream::start_soon() {
  if (loop_.may_begin_inline() && !conn_->about_to_close()) return start_handler();
  start_queued_ = true;
  loop_.post(start_node_);
}

void ServerStream::start_handler() {
  start_queued_ = false;
  if (ended_ || cancelled_) {
    if (place_.of) place_.of->give(place_);
    return try_free();
  }
  if (!place_.of && !conn_->places().take(place_, *this)) return count_unread(request_.size());
  if (counts_unread()) [[unlikely]]
    count_unread();
  if (!methods_.handlers.enter()) [[unlikely]] {
    if (place_.of) place_.of->give(place_);
    return end(Status(StatusCode::kUnavailable, "server closed"));  // its connection is about to be closed
  }
  running_ = true;
  ++loop_.counts().calls;
  if (request_compressed_) [[unlikely]]
    return start_compressed();
  method_->handler(method_->object, *this);
}

// Not before: of the calls that wait for a place there may be many.
void ServerStream::start_compressed() {
  if (Status s = decompress(request_); !s.ok()) return reject(std::move(s));
  method_->handler(method_->object, *this);
}

bool ServerStream::on_place() {
  if (ended_ || cancelled_) return false;
  start_queued_ = true;  // from within the handler that gave its place: never at once
  loop_.post(start_node_);
  return true;
}

void ServerStream::run(Handler& handler) {
  handler_ = &handler;
  if (handler.start(loop_, done_node_)) handler_ended();
}

void ServerStream::drop(Handler& handler) {
  handler.~Handler();
  slab_.deallocate(&handler, 0);
}

void ServerStream::reject(Status status) {
  if (!ended_ && !cancelled_) complain(status);
  threw(std::move(status));
}

void ServerStream::threw(Status status) {
  end(status);
  stop_running();
  try_free();
}

void ServerStream::stop_running() {
  running_ = false;
  methods_.handlers.leave();
  --loop_.counts().calls;
  if (place_.of) place_.of->give(place_);
}

void ServerStream::handler_ended() {
  Message reply;
  Status status = handler_->finish(reply);
  if (!ended_ && !cancelled_) {
    if (status.ok() && reply.ops() != nullptr) status = send_message(reply, {});
    end(status);
  }
  drop(*std::exchange(handler_, nullptr));
  stop_running();
  try_free();
}

Status ServerStream::send_message(const Message& message, WriteOptions options) {
  Scratch scratch;
  Chain framed;
  if (Status s = encode(message, options, scratch, framed); !s.ok()) return s;
  if (!header_sent_) {
    if (Status s = send_header_block(); !s.ok()) return s;
  }
  conn_->session().submit_data(*this, std::move(framed), EndStream::kNo);
  conn_->flush_soon();
  return {};
}

OpRecord* ServerStream::start_send(const Message& message, WriteOptions options) {
  OpRecord* record = claim_send(*this);
  if (record->failed()) return record;
  if (ended_ || cancelled_) {
    complete_send(Status(StatusCode::kCancelled, "the call is over"));
    return record;
  }
  if (!header_sent_) {
    if (Status s = send_header_block(); !s.ok()) {
      fail(s);
      if (!record->done()) complete_send(std::move(s));
      return record;
    }
  }
  if (Status s = send_message(message, options); !s.ok()) {
    complete_send(std::move(s));
  } else {
    complete_send_when_queued();
  }
  return record;
}

void ServerStream::release(OpRecord& record) {
  const bool done = record.done();
  if (&record == &recv_) release_recv();
  if (&record == &send_) release_send();
  if (!done) fail(Status(StatusCode::kCancelled, "an operation of the call was given up"));
}

// What the handler's own streams found wrong.
void ServerStream::fail(Status status) {
  if (!loop_.leads()) {
    // It may have to be posted, and the handler may end before it arrives.
    failing_.fetch_add(1, std::memory_order_relaxed);
    return run_on(loop_, [this, status = std::move(status)]() mutable {
      fail(std::move(status));
      failing_.fetch_sub(1, std::memory_order_relaxed);
      try_free();
    });
  }
  if (ended_ || cancelled_) return;
  end(status);
  cancel_handler(std::string(status.message()));
}

Status ServerStream::send_header() {
  if (ended_ || cancelled_) return Status(StatusCode::kCancelled, "the call is over");
  if (!header_sent_) {
    if (Status s = send_header_block(); !s.ok()) return fail(s), s;
    conn_->flush_soon();
  }
  return {};
}

Status ServerStream::send_header_block() {
  if (!header_fields_ && !encoding_ &&
      conn_->session().submit_cached(*this, conn_->requests().common, EndStream::kNo)) {
    header_sent_ = true;
    return {};
  }
  return send_header_anew();
}

Status ServerStream::send_header_anew() {
  const Field fixed[] = {{":status", "200"}, {"content-type", content_type()}};
  HeaderPart parts[3] = {{fixed, content_type_ ? nullptr : &conn_->requests().common}, {}, {}};
  std::size_t n = 1;
  Field encoding;
  if (encoding_ && encoding_->sends) {
    encoding = {"grpc-encoding", encoding_->sends->name()};
    parts[n++] = {{&encoding, 1}, nullptr};
  }
  if (header_fields_) {
    parts[n++] = {header_fields_->fields(), nullptr};
    const std::span<const HeaderPart> all(parts, n);
    if (Status s = check_list_size("header", all); !s.ok()) return header_fields_.reset(), s;
  }
  header_sent_ = true;
  conn_->session().submit_headers(*this, {parts, n}, EndStream::kNo);
  return {};
}

// What the peer would not take must not be sent: it may drop the whole connection.
Status ServerStream::check_list_size(const char* what, std::span<const HeaderPart> parts) const {
  const std::size_t limit = conn_->session().peer_settings().max_header_list_size;
  const std::size_t size = http2::Session::list_size(parts);
  if (size <= limit) return {};
  return Status(StatusCode::kResourceExhausted,
                std::string("response ") + what + " list of " + std::to_string(size) +
                    " bytes exceeds the peer's limit of " + std::to_string(limit));
}

void ServerStream::send_trailers(const Status& status) {
  if (status.ok() && header_sent_ && !trailer_fields_ &&
      conn_->session().submit_cached(*this, conn_->requests().trailers, EndStream::kYes)) {
    return;
  }
  send_trailers_anew(status);
}

// Trailers, or Trailers-Only if there is no header: nothing was sent, and nobody has added to it. A message
// that would not fit into what the peer takes is cut, and details and the handler's fields are left out: the
// code must arrive.
void ServerStream::send_trailers_anew(const Status& status) {
  if (!header_sent_ && header_fields_ && !header_fields_->empty()) {
    if (Status too_long = send_header_anew(); !too_long.ok())
      return send_trailers_anew(status.ok() ? too_long : status);
  }
  const bool of_user = trailer_fields_ != nullptr;
  const Field fixed[] = {{":status", "200"}, {"content-type", content_type()}};
  const Field code[] = {{"grpc-status", wire::status_code_text(status.code())}};
  HeaderPart parts[3];
  std::size_t n = 0;
  if (!header_sent_) parts[n++] = {fixed, content_type_ ? nullptr : &conn_->requests().common};
  parts[n++] = {code, status.ok() ? &conn_->requests().trailers : nullptr};
  if (!status.ok()) {
    wire::MetadataFields& fields = trailer_fields();
    const std::size_t room =
        std::min<std::size_t>(conn_->session().peer_settings().max_header_list_size, 1 << 20);
    std::string text = wire::encode_grpc_message(status.message(), room / 2);
    // In base64, beside a text and a few fields.
    const bool details_fit = status.details().size() / 3 * 4 + text.size() + 512 <= room;
    if (!text.empty()) fields.add_plain("grpc-message", fields.keep(text));
    if (!status.details().empty() && details_fit)
      fields.add_checked({"grpc-status-details-bin", status.details()});
  }
  if (trailer_fields_) parts[n++] = {trailer_fields_->fields(), nullptr};
  if (of_user) {
    if (Status too_long = check_list_size("trailer", {parts, n}); !too_long.ok()) {
      trailer_fields_.reset();
      return send_trailers_anew(status.ok() ? too_long : status);
    }
  }
  header_sent_ = true;
  conn_->session().submit_headers(*this, {parts, n}, EndStream::kYes);
}

void ServerStream::end(const Status& status) {
  if (ended_) return;
  ended_ = true;
  if (conn_ && attached()) {
    send_trailers(status);
    // What the client still sends is of no use to anybody: tell it so.
    if (!remote_closed()) conn_->reset_when_sent(*this);
    conn_->flush_soon();
  }
  // A reply that waits for the client's credit does so until the deadline.
  if (timer_.armed() && !waits_for_credit()) loop_.disarm(timer_);
  end_reads(true);
  if (send_waiting()) complete_send(Status(StatusCode::kCancelled, "the call is over"));
}

void ServerStream::cancel_handler(std::string why) {
  if (cancelled_) return;
  cancelled_ = true;
  if (timer_.armed() && !(ended_ && waits_for_credit())) loop_.disarm(timer_);
  end_reads(true);
  if (send_waiting()) complete_send(Status(StatusCode::kCancelled, why));
  (first_context_ ? *first_context_ : context_).cancel(std::move(why));
}

void ServerStream::on_reset(http2::ErrorCode code) {
  cancel_handler("the client reset the stream: " + wire::error_code_text(code));
}

void ServerStream::on_stream_error(const http2::Error& error) {
  if (conn_->complain()) {
    loop_.group().log(LogLevel::kWarning, "stream error from " + conn_->peer_addr().to_string() + " for \"" +
                                              std::string(path_.substr(0, kMaxQuotedPath)) +
                                              "\": " + std::string(wire::error_code_name(error.code)) + ": " +
                                              std::string(error.what));
  }
  cancel_handler("stream error");
}

void ServerStream::on_connection_lost(Connection&, const Status& why) {
  if (!ended_) cancel_handler(std::string(why.message()));
  try_free();
}

void ServerStream::DeadlineTimer::expired(Runnable& self) noexcept {
  ServerStream& stream = static_cast<DeadlineTimer&>(static_cast<Timer&>(self)).stream;
  // A client whose own timer is later would take a reset for a cancellation, so it is told in so many words;
  // unless these had to wait behind what it does not let through.
  const bool running = !stream.ended_, tell = running && !stream.waits_for_credit();
  if (tell) stream.end(Status(StatusCode::kDeadlineExceeded, "deadline exceeded"));
  if (running) stream.cancel_handler("deadline exceeded");
  if (!tell) stream.reset(http2::ErrorCode::kCancel);
}

const Context& ServerStream::shared_context() {
  if (!context_) {
    context_ = Context().with_deadline(deadline_);
    if (cancelled_) context_.cancel("the call is over");
  }
  return context_;
}

void ServerStream::set_context(Context context) {
  if (!first_context_) first_context_ = std::make_unique<Context>(shared_context());
  context_ = std::move(context);
}

Status ServerStream::CallContext::add_header(std::string_view key, std::string_view value) {
  if (stream.header_sent_) return Status(StatusCode::kFailedPrecondition, "the header has been sent");
  return stream.add(stream.header_fields(), {key, value});
}

Status ServerStream::CallContext::add_trailer(std::string_view key, std::string_view value) {
  return stream.add(stream.trailer_fields(), {key, value});
}

Status ServerStream::add(wire::MetadataFields& fields, KV pair) {
  std::string lower;
  if (std::string why = check_metadata(pair); !why.empty()) {
    lower = lower_case(pair.key);
    pair.key = lower;
    why = check_metadata(pair);
    if (!why.empty() && !was_received(pair)) return Status(StatusCode::kInternal, std::move(why));
    // A handler may send back what it was sent, whatever its client may say and it may not (gRPC
    // PROTOCOL-HTTP2, "Custom-Metadata"): an odd value goes as it came, what is the request's own is left
    // out.
    if (!why.empty() && !check_metadata({pair.key, ""}).empty()) return {};
  }
  fields.add_checked({fields.keep(pair.key), fields.keep(pair.value)});
  return {};
}

bool ServerStream::was_received(KV pair) const {
  for (const KV received : request_metadata()) {
    if (received == pair) return true;
  }
  return false;
}

Status ServerStream::set_compression_algorithm(std::string_view name) {
  if (header_sent_) return Status(StatusCode::kFailedPrecondition, "the header has been sent");
  if (encoding_) encoding_->sends = nullptr;
  if (name.empty() || name == "identity") return {};
  const CompressorSet& known = methods_.compression().known;
  if (Status s = known.check(name); !s.ok()) return Status(StatusCode::kInternal, std::string(s.message()));
  if ((head_.accepts & known.mask_of(name)) == 0) {
    return Status(StatusCode::kFailedPrecondition,
                  "the client does not accept the encoding \"" + std::string(name) + "\"");
  }
  encoding().sends = known.share(name);
  return {};
}

wire::MetadataFields& ServerStream::header_fields() {
  if (!header_fields_) header_fields_ = std::make_unique<wire::MetadataFields>();
  return *header_fields_;
}

wire::MetadataFields& ServerStream::trailer_fields() {
  if (!trailer_fields_) trailer_fields_ = std::make_unique<wire::MetadataFields>();
  return *trailer_fields_;
}

void ServerStream::describe(std::string& out) const {
  if (handler_) out += "handler of " + std::string(path_);
}

void ServerStream::try_free() {
  if (attached() || conn_ || running_ || start_queued_) return;
  if (failing_.load(std::memory_order_relaxed) > 0) return;
  methods_.on_stream_gone(*this);
  Loop& loop = loop_;
  this->~ServerStream();
  loop.blocks().give(this, sizeof *this);
}

}  // namespace sluice::transport
