// sluice's client of the interop matrix: blocking calls on a Runtime, as a rule without threads. README.md
// has its command line, and says what each case must check.
#include <unistd.h>

#include <deque>
#include <future>
#include <memory>
#include <optional>
#include <vector>

#include "sluice_service.h"

namespace {

using namespace interop;
using namespace std::chrono_literals;
using sluice::CallOptions;
using sluice::Duration;
using sluice::Metadata;
using sluice::Result;
using sluice::Status;
using sluice::StatusCode;
using sluice::interop::Interop;
using sluice::interop::Missing;
using Clock = std::chrono::steady_clock;

constexpr Duration kCallTimeout = 20s;

void check_ok(const Status& status, std::string_view what) { check(status.ok(), what, ": ", status); }
void check_code(const Status& status, StatusCode code, std::string_view what) {
  check(status.code() == code, what, ": want ", code, ", got ", status);
}
void check_status(const Status& status, int code, std::string_view message, std::string_view what) {
  check_code(status, static_cast<StatusCode>(code), what);
  check(status.message() == message, what, ": want message ", message, ", got ", status.message());
}

Pairs pairs_of(const Metadata& metadata) {
  Pairs pairs;
  for (const auto [key, value] : metadata) pairs.emplace_back(key, value);
  return pairs;
}
Metadata metadata_of(const Pairs& pairs) {
  Metadata metadata;
  for (const auto& [key, value] : pairs) metadata.add(key, value);
  return metadata;
}

sluice::Task<void> sleep_for(Duration timeout) {
  const Status slept = co_await sluice::sleep(timeout);
  check_ok(slept, "sleep");
}

class Client {
 public:
  Client(sluice::Runtime& runtime, const sluice::Channel& channel, const Args& args)
      : seconds_(std::stod(args.get("--seconds", "1"))),
        joined_(args.has("--joined")),
        runtime_(runtime),
        stub_(channel),
        missing_(channel) {}

  std::map<std::string, std::function<void()>> cases();

 private:
  std::string id() { return "sluice-" + std::to_string(getpid()) + "-" + std::to_string(++ids_); }

  Result<Reply> call(const Request& request, Duration timeout = kCallTimeout) {
    return stub_.Unary(request, {.timeout = timeout}).get();
  }
  Reply reply_of(const Request& request, std::string_view what) {
    Result<Reply> reply = call(request);
    check_ok(reply.status(), what);
    return *std::move(reply);
  }
  // A read that must bring something.
  template <class Stream>
  Reply read(Stream& stream, std::string_view what) {
    auto reply = stream.read().get();
    if (!reply) check(false, what, ": the stream ended, ", stream.finish().get());
    return *std::move(reply);
  }
  template <class Stream>
  void write(Stream& stream, const Request& request, std::string_view what) {
    check_ok(stream.write(request).get(), what);
  }
  template <class Stream>
  Status end(Stream& stream) {
    check(!stream.read().get(), "a reply more than expected");
    return stream.finish().get();
  }

  // What the server saw of a call, once `until` holds for it.
  template <class Until>
  SeenReply seen(const std::string& id, std::string_view what, Until until) {
    SeenReply reply;
    for (const auto end = Clock::now() + 5s; Clock::now() < end; pause()) {
      sluice::interop::SeenRequest request;
      request.set_id(id);
      Result<SeenReply> result = stub_.Seen(request, {.timeout = kCallTimeout}).get();
      check_ok(result.status(), "Seen");
      reply = *std::move(result);
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
  void pause() { runtime_.run(sleep_for(5ms)); }

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
  sluice::Runtime& runtime_;
  const Interop::Stub stub_;
  const Missing::Stub missing_;
  int ids_ = 0;
};

void Client::unary() {
  for (std::size_t k = 0; k < 5; ++k) {
    const Request request = request_of(pattern(100 * k, k), "unary " + std::to_string(k));
    const Reply reply = reply_of(request, request.text());
    check_echo(reply, request, request.text());
    Totals totals;
    totals.add(request.payload());
    check_totals(reply, totals, request.text());
  }
}

void Client::read_stream(int replies, int size) {
  auto stream = stub_.ServerStream(replies_request(replies, size, "down"), {.timeout = kCallTimeout});
  for (int i = 0; i < replies; ++i) check_numbered(read(stream, "ServerStream"), i, size, "down");
  check_ok(end(stream), "ServerStream");
}

template <class Size>
void Client::write_stream(int n, Size size) {
  auto stream = stub_.ClientStream({.timeout = kCallTimeout});
  Totals totals;
  for (int i = 0; i < n; ++i) {
    const auto number = static_cast<std::size_t>(i);
    const Request request = request_of(pattern(size(number), number), std::to_string(i));
    totals.add(request.payload());
    write(stream, request, "ClientStream");
  }
  const Result<Reply> reply = stream.finish().get();
  check_ok(reply.status(), "ClientStream");
  check_totals(*reply, totals, "ClientStream");
  check(n == 0 || reply->text() == std::to_string(n - 1), "text of the last message: ", reply->text());
}

void Client::bidi() {
  auto stream = stub_.Bidi({.timeout = kCallTimeout});
  Totals totals;
  for (std::size_t i = 0; i < 10; ++i) {
    Request request = i == 0 ? replies_request(3, 10) : Request();
    request.set_payload(pattern(50 * i, i));
    request.set_text("ping " + std::to_string(i));
    totals.add(request.payload());
    write(stream, request, request.text());
    const Reply reply = read(stream, request.text());
    check_echo(reply, request, request.text());
    check_totals(reply, totals, request.text());
  }
  check_ok(stream.close_write().get(), "close_write");
  for (std::size_t i = 0; i < 3; ++i) {
    const Reply reply = read(stream, "after the half-close");
    check(reply.payload() == pattern(10, i), "reply ", i, " after the half-close");
    check_totals(reply, totals, "after the half-close");
  }
  check_ok(end(stream), "Bidi");
}

void Client::empty() {
  check_count(reply_of(Request(), "Unary"), 1, "Unary");
  read_stream(0, 0);
  auto down = stub_.ServerStream(replies_request(2, 0), {.timeout = kCallTimeout});
  check(read(down, "empty reply").ByteSizeLong() == 0, "the reply is not empty");
  check_count(read(down, "second reply"), 1, "second reply");
  check_ok(end(down), "ServerStream");
  auto up = stub_.ClientStream({.timeout = kCallTimeout});
  auto both = stub_.Bidi({.timeout = kCallTimeout});
  for (int i = 1; i <= 3; ++i) {
    write(up, Request(), "ClientStream");
    write(both, Request(), "Bidi");
    check_count(read(both, "Bidi"), i, "Bidi");
  }
  check_ok(both.close_write().get(), "close_write");
  check_ok(end(both), "Bidi");
  const Result<Reply> reply = up.finish().get();
  check_ok(reply.status(), "ClientStream");
  check_count(*reply, 3, "ClientStream");
}

void Client::exchange(const Pairs& sent) {
  const Metadata metadata = metadata_of(sent);
  Metadata header, trailer;
  const Result<Reply> reply =
      stub_
          .Unary(Request(),
                 {.timeout = kCallTimeout, .metadata = &metadata, .header = &header, .trailer = &trailer})
          .get();
  check_ok(reply.status(), "Unary");
  check_exchange(sent, *reply, pairs_of(header), pairs_of(trailer), "Unary", joined_);

  auto stream = stub_.Bidi({.timeout = kCallTimeout, .metadata = &metadata});
  write(stream, Request(), "Bidi");
  check_ok(stream.wait_header().get(), "Bidi");
  const Pairs stream_header = pairs_of(stream.header());
  const Reply echo = read(stream, "Bidi");
  check_ok(stream.close_write().get(), "Bidi");
  check_ok(end(stream), "Bidi");
  check_exchange(sent, echo, stream_header, pairs_of(stream.trailer()), "Bidi", joined_);
}

void Client::metadata() {
  exchange(simple_metadata());
  Metadata trailer;
  const Request request = request_of(plan_of(5, "none"));
  const Result<Reply> reply =
      stub_
          .Unary(request, {.timeout = kCallTimeout,
                           .metadata = sluice::MetadataList({"x-trailer", "of a failure"}),
                           .trailer = &trailer})
          .get();
  check_status(reply.status(), 5, "none", "Unary");
  check_values({"of a failure"}, pairs_of(trailer), "x-trailer", "failure's trailer", joined_);
}

void Client::sequence() {
  for (int i = 0; i < 1000; ++i) {
    const Pairs sent = sequence_metadata(i);
    Metadata header;
    const Result<Reply> reply =
        stub_
            .Unary(Request(), {.timeout = kCallTimeout,
                               .metadata = sluice::MetadataList({sent[0].first, sent[0].second}),
                               .header = &header})
            .get();
    check_ok(reply.status(), "call " + std::to_string(i));
    check_values({sent[0].second}, pairs_of(header), sent[0].first, "header of call " + std::to_string(i),
                 joined_);
  }
}

void Client::status_message() {
  for (int code = 1; code <= 16; ++code) {
    const std::string message = "code " + std::to_string(code);
    check_status(call(request_of(plan_of(code, message))).status(), code, message, message);
  }
  for (const std::string& message : status_messages())
    check_status(call(request_of(plan_of(9, message))).status(), 9, message, "Unary");
}

void Client::status_plain() {
  Metadata trailer;
  const Request request = request_of(plan_of(5));
  const Status status = stub_.Unary(request, {.timeout = kCallTimeout, .trailer = &trailer}).get().status();
  check_status(status, 5, "", "Unary");
  check(status.details().empty(), "there are details");
  check(!trailer.get("grpc-status-details-bin"), "the trailer has grpc-status-details-bin");
}

void Client::details() {
  Plan plan = plan_of(7, "with details");
  plan.set_details(status_details());
  const Status status = call(request_of(plan)).status();
  check_status(status, 7, "with details", "Unary");
  check(status.details() == plan.details(), "details: want ", shown({plan.details()}), ", got ",
        shown({std::string(status.details())}));
}

void Client::status_kinds() {
  Plan plan = plan_of(10, "aborted, after all");
  plan.set_replies(2);
  const Request request = request_of(plan);
  auto down = stub_.ServerStream(request, {.timeout = kCallTimeout});
  for (int i = 0; i < 2; ++i) check_numbered(read(down, "ServerStream"), i, 0, "");
  check_status(end(down), 10, plan.message(), "ServerStream");
  auto up = stub_.ClientStream({.timeout = kCallTimeout});
  write(up, request, "ClientStream");
  check_status(up.finish().get().status(), 10, plan.message(), "ClientStream");
  auto both = stub_.Bidi({.timeout = kCallTimeout});
  check_ok(both.write(request, {.last = true}).get(), "Bidi");
  int replies = 0;
  while (both.read().get()) ++replies;
  check(replies == 3, "Bidi: ", replies, " replies");
  check_status(both.finish().get(), 10, plan.message(), "Bidi");
}

void Client::unimplemented() {
  check_code(stub_.NotThere(Request(), {.timeout = kCallTimeout}).get().status(), StatusCode::kUnimplemented,
             "a method that is not there");
  check_code(missing_.Call(Request(), {.timeout = kCallTimeout}).get().status(), StatusCode::kUnimplemented,
             "a service that is not there");
  unary();
}

void Client::utf8() {
  for (const std::string& text : texts()) {
    const Request request = request_of("", text);
    check_echo(reply_of(request, text), request, "Unary");
  }
}

void Client::deadline() {
  std::string call_id = id();
  const auto start = Clock::now();
  check_code(call(wait_request(call_id), 300ms).status(), StatusCode::kDeadlineExceeded, "Unary");
  const double took = Seconds(Clock::now() - start).count();
  check(took > 0.25 && took < 5, "after ", took, " s");
  SeenReply saw = seen_cancelled(call_id);
  check(saw.timeout_ms() > 0 && saw.timeout_ms() <= 350, "of 300 ms the server saw ", saw.timeout_ms());
  Request request;
  request.set_id(call_id = id());
  check_ok(call(request, 100s).status(), "Unary with a deadline of 100 s");
  saw = seen_end(call_id);
  check(saw.timeout_ms() > 80'000 && saw.timeout_ms() <= 101'000, "of 100 s the server saw ",
        saw.timeout_ms(), " ms");
  request.set_id(call_id = id());
  check_ok(stub_.Unary(request).get().status(), "Unary without deadline");
  saw = seen_end(call_id);
  check(saw.timeout_ms() == -1 && !saw.cancelled(), "without deadline the server saw ",
        saw.ShortDebugString());
}

void Client::deadline_stream() {
  const std::string call_id = id();
  auto stream = stub_.Bidi({.timeout = 300ms});
  write(stream, wait_request(call_id), "Bidi");
  read(stream, "Bidi");
  check_code(end(stream), StatusCode::kDeadlineExceeded, "Bidi");
  seen_cancelled(call_id);
}

void Client::cancel_unary() {
  const std::string call_id = id();
  const Request request = wait_request(call_id);
  sluice::Call<Reply> flight = stub_.Unary(request, {.timeout = kCallTimeout}).start();
  seen(call_id, "the call", [](const SeenReply& r) { return r.started() == 1; });
  flight.cancel();
  check_code(flight.get().status(), StatusCode::kCancelled, "Unary");
  seen_cancelled(call_id);
}

void Client::cancel_stream() {
  Request request = replies_request(1'000'000, 1000);
  request.set_id(id());
  auto stream = stub_.ServerStream(request, {.timeout = kCallTimeout});
  for (int i = 0; i < 5; ++i) check_numbered(read(stream, "ServerStream"), i, 1000, "");
  stream.cancel();
  check_code(stream.finish().get(), StatusCode::kCancelled, "ServerStream");
  const SeenReply saw = seen_cancelled(request.id());
  check(saw.sent() < 1'000'000, "the server sent all ", saw.sent(), " replies");
}

void Client::cancel_bidi() {
  const std::string call_id = id();
  auto stream = stub_.Bidi({.timeout = kCallTimeout});
  write(stream, wait_request(call_id), "Bidi");
  read(stream, "Bidi");
  stream.cancel();
  check_code(end(stream), StatusCode::kCancelled, "Bidi");
  seen_cancelled(call_id);
  // One that is let go of is cancelled too.
  const std::string dropped_id = id();
  {
    auto dropped = stub_.Bidi({.timeout = kCallTimeout});
    write(dropped, wait_request(dropped_id), "Bidi");
    read(dropped, "Bidi");
  }
  seen_cancelled(dropped_id);
}

// Sends on a Bidi call until it ends, from another thread; checks that three replies came.
Status Client::end_early(const Plan& plan) {
  auto stream = stub_.Bidi({.timeout = kCallTimeout});
  auto sent = std::async(std::launch::async, [&] {
    Request request = request_of(plan);
    std::size_t i = 0;
    do request.set_payload(pattern(1000, i));
    while (stream.write(request).get().ok() && ++i < 100'000);
    return i;
  });
  int replies = 0;
  while (stream.read().get()) ++replies;
  check(sent.get() < 100'000, "the server read on");
  check(replies == 3, "Bidi: ", replies, " replies");
  return stream.finish().get();
}

void Client::server_ends_early() {
  Plan plan = plan_of(10, "enough");
  plan.set_read(3);
  check_status(end_early(plan), 10, "enough", "Bidi");
  auto stream = stub_.ClientStream({.timeout = kCallTimeout});
  Request request = request_of(plan);
  std::size_t i = 0;
  do request.set_payload(pattern(1000, i));
  while (stream.write(request).get().ok() && ++i < 100'000);
  check(i < 100'000, "the server read on");
  check_status(stream.finish().get().status(), 10, "enough", "ClientStream");
  unary();
}

void Client::large() {
  const Request request = request_of(pattern(1 << 20, 1));
  check_echo(reply_of(request, "Unary"), request, "Unary");
  auto stream = stub_.Bidi({.timeout = kCallTimeout});
  for (std::size_t i = 0; i < 4; ++i) {
    const Request one = request_of(pattern(1 << 20, i));
    write(stream, one, "Bidi");
    check_echo(read(stream, "Bidi"), one, "Bidi");
  }
  check_ok(stream.close_write().get(), "Bidi");
  check_ok(end(stream), "Bidi");
}

void Client::too_long() {
  check_code(call(request_of(pattern(5 << 20, 0))).status(), StatusCode::kResourceExhausted,
             "a request of 5 MiB");
  Plan plan;
  plan.set_reply_size(5 << 20);
  check_code(call(request_of(plan)).status(), StatusCode::kResourceExhausted, "a reply of 5 MiB");
  unary();
}

// 1,000 Unary calls at once.
void Client::all(const std::string& id, const Plan& plan) {
  std::vector<Request> requests;
  std::vector<sluice::Call<Reply>> calls;
  for (std::size_t i = 0; i < 1000; ++i) {
    Request& request = requests.emplace_back(request_of(pattern(i % 100, i), std::to_string(i)));
    request.set_id(id);
    *request.mutable_plan() = plan;
    calls.push_back(stub_.Unary(request, {.timeout = kCallTimeout}).start());
  }
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Result<Reply> reply = calls[i].get();
    check_ok(reply.status(), "call " + std::to_string(i));
    check_echo(*reply, requests[i], "call " + std::to_string(i));
  }
}

void Client::drain() {
  auto stream = stub_.Bidi({.timeout = kCallTimeout});
  Request request = request_of("", "turn");
  request.set_id(id());
  const auto turn = [&] {
    write(stream, request, "the call that runs");
    check_echo(read(stream, "the call that runs"), request, "the call that runs");
  };
  turn();
  check_ok(stub_.Drain({}, {.timeout = kCallTimeout}).get().status(), "Drain");
  // grpc++ answers a call that meets it while it closes with CANCELLED.
  Status status;
  const auto going_on = [&] { return status.ok() || status.code() == StatusCode::kCancelled; };
  for (const auto end = Clock::now() + 10s; going_on() && Clock::now() < end; pause()) {
    turn();
    status = call(Request()).status();
  }
  check_code(status, StatusCode::kUnavailable, "a new call");
  for (int i = 0; i < 10; ++i) turn();
  check_ok(stream.close_write().get(), "the call that runs");
  check_ok(end(stream), "the call that runs");
}

void Client::ping_pong() {
  auto stream =
      stub_.Bidi({.timeout = kCallTimeout + std::chrono::duration_cast<Duration>(Seconds(seconds_))});
  int turns = 0;
  for (const auto start = Clock::now(); Seconds(Clock::now() - start).count() < seconds_;) {
    const auto n = static_cast<std::size_t>(turns);
    const Request request = request_of(pattern(n % 1000, n));
    const std::string what = "turn " + std::to_string(turns);
    write(stream, request, what);
    const Reply reply = read(stream, what);
    check_echo(reply, request, what);
    check(reply.count() == ++turns, what, " was counted as ", reply.count());
  }
  check_ok(stream.close_write().get(), "Bidi");
  check_ok(end(stream), "Bidi");
  check(turns > 100 * seconds_, "only ", turns, " turns in ", seconds_, " s");
}

// Unary calls of `size` bytes each, so many at once.
void Client::load(std::size_t calls, std::size_t at_once, std::size_t size) {
  const Request request = load_request(size);
  Totals sent;
  sent.add(request.payload());
  std::deque<sluice::Call<Reply>> open;
  std::size_t started = 0, failed = 0;
  Status first;
  while (started < calls || !open.empty()) {
    while (started < calls && open.size() < at_once) {
      open.push_back(stub_.Unary(request, {.timeout = kCallTimeout}).start());
      ++started;
    }
    const Result<Reply> reply = open.front().get();
    open.pop_front();
    if (reply.ok()) {
      check_load(*reply, sent);
    } else if (failed++ == 0) {
      first = reply.status();
    }
  }
  check(failed == 0, failed, " of ", calls, " calls failed; the first: ", first);
}

void Client::sizes() {
  for (std::size_t mebibytes : {1, 4, 16}) {
    const Request request = request_of(pattern(mebibytes << 20, mebibytes));
    check_echo(reply_of(request, "Unary"), request, "Unary");
  }
}

void Client::slow_reader() {
  auto stream = stub_.ServerStream(replies_request(128, 64 << 10, "down"), {.timeout = kCallTimeout});
  for (int i = 0; i < 128; ++i) {
    check_numbered(read(stream, "ServerStream"), i, 64 << 10, "down");
    pause();
    pause();
  }
  check_ok(end(stream), "ServerStream");
}

// 200 streams at once, of which each has a reply read in turn.
void Client::streams() {
  using Stream = decltype(stub_.ServerStream(Request(), {}));
  std::deque<Stream> open;
  for (int k = 0; k < 200; ++k)
    open.push_back(
        stub_.ServerStream(replies_request(1000, 10, std::to_string(k)), {.timeout = kCallTimeout}));
  for (int i = 0; i < 1000; ++i) {
    for (std::size_t k = 0; k < open.size(); ++k)
      check_numbered(read(open[k], "ServerStream"), i, 10, std::to_string(k));
  }
  for (Stream& stream : open) check_ok(end(stream), "ServerStream");
}

// Small Unary calls, eight at once, whatever becomes of them.
void Client::steady() {
  const Request request = load_request(100);
  Tally tally(seconds_);
  std::deque<sluice::Call<Reply>> open;
  Status last;
  const auto end_one = [&] {
    last = open.front().get().status();
    open.pop_front();
    tally.add(static_cast<int>(last.code()), std::string(last.message()));
    if (!last.ok()) pause();
  };
  while (tally.going_on()) {
    while (open.size() < 8) open.push_back(stub_.Unary(request, {.timeout = kCallTimeout}).start());
    end_one();
  }
  while (!open.empty()) end_one();
  for (const auto end = Clock::now() + 10s; !last.ok() && Clock::now() < end; pause())
    last = call(request).status();
  tally.finish(static_cast<int>(last.code()));
}

std::map<std::string, std::function<void()>> Client::cases() {
  const auto constant = [](std::size_t size) { return [size](std::size_t) { return size; }; };
  Plan gather, early;
  gather.set_gather(1000);
  early.set_read(3);
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
      {"server_ends_early_ok", [=, this] { check_ok(end_early(early), "Bidi"), unary(); }},
      {"large", [this] { large(); }},
      {"volume", [=, this] { read_stream(256, 64 << 10), write_stream(256, constant(64 << 10)); }},
      {"many", [=, this] { read_stream(10'000, 10), write_stream(10'000, constant(10)); }},
      {"too_long", [this] { too_long(); }},
      {"crowd", [=, this] { all(id(), gather); }},
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

// A server in this process, for a pipe. Drained on its own, as a signal would.
class PipeServer {
 public:
  PipeServer(sluice::Runtime& runtime, const std::string& addr, std::uint32_t max_streams)
      : service_([this] { draining_.emplace(server_.drain().start()); }),
        server_(runtime, {.max_concurrent_streams = max_streams}) {
    check_ok(server_.register_service(service_), "register_service");
    check_ok(server_.serve(runtime.listen(addr).value()), "serve");
  }

 private:
  std::optional<sluice::Call<Status>> draining_;
  SluiceService service_;
  sluice::Server server_;
};

void run(const Args& args) {
  sluice::Runtime runtime({.threads = static_cast<unsigned>(std::stoi(args.get("--threads", "0")))});
  const std::string target = args.get("--target");
  std::optional<PipeServer> pipe_server;
  if (target.starts_with("pipe:")) {
    pipe_server.emplace(runtime, target,
                        static_cast<std::uint32_t>(std::stoul(args.get("--max-streams", "2000"))));
  }
  sluice::ChannelOptions options;
  options.max_receive_message_size = std::stoul(args.get("--max-message", "4194304"));
  if (args.has("--max-headers")) {
    options.limits.header_list_size = static_cast<std::uint32_t>(std::stoul(args.get("--max-headers")));
    options.limits.header_list_hard_limit = options.limits.header_list_size;
  }
  sluice::Channel channel = sluice::dial(runtime, target, options).value();
  Client client(runtime, channel, args);
  run_cases(args.get("--case"), client.cases());
  channel.close();
  runtime.run(sleep_for(5ms));  // its connection ends
  tell_peaks(channel.limit_peaks());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(Args(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "interop_sluice_client: %s\n", error.what());
    return 1;
  }
}
