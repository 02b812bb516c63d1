// ServedCall: from the complete head of a request to its one status. What handlers ask and add is in
// served_context.cc.
#include "call/served_call.h"

#include "sluice/async/run_on.h"

namespace sluice::inline v0::call {

ServedCall* ServedCall::make(Loop& loop, const MessageLimits& limits, ServedMethods& methods,
                             std::size_t stream_size) {
  const std::size_t size = stream_offset() + stream_size;
  return new (loop.blocks().take(size)) ServedCall(loop, limits, methods, size);
}

ServedCall::ServedCall(Loop& loop, const MessageLimits& limits, ServedMethods& methods, std::size_t size)
    : Call(loop, limits),
      methods_(methods),
      size_(static_cast<std::uint32_t>(size)),
      call_context_(*this),
      start_node_(*this, [](Runnable& r) noexcept { static_cast<Node&>(r).call.start(); }),
      done_node_(*this, [](Runnable& r) noexcept { static_cast<Node&>(r).call.handler_ended(); }),
      timer_(*this) {
  count_in();
}

ServedCall::~ServedCall() {
  if (stream_) transport_stream()->~ServerTransportStream();
  slab_.give_back(loop_.blocks());
}

void ServedCall::set_content_subtype(std::string_view subtype) {
  content_subtype_ = subtype;
  std::shared_ptr<const Codec> codec = methods_.codecs().share(subtype);
  inbox_.record().codec = codec_ = codec.get();
  if (codec || encoding_) encoding().codec = std::move(codec);
}

// A handler that takes a stream starts with the head of its request.
bool ServedCall::begin(Duration timeout) {
  started_ = loop_.recently();
  one_message_ = !method_->client_streams;
  if (timeout != kNoTimeout) {
    deadline_ = after(loop_.now(), timeout);
    if (timeout <= Duration::zero()) {
      end(Status(StatusCode::kDeadlineExceeded, "deadline exceeded before the call started"));
      return false;
    }
    loop_.arm(timer_, deadline_);
  }
  if (loop_.group().memory().exceeded()) [[unlikely]]
    return refuse_messages(out_of_memory()), false;
  if (!method_->interceptors.empty()) {
    start_.to_be_admitted = true;
    queue_start();
  }
  if (!one_message_) start_soon();
  return true;
}

Status ServedCall::out_of_memory() const {
  const MemoryBudget& memory = loop_.group().memory();
  return Status(
      StatusCode::kResourceExhausted,
      "the server has no memory for new calls: messages that nobody has taken, and room for others, "
      "use " +
          std::to_string(memory.used()) + " bytes of its memory_budget of " + std::to_string(memory.bytes()));
}

bool ServedCall::admitted() {
  const Status status = detail::run_on_headers(method_->interceptors, call_context_);
  if (!status.ok()) end(status);
  return status.ok();
}

void ServedCall::complain(const Status& why) {
  if (held_by_transport_) transport_stream()->complain(why);
}

// Before interceptors were asked what is wrong with the body counts only if they let the call in.
bool ServedCall::comes_too_early(const Status& why) {
  if (!start_.to_be_admitted || over()) return false;
  if (start_.failure.ok()) start_.failure = why;
  discard_messages();
  return true;
}

void ServedCall::refuse_messages(const Status& status) {
  if (comes_too_early(status)) return;
  complain(status);
  end(status);
}

bool ServedCall::on_message(Message&& message, bool compressed) {
  if (over()) return false;
  if (!one_message_) {
    queue_message(std::move(message), compressed);
    return true;
  }
  if (++request_.count > 1) {
    refuse_messages(Status(StatusCode::kUnimplemented, "the client sent more than one request message"));
    return false;
  }
  stream_->consumed(message.bytes().size() + kPrefix);
  Inbox::store(std::move(message), inbox_.only());  // it may wait for its end, or for a place
  request_.compressed = compressed;
  return true;
}

void ServedCall::on_remote_end() {
  if (over()) return;
  if (!one_message_) return end_reads(false);
  if (request_.count == 0)
    return refuse_messages(Status(StatusCode::kUnimplemented, "the client sent no request message"));
  start_soon();
}

void ServedCall::on_bad_message(Status status) {
  if (comes_too_early(status)) return;
  if (!over()) complain(status);
  fail(std::move(status));
}

void ServedCall::queue_start() {
  start_.queued = true;
  transport_stream()->start_soon(start_node_);
}

void ServedCall::start_soon() {
  start_.ready = true;
  if (!start_.queued) queue_start();
}

void ServedCall::start() {
  if (start_.to_be_admitted) [[unlikely]]
    return start_admission();
  start_.queued = false;
  if (!over()) [[likely]]
    return start_handler();
  if (place_.of) place_.of->give(place_);
  try_free();
}

// Interceptors are asked although the client has gone since: who counts calls counts them all. One of them
// may close the server: so long the call counts as queued, and stays.
void ServedCall::start_admission() {
  start_.to_be_admitted = false;
  const bool let_in = admitted();
  start_.queued = false;
  if (!let_in || over()) return try_free();
  if (!start_.failure.ok()) {
    complain(start_.failure);
    return fail(start_.failure);
  }
  if (start_.ready) start_handler();
}

void ServedCall::start_handler() {
  if (!place_.of && !places_->take(place_, *this)) {
    request_.told = true;
    return transport_stream()->hold_request(one_message_ ? inbox_.only().bytes().size() : 0);
  }
  if (request_.told) [[unlikely]] {
    request_.told = false;
    transport_stream()->hold_request(0);
  }
  if (!methods_.handlers.enter()) [[unlikely]] {
    if (place_.of) place_.of->give(place_);
    return end(Status(StatusCode::kUnavailable, "server closed"));  // its connection is about to be closed
  }
  running_ = true;
  ++loop_.counts().calls;
  if (request_.compressed) [[unlikely]]
    return start_compressed();
  method_->handler(method_->object, *this);
}

// Not before: of the calls that wait for a place there may be many.
void ServedCall::start_compressed() {
  if (Status s = decompress(inbox_.only()); !s.ok()) return reject(std::move(s));
  method_->handler(method_->object, *this);
}

bool ServedCall::on_place() {
  if (over()) return false;
  start_.queued = true;  // from within the handler that gave its place: never at once
  loop_.post(start_node_);
  return true;
}

void ServedCall::run(Handler& handler) {
  handler_ = &handler;
  if (handler.start(loop_, done_node_)) handler_ended();
}

void ServedCall::drop(Handler& handler) {
  handler.~Handler();
  slab_.deallocate(&handler, 0);
}

void ServedCall::reject(Status status) {
  if (!over()) complain(status);
  threw(std::move(status));
}

void ServedCall::threw(Status status) {
  end(status);
  stop_running();
  try_free();
}

void ServedCall::stop_running() {
  running_ = false;
  methods_.handlers.leave();
  --loop_.counts().calls;
  if (place_.of) place_.of->give(place_);
}

void ServedCall::handler_ended() {
  Message reply;
  Status status = handler_->finish(reply);
  if (!over()) {
    if (status.ok() && reply.ops() != nullptr) status = stream_->send(reply, {});
    end(status);
  }
  drop(*std::exchange(handler_, nullptr));
  if (inbox_.in_use() || send_in_use_) [[unlikely]]
    stream_outlived();
  stop_running();
  try_free();
}

void ServedCall::stream_outlived() const {
  loop_.group().fail("a read or write of " + std::string(path_) +
                     " is in flight although its handler has ended: join what it has spawned before it ends");
}

detail::OpRecord* ServedCall::start_send(const Message& message, WriteOptions options) {
  if (send_was_dropped() && !over() && stream_->unsent() > kWriteAhead) [[unlikely]] {
    return new detail::FailedRecord(
        Status(StatusCode::kFailedPrecondition,
               "a write was dropped and still waits for the client: await each write before the next"));
  }
  detail::OpRecord* record = claim_send(*this);
  if (record->failed()) return record;
  if (over()) {
    complete_send(Status(StatusCode::kCancelled, "the call is over"));
    return record;
  }
  if (!header_sent_) {
    if (Status s = transport_stream()->send_header(); !s.ok()) {
      fail(s);
      if (!record->done()) complete_send(std::move(s));
      return record;
    }
  }
  if (Status s = stream_->send(message, options); !s.ok()) {
    complete_send(std::move(s));
  } else {
    complete_send_when_queued();
  }
  return record;
}

// An operation that is given up does not end the call: the status is the handler's to give. A message that it
// has got, and nobody took, is the next read's.
void ServedCall::release(detail::OpRecord& record) {
  if (&record == &inbox_.record()) inbox_.keep();
  if (&record == &send_) release_send();  // what was to be sent is on its way
}

// What the handler's own streams found wrong.
void ServedCall::fail(Status status) {
  if (!loop_.leads()) {
    // It may have to be posted, and the handler may end before it arrives.
    crossing_.fetch_add(1, std::memory_order_relaxed);
    return run_on(loop_, [this, status = std::move(status)]() mutable {
      fail(std::move(status));
      crossing_.fetch_sub(1, std::memory_order_relaxed);
      try_free();
    });
  }
  if (over()) return;
  end(status);
  cancel_handler(std::string(status.message()));
}

void ServedCall::finish(Status status) {
  if (status.ok() && !method_->server_streams) {
    status = Status(StatusCode::kInternal, "the call was finished with OK, but without a reply");
  }
  fail(std::move(status));
}

Status ServedCall::send_header() {
  if (over()) return Status(StatusCode::kCancelled, "the call is over");
  if (!header_sent_) {
    if (Status s = transport_stream()->send_header(); !s.ok()) return fail(s), s;
  }
  return {};
}

void ServedCall::end(const Status& status) {
  if (ended_) return;
  ended_ = true;
  if (held_by_transport_) transport_stream()->send_status(status);
  // A reply that waits for the client's credit does so until the deadline.
  if (timer_.armed() && !waits_for_credit()) loop_.disarm(timer_);
  end_all_reads("call is over");
  if (send_waiting()) complete_send(Status(StatusCode::kCancelled, "the call is over"));
}

void ServedCall::end_all_reads(std::string_view why) {
  if (!one_message_) cut_reads(Status(StatusCode::kCancelled, std::string(why)));
  end_reads(true);
}

void ServedCall::set_ended() {
  ended_ = true;
  header_sent_ = true;
  end_all_reads("call is over");
}

void ServedCall::cancel_handler(std::string why) {
  if (cancelled_) return;
  cancelled_ = true;
  if (timer_.armed() && !(ended_ && waits_for_credit())) loop_.disarm(timer_);
  end_all_reads(why);
  if (send_waiting()) complete_send(Status(StatusCode::kCancelled, why));
  (first_context_ ? *first_context_ : context_).cancel(std::move(why));
}

void ServedCall::on_connection_lost(const Status& why) {
  if (!ended_) cancel_handler(std::string(why.message()));
  let_go();
}

void ServedCall::DeadlineTimer::expired(Runnable& self) noexcept {
  ServedCall& call = static_cast<DeadlineTimer&>(static_cast<Timer&>(self)).call;
  // A client whose own timer is later would take a reset for a cancellation, so it is told in so many words;
  // unless these had to wait behind what it does not let through.
  const bool running = !call.ended_, tell = running && !call.waits_for_credit();
  if (tell) call.end(Status(StatusCode::kDeadlineExceeded, "deadline exceeded"));
  if (running) call.cancel_handler("deadline exceeded");
  if (!tell && call.held_by_transport_) call.transport_stream()->reset();
}

void ServedCall::on_detaching() {
  if (timer_.armed()) loop_.disarm(timer_);  // what waited for credit has left, or never will
  if (place_.waiting) places_->forget_wait(place_);
  if (running_ || start_.queued) keep_origin();
}

void ServedCall::describe(std::string& out) const {
  if (handler_) out += "handler of " + std::string(path_);
}

void ServedCall::try_free() {
  if (held_by_transport_ || running_ || start_.queued) return;
  if (crossing_.load(std::memory_order_relaxed) > 0) return;
  methods_.on_call_gone(*this);
  Loop& loop = loop_;
  const std::size_t size = size_;
  this->~ServedCall();
  loop.blocks().give(this, size);
}

}  // namespace sluice::inline v0::call
