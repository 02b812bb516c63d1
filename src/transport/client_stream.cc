// ClientStream: starting, sending and ending a call. What the response says is read in client_response.cc.
#include "transport/client_stream.h"

#include <algorithm>

#include "base/escape.h"
#include "sluice/async/run_on.h"
#include "wire/content_type.h"
#include "wire/error_map.h"
#include "wire/grpc_timeout.h"

namespace sluice::transport {

using http2::EndStream;
using http2::ErrorCode;
using http2::Field;
using http2::HeaderPart;

namespace {

constexpr std::size_t kMaxQuotedPath = 256;

[[gnu::cold]] std::string content_type_of(const Codec& codec) {
  return std::string(wire::kGrpcContent).append("+").append(codec.name());
}

}  // namespace

ClientStream* ClientStream::make(Kind kind, Loop& loop, const MessageLimits& limits,
                                 const ClientIdentity& identity, const MethodInfo& method,
                                 const CallOptions& options) {
  void* memory = loop.leads() ? loop.blocks().take(size_of(kind)) : BlockPool::take_fresh(size_of(kind));
  auto* stream = new (memory) ClientStream(loop, limits, identity, method, options);
  stream->kind_ = kind;
  return stream;
}

ClientStream::ClientStream(Loop& loop, const MessageLimits& limits, const ClientIdentity& identity,
                           const MethodInfo& method, const CallOptions& options)
    : CallStream(loop, limits),
      identity_(identity),
      method_(method),
      timeout_(options.timeout),
      deadline_(options.deadline),
      context_(options.context ? *options.context : Context()),
      single_reply_(method.client_streams && !method.server_streams),
      unary_(*this),
      timer_(*this) {
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

void ClientStream::choose_encoding(std::string_view algorithm, std::string_view codec) {
  const Compression& compression = identity_.compression;
  if (algorithm.empty()) {
    if (compression.sends != 0) encoding().sends = compression.known.share(compression.sends);
  } else if (algorithm != "identity") {
    encoding().sends = compression.known.share(algorithm);
    if (!encoding().sends) encoding().unknown = algorithm;
  }
  if (codec == "proto") return;
  if (std::shared_ptr<const Codec> found = identity_.codecs.find(codec)) {
    recv_.codec = unary_.codec = found.get();
    encoding().codec = std::move(found);
  } else if (!codec.empty()) {
    encoding().unknown_codec = codec;
  }
}

Status ClientStream::check_encoding() const {
  Status known;
  if (!encoding_->unknown.empty()) known = identity_.compression.known.check(encoding_->unknown);
  if (known.ok() && !encoding_->unknown_codec.empty())
    known = identity_.codecs.known.check(encoding_->unknown_codec);
  return known.ok() ? Status() : Status(StatusCode::kInternal, std::string(known.message()));
}

ClientStream::~ClientStream() = default;

void ClientStream::begin() {
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

bool ClientStream::admitted() {
  TimePoint deadline = std::min(deadline_, context_.deadline());
  if (timeout_ != kNoTimeout) deadline = std::min(deadline, after(loop_.now(), timeout_));
  OutgoingHeaders headers{method_, request_metadata_, context_, deadline, loop_};
  Status status = detail::run_on_headers(identity_.interceptors, headers);
  if (status.ok()) return true;
  end(std::move(status));
  return false;
}

OpRecord* ClientStream::begin_unary() {
  unary_.begin();
  single_reply_ = unary_in_use_ = true;
  begin();
  return &unary_;
}

void ClientStream::send_unary(const Message& request, Connection* connection) {
  if (ended_) return;
  Status status = encode(request, {}, room(), unsent());
  unsent_last_ = true;
  if (!status.ok()) return end(std::move(status));
  if (unsent().front().data() == room().bytes) {
    in_room_ = static_cast<std::uint16_t>(unsent().size());
  } else {
    unsent().keep();
  }
  if (connection) open(*connection);
}

void ClientStream::send_first(const Message& request) {
  Scratch scratch;
  Chain framed;
  if (Status s = encode(request, {}, scratch, framed); !s.ok()) return end(std::move(s));
  framed.keep();
  unsent() = std::move(framed);
  unsent_last_ = true;
}

void ClientStream::open(Connection& connection) {
  RequestCache& cache = connection.requests().cache(method_.path);
  const std::size_t limit = connection.session().peer_settings().max_header_list_size;
  const bool plain =
      deadline_ == kNever && request_metadata_.empty() && !encoding_ && cache.list_size <= limit;
  if (plain && connection.session().open_cached(*this, cache.whole)) [[likely]] {
    attach_to(connection);
  } else if (!open_anew(connection, cache, limit)) {
    return;
  }
  peer_ = connection.shared_peer_addr();
  if (!unsent().empty() || unsent_last_) {
    Chain held;
    if (in_room_ == 0 && !unsent().empty()) [[unlikely]]
      held = hold_request();
    connection.session().submit_data(*this, std::move(unsent()),
                                     unsent_last_ ? EndStream::kYes : EndStream::kNo);
    unsent() = std::move(held);
  }
  connection.flush_soon();
  connection.opened(id());
  if (send_waiting()) complete_send_when_queued();
}

// With a block of its own, or the first of its kind. False: it is longer than the peer takes, or cannot be
// sent; the call has ended.
bool ClientStream::open_anew(Connection& connection, RequestCache& cache, std::size_t limit) {
  if (!cache.is_path) {
    end(Status(StatusCode::kInternal,
               "method \"" + escaped(method_.path.substr(0, kMaxQuotedPath), Keep::kAscii) +
                   "\" is no path: it begins with '/', and has no blanks or controls"));
    return false;
  }
  const bool with_codec = encoding_ && encoding_->codec;
  const std::string subtype = with_codec ? content_type_of(*encoding_->codec) : std::string();
  const Field fixed[] = {{":method", "POST"},
                         {":scheme", "http"},
                         {":path", method_.path},
                         {":authority", identity_.authority},
                         {"te", "trailers"},
                         {"content-type", with_codec ? std::string_view(subtype) : wire::kGrpcContent},
                         {"user-agent", identity_.user_agent},
                         {"grpc-accept-encoding", identity_.compression.known.accept_encoding()}};
  const std::span<const Field> whole(fixed, identity_.compression.known.empty() ? 7 : 8);
  const std::span<const Field> pseudo = whole.first(4), common = whole.subspan(4);
  std::optional<wire::TimeoutText> timeout;
  std::optional<wire::MetadataFields> custom;
  Field timeout_field, encoding_field;
  HeaderPart parts[5];
  std::size_t n = 0;
  if (deadline_ == kNever && request_metadata_.empty() && !encoding_) {
    parts[n++] = {whole, &cache.whole};
  } else {
    parts[n++] = {pseudo, &cache.pseudo};
    if (deadline_ != kNever) {
      timeout.emplace(deadline_ - loop_.now());
      timeout_field = {"grpc-timeout", timeout->view(), http2::Indexing::kName};
      parts[n++] = {{&timeout_field, 1}, nullptr};
    }
    if (encoding_ && encoding_->sends) {
      encoding_field = {"grpc-encoding", encoding_->sends->name()};
      parts[n++] = {{&encoding_field, 1}, nullptr};
    }
    parts[n++] = {common, with_codec ? nullptr : &connection.requests().common};
    if (!request_metadata_.empty()) {
      custom.emplace();
      for (const KV kv : request_metadata_) custom->add_checked(kv);
      parts[n++] = {custom->fields(), nullptr};
    }
  }
  const std::span<const HeaderPart> all(parts, n);
  const std::size_t size = http2::Session::list_size(all);
  if (size > limit) {
    end(Status(StatusCode::kResourceExhausted, "request header list of " + std::to_string(size) +
                                                   " bytes exceeds the peer's limit of " +
                                                   std::to_string(limit)));
    return false;
  }
  if (n == 1) cache.list_size = size;
  attach_to(connection);
  connection.session().open(*this, all, EndStream::kNo);
  return true;
}

// What the session sends of unsent() without copying it, or nothing if that is too much.
Chain ClientStream::hold_request() {
  HeldRequests& held = identity_.held;
  const std::size_t size = unsent().size();
  may_go_again_ = size <= HeldRequests::kMostOfACall && held.bytes + size <= HeldRequests::kMostOfAChannel;
  if (!may_go_again_) return {};
  holding_ = true;
  held.bytes += size;
  return unsent();
}

void ClientStream::let_go_of_request() {
  if (std::exchange(holding_, false)) identity_.held.bytes -= unsent().size();
  unsent().clear();
}

// May the call be sent again? A server that was seen to answer it, in whatever way, has processed it. Sending
// it again is safe as often as it has never left; once if it was refused, so that servers that refuse
// everything are not asked for ever (gRFC A6, "transparent retries"). Retries by policy begin where this
// says no.
bool ClientStream::will_go_again(Unprocessed how) {
  if (!may_go_again_ || header_seen_ || interim_blocks_ > 0) return false;
  if (how == Unprocessed::kRefused && std::exchange(refused_once_, true)) return false;
  again_ = true;
  return true;
}

void ClientStream::begin_again() {
  recycle();
  again_ = false;
  peer_ = SharedAddr();
  if (std::exchange(holding_, false)) identity_.held.bytes -= unsent().size();
  if (in_room_ > 0) unsent() = Chain(Bytes::borrow({room().bytes, in_room_}));
}

// Sends framed bytes, or keeps them until there is a connection.
void ClientStream::send(Chain framed, bool last) {
  unsent_last_ |= last;
  if (on_the_wire()) {
    if (!framed.empty() && may_go_again_) {
      may_go_again_ = false;
      if (holding_) let_go_of_request();
    }
    conn_->session().submit_data(*this, std::move(framed), last ? EndStream::kYes : EndStream::kNo);
    conn_->flush_soon();
    return;
  }
  framed.keep();
  if (holding_) identity_.held.bytes += framed.size();
  unsent().append(std::move(framed));
}

OpRecord* ClientStream::start_send(const Message& message, WriteOptions options) {
  OpRecord* record = claim_send(*this);
  if (record->failed()) {
    give_up(static_cast<detail::FailedRecord*>(record)->status);
    return record;
  }
  if (ended_) {
    complete_send(status_.ok() ? Status(StatusCode::kCancelled, "the call has ended") : status_);
    return record;
  }
  if (local_closed() || unsent_last_) {
    complete_send(Status(StatusCode::kFailedPrecondition, "write after the stream was half-closed"));
    return record;
  }
  Scratch scratch;
  Chain framed;
  if (Status s = encode(message, options, scratch, framed); !s.ok()) {
    if (send_.unsendable) return complete_send(std::move(s)), record;
    release_send();
    return new detail::FailedRecord(std::move(s));
  }
  send(std::move(framed), options.last);
  if (on_the_wire()) complete_send_when_queued();  // else open() does
  return record;
}

OpRecord* ClientStream::start_close_write() {
  OpRecord* record = claim_send(*this);
  if (record->failed()) {
    give_up(static_cast<detail::FailedRecord*>(record)->status);
    return record;
  }
  const bool nothing_to_say = ended_ || local_closed() || unsent_last_;
  if (!nothing_to_say) send(Chain(), true);
  if (nothing_to_say || on_the_wire()) complete_send({});
  return record;
}

OpRecord* ClientStream::start_header() {
  if (header_in_use_) {
    return new detail::FailedRecord(
        Status(StatusCode::kFailedPrecondition, "the header is being waited for already"));
  }
  header_in_use_ = true;
  header_record_.begin();
  header_record_.stream = this;
  header_record_.status = ended_ && !header_seen_ && !status_.ok() ? status_ : Status();
  if (header_seen_ || ended_) header_record_.complete(loop_);
  return &header_record_;
}

OpRecord* ClientStream::start_finish() {
  if (finish_in_use_) {
    return new detail::FailedRecord(Status(StatusCode::kFailedPrecondition, "finish() is in flight already"));
  }
  finish_in_use_ = true;
  finish_record_.begin();
  finish_record_.stream = this;
  if (!ended_ && !local_closed() && !unsent_last_) send(Chain(), true);
  discard_messages();
  if (ended_) {
    finish_record_.status = status_;
    finish_record_.complete(loop_);
  }
  return &finish_record_;
}

OpRecord* ClientStream::start_finish_unary() {
  if (unary_in_use_) {
    return new detail::FailedRecord(Status(StatusCode::kFailedPrecondition, "finish() was called already"));
  }
  unary_in_use_ = held_by_finish_ = true;
  unary_.begin();
  if (ended_) {
    complete_unary();
  } else if (!local_closed() && !unsent_last_) {
    send(Chain(), true);
  }
  return &unary_;
}

void ClientStream::release(OpRecord& record) {
  const bool done = record.done();
  if (&record == &recv_) release_recv();
  if (&record == &send_) release_send();
  if (&record == &header_record_) header_in_use_ = false;
  if (&record == &finish_record_) finish_in_use_ = false;
  if (!done) give_up(Status(StatusCode::kCancelled, "an operation of the call was given up"));
  try_free();
}

// The record of a unary call is the call; that of a client stream's finish() leaves the stream to its handle.
void ClientStream::Unary::release() {
  if (!done()) stream.give_up(Status(StatusCode::kCancelled, "call cancelled"));
  reply.clear();
  if (stream.held_by_finish_) {
    stream.held_by_finish_ = false;
  } else {
    stream.held_by_user_ = false;
  }
  stream.try_free();
}

// Now, or posted: it may then be overtaken by the drop.
template <class F>
void ClientStream::on_loop(F f) {
  if (loop_.leads()) return f();
  failing_.fetch_add(1, std::memory_order_relaxed);
  run_on(loop_, [this, f = std::move(f)]() mutable {
    f();
    failing_.fetch_sub(1, std::memory_order_relaxed);
    try_free();
  });
}

void ClientStream::fail(Status status) {
  on_loop([this, status = std::move(status)]() mutable { fail_now(std::move(status)); });
}

// Who cancels a call that has ended has nothing to end.
void ClientStream::cancel() {
  on_loop([this] { give_up(Status(StatusCode::kCancelled, "call cancelled")); });
}

// A message that is read late may turn out to be none when the server's OK has come already: finish() is to
// tell.
void ClientStream::fail_now(Status status) {
  if (ended_ && status_.ok()) {
    status_ = std::move(status);
    discard_messages();
  } else {
    give_up(std::move(status));
  }
}

void ClientStream::drop() {
  run_on(loop_, [this] {
    held_by_user_ = false;
    give_up(Status(StatusCode::kCancelled, "the stream was dropped"));
    try_free();
  });
}

void ClientStream::DeadlineTimer::expired(Runnable& self) noexcept {
  ClientStream& stream = static_cast<DeadlineTimer&>(static_cast<Timer&>(self)).stream;
  std::string text = "deadline exceeded";
  if (stream.pending_) text += " while waiting " + stream.pending_->awaited();
  stream.give_up(Status(StatusCode::kDeadlineExceeded, std::move(text)));
}

void ClientStream::CancelWatch::cancelled(Runnable& self) noexcept {
  ClientStream& stream = static_cast<CancelWatch&>(static_cast<Context::Watch&>(self)).stream;
  stream.watch_->ran();
  stream.give_up(stream.context_.status());
  stream.try_free();
}

void ClientStream::conclude(Status status, Unread unread) {
  if (ended_) return;
  ended_ = true;
  status_ = std::move(status);
  if (timer_.armed()) loop_.disarm(timer_);
  if (watch_ && watch_->disarm()) watch_.reset();
  if (pending_) pending_->remove(*this);
  if (!header_seen_ && !unsent().empty()) let_go_of_request();
  if (single_reply_ && status_.ok() && replies_ != 1) {
    status_ = Status(StatusCode::kUnimplemented, "the server sent no reply message");
  }
  if (unary_in_use_ && !unary_.done()) complete_unary();
  reset(from_server_ ? ErrorCode::kNoError : wire::reset_code_for(status_.code()));
  end_reads(unread == Unread::kDropped);
  if (send_waiting())
    complete_send(status_.ok() ? Status(StatusCode::kCancelled, "the call has ended") : status_);
  if (header_in_use_ && !header_record_.done()) {
    header_record_.status = status_;
    header_record_.complete(loop_);
  }
  if (finish_in_use_ && !finish_record_.done()) {
    finish_record_.status = status_;
    finish_record_.complete(loop_);
  }
  if (std::exchange(running_, false)) --loop_.counts().calls;
}

void ClientStream::complete_unary() {
  unary_.status = status_;
  unary_.complete(loop_);
}

void ClientStream::on_detached(Connection& connection) {
  if (again_ && !ended_) return connection.owner().on_unprocessed(*this);
  try_free();
}

void ClientStream::on_connection_lost(Connection& connection, const Status& why) {
  if (!ended_ && (again_ || (!connection.has_left(id()) && will_go_again(Unprocessed::kNeverLeft))))
    return connection.owner().on_unprocessed(*this);
  if (why.code() == StatusCode::kCancelled) {  // closed on this side
    give_up(why);
  } else {
    end(Status(StatusCode::kUnavailable, std::string(why.message())));
  }
  try_free();
}

void ClientStream::describe(std::string& out) const {
  if (ended_) return;
  out += "call " + std::string(method_.path);
  if (recv_waiting()) out += " (read)";
  if (send_waiting()) out += " (write)";
}

void ClientStream::try_free() {
  const bool watched = watch_ && watch_->armed();
  if (held_by_user_ || held_by_finish_ || attached() || conn_ || pending_ || watched || !begun_) return;
  // Given back from a thread that did not lead: still on its way here.
  if (recv_in_use_ || send_in_use_ || header_in_use_ || finish_in_use_) return;
  if (failing_.load(std::memory_order_relaxed) > 0) return;
  Loop& loop = loop_;
  const std::size_t size = size_of(kind_);
  this->~ClientStream();
  loop.blocks().give(this, size);
}

}  // namespace sluice::transport
