// One call of each kind from its first message to its status, whatever happens to it on the way. For tests
// that end it at any point: what came must be right as far as it goes, and there is one status.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sluice/async/sleep.h"
#include "support/raw_service.h"

namespace sluice::support {

struct Exchange {
  Kind kind = Kind::kUnary;
  std::uint64_t number = 0;        // makes its bytes its own
  std::vector<std::size_t> sizes;  // of the requests; one for a unary call and a stream of replies
  // Bytes that recur after so many, so that an encoding makes them fewer; 0: they never do.
  std::size_t period = 0;
};

// How it ended. Not an aggregate: g++ 12 destroys temporaries of those twice inside co_await.
struct Outcome {
  Outcome() = default;
  Outcome(Status s, std::string w) : status(std::move(s)), wrong(std::move(w)) {}
  Status status;
  std::string wrong;  // what was received that was never sent, or a second status; empty: nothing
};

// The bytes of one message, which no other has.
inline Chain message_of(const Exchange& exchange, std::size_t index) {
  std::string text(exchange.sizes[index], '\0');
  std::uint64_t state = exchange.number * 1'000'003 + index;
  for (std::size_t i = 0; i < text.size(); ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const bool recurs = exchange.period > 0 && i >= exchange.period;
    text[i] = recurs ? text[i - exchange.period] : static_cast<char>(state >> 56);
  }
  return Chain::copy(text);
}
inline bool same(const Chain& a, const Chain& b) {
  return a.size() == b.size() && a.to_string() == b.to_string();
}

inline Task<Outcome> unary_exchange(Channel channel, Exchange exchange, CallOptions options) {
  const Chain request = message_of(exchange, 0);
  const Result<Chain> reply = co_await channel.invoke(kUnary, request, options);
  if (!reply.ok()) co_return Outcome(reply.status(), "");
  co_return Outcome(Status(), same(*reply, request) ? "" : "another reply");
}

inline Task<Outcome> reply_stream_exchange(Channel channel, Exchange exchange, CallOptions options) {
  const Chain request = message_of(exchange, 0);
  auto stream = reply_stream(channel, request, options);
  Outcome outcome;
  Chain reply;
  int replies = 0;
  while (co_await stream.read_into(reply)) {
    if (!same(reply, request)) outcome.wrong = "another reply";
    ++replies;
  }
  outcome.status = co_await stream.finish();
  if (outcome.status.ok() ? replies != 3 : replies > 3) {
    outcome.wrong = "replies: " + std::to_string(replies);
  }
  const Status again = co_await stream.finish();
  if (again != outcome.status) outcome.wrong = "a second status: " + again.to_string();
  co_return outcome;
}

inline Task<Outcome> request_stream_exchange(Channel channel, Exchange exchange, CallOptions options) {
  auto stream = request_stream(channel, options);
  Chain all;
  for (std::size_t i = 0; i < exchange.sizes.size(); ++i) {
    const Chain request = message_of(exchange, i);
    const Status written = co_await stream.write(request);
    if (!written.ok()) break;
    all.append(Chain(request));
  }
  const Result<Chain> reply = co_await stream.finish();
  if (!reply.ok()) co_return Outcome(reply.status(), "");
  co_return Outcome(Status(), same(*reply, all) ? "" : "another reply");
}

inline Task<Outcome> bidi_exchange(Channel channel, Exchange exchange, CallOptions options) {
  auto stream = bidi(channel, options);
  Outcome outcome;
  std::size_t echoed = 0;
  Chain reply;
  for (; echoed < exchange.sizes.size(); ++echoed) {
    const Chain request = message_of(exchange, echoed);
    const Status written = co_await stream.write(request);
    if (!written.ok()) break;
    const bool read = co_await stream.read_into(reply);
    if (!read) break;
    if (!same(reply, request)) outcome.wrong = "another reply";
  }
  (void)co_await stream.close_write();
  const bool more = co_await stream.read_into(reply);
  outcome.status = co_await stream.finish();
  if (more && outcome.wrong.empty()) outcome.wrong = "a reply too many";
  if (outcome.status.ok() && echoed < exchange.sizes.size()) {
    outcome.wrong = "OK after " + std::to_string(echoed) + " replies";
  }
  const Status again = co_await stream.finish();
  if (again != outcome.status) outcome.wrong = "a second status: " + again.to_string();
  co_return outcome;
}

inline Task<Outcome> run_exchange(Channel channel, Exchange exchange, CallOptions options) {
  switch (exchange.kind) {
    case Kind::kUnary:
      return unary_exchange(std::move(channel), std::move(exchange), options);
    case Kind::kReplyStream:
      return reply_stream_exchange(std::move(channel), std::move(exchange), options);
    case Kind::kRequestStream:
      return request_stream_exchange(std::move(channel), std::move(exchange), options);
    case Kind::kBidi:
      break;
  }
  return bidi_exchange(std::move(channel), std::move(exchange), options);
}

}  // namespace sluice::support
