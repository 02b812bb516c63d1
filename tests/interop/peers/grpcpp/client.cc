// The client of the grpc++ peer (synchronous API; callbacks where a thousand calls run at once);
// tests/interop/README.md says what each case must check.
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "common.h"
#include "interop.grpc.pb.h"

namespace {

using namespace interop;
using namespace std::chrono_literals;
using grpc::Status;
using grpc::StatusCode;
using sluice::interop::Interop;
using sluice::interop::Missing;
using Clock = std::chrono::steady_clock;

constexpr auto kCallTimeout = 20s;

void check_ok(const Status& status, std::string_view what) {
  check(status.ok(), what, ": ", static_cast<int>(status.error_code()), " ", status.error_message());
}
void check_code(const Status& status, StatusCode code, std::string_view what) {
  check(status.error_code() == code, what, ": want code ", static_cast<int>(code), ", got ",
        static_cast<int>(status.error_code()), " ", status.error_message());
}
void check_status(const Status& status, int code, const std::string& message, std::string_view what) {
  check_code(status, static_cast<StatusCode>(code), what);
  check(status.error_message() == message, what, ": want message ", message, ", got ",
        status.error_message());
}

// A context with the deadline of every call.
struct Context : grpc::ClientContext {
  explicit Context(Clock::duration timeout = kCallTimeout) {
    set_deadline(std::chrono::system_clock::now() + timeout);
  }
};

Pairs pairs_of(const std::multimap<grpc::string_ref, grpc::string_ref>& metadata) {
  Pairs pairs;
  for (const auto& [key, value] : metadata)
    pairs.emplace_back(std::string(key.data(), key.size()), std::string(value.data(), value.size()));
  return pairs;
}

class Client {
 public:
  explicit Client(const Args& args)
      : seconds_(std::stod(args.get("--seconds", "1"))), joined_(args.has("--joined")) {
    const std::string addr = args.get("--target");
    const bool tcp = starts_with(addr, "tcp:");
    check(tcp || starts_with(addr, "unix:"), "want tcp:HOST:PORT or unix:PATH, got: ", addr);
    grpc::ChannelArguments options;
    options.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    if (args.has("--max-message")) options.SetMaxReceiveMessageSize(std::stoi(args.get("--max-message")));
    if (args.has("--max-headers"))
      options.SetInt(GRPC_ARG_MAX_METADATA_SIZE, std::stoi(args.get("--max-headers")));
    const auto channel =
        grpc::CreateCustomChannel(tcp ? addr.substr(4) : addr, grpc::InsecureChannelCredentials(), options);
    stub_ = Interop::NewStub(channel);
    missing_ = Missing::NewStub(channel);
  }

  std::map<std::string, std::function<void()>> cases();

 private:
  std::string id() { return "grpc++-" + std::to_string(getpid()) + "-" + std::to_string(++ids_); }

  Status call(const Request& request, Reply* reply = nullptr, Clock::duration timeout = kCallTimeout) {
    Context context(timeout);
    Reply unused;
    return stub_->Unary(&context, request, reply != nullptr ? reply : &unused);
  }

  // What the server saw of a call, once `until` holds for it.
  template <class Until>
  SeenReply seen(const std::string& id, std::string_view what, Until until) {
    SeenReply reply;
    for (const auto end = Clock::now() + 5s; Clock::now() < end; pause()) {
      Context context;
      sluice::interop::SeenRequest request;
      request.set_id(id);
      reply.Clear();
      check_ok(stub_->Seen(&context, request, &reply), "Seen");
      if (until(reply)) return reply;
    }
    check(false, "the server did not see ", what, ": ", reply.ShortDebugString());
    return reply;
  }
  SeenReply seen_cancelled(const std::string& id) {
    return seen(id, "the cancellation", [](const SeenReply& r) { return r.ended() == 1 && r.cancelled(); });
  }
  SeenReply seen_end(const std::string& id) {
    return seen(id, "the end", [](const SeenReply& r) { return r.ended() == 1; });
  }
  // Between two questions.
  static void pause() {
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, 5ms);
  }

  void unary();
  void read_stream(int replies, int size);
  template <class Size>
  void write_stream(int n, Size size);
  void bidi();
  void empty();
  void exchange(const Pairs& sent);
  void metadata();
  void sequence();
  void status_message();
  void status_plain();
  void details();
  void status_kinds();
  void unimplemented();
  void utf8();
  void deadline();
  void deadline_stream();
  void cancel_unary();
  void cancel_stream();
  void cancel_bidi();
  Status end_early(const Plan& plan);
  void server_ends_early();
  void large();
  void too_long();
  void all(const std::string& id, const Plan& plan);
  void drain();
  void ping_pong();
  void load(std::size_t calls, std::size_t at_once, std::size_t size);
  void sizes();
  void slow_reader();
  void streams();
  void steady();

  const double seconds_;
  const bool joined_;
  std::unique_ptr<Interop::Stub> stub_;
  std::unique_ptr<Missing::Stub> missing_;
  int ids_ = 0;
};

void Client::unary() {
  for (std::size_t k = 0; k < 5; ++k) {
    const Request request = request_of(pattern(100 * k, k), "unary " + std::to_string(k));
    Reply reply;
    check_ok(call(request, &reply), request.text());
    check_echo(reply, request, request.text());
    Totals totals;
    totals.add(request.payload());
    check_totals(reply, totals, request.text());
  }
}

void Client::read_stream(int replies, int size) {
  Context context;
  const auto stream = stub_->ServerStream(&context, replies_request(replies, size, "down"));
  Reply reply;
  for (int i = 0; i < replies; ++i) {
    check(stream->Read(&reply), "the stream ended before reply ", i, " of ", replies);
    check_numbered(reply, i, size, "down");
  }
  check(!stream->Read(&reply), "a reply more than expected");
  check_ok(stream->Finish(), "ServerStream");
}

template <class Size>
void Client::write_stream(int n, Size size) {
  Context context;
  Reply reply;
  const auto stream = stub_->ClientStream(&context, &reply);
  Totals totals;
  for (int i = 0; i < n; ++i) {
    const Request request = request_of(
        pattern(size(static_cast<std::size_t>(i)), static_cast<std::size_t>(i)), std::to_string(i));
    totals.add(request.payload());
    check(stream->Write(request), "the stream ended at message ", i);
  }
  stream->WritesDone();
  check_ok(stream->Finish(), "ClientStream");
  check_totals(reply, totals, "ClientStream");
  check(n == 0 || reply.text() == std::to_string(n - 1), "text of the last message: ", reply.text());
}

void Client::bidi() {
  Context context;
  const auto stream = stub_->Bidi(&context);
  Totals totals;
  Reply reply;
  for (std::size_t i = 0; i < 10; ++i) {
    Request request = i == 0 ? replies_request(3, 10) : Request();
    request.set_payload(pattern(50 * i, i));
    request.set_text("ping " + std::to_string(i));
    totals.add(request.payload());
    check(stream->Write(request) && stream->Read(&reply), request.text(), ": the stream ended");
    check_echo(reply, request, request.text());
    check_totals(reply, totals, request.text());
  }
  stream->WritesDone();
  for (std::size_t i = 0; i < 3; ++i) {
    check(stream->Read(&reply) && reply.payload() == pattern(10, i), "reply ", i, " after the half-close");
    check_totals(reply, totals, "after the half-close");
  }
  check(!stream->Read(&reply), "a reply more than expected");
  check_ok(stream->Finish(), "Bidi");
}

void Client::empty() {
  Reply reply;
  check_ok(call(Request(), &reply), "Unary");
  check_count(reply, 1, "Unary");
  read_stream(0, 0);
  Context down_context, up_context, both_context;
  const auto down = stub_->ServerStream(&down_context, replies_request(2, 0));
  check(down->Read(&reply) && reply.ByteSizeLong() == 0, "empty reply: ", reply.ShortDebugString());
  check(down->Read(&reply), "no second reply");
  check_count(reply, 1, "second reply");
  check(!down->Read(&reply), "a reply more than expected");
  check_ok(down->Finish(), "ServerStream");
  Reply up_reply;
  const auto up = stub_->ClientStream(&up_context, &up_reply);
  const auto both = stub_->Bidi(&both_context);
  for (int i = 1; i <= 3; ++i) {
    check(up->Write(Request()) && both->Write(Request()) && both->Read(&reply), "a stream ended");
    check_count(reply, i, "Bidi");
  }
  both->WritesDone();
  check(!both->Read(&reply), "a reply more than expected");
  check_ok(both->Finish(), "Bidi");
  up->WritesDone();
  check_ok(up->Finish(), "ClientStream");
  check_count(up_reply, 3, "ClientStream");
}

void Client::exchange(const Pairs& sent) {
  for (const std::string kind : {"Unary", "Bidi"}) {
    Context context;
    for (const auto& [key, value] : sent) context.AddMetadata(key, value);
    Reply reply;
    if (kind == "Unary") {
      check_ok(stub_->Unary(&context, Request(), &reply), kind);
    } else {
      const auto stream = stub_->Bidi(&context);
      check(stream->Write(Request()), "Bidi ended");
      stream->WaitForInitialMetadata();
      check(stream->Read(&reply), "Bidi ended");
      stream->WritesDone();
      Reply more;
      check(!stream->Read(&more), "a reply more than expected");
      check_ok(stream->Finish(), kind);
    }
    check_exchange(sent, reply, pairs_of(context.GetServerInitialMetadata()),
                   pairs_of(context.GetServerTrailingMetadata()), kind, joined_);
  }
}

void Client::metadata() {
  exchange(simple_metadata());
  Context context;
  context.AddMetadata("x-trailer", "of a failure");
  Reply reply;
  check_status(stub_->Unary(&context, request_of(plan_of(5, "none")), &reply), 5, "none", "Unary");
  check_values({"of a failure"}, pairs_of(context.GetServerTrailingMetadata()), "x-trailer",
               "failure's trailer", joined_);
}

void Client::sequence() {
  for (int i = 0; i < 1000; ++i) {
    const Pairs sent = sequence_metadata(i);
    Context context;
    context.AddMetadata(sent[0].first, sent[0].second);
    Reply reply;
    check_ok(stub_->Unary(&context, Request(), &reply), "call " + std::to_string(i));
    check_values({sent[0].second}, pairs_of(context.GetServerInitialMetadata()), sent[0].first,
                 "header of call " + std::to_string(i), joined_);
  }
}

void Client::status_message() {
  for (int code = 1; code <= 16; ++code) {
    const std::string message = "code " + std::to_string(code);
    check_status(call(request_of(plan_of(code, message))), code, message, message);
  }
  for (const std::string& message : status_messages())
    check_status(call(request_of(plan_of(9, message))), 9, message, "Unary");
}

void Client::status_plain() {
  Context context;
  Reply reply;
  const Status status = stub_->Unary(&context, request_of(plan_of(5)), &reply);
  check_status(status, 5, "", "Unary");
  check(status.error_details().empty(), "there are details");
  check(values_of(pairs_of(context.GetServerTrailingMetadata()), "grpc-status-details-bin").empty(),
        "the trailer has grpc-status-details-bin");
}

void Client::details() {
  Plan plan = plan_of(7, "with details");
  plan.set_details(status_details());
  const Status status = call(request_of(plan));
  check_status(status, 7, "with details", "Unary");
  check(status.error_details() == plan.details(), "details: want ", shown({plan.details()}), ", got ",
        shown({status.error_details()}));
}

void Client::status_kinds() {
  Plan plan = plan_of(10, "aborted, after all");
  plan.set_replies(2);
  const Request request = request_of(plan);
  Reply reply;
  Context down_context, up_context, both_context;
  const auto down = stub_->ServerStream(&down_context, request);
  check(down->Read(&reply) && down->Read(&reply) && !down->Read(&reply), "ServerStream: not two replies");
  check_status(down->Finish(), 10, plan.message(), "ServerStream");
  const auto up = stub_->ClientStream(&up_context, &reply);
  up->Write(request);
  up->WritesDone();
  check_status(up->Finish(), 10, plan.message(), "ClientStream");
  const auto both = stub_->Bidi(&both_context);
  both->Write(request);
  both->WritesDone();
  int replies = 0;
  while (both->Read(&reply)) ++replies;
  check(replies == 3, "Bidi: ", replies, " replies");
  check_status(both->Finish(), 10, plan.message(), "Bidi");
}

void Client::unimplemented() {
  Context method_context, service_context;
  Reply reply;
  check_code(stub_->NotThere(&method_context, Request(), &reply), StatusCode::UNIMPLEMENTED,
             "a method that is not there");
  check_code(missing_->Call(&service_context, Request(), &reply), StatusCode::UNIMPLEMENTED,
             "a service that is not there");
  unary();
}

void Client::utf8() {
  for (const std::string& text : texts()) {
    const Request request = request_of("", text);
    Reply reply;
    check_ok(call(request, &reply), text);
    check_echo(reply, request, "Unary");
  }
}

void Client::deadline() {
  std::string call_id = id();
  const auto start = Clock::now();
  check_code(call(wait_request(call_id), nullptr, 300ms), StatusCode::DEADLINE_EXCEEDED, "Unary");
  const double took = Seconds(Clock::now() - start).count();
  check(took > 0.25 && took < 5, "after ", took, " s");
  SeenReply saw = seen_cancelled(call_id);
  check(saw.timeout_ms() > 0 && saw.timeout_ms() <= 350, "of 300 ms the server saw ", saw.timeout_ms());
  Request request;
  request.set_id(call_id = id());
  check_ok(call(request, nullptr, 100s), "Unary with a deadline of 100 s");
  saw = seen_end(call_id);
  check(saw.timeout_ms() > 80'000 && saw.timeout_ms() <= 101'000, "of 100 s the server saw ",
        saw.timeout_ms(), " ms");
  request.set_id(call_id = id());
  grpc::ClientContext endless;
  Reply reply;
  check_ok(stub_->Unary(&endless, request, &reply), "Unary without deadline");
  saw = seen_end(call_id);
  check(saw.timeout_ms() == -1 && !saw.cancelled(), "without deadline the server saw ",
        saw.ShortDebugString());
}

void Client::deadline_stream() {
  const std::string call_id = id();
  Context context(300ms);
  const auto stream = stub_->Bidi(&context);
  Reply reply;
  check(stream->Write(wait_request(call_id)) && stream->Read(&reply), "no first reply");
  check(!stream->Read(&reply), "a reply more than expected");
  check_code(stream->Finish(), StatusCode::DEADLINE_EXCEEDED, "Bidi");
  seen_cancelled(call_id);
}

void Client::cancel_unary() {
  const std::string call_id = id();
  Context context;
  auto ended = std::async(std::launch::async, [&] {
    Reply reply;
    return stub_->Unary(&context, wait_request(call_id), &reply);
  });
  seen(call_id, "the call", [](const SeenReply& r) { return r.started() == 1; });
  context.TryCancel();
  check_code(ended.get(), StatusCode::CANCELLED, "Unary");
  seen_cancelled(call_id);
}

void Client::cancel_stream() {
  Request request = replies_request(1'000'000, 1000);
  request.set_id(id());
  Context context;
  const auto stream = stub_->ServerStream(&context, request);
  Reply reply;
  for (int i = 0; i < 5; ++i) check(stream->Read(&reply), "the stream ended");
  context.TryCancel();
  while (stream->Read(&reply)) continue;
  check_code(stream->Finish(), StatusCode::CANCELLED, "ServerStream");
  const SeenReply saw = seen_cancelled(request.id());
  check(saw.sent() < 1'000'000, "the server sent all ", saw.sent(), " replies");
}

void Client::cancel_bidi() {
  const std::string call_id = id();
  Context context;
  const auto stream = stub_->Bidi(&context);
  Reply reply;
  check(stream->Write(wait_request(call_id)) && stream->Read(&reply), "no first reply");
  context.TryCancel();
  check(!stream->Read(&reply), "a reply more than expected");
  check_code(stream->Finish(), StatusCode::CANCELLED, "Bidi");
  seen_cancelled(call_id);
}

// Sends on a Bidi call until it ends; checks that three replies came.
Status Client::end_early(const Plan& plan) {
  Context context;
  const auto stream = stub_->Bidi(&context);
  auto sent = std::async(std::launch::async, [&] {
    Request request = request_of(plan);
    std::size_t i = 0;
    do request.set_payload(pattern(1000, i));
    while (stream->Write(request) && ++i < 100'000);
    return i;
  });
  Reply reply;
  int replies = 0;
  while (stream->Read(&reply)) ++replies;
  check(sent.get() < 100'000, "the server read on");
  check(replies == 3, "Bidi: ", replies, " replies");
  return stream->Finish();
}

void Client::server_ends_early() {
  Plan plan = plan_of(10, "enough");
  plan.set_read(3);
  check_status(end_early(plan), 10, "enough", "Bidi");
  Context context;
  Reply reply;
  const auto stream = stub_->ClientStream(&context, &reply);
  Request request = request_of(plan);
  std::size_t i = 0;
  do request.set_payload(pattern(1000, i));
  while (stream->Write(request) && ++i < 100'000);
  check(i < 100'000, "the server read on");
  check_status(stream->Finish(), 10, "enough", "ClientStream");
  unary();
}

void Client::large() {
  const Request request = request_of(pattern(1 << 20, 1));
  Reply reply;
  check_ok(call(request, &reply), "Unary");
  check_echo(reply, request, "Unary");
  Context context;
  const auto stream = stub_->Bidi(&context);
  for (std::size_t i = 0; i < 4; ++i) {
    const Request one = request_of(pattern(1 << 20, i));
    check(stream->Write(one) && stream->Read(&reply), "the stream ended");
    check_echo(reply, one, "Bidi");
  }
  stream->WritesDone();
  check(!stream->Read(&reply), "a reply more than expected");
  check_ok(stream->Finish(), "Bidi");
}

void Client::too_long() {
  check_code(call(request_of(pattern(5 << 20, 0))), StatusCode::RESOURCE_EXHAUSTED, "a request of 5 MiB");
  Plan plan;
  plan.set_reply_size(5 << 20);
  check_code(call(request_of(plan)), StatusCode::RESOURCE_EXHAUSTED, "a reply of 5 MiB");
  unary();
}

// 1,000 Unary calls at once.
void Client::all(const std::string& id, const Plan& plan) {
  constexpr std::size_t kCalls = 1000;
  struct Flight {
    Context context;
    Request request;
    Reply reply;
    Status status;
  };
  const std::unique_ptr<Flight[]> flights(new Flight[kCalls]);
  std::atomic<std::size_t> open = kCalls;
  std::promise<void> done;
  for (std::size_t i = 0; i < kCalls; ++i) {
    Flight& flight = flights[i];
    flight.request = request_of(pattern(i % 100, i), std::to_string(i));
    flight.request.set_id(id);
    *flight.request.mutable_plan() = plan;
    stub_->async()->Unary(&flight.context, &flight.request, &flight.reply, [&](Status status) {
      flight.status = std::move(status);
      if (--open == 0) done.set_value();
    });
  }
  done.get_future().wait();
  for (std::size_t i = 0; i < kCalls; ++i) {
    check_ok(flights[i].status, "call " + std::to_string(i));
    check_echo(flights[i].reply, flights[i].request, "call " + std::to_string(i));
  }
}

void Client::drain() {
  Context context;
  const auto stream = stub_->Bidi(&context);
  Request request = request_of("", "turn");
  request.set_id(id());
  const auto turn = [&] {
    Reply reply;
    check(stream->Write(request) && stream->Read(&reply), "the call that runs has ended");
    check_echo(reply, request, "the call that runs");
  };
  turn();
  Context drain_context;
  sluice::interop::DrainReply drained;
  check_ok(stub_->Drain(&drain_context, {}, &drained), "Drain");
  Status status;
  for (const auto end = Clock::now() + 10s; status.ok() && Clock::now() < end; pause()) {
    turn();
    status = call(Request());
  }
  check_code(status, StatusCode::UNAVAILABLE, "a new call");
  for (int i = 0; i < 10; ++i) turn();
  stream->WritesDone();
  Reply reply;
  check(!stream->Read(&reply), "a reply more than expected");
  check_ok(stream->Finish(), "the call that runs");
}

void Client::ping_pong() {
  Context context(kCallTimeout + std::chrono::duration_cast<Clock::duration>(Seconds(seconds_)));
  const auto stream = stub_->Bidi(&context);
  int turns = 0;
  Reply reply;
  for (const auto start = Clock::now(); Seconds(Clock::now() - start).count() < seconds_;) {
    const auto n = static_cast<std::size_t>(turns);
    const Request request = request_of(pattern(n % 1000, n));
    check(stream->Write(request) && stream->Read(&reply), "turn ", turns, ": the stream ended");
    check_echo(reply, request, "turn " + std::to_string(turns));
    check(reply.count() == ++turns, "turn ", turns, " was counted as ", reply.count());
  }
  stream->WritesDone();
  check(!stream->Read(&reply), "a reply more than expected");
  check_ok(stream->Finish(), "Bidi");
  check(turns > 100 * seconds_, "only ", turns, " turns in ", seconds_, " s");
}

// Unary calls with one request, so many at once.
class Calls {
 public:
  using Ended = std::function<void(const Status&, const Reply&)>;  // called by one thread at a time
  Calls(Interop::Stub& stub, std::size_t at_once, const Request& request, Ended ended)
      : stub_(stub), at_once_(at_once), request_(request), ended_(std::move(ended)) {}
  ~Calls() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_ == 0; });
  }
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  // Starts one when there is room for it.
  void start() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_ < at_once_; });
    ++open_;
    lock.unlock();
    auto* flight = new Flight;  // its callback deletes it
    stub_.async()->Unary(&flight->context, &request_, &flight->reply, [this, flight](const Status& status) {
      const std::unique_ptr<Flight> own(flight);
      const std::lock_guard guard(mutex_);
      ended_(status, own->reply);
      --open_;
      changed_.notify_all();
    });
  }

 private:
  struct Flight {
    Context context;
    Reply reply;
  };
  Interop::Stub& stub_;
  const std::size_t at_once_;
  const Request& request_;
  const Ended ended_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t open_ = 0;
};

void Client::load(std::size_t calls, std::size_t at_once, std::size_t size) {
  const Request request = load_request(size);
  Totals sent;
  sent.add(request.payload());
  std::size_t failed = 0;
  std::string first;
  {
    Calls open(*stub_, at_once, request, [&](const Status& status, const Reply& reply) {
      try {
        check_ok(status, "Unary");
        check_load(reply, sent);
      } catch (const Failure& failure) {
        if (failed++ == 0) first = failure.what();
      }
    });
    for (std::size_t i = 0; i < calls; ++i) open.start();
  }
  check(failed == 0, failed, " of ", calls, " calls failed; the first: ", first);
}

void Client::sizes() {
  for (std::size_t mebibytes : {1, 4, 16}) {
    const Request request = request_of(pattern(mebibytes << 20, mebibytes));
    Reply reply;
    check_ok(call(request, &reply), "Unary");
    check_echo(reply, request, "Unary");
  }
}

void Client::slow_reader() {
  Context context;
  const auto stream = stub_->ServerStream(&context, replies_request(128, 64 << 10, "down"));
  Reply reply;
  for (int i = 0; i < 128; ++i) {
    check(stream->Read(&reply), "the stream ended before reply ", i);
    check_numbered(reply, i, 64 << 10, "down");
    pause();
    pause();
  }
  check(!stream->Read(&reply), "a reply more than expected");
  check_ok(stream->Finish(), "ServerStream");
}

// 200 streams at once, of which each has a reply read in turn.
void Client::streams() {
  constexpr std::size_t kStreams = 200;
  const std::unique_ptr<Context[]> contexts(new Context[kStreams]);
  std::vector<std::unique_ptr<grpc::ClientReader<Reply>>> open;
  for (std::size_t k = 0; k < kStreams; ++k)
    open.push_back(stub_->ServerStream(&contexts[k], replies_request(1000, 10, std::to_string(k))));
  Reply reply;
  for (int i = 0; i < 1000; ++i) {
    for (std::size_t k = 0; k < kStreams; ++k) {
      check(open[k]->Read(&reply), "stream ", k, " ended before reply ", i);
      check_numbered(reply, i, 10, std::to_string(k));
    }
  }
  for (const auto& stream : open) {
    check(!stream->Read(&reply), "a reply more than expected");
    check_ok(stream->Finish(), "ServerStream");
  }
}

// Small Unary calls, eight at once, whatever becomes of them.
void Client::steady() {
  const Request request = load_request(100);
  Tally tally(seconds_);
  std::atomic<int> last = 0;
  {
    Calls open(*stub_, 8, request, [&](const Status& status, const Reply&) {
      last = status.error_code();
      tally.add(status.error_code(), status.error_message());
    });
    while (tally.going_on()) {
      open.start();
      if (last != 0) pause();
    }
  }
  for (const auto end = Clock::now() + 10s; last != 0 && Clock::now() < end; pause())
    last = call(request).error_code();
  tally.finish(last);
}

std::map<std::string, std::function<void()>> Client::cases() {
  const auto constant = [](std::size_t size) { return [size](std::size_t) { return size; }; };
  const auto gather = [] {
    Plan plan;
    plan.set_gather(1000);
    return plan;
  };
  return {
      {"unary", [this] { unary(); }},
      {"server_stream", [this] { read_stream(10, 1000), read_stream(0, 0); }},
      {"client_stream",
       [=, this] { write_stream(10, [](std::size_t i) { return 100 * i; }), write_stream(0, constant(0)); }},
      {"bidi", [this] { bidi(); }},
      {"empty", [this] { empty(); }},
      {"metadata", [this] { metadata(); }},
      {"metadata_many", [this] { exchange(many_metadata()); }},
      {"metadata_bin", [this] { exchange(binary_metadata()); }},
      {"metadata_big", [this] { exchange(big_metadata()); }},
      {"sequence", [this] { sequence(); }},
      {"status_message", [this] { status_message(); }},
      {"status_plain", [this] { status_plain(); }},
      {"status_details", [this] { details(); }},
      {"status_kinds", [this] { status_kinds(); }},
      {"unimplemented", [this] { unimplemented(); }},
      {"utf8", [this] { utf8(); }},
      {"deadline", [this] { deadline(); }},
      {"deadline_stream", [this] { deadline_stream(); }},
      {"cancel_unary", [this] { cancel_unary(); }},
      {"cancel_stream", [this] { cancel_stream(); }},
      {"cancel_bidi", [this] { cancel_bidi(); }},
      {"server_ends_early", [this] { server_ends_early(); }},
      {"server_ends_early_ok",
       [this] {
         Plan plan;
         plan.set_read(3);
         check_ok(end_early(plan), "Bidi");
         unary();
       }},
      {"large", [this] { large(); }},
      {"volume", [=, this] { read_stream(256, 64 << 10), write_stream(256, constant(64 << 10)); }},
      {"many", [=, this] { read_stream(10'000, 10), write_stream(10'000, constant(10)); }},
      {"too_long", [this] { too_long(); }},
      {"crowd", [=, this] { all(id(), gather()); }},
      {"crowd_queued", [this] { all("", Plan()); }},
      {"drain", [this] { drain(); }},
      {"ping_pong", [this] { ping_pong(); }},
      {"load_many", [this] { load(3000, 100, 300'000); }},
      {"load_large", [this] { load(200, 16, 3 << 20); }},
      {"load_burst", [this] { load(100, 100, 300'000); }},
      {"headers_60k",
       [this] { exchange(long_metadata("x-header-")), exchange(long_metadata("x-trailer-")); }},
      {"sizes", [this] { sizes(); }},
      {"slow_reader", [this] { slow_reader(); }},
      {"streams_200", [this] { streams(); }},
      {"turnover", [this] { load(2000, 1, 100), load(2000, 50, 100); }},
      {"steady", [this] { steady(); }},
  };
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Args args(argc, argv);
    Client client(args);
    run_cases(args.get("--case"), client.cases());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "interop_grpcpp_client: %s\n", error.what());
    return 1;
  }
}
