// What a benchmark program measures: one implementation of the same few operations.
// Each subject is a program of its own, so that a missing peer costs only its own lines.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "support/options.h"

namespace bench {

// Thrown by an operation that a subject does not have; its row is left out, with a line on stderr.
struct Unsupported {};

// One implementation, client and server in this process, connected and idle.
//
// Every operation checks length and content of what it received and returns false when they are wrong.
// Thread: called from the main thread only. `i` counts calls and chooses the contents (Payloads).
class Subject {
 public:
  virtual ~Subject() = default;

  // HelloRequest of 10 B, built here, to HelloReply of 16 B; one call at a time.
  virtual bool unary(std::uint64_t) { throw Unsupported{}; }
  // The same with a timeout of a minute on it.
  virtual bool unary_deadline(std::uint64_t) { throw Unsupported{}; }
  // `calls` unary calls, `outstanding` of them in flight at any time while there are so many left.
  virtual bool unary_many(std::uint64_t /*calls*/, unsigned /*outstanding*/) { throw Unsupported{}; }
  // 100 B there and the same back, on one bidirectional stream opened at first use.
  virtual bool ping_pong(std::uint64_t) { throw Unsupported{}; }
  // One server stream of `messages` messages of 100 B.
  virtual bool stream(std::uint64_t /*messages*/) { throw Unsupported{}; }
  // 1 MiB there and the same back; the request object is used again, the handler copies it into its reply.
  virtual bool large(std::uint64_t) { throw Unsupported{}; }
  // `calls` calls of a scenario of the gate that is none of these; throws Unsupported for other names.
  virtual bool gate_calls(const std::string& /*scenario*/, std::uint64_t /*calls*/) { throw Unsupported{}; }
  // `calls` unary calls, shared out among `callers` threads that call at once by the same stub.
  virtual bool unary_from(std::uint64_t /*calls*/, unsigned /*callers*/) { throw Unsupported{}; }
  // `calls` unary calls by two threads, each of which also runs the server that the other one calls.
  virtual bool unary_across(std::uint64_t /*calls*/) { throw Unsupported{}; }
  // `calls` unary calls by so many threads that share nothing but the service, `outstanding` in flight on
  // each.
  virtual bool unary_on_loops(std::uint64_t /*calls*/, unsigned /*outstanding*/, unsigned /*loops*/) {
    throw Unsupported{};
  }
  // Opens `n` more connections, makes one unary call on each, and keeps them until destruction.
  virtual void hold_connections(unsigned) { throw Unsupported{}; }
  // Opens `n` more bidirectional streams on the first connection, one message each way, and keeps them.
  virtual void hold_streams(unsigned) { throw Unsupported{}; }
  // Opens `connections` more connections with `streams` streams on each, as hold_streams does, and keeps
  // them.
  virtual void hold_crowd(unsigned /*connections*/, unsigned /*streams*/) { throw Unsupported{}; }
};

using MakeSubject = std::function<std::unique_ptr<Subject>(const Options&)>;

// The main function of every benchmark program: measures the rows asked for, or runs the scenario asked
// for, and prints one JSON object a line. Returns the exit status: 1 when an answer was wrong.
int subject_main(int argc, char** argv, const MakeSubject& make);

}  // namespace bench
