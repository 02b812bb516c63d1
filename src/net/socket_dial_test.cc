// Dialling: names, several addresses, and all the ways in which a dial ends without a conn.
#include "net/socket_dial.h"

#include <condition_variable>
#include <mutex>

#include "sluice/net/system_network.h"
#include "support/conn_fixture.h"
#include "support/raw_socket.h"

namespace sluice::inline v0::net {
namespace {

using namespace std::chrono_literals;
using support::HeldDial;
using support::RawAddr;
using support::RawSocket;

class SocketDialTest : public ::testing::Test {
 protected:
  Status dial_fails(Addr addr, TimePoint deadline = kNever) {
    return loop_.run(dial_status(network_, std::move(addr), deadline));
  }
  static Task<Status> dial_status(Network& network, Addr addr, TimePoint deadline) {
    co_return (co_await network.dial(std::move(addr), deadline)).status();
  }
  static Addr loopback(int port) { return {"tcp", "127.0.0.1:" + std::to_string(port)}; }
  // Bound, but not listening: whoever dials it is refused, and nobody else gets it meanwhile.
  static RawSocket take_port() {
    RawSocket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    RawAddr addr = RawAddr::loopback(0);
    EXPECT_EQ(::bind(socket.fd(), addr.get(), addr.size), 0);
    return socket;
  }

  support::ExpectNoNewDescriptors no_new_descriptors_;
  support::TestLoop loop_;
  BlockingPool pool_{1};
  SystemNetwork network_{pool_};
};

TEST_F(SocketDialTest, NamesWhoRefusedAndWhy) {
  const RawSocket nobody = take_port();
  const Addr addr = loopback(nobody.port());
  EXPECT_EQ(dial_fails(addr),
            Status(StatusCode::kUnavailable, "dial of " + addr.to_string() + ": connection refused"));
  const Addr path{"unix", support::unique_path()};
  EXPECT_EQ(dial_fails(path),
            Status(StatusCode::kUnavailable, "dial of " + path.to_string() + ": no such file or directory"));
}

TEST_F(SocketDialTest, NamesTheNameThatDoesNotResolve) {
  const Status status = dial_fails({"tcp", "no such host:1"});
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_TRUE(status.message().starts_with("cannot resolve \"no such host\": ")) << status;
  EXPECT_EQ(pool_.threads_started(), 1u) << "where else was it resolved?";
}

TEST_F(SocketDialTest, RefusesAnAddressThatLeadsNowhere) {
  for (const char* text : {"127.0.0.1:0", ":80", "host", "[::1:80"}) {
    EXPECT_EQ(dial_fails({"tcp", text}).code(), StatusCode::kInvalidArgument) << text;
  }
  EXPECT_EQ(dial_fails({"unix", std::string(200, 'x')}).code(), StatusCode::kInvalidArgument);
}

TEST_F(SocketDialTest, SaysThatDescriptorsRanOut) {
  loop_->native_fd();  // the loop has its own
  const support::NoMoreDescriptors none;
  EXPECT_EQ(dial_fails({"tcp", "127.0.0.1:1"}),
            Status(StatusCode::kResourceExhausted, "dial of tcp:127.0.0.1:1: too many open files"));
}

TEST_F(SocketDialTest, SaysWhyANameCannotBeResolvedWithoutThreads) {
  BlockingPool none(0);
  SystemNetwork network(none);
  const Status status = loop_.run(dial_status(network, {"tcp", "localhost:1"}, kNever));
  EXPECT_EQ(status,
            Status(StatusCode::kUnavailable,
                   "cannot resolve \"tcp:localhost:1\": run_blocking needs blocking_threads above 0"));
}

// Dials, and closes what it got; the failure, or the peer's address.
Task<std::string> dial_to(Loop& loop, BlockingPool& pool, Addr addr, std::vector<SocketAddr> addrs) {
  const auto resolver = std::make_shared<Resolver>(pool);
  HeldDial op;
  op.addr = std::move(addr);
  op.deadline = loop.now() + 1h;
  op.started(std::make_shared<SocketDial>(op, loop, *resolver, std::move(addrs))->start());
  co_await op;
  if (!op.status.ok()) co_return op.status.to_string();
  co_return op.conn->peer_addr().to_string();
}

TEST_F(SocketDialTest, ResolvesANameAndDialsIt) {
  RawSocket server = RawSocket::listen_on(RawAddr::loopback(0), 4);
  const std::string port = std::to_string(server.port());
  EXPECT_EQ(loop_.run(dial_to(*loop_, pool_, {"tcp", "localhost:" + port}, {})), "tcp:127.0.0.1:" + port);
  EXPECT_EQ(pool_.threads_started(), 1u);
}

TEST_F(SocketDialTest, TriesTheAddressesOfANameInTheirOrder) {
  RawSocket server = RawSocket::listen_on(RawAddr::loopback(0), 4);
  const RawSocket nobody = take_port(), no_one = take_port();
  const auto literal = [](int port) { return *to_literal(*parse_host_port(loopback(port))); };
  const std::string first = "127.0.0.1:" + std::to_string(nobody.port());
  const std::string second = "127.0.0.1:" + std::to_string(no_one.port());
  EXPECT_EQ(loop_.run(dial_to(*loop_, pool_, {"tcp", "some.name:1"},
                              {literal(nobody.port()), literal(server.port()), literal(no_one.port())})),
            "tcp:127.0.0.1:" + std::to_string(server.port()));
  EXPECT_EQ(loop_.run(dial_to(*loop_, pool_, {"tcp", "some.name:1"},
                              {literal(nobody.port()), literal(no_one.port())})),
            "UNAVAILABLE: dial of tcp:some.name:1: " + first + ": connection refused, " + second +
                ": connection refused");
}

// --- Dials that wait are ended by their deadline, their context and their caller.

struct Ending {
  std::string name;
  StatusCode code;
  std::string message;
};

Task<void> dial_and_end(Network& network, Addr addr, Ending ending, std::function<void()> when_it_waits) {
  Loop& loop = co_await this_loop();
  const Context context = Context().with_cancel();
  HeldDial op;
  op.addr = addr;
  op.context = context;
  if (ending.name == "deadline") op.deadline = loop.now() + 5ms;
  op.started(network.start_dial(op, loop));
  EXPECT_FALSE(op.ended());
  for (int i = 0; i < 5; ++i) co_await yield();
  EXPECT_FALSE(op.ended());
  when_it_waits();
  if (ending.name == "context") context.cancel("changed my mind");
  if (ending.name == "cancel") network.cancel_dial(op);
  co_await op;
  EXPECT_EQ(op.status, Status(ending.code, ending.message)) << ending.name;
  EXPECT_EQ(op.conn, nullptr);
}

std::vector<Ending> endings(const Addr& addr) {
  return {{"deadline", StatusCode::kDeadlineExceeded,
           "dial of " + addr.to_string() + " was not accepted before its deadline"},
          {"context", StatusCode::kCancelled, "changed my mind"},
          {"cancel", StatusCode::kCancelled, "dial of " + addr.to_string() + " cancelled"}};
}

// A tcp server whose backlog is full answers no SYN.
TEST_F(SocketDialTest, EndsWhileItConnects) {
  const RawSocket server = RawSocket::listen_on(RawAddr::loopback(0), 0);
  const RawSocket first = RawSocket::connect_to(RawAddr::loopback(server.port()));
  const Addr addr = loopback(server.port());
  for (const Ending& ending : endings(addr)) loop_.run(dial_and_end(network_, addr, ending, [] {}));
}

TEST_F(SocketDialTest, EndsWhileAUnixBacklogIsFull) {
  const Addr addr{"unix", support::unique_path()};
  const RawSocket server = RawSocket::listen_on(RawAddr::path(addr.text), 0);
  const RawSocket first = RawSocket::connect_to(RawAddr::path(addr.text));
  for (const Ending& ending : endings(addr)) loop_.run(dial_and_end(network_, addr, ending, [] {}));
  ::unlink(addr.text.c_str());
}

// The only worker of the pool, kept busy until let go.
class BusyWorker {
 public:
  BusyWorker(BlockingPool& pool, Loop& loop) { EXPECT_TRUE(pool.submit(work_, loop).ok()); }
  ~BusyWorker() { let_go(); }
  void let_go() {
    const std::lock_guard lock(mutex_);
    free_ = true;
    wake_.notify_one();
  }

 private:
  struct Wait : BlockingPool::Work {
    explicit Wait(BusyWorker& b)
        : Work([](Runnable& r) noexcept {
            BusyWorker& busy = static_cast<Wait&>(static_cast<Work&>(r)).busy;
            std::unique_lock lock(busy.mutex_);
            busy.wake_.wait(lock, [&] { return busy.free_; });
          }),
          busy(b) {}
    BusyWorker& busy;
  };
  std::mutex mutex_;
  std::condition_variable wake_;
  bool free_ = false;
  Wait work_{*this};
};

TEST_F(SocketDialTest, EndsWhileItsNameIsResolved) {
  const Addr addr{"tcp", "localhost:1"};
  for (const Ending& ending : endings(addr)) {
    BlockingPool pool(1);
    BusyWorker busy(pool, *loop_);
    SystemNetwork network(pool);
    loop_.run(dial_and_end(network, addr, ending, [] {}));
    loop_.expect_idle();  // nothing comes back to the loop
    busy.let_go();
  }
}

// The name is resolved just then: whoever is first, the op ends once, and nothing is lost.
TEST_F(SocketDialTest, EndsOnceWhenItsNameIsResolvedAtThatMoment) {
  const RawSocket nobody = take_port();
  const Addr addr{"tcp", "localhost:" + std::to_string(nobody.port())};
  for (int i = 0; i < 200; ++i) {
    loop_.run([](Network& network, Addr target, int spins) -> Task<void> {
      Loop& loop = co_await this_loop();
      HeldDial op;
      op.addr = std::move(target);
      op.started(network.start_dial(op, loop));
      for (int k = 0; k < spins && !op.ended(); ++k) co_await yield();
      if (!op.ended()) network.cancel_dial(op);
      co_await op;
      EXPECT_TRUE(op.status.code() == StatusCode::kCancelled || op.status.code() == StatusCode::kUnavailable)
          << op.status;
    }(network_, addr, i * 5));
  }
}

Task<void> dial_until_room(Network& network, Addr addr, RawSocket& server) {
  Loop& loop = co_await this_loop();
  HeldDial op;
  op.addr = std::move(addr);
  op.started(network.start_dial(op, loop));
  co_await yield();
  EXPECT_FALSE(op.ended());
  server.accept().close();
  co_await op;
  EXPECT_TRUE(op.status.ok()) << op.status;
}

TEST_F(SocketDialTest, ConnectsWhenAUnixBacklogHasRoomAgain) {
  const Addr addr{"unix", support::unique_path()};
  RawSocket server = RawSocket::listen_on(RawAddr::path(addr.text), 0);
  const RawSocket first = RawSocket::connect_to(RawAddr::path(addr.text));
  loop_.run(dial_until_room(network_, addr, server));
  ::unlink(addr.text.c_str());
}

}  // namespace
}  // namespace sluice::inline v0::net
