// MadeCall: starting, keeping the request, and the one end.
#include "call/made_call.h"

#include <algorithm>

#include "sluice/async/run_on.h"

namespace sluice::inline v0::call {

MadeCall* MadeCall::make(Kind kind, Loop& loop, const MessageLimits& limits, const ClientIdentity& identity,
                         const MethodInfo& method, const CallOptions& options) {
  const std::size_t size = stream_offset(kind) + identity.stream_size;
  void* memory = loop.leads() ? loop.blocks().take(size) : detail::BlockPool::take_fresh(size);
  return new (memory) MadeCall(kind, size, loop, limits, identity, method, options);
}

MadeCall::MadeCall(Kind kind, std::size_t size, Loop& loop, const MessageLimits& limits,
                   const ClientIdentity& identity, const MethodInfo& method, const CallOptions& options)
    : Call(loop, limits),
      identity_(identity),
      method_(method),
      timeout_(options.timeout),
      deadline_(options.deadline),
      context_(options.context ? *options.context : Context()),
      kind_(kind),
      size_(static_cast<std::uint32_t>(size)),
      unary_(*this),
      timer_(*this) {
  one_message_ = method.client_streams && !method.server_streams;
  unary_.header_out = options.header;
  unary_.trailer_out = options.trailer;
  unary_.peer_out = options.peer;
  unary_.reply_compressed_out = options.reply_compressed;
  for (std::size_t i = 0; i < options.metadata.size(); ++i) {
    request_metadata_.add(options.metadata[i].key, options.metadata[i].value);
  }
  if (!options.compression_algorithm.empty() || !options.codec.empty() || identity.encodes) [[unlikely]]
    choose_encoding(options.compression_algorithm, options.codec);
}

MadeCall::~MadeCall() { destroy_stream(); }

void MadeCall::destroy_stream() {
  if (stream_) stream()->~ClientTransportStream();
  stream_ = nullptr;
}

void MadeCall::choose_encoding(std::string_view algorithm, std::string_view codec) {
  const Compression& compression = identity_.compression;
  if (algorithm.empty()) {
    if (compression.sends != 0) encoding().sends = compression.known.share(compression.sends);
  } else if (algorithm != "identity") {
    encoding().sends = compression.known.share(algorithm);
    if (!encoding().sends) encoding().unknown = algorithm;
  }
  if (codec == "proto") return;
  if (std::shared_ptr<const Codec> found = identity_.codecs.find(codec)) {
    inbox_.record().codec = unary_.codec = found.get();
    encoding().codec = std::move(found);
  } else if (!codec.empty()) {
    encoding().unknown_codec = codec;
  }
}

Status MadeCall::check_encoding() const {
  Status known;
  if (!encoding_->unknown.empty()) known = identity_.compression.known.check(encoding_->unknown);
  if (known.ok() && !encoding_->unknown_codec.empty())
    known = identity_.codecs.known.check(encoding_->unknown_codec);
  return known.ok() ? Status() : Status(StatusCode::kInternal, std::string(known.message()));
}

void MadeCall::begin() {
  begun_ = true;
  count_in();
  if (ended_) return;  // the request could not be encoded
  running_ = true;
  ++loop_.counts().calls;
  if (!identity_.interceptors.empty() && !admitted()) return;
  for (const KV kv : request_metadata_) {
    if (std::string why = check_metadata(kv); !why.empty())
      return end(Status(StatusCode::kInternal, std::move(why)));
  }
  if (encoding_) [[unlikely]] {
    if (Status s = check_encoding(); !s.ok()) return end(std::move(s));
  }
  deadline_ = std::min(deadline_, context_.deadline());
  if (timeout_ != kNoTimeout) deadline_ = std::min(deadline_, after(loop_.now(), timeout_));
  if (deadline_ != kNever) {
    if (deadline_ <= loop_.now())
      return end(Status(StatusCode::kDeadlineExceeded, "deadline exceeded before the call started"));
    loop_.arm(timer_, deadline_);
  }
  if (context_) {
    if (context_.cancelled()) return end(context_.status());
    watch_ = std::make_unique<CancelWatch>(*this, loop_);
    watch_->arm(context_);
  }
}

bool MadeCall::admitted() {
  TimePoint deadline = std::min(deadline_, context_.deadline());
  if (timeout_ != kNoTimeout) deadline = std::min(deadline, after(loop_.now(), timeout_));
  OutgoingHeaders headers{method_, request_metadata_, context_, deadline, loop_};
  Status status = detail::run_on_headers(identity_.interceptors, headers);
  if (status.ok()) return true;
  end(std::move(status));
  return false;
}

detail::OpRecord* MadeCall::begin_unary() {
  unary_.begin();
  one_message_ = unary_.in_use = true;
  begin();
  return &unary_;
}

bool MadeCall::keep_request(const Message& request) {
  Status status = encode(request, {}, room(), kept_.framed());
  kept_.close();
  if (!status.ok()) return end(std::move(status)), false;
  kept_.settle(room().bytes);
  return true;
}

void MadeCall::keep_first(const Message& request) {
  Room room;
  Chain framed;
  if (Status s = encode(request, {}, room, framed); !s.ok()) return end(std::move(s));
  kept_.append(std::move(framed), identity_.held);
  kept_.close();
}

void MadeCall::on_opened(const SharedAddr& peer) {
  peer_ = peer;
  if (send_waiting()) complete_send_when_queued();
}

// May the call be sent again? A server that was seen to answer it, in whatever way, has processed it. Sending
// it again is safe as often as it has never left; once if it was refused, so that servers that refuse
// everything are not asked for ever (gRFC A6, "transparent retries"). Retries by policy begin where this
// says no.
bool MadeCall::will_go_again(Unprocessed how) {
  if (ended_ || !kept_.whole() || header_seen_) return false;
  if (how == Unprocessed::kRefused && std::exchange(refused_once_, true)) return false;
  on_wire_ = false;
  return true;
}

void MadeCall::begin_again() {
  held_by_transport_ = false;
  destroy_stream();
  peer_ = SharedAddr();
  kept_.begin_again(room().bytes, identity_.held);
}

void MadeCall::let_go() {
  held_by_transport_ = on_wire_ = false;
  try_free();
}

void MadeCall::on_connection_lost(const Status& why, bool given_up) {
  held_by_transport_ = on_wire_ = false;
  if (given_up) {
    give_up(why);
  } else {
    end(Status(StatusCode::kUnavailable, std::string(why.message())));
  }
  try_free();
}

// Sends a message, or keeps it until there is a stream.
Status MadeCall::send(const Message& message, WriteOptions options) {
  if (on_wire_) {
    if (Status s = stream()->send(message, options); !s.ok()) return s;
    if (kept_.whole()) kept_.send_past(identity_.held);
  } else {
    Room room;
    Chain framed;
    if (Status s = encode(message, options, room, framed); !s.ok()) return s;
    kept_.append(std::move(framed), identity_.held);
  }
  if (options.last) kept_.close();
  return {};
}

void MadeCall::half_close() {
  kept_.close();
  if (on_wire_) stream()->half_close();
}

detail::OpRecord* MadeCall::start_send(const Message& message, WriteOptions options) {
  detail::OpRecord* record = claim_send(*this);
  if (record->failed()) {
    give_up(static_cast<detail::FailedRecord*>(record)->status);
    return record;
  }
  if (ended_) {
    complete_send(status_.ok() ? Status(StatusCode::kCancelled, "the call has ended") : status_);
    return record;
  }
  if (kept_.closed()) {
    complete_send(Status(StatusCode::kFailedPrecondition, "write after the stream was half-closed"));
    return record;
  }
  if (Status s = send(message, options); !s.ok()) {
    if (send_.unsendable) return complete_send(std::move(s)), record;
    release_send();
    return new detail::FailedRecord(std::move(s));
  }
  if (on_wire_) complete_send_when_queued();  // else on_opened() does
  return record;
}

detail::OpRecord* MadeCall::start_close_write() {
  detail::OpRecord* record = claim_send(*this);
  if (record->failed()) {
    give_up(static_cast<detail::FailedRecord*>(record)->status);
    return record;
  }
  const bool nothing_to_say = ended_ || kept_.closed();
  if (!nothing_to_say) half_close();
  if (nothing_to_say || on_wire_) complete_send({});
  return record;
}

detail::OpRecord* MadeCall::start_header() {
  if (header_wait_.in_use) {
    return new detail::FailedRecord(
        Status(StatusCode::kFailedPrecondition, "the header is being waited for already"));
  }
  header_wait_.in_use = true;
  detail::StatusRecord& record = header_wait_.record;
  record.begin();
  record.stream = this;
  record.status = ended_ && !header_seen_ && !status_.ok() ? status_ : Status();
  if (header_seen_ || ended_) record.complete(loop_);
  return &record;
}

detail::OpRecord* MadeCall::start_finish() {
  if (finish_wait_.in_use) {
    return new detail::FailedRecord(Status(StatusCode::kFailedPrecondition, "finish() is in flight already"));
  }
  finish_wait_.in_use = true;
  detail::StatusRecord& record = finish_wait_.record;
  record.begin();
  record.stream = this;
  if (!ended_ && !kept_.closed()) half_close();
  discard_messages();
  if (ended_) {
    record.status = status_;
    record.complete(loop_);
  }
  return &record;
}

detail::OpRecord* MadeCall::start_finish_unary() {
  if (unary_.in_use) {
    return new detail::FailedRecord(Status(StatusCode::kFailedPrecondition, "finish() was called already"));
  }
  unary_.in_use = unary_.of_finish = true;
  unary_.begin();
  if (ended_) {
    complete_unary();
  } else if (!kept_.closed()) {
    half_close();
  }
  return &unary_;
}

void MadeCall::release(detail::OpRecord& record) {
  const bool done = record.done();
  if (&record == &inbox_.record()) inbox_.release();
  if (&record == &send_) release_send();
  if (&record == &header_wait_.record) header_wait_.in_use = false;
  if (&record == &finish_wait_.record) finish_wait_.in_use = false;
  if (!done) give_up(Status(StatusCode::kCancelled, "an operation of the call was given up"));
  try_free();
}

// The record of a unary call is the call; that of a client stream's finish() leaves the stream to its handle.
void MadeCall::Unary::release() {
  if (!done()) call.give_up(Status(StatusCode::kCancelled, "call cancelled"));
  reply.clear();
  if (of_finish) {
    of_finish = false;
  } else {
    call.held_by_user_ = false;
  }
  call.try_free();
}

// Now, or posted: it may then be overtaken by the drop.
template <class F>
void MadeCall::on_loop(F f) {
  if (loop_.leads()) return f();
  crossing_.fetch_add(1, std::memory_order_relaxed);
  run_on(loop_, [this, f = std::move(f)]() mutable {
    f();
    crossing_.fetch_sub(1, std::memory_order_relaxed);
    try_free();
  });
}

void MadeCall::fail(Status status) {
  on_loop([this, status = std::move(status)]() mutable { fail_now(std::move(status)); });
}

// Who cancels a call that has ended has nothing to end.
void MadeCall::cancel() {
  on_loop([this] { give_up(Status(StatusCode::kCancelled, "call cancelled")); });
}

// A message that is read late may turn out to be none when the server's OK has come already: finish() is to
// tell.
void MadeCall::fail_now(Status status) {
  if (ended_ && status_.ok()) {
    inbox_.record().status = status_ = std::move(status);
    discard_messages();
  } else {
    give_up(std::move(status));
  }
}

void MadeCall::drop() {
  run_on(loop_, [this] {
    held_by_user_ = false;
    give_up(Status(StatusCode::kCancelled, "the stream was dropped"));
    try_free();
  });
}

void MadeCall::DeadlineTimer::expired(Runnable& self) noexcept {
  MadeCall& call = static_cast<DeadlineTimer&>(static_cast<Timer&>(self)).call;
  std::string text = "deadline exceeded";
  if (call.waiting_.in) text += " while waiting " + call.waiting_.in->awaited();
  call.give_up(Status(StatusCode::kDeadlineExceeded, std::move(text)));
}

void MadeCall::CancelWatch::cancelled(Runnable& self) noexcept {
  MadeCall& call = static_cast<CancelWatch&>(static_cast<Context::Watch&>(self)).call;
  call.watch_->ran();
  call.give_up(call.context_.status());
  call.try_free();
}

void MadeCall::on_header() {
  header_seen_ = true;
  if (kept_.counted()) [[unlikely]]
    kept_.let_go(identity_.held);
  if (header_wait_.open()) header_wait_.record.complete(loop_);
}

bool MadeCall::on_message(Message&& message, bool compressed) {
  if (ended_) return false;
  if (!one_message_) {
    queue_message(std::move(message), compressed);
    return true;
  }
  if (++replies_ > 1) {
    end(Status(StatusCode::kUnimplemented, "the server sent more than one reply message"));
    return false;
  }
  stream_->consumed(message.bytes().size() + kPrefix);
  if (compressed) [[unlikely]] {
    if (Status s = decompress(message); !s.ok()) return end(std::move(s)), false;
  }
  Inbox::store(std::move(message),
               unary_.reply);  // until the server ends the call, and its caller asks
  unary_.reply_compressed = compressed;
  return true;
}

// Of messages that are read late the status may have come already; nobody has been told yet.
void MadeCall::on_bad_message(Status status) {
  if (ended_ && status_.ok()) return void(inbox_.record().status = status_ = std::move(status));
  end(std::move(status));
}

void MadeCall::conclude(Status status, Unread unread) {
  if (ended_) return;
  ended_ = true;
  status_ = std::move(status);
  if (timer_.armed()) loop_.disarm(timer_);
  if (watch_ && watch_->disarm()) watch_.reset();
  if (waiting_.in) waiting_.in->remove(*this);
  if (!kept_.empty()) kept_.let_go(identity_.held);
  if (one_message_ && status_.ok() && replies_ != 1) {
    status_ = Status(StatusCode::kUnimplemented, "the server sent no reply message");
  }
  if (unary_.in_use && !unary_.done()) complete_unary();
  if (held_by_transport_) stream()->on_call_ended(status_);
  if (!one_message_) cut_reads(status_);
  end_reads(unread == Unread::kDropped);
  if (send_waiting())
    complete_send(status_.ok() ? Status(StatusCode::kCancelled, "the call has ended") : status_);
  conclude(header_wait_);
  conclude(finish_wait_);
  if (std::exchange(running_, false)) --loop_.counts().calls;
}

void MadeCall::conclude(Wait& wait) {
  if (!wait.open()) return;
  wait.record.status = status_;
  wait.record.complete(loop_);
}

void MadeCall::complete_unary() {
  unary_.status = status_;
  unary_.complete(loop_);
}

void MadeCall::describe(std::string& out) const {
  if (ended_) return;
  out += "call " + std::string(method_.path);
  if (inbox_.awaited()) out += " (read)";
  if (send_waiting()) out += " (write)";
}

void MadeCall::try_free() {
  const bool watched = watch_ && watch_->armed();
  if (held_by_user_ || unary_.of_finish || held_by_transport_ || waiting_.in || watched || !begun_) return;
  // Given back from a thread that did not lead: still on its way here.
  if (inbox_.in_use() || send_in_use_ || header_wait_.in_use || finish_wait_.in_use) return;
  if (crossing_.load(std::memory_order_relaxed) > 0) return;
  Loop& loop = loop_;
  const std::size_t size = size_;
  this->~MadeCall();
  loop.blocks().give(this, size);
}

}  // namespace sluice::inline v0::call
