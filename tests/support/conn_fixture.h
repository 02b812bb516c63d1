// What the contract suites of Conn and Listener stand on: one kind of network, on one kind of loops, and
// small coroutines that read, write and wait.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "sluice/async/scope.h"
#include "sluice/net/network.h"
#include "support/descriptors.h"
#include "support/loop_fixture.h"

namespace sluice::support {

enum class Loops { kSimulated, kOne, kTwo };

// A kind of network under test.
struct ConnKind {
  std::string name;
  std::function<std::unique_ptr<net::Network>()> make_network;
  Addr listen_on;            // a wish: the listener says what it became
  Addr nobody;               // nobody listens there
  std::string closed_again;  // the text of a listener's second close
  std::size_t too_much = 0;  // bytes that a conn never takes while its peer does not read
};

struct ConnParam {
  ConnKind kind;
  Loops loops;
  friend void PrintTo(const ConnParam& p, std::ostream* out) { *out << name(p); }
  static std::string name(const ConnParam& p) {
    const char* loops[] = {"Simulated", "OnOneLoop", "OnTwoLoops"};
    return p.kind.name + loops[static_cast<int>(p.loops)];
  }
};

// An op whose end a coroutine of the same loop can look at and wait for.
template <class Op>
class Held final : public Op {
 public:
  Held() : Op(&on_done) {}
  // Takes what start_x returned.
  void started(bool inline_done) { ended_ = ended_ || inline_done; }
  bool ended() const { return ended_; }

  bool await_ready() const noexcept { return ended_; }
  template <class P>
  SLUICE_NOINLINE_AWAIT void await_suspend(std::coroutine_handle<P> h) {
    coroutine_ = &h.promise();
  }
  void await_resume() noexcept {}

 private:
  static void on_done(Runnable& self) noexcept {
    auto& held = static_cast<Held&>(self);
    held.ended_ = true;
    if (held.coroutine_) held.coroutine_->run();
  }
  bool ended_ = false;
  Runnable* coroutine_ = nullptr;
};
using HeldRead = Held<net::ReadOp>;
using HeldWrite = Held<net::WriteOp>;
using HeldAccept = Held<net::AcceptOp>;
using HeldDial = Held<net::DialOp>;

// Opened once, on any thread; awaited by one coroutine of its loop.
class Gate final : public Runnable {
 public:
  explicit Gate(Loop& loop) : Runnable(&opened), loop_(loop) {}
  void open() { loop_.post(*this); }

  bool await_ready() const noexcept { return open_; }
  template <class P>
  SLUICE_NOINLINE_AWAIT void await_suspend(std::coroutine_handle<P> h) {
    coroutine_ = &h.promise();
  }
  void await_resume() noexcept {}

 private:
  static void opened(Runnable& self) noexcept {
    auto& gate = static_cast<Gate&>(self);
    gate.open_ = true;
    if (gate.coroutine_) gate.coroutine_->run();
  }
  Loop& loop_;
  bool open_ = false;
  Runnable* coroutine_ = nullptr;
};

// An endless text that no shift, loss or repetition leaves unchanged; writer and reader each have one.
class Pattern {
 public:
  explicit Pattern(std::uint64_t seed) : state_(seed) {}
  std::byte next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::byte>(state_ >> 56);
  }
  Chain take(std::size_t n) {
    std::string text(n, '\0');
    for (char& c : text) c = static_cast<char>(next());
    return Chain::copy(text);
  }
  // True if `data` is what comes next.
  bool matches(const Chain& data) {
    for (const Bytes& slice : data) {
      for (const std::byte b : slice.span()) {
        if (b != next()) return false;
      }
    }
    return true;
  }

 private:
  std::uint64_t state_;
};

inline Task<void> write_text(net::Conn& conn, std::string text) {
  const Status status = co_await conn.write(Chain::copy(text));
  EXPECT_TRUE(status.ok()) << status;
}
// Some text, or "<eof>", or the failure.
inline Task<std::string> read_text(net::Conn& conn, TimePoint deadline = kNever) {
  Result<net::ReadResult> read = co_await conn.read(deadline);
  if (!read.ok()) co_return read.status().to_string();
  if (read->eof) co_return std::string("<eof>");
  co_return read->data.to_string();
}
inline Task<std::string> read_text_of_size(net::Conn& conn, std::size_t n) {
  std::string text;
  while (text.size() < n) {
    const std::string part = co_await read_text(conn);
    if (part == "<eof>") break;
    text += part;
  }
  co_return text;
}
inline Task<void> expect_text(net::Conn& conn, std::string want) {
  const std::string got = co_await read_text_of_size(conn, want.size());
  EXPECT_TRUE(got == want) << got.size() << " bytes: " << got.substr(0, 100);
}
// What the next read brings, or how it fails.
inline Task<void> expect_read(net::Conn& conn, std::string want, TimePoint deadline = kNever) {
  const std::string got = co_await read_text(conn, deadline);
  EXPECT_EQ(got, want);
}
inline Task<void> write_pattern(net::Conn& conn, std::uint64_t seed, std::size_t n, std::size_t chunk) {
  Pattern pattern(seed);
  // The sizes differ from write to write and are odd.
  for (std::size_t size = chunk; n > 0; size = size * 3 % (2 * chunk + 1) | 1) {
    const std::size_t now = std::min(size, n);
    n -= now;
    const Status status = co_await conn.write(pattern.take(now));
    EXPECT_TRUE(status.ok()) << status;
    if (!status.ok()) co_return;
  }
}
inline Task<void> read_pattern(net::Conn& conn, std::uint64_t seed, std::size_t n) {
  Pattern pattern(seed);
  while (n > 0) {
    Result<net::ReadResult> read = co_await conn.read();
    EXPECT_TRUE(read.ok()) << read.status();
    if (!read.ok()) co_return;
    EXPECT_FALSE(read->eof) << n << " bytes are missing";
    EXPECT_LE(read->data.size(), n) << "more than was sent";
    EXPECT_TRUE(pattern.matches(read->data)) << n << " bytes before the end";
    if (read->eof || read->data.size() > n) co_return;
    n -= read->data.size();
  }
}
// `n` bytes of one slice; cheap for any n.
inline Chain zeros(std::size_t n) {
  Chain chain;
  const Bytes slice = Bytes::copy(std::string(std::min<std::size_t>(n, 65536), '\0'));
  for (; n > slice.size(); n -= slice.size()) chain.append(slice);
  chain.append(slice.slice(0, n));
  return chain;
}

// A network, the two sides' loops, and a pair of Conns for those who ask for it.
class ConnFixture : public ::testing::TestWithParam<ConnParam> {
 protected:
  ConnFixture() {
    if (GetParam().loops == Loops::kSimulated) one_.emplace(7);
    if (GetParam().loops == Loops::kOne) one_.emplace();
    if (GetParam().loops == Loops::kTwo) two_.emplace();
    network_ = GetParam().kind.make_network();
  }
  void SetUp() override {
    Result<std::unique_ptr<net::Listener>> listener = network_->listen(GetParam().kind.listen_on);
    ASSERT_TRUE(listener.ok()) << listener.status();
    listener_ = std::move(*listener);
  }
  void TearDown() override {
    for (auto* conn : {&a_, &b_}) {
      if (*conn) (*conn)->close();
    }
    // Destroyed behind their posts; the loops check that nothing is left.
    a_.reset();
    b_.reset();
    listener_.reset();
    network_.reset();
  }

  const ConnKind& kind() const { return GetParam().kind; }
  Loop& loop_a() { return two_ ? two_->a() : one_->loop(); }
  Loop& loop_b() { return two_ ? two_->b() : one_->loop(); }
  // The dialler's side and the acceptor's, at once.
  void run(Task<void> a, Task<void> b) {
    if (two_) return two_->run(std::move(a), std::move(b));
    std::vector<Task<void>> both;
    both.push_back(std::move(a));
    both.push_back(std::move(b));
    one_->run_all(std::move(both));
  }
  void run(Task<void> a) { run(std::move(a), nothing()); }

  void connect() { run(dial_into(a_), accept_into(b_)); }
  net::Conn& a() { return *a_; }
  net::Conn& b() { return *b_; }
  net::Network& network() { return *network_; }
  net::Listener& listener() { return *listener_; }
  void close_listener() { listener_.reset(); }

  static Task<void> nothing() { co_return; }
  Task<void> dial_into(std::unique_ptr<net::Conn>& conn) {
    const Addr addr = listener_->addr();
    Result<std::unique_ptr<net::Conn>> dialled = co_await network_->dial(addr);
    EXPECT_TRUE(dialled.ok()) << dialled.status();
    conn = std::move(dialled).value();
  }
  Task<void> accept_into(std::unique_ptr<net::Conn>& conn) {
    Result<std::unique_ptr<net::Conn>> accepted = co_await listener_->accept();
    EXPECT_TRUE(accepted.ok()) << accepted.status();
    conn = std::move(accepted).value();
  }

 private:
  ExpectNoNewDescriptors no_new_descriptors_;
  // Loops first: what lives on them goes before they do.
  std::optional<TestLoop> one_;
  std::optional<TwoLoops> two_;
  std::unique_ptr<net::Network> network_;
  std::unique_ptr<net::Listener> listener_;
  std::unique_ptr<net::Conn> a_, b_;
};

}  // namespace sluice::support
