// The guide's tests: of a service in one line, of deadlines in virtual time, of orders by seeds, and over
// connections that fail. Each function is a test, for whatever framework; a failure throws.
#include <sluice/sluice.h>
#include <sluice/testing/client_of.h>
#include <sluice/testing/fault_network.h>
#include <sluice/testing/link_network.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "notes.sluice.h"

using namespace std::chrono_literals;

namespace {

void expect(bool held, const std::string& what) {
  if (!held) throw std::runtime_error("not so: " + what);
}

// [under_test]
// Numbers notes from 1. There is a mistake in it, which shows if two calls come at an unlucky time.
class Counter final : public notes::Notes::Service {
  sluice::Task<sluice::Result<notes::Note>> Add(sluice::ServerContext&, const notes::Note& request) override {
    notes::Note note = request;
    note.set_id(last_ + 1);
    co_await sluice::yield();  // stands for a call to somebody else
    last_ = note.id();
    co_return note;
  }

  std::int64_t last_ = 0;
};
// [/under_test]

// [unit]
void numbers_notes_from_one() {
  Counter counter;
  auto client = sluice::testing::client_of<notes::Notes>(counter);
  expect(client->Add(notes::Note()).get().value().id() == 1, "the first has the number 1");
  expect(client->Add(notes::Note()).get().value().id() == 2, "the second has the number 2");
}
// [/unit]

// [fake]
// A server as the client under test should never meet one.
class Hangs final : public notes::Notes::Service {
  sluice::Task<sluice::Result<notes::Note>> Get(sluice::ServerContext& context,
                                                const notes::GetRequest&) override {
    co_return co_await context.context().done();
  }
};

void gives_up_after_an_hour() {
  Hangs hangs;
  auto client = sluice::testing::client_of<notes::Notes>(hangs, {.runtime = {.simulation_seed = 1}});
  const sluice::TimePoint start = client.runtime().now();
  const auto note = client->Get(notes::GetRequest(), {.timeout = 1h}).get();
  expect(note.status().code() == sluice::StatusCode::kDeadlineExceeded, note.status().to_string());
  expect(client.runtime().now() - start == 1h, "it waits for an hour, to the nanosecond");
}
// [/fake]

// [seeds]
sluice::Task<bool> both_get_numbers_of_their_own(const notes::Notes::Stub& stub) {
  const notes::Note note;
  auto [a, b] = co_await sluice::when_all(stub.Add(note), stub.Add(note));
  co_return a.ok() && b.ok() && a->id() != b->id();
}

std::optional<std::uint64_t> first_seed_that_fails() {
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    Counter counter;
    auto client = sluice::testing::client_of<notes::Notes>(counter, {.runtime = {.simulation_seed = seed}});
    if (!client.runtime().run(both_get_numbers_of_their_own(*client))) return seed;
  }
  return std::nullopt;
}
// [/seeds]

// [network]
// A server and a client of it over a network of another kind, which stands on pipes.
struct Over {
  Over(notes::Notes::Service& service, std::shared_ptr<sluice::net::Network> network)
      : runtime({.simulation_seed = 1}), server(runtime) {
    runtime.add_network("test", std::move(network));
    sluice::Status status = server.register_service(service);
    if (status.ok()) status = server.serve(runtime.listen("test:notes").value());
    expect(status.ok(), status.to_string());
    stub.emplace(sluice::dial(runtime, "test:notes", {.backoff = {.initial = 1s}}).value());
  }
  sluice::Runtime runtime;
  sluice::Server server;
  std::optional<notes::Notes::Stub> stub;
};
// [/network]

// [faults]
// The first connection of the client breaks when it has written 50 bytes; the others are as they should be.
sluice::testing::FaultOptions break_the_first(const sluice::testing::FaultEnd& end) {
  sluice::testing::FaultOptions options;
  if (end.side == sluice::testing::FaultEnd::Side::kDialled && end.number == 0) {
    options.writes.faults = {{.kind = sluice::testing::FaultKind::kCut, .at = 50}};
  }
  return options;
}

void lives_through_a_broken_connection() {
  Counter counter;
  Over over(counter, std::make_shared<sluice::testing::FaultNetwork>(
                         std::make_shared<sluice::net::MemoryNetwork>(), &break_the_first, "pipe"));
  const auto lost = over.stub->Add(notes::Note()).get();
  expect(lost.status().code() == sluice::StatusCode::kUnavailable, "the first call fails");
  over.runtime.simulation()->advance_to(over.runtime.now() + 10s);
  over.runtime.poll();  // the timers that are due: the back-off is over
  expect(over.stub->Add(notes::Note()).get().ok(), "the second has a new connection");
}
// [/faults]

// [link]
void takes_one_round_trip() {
  Counter counter;
  Over over(counter, std::make_shared<sluice::testing::LinkNetwork>(
                         std::make_shared<sluice::net::MemoryNetwork>(),
                         sluice::testing::LinkOptions{.latency = 50ms}, "pipe"));
  expect(over.stub->Add(notes::Note()).get().ok(), "connected");
  const sluice::TimePoint start = over.runtime.now();
  expect(over.stub->Add(notes::Note()).get().ok(), "a call over the link");
  expect(over.runtime.now() - start == 100ms, "there and back, and no more");
}
// [/link]

}  // namespace

int main() {
  try {
    numbers_notes_from_one();
    gives_up_after_an_hour();
    expect(first_seed_that_fails().has_value(), "one of the seeds shows the mistake");
    lives_through_a_broken_connection();
    takes_one_round_trip();
    std::printf("all right\n");
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
