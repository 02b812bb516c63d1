// Listening sockets: files, ports, peers without a name, and descriptors that run out.
#include "net/socket_listener.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "sluice/async/sleep.h"
#include "sluice/net/system_network.h"
#include "support/conn_fixture.h"
#include "support/raw_socket.h"

namespace sluice::inline v0::net {
namespace {

using support::HeldAccept;
using support::RawAddr;
using support::RawSocket;

class SocketListenerTest : public ::testing::Test {
 protected:
  std::unique_ptr<Listener> listen(const Addr& addr) {
    Result<std::unique_ptr<Listener>> listener = network_.listen(addr);
    EXPECT_TRUE(listener.ok()) << listener.status();
    return listener.ok() ? std::move(*listener) : nullptr;
  }
  Status refused(const Addr& addr) { return network_.listen(addr).status(); }
  // One accept, its conn closed again; what peer_addr() was.
  std::string peer_of_next(Listener& listener) { return loop_.run(accept_peer(listener)); }
  static Task<std::string> accept_peer(Listener& listener) {
    Result<std::unique_ptr<Conn>> conn = co_await listener.accept();
    if (!conn.ok()) co_return conn.status().to_string();
    const std::string peer = (*conn)->peer_addr().to_string();
    (*conn)->close();
    co_return peer;
  }

  support::ExpectNoNewDescriptors no_new_descriptors_;
  support::TestLoop loop_;
  BlockingPool pool_{1};
  SystemNetwork network_{pool_};
};

class UnixPathTest : public SocketListenerTest {
 protected:
  ~UnixPathTest() override { ::unlink(path_.c_str()); }
  ino_t inode() const {
    struct stat found {};
    return ::lstat(path_.c_str(), &found) == 0 ? found.st_ino : 0;
  }

  const std::string path_ = support::unique_path();
  const Addr addr_{"unix", path_};
};

TEST_F(UnixPathTest, TheFileIsItsOwnersAlone) {
  const mode_t mask = ::umask(0);
  const auto listener = listen(addr_);
  ::umask(mask);
  struct stat found {};
  ASSERT_EQ(::lstat(path_.c_str(), &found), 0);
  EXPECT_TRUE(S_ISSOCK(found.st_mode));
  EXPECT_EQ(found.st_mode & 07777, 0600u);
}

TEST_F(UnixPathTest, TheFileGoesWithTheListener) {
  auto listener = listen(addr_);
  EXPECT_NE(inode(), 0u);
  EXPECT_TRUE(listener->close().ok());
  EXPECT_EQ(inode(), 0u);
}

TEST_F(UnixPathTest, ReplacesAFileThatNobodyAnswersOn) {
  RawSocket::listen_on(RawAddr::path(path_), 1).close();
  ASSERT_NE(inode(), 0u);
  const auto listener = listen(addr_);
  ASSERT_TRUE(listener);
  const RawSocket client = RawSocket::connect_to(RawAddr::path(path_));
  EXPECT_EQ(peer_of_next(*listener), addr_.to_string() + "#1");
}

TEST_F(UnixPathTest, LeavesAFileThatSomebodyAnswersOn) {
  RawSocket other = RawSocket::listen_on(RawAddr::path(path_), 0);
  const ino_t before = inode();
  EXPECT_EQ(refused(addr_),
            Status(StatusCode::kAlreadyExists, addr_.to_string() + " is already being listened on"));
  // Nor when the other's backlog is full: it is, with what asked before.
  EXPECT_EQ(refused(addr_).code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(inode(), before);
}

TEST_F(UnixPathTest, NeverRemovesWhatIsNoSocket) {
  std::ofstream(path_) << "dear diary";
  EXPECT_EQ(refused(addr_),
            Status(StatusCode::kAlreadyExists, addr_.to_string() + " is there and no socket"));
  std::string text;
  std::getline(std::ifstream(path_), text);
  EXPECT_EQ(text, "dear diary");
}

TEST_F(UnixPathTest, NeverRemovesWhatALinkPointsTo) {
  RawSocket::listen_on(RawAddr::path(path_ + "-target"), 1).close();
  ASSERT_EQ(::symlink((path_ + "-target").c_str(), path_.c_str()), 0);
  EXPECT_EQ(refused(addr_),
            Status(StatusCode::kAlreadyExists, addr_.to_string() + " is there and no socket"));
  EXPECT_EQ(::unlink((path_ + "-target").c_str()), 0);
}

TEST_F(UnixPathTest, TakesAwayOnlyItsOwnFile) {
  auto listener = listen(addr_);
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  RawSocket other = RawSocket::listen_on(RawAddr::path(path_), 1);
  const ino_t theirs = inode();
  EXPECT_TRUE(listener->close().ok());
  EXPECT_EQ(inode(), theirs);
}

// Of two servers that start at once on a file that was left behind, one must not take away the other's.
TEST_F(UnixPathTest, LeavesAFileWhileSomebodyElseLooksAtIt) {
  std::string folder = path_ + "-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const Addr addr{"unix", folder + "/socket"};
  RawSocket::listen_on(RawAddr::path(addr.text), 1).close();
  {
    const RawSocket locked(::open(folder.c_str(), O_RDONLY | O_DIRECTORY));
    ASSERT_EQ(::flock(locked.fd(), LOCK_EX), 0);
    const Status status = refused(addr);
    EXPECT_EQ(status.code(), StatusCode::kAlreadyExists);
    EXPECT_NE(status.message().find(addr.to_string()), std::string::npos) << status;
  }
  EXPECT_TRUE(listen(addr)->close().ok());
  EXPECT_EQ(::rmdir(folder.c_str()), 0) << "something is left in it";
}

TEST_F(UnixPathTest, NamesAFolderThatIsNotThere) {
  const Addr addr{"unix", path_ + "/no/such"};
  EXPECT_EQ(refused(addr),
            Status(StatusCode::kNotFound, "listen on " + addr.to_string() + ": no such file or directory"));
}

TEST_F(UnixPathTest, NamesAPathThatIsTooLong) {
  const Addr addr{"unix", path_ + std::string(120, 'x')};
  const Status status = refused(addr);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find(addr.text), std::string::npos) << status;
  EXPECT_NE(status.message().find("107"), std::string::npos) << status;
}

// A client of somebody else's has no address.
TEST_F(UnixPathTest, NumbersPeersThatHaveNoName) {
  const auto listener = listen(addr_);
  const RawSocket first = RawSocket::connect_to(RawAddr::path(path_));
  const RawSocket second = RawSocket::connect_to(RawAddr::path(path_));
  EXPECT_EQ(peer_of_next(*listener), addr_.to_string() + "#1");
  EXPECT_EQ(peer_of_next(*listener), addr_.to_string() + "#2");
}

TEST_F(SocketListenerTest, SaysWhichPortItGot) {
  const auto listener = listen({"tcp", "127.0.0.1:0"});
  const int port = support::port_of(listener->addr());
  EXPECT_GT(port, 0);
  EXPECT_EQ(listener->addr().to_string(), "tcp:127.0.0.1:" + std::to_string(port));
  const RawSocket client = RawSocket::connect_to(RawAddr::loopback(port));
  EXPECT_EQ(peer_of_next(*listener), "tcp:127.0.0.1:" + std::to_string(client.port()));
}

TEST_F(SocketListenerTest, KnowsLocalhostButNoOtherName) {
  EXPECT_TRUE(listen({"tcp", "localhost:0"})->addr().text.starts_with("127.0.0.1:"));
  EXPECT_EQ(refused({"tcp", "example.org:0"}),
            Status(StatusCode::kInvalidArgument,
                   "address \"tcp:example.org:0\" has a name where listen needs an IP address"));
}

TEST_F(SocketListenerTest, NamesAnAddressThatIsNotOfThisMachine) {
  EXPECT_EQ(refused({"tcp", "192.0.2.1:0"}),  // RFC 5737: documentation
            Status(StatusCode::kUnavailable, "listen on tcp:192.0.2.1:0: cannot assign requested address"));
}

Task<void> dial_and_accept(Network& network, Listener& listener, Addr dialled, std::string host) {
  Result<std::unique_ptr<Conn>> client = co_await network.dial(std::move(dialled));
  EXPECT_TRUE(client.ok()) << client.status();
  if (!client.ok()) co_return;
  Result<std::unique_ptr<Conn>> server = co_await listener.accept();
  EXPECT_TRUE(server.ok()) << server.status();
  if (!server.ok()) co_return;
  EXPECT_TRUE((*server)->local_addr().text.starts_with(host)) << (*server)->local_addr().text;
  EXPECT_EQ((*server)->local_addr(), (*client)->peer_addr());
  EXPECT_EQ((*server)->peer_addr(), (*client)->local_addr());
}

TEST_F(SocketListenerTest, AnyAddressOfIpv6IsAnyOfIpv4Too) {
  for (const char* any : {"[::]:0", ":0"}) {
    const auto listener = listen({"tcp", any});
    const std::string port = std::to_string(support::port_of(listener->addr()));
    EXPECT_EQ(listener->addr().text, "[::]:" + port);
    loop_.run(dial_and_accept(network_, *listener, {"tcp", "127.0.0.1:" + port}, "127.0.0.1:" + port));
    loop_.run(dial_and_accept(network_, *listener, {"tcp", "[::1]:" + port}, "[::1]:" + port));
  }
}

TEST_F(SocketListenerTest, AnAddressOfIpv6IsOfIpv6Alone) {
  // The same port of IPv4 is free, unless somebody happens to have it.
  bool both = false;
  for (int i = 0; i < 20 && !both; ++i) {
    const auto v6 = listen({"tcp", "[::1]:0"});
    const auto v4 = network_.listen({"tcp", "127.0.0.1:" + std::to_string(support::port_of(v6->addr()))});
    both = v4.ok();
  }
  EXPECT_TRUE(both);
}

int option_of(int fd, int level, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, level, option, &value, &size) == 0 ? value : -1;
}

Task<void> look_at_sockets(Network& network, Listener& listener) {
  const Result<std::unique_ptr<Conn>> client = co_await network.dial(listener.addr());
  const Result<std::unique_ptr<Conn>> server = co_await listener.accept();
  EXPECT_TRUE(client.ok() && server.ok());
  int connected = 0;
  for (int fd = 3; fd < 100; ++fd) {
    if (option_of(fd, SOL_SOCKET, SO_DOMAIN) != AF_INET) continue;
    EXPECT_TRUE(::fcntl(fd, F_GETFD) & FD_CLOEXEC);
    EXPECT_TRUE(::fcntl(fd, F_GETFL) & O_NONBLOCK);
    if (option_of(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1) continue;
    ++connected;
    EXPECT_EQ(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    EXPECT_EQ(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
  }
  EXPECT_EQ(connected, 2);
}

TEST_F(SocketListenerTest, SocketsSendAtOnceDoNotBlockAndStayInThisProcess) {
  const auto listener = listen({"tcp", "127.0.0.1:0"});
  loop_.run(look_at_sockets(network_, *listener));
}

// The connections that a server has closed keep its port for a minute.
TEST_F(SocketListenerTest, ListensAgainWhereItHasJustServed) {
  Addr addr{"tcp", "127.0.0.1:0"};
  for (int i = 0; i < 2; ++i) {
    const auto listener = listen(addr);
    ASSERT_TRUE(listener);
    addr = listener->addr();
    RawSocket client = RawSocket::connect_to(RawAddr::loopback(support::port_of(addr)));
    peer_of_next(*listener);
    EXPECT_EQ(client.receive(), "");
  }
}

TEST_F(SocketListenerTest, SaysThatAPathIsNotPermitted) {
  const std::string folder = support::unique_path();
  ASSERT_EQ(::mkdir(folder.c_str(), 0500), 0);
  const bool is_root = ::geteuid() == 0;  // who may do everything, everywhere
  EXPECT_TRUE(!is_root || ::seteuid(65'534) == 0);
  const Status status = refused({"unix", folder + "/socket"});
  EXPECT_TRUE(!is_root || ::seteuid(0) == 0);
  EXPECT_EQ(status.code(), StatusCode::kPermissionDenied) << status;
  ::rmdir(folder.c_str());
}

// --- Descriptors run out.

TEST_F(SocketListenerTest, NamesTheListenerThatFoundNoDescriptor) {
  const support::NoMoreDescriptors none;
  EXPECT_EQ(refused({"tcp", "127.0.0.1:0"}),
            Status(StatusCode::kResourceExhausted, "listen on tcp:127.0.0.1:0: too many open files"));
  const Addr unix_addr{"unix", support::unique_path()};
  EXPECT_EQ(refused(unix_addr), Status(StatusCode::kResourceExhausted,
                                       "listen on " + unix_addr.to_string() + ": too many open files"));
}

Task<void> accept_without_descriptors(Listener& listener, support::NoMoreDescriptors& none) {
  Loop& loop = co_await this_loop();
  HeldAccept first, second;
  first.started(listener.start_accept(first, loop));
  co_await first;
  EXPECT_EQ(first.status, Status(StatusCode::kResourceExhausted, "accept: too many open files"));
  EXPECT_TRUE(first.again);
  EXPECT_EQ(first.conn, nullptr);

  // It is not said again, nor is the kernel asked all the time.
  second.started(listener.start_accept(second, loop));
  const Status slept = co_await sluice::sleep(std::chrono::milliseconds(110));
  EXPECT_TRUE(slept.ok()) << slept;
  EXPECT_FALSE(second.ended());
  EXPECT_EQ(loop.live().timers, 1);
  none.lift();
  co_await second;
  EXPECT_TRUE(second.status.ok()) << second.status;
  EXPECT_FALSE(second.again);
  EXPECT_NE(second.conn, nullptr);
}

Task<void> nap() { EXPECT_EQ(co_await sluice::sleep(std::chrono::microseconds(1)), Status()); }

TEST_F(SocketListenerTest, AnAcceptThatFindsNoDescriptorSaysSoOnceAndWaitsForOne) {
  // UndefinedBehaviorSanitizer makes a pipe when it sees the first object of a class, which is too late
  // below.
  loop_.run(nap());
  const auto listener = listen({"tcp", "127.0.0.1:0"});
  loop_->native_fd();  // the loop has its own
  // When it has passed and comes again, that is said too.
  for (int i = 0; i < 2; ++i) {
    const RawSocket client = RawSocket::connect_to(RawAddr::loopback(support::port_of(listener->addr())));
    support::NoMoreDescriptors none;
    loop_.run(accept_without_descriptors(*listener, none));
  }
}

Task<void> close_while_paused(Listener& listener) {
  Loop& loop = co_await this_loop();
  HeldAccept first, second;
  first.started(listener.start_accept(first, loop));
  co_await first;
  EXPECT_TRUE(first.again);
  second.started(listener.start_accept(second, loop));
  const TimePoint before = loop.now();
  EXPECT_TRUE(listener.close().ok());
  co_await second;
  EXPECT_EQ(second.status.code(), StatusCode::kUnavailable) << second.status;
  EXPECT_FALSE(second.again);
  EXPECT_LT(loop.now() - before, std::chrono::milliseconds(100)) << "the pause was waited for";
}

TEST_F(SocketListenerTest, ClosesAtOnceWhileAnAcceptWaitsForADescriptor) {
  const auto listener = listen({"tcp", "127.0.0.1:0"});
  const RawSocket client = RawSocket::connect_to(RawAddr::loopback(support::port_of(listener->addr())));
  loop_->native_fd();
  const support::NoMoreDescriptors none;
  loop_.run(close_while_paused(*listener));
}

Task<void> accept_one(Listener& listener, Loop*& accepted_on, support::Gate& told) {
  Result<std::unique_ptr<Conn>> conn = co_await listener.accept();
  EXPECT_TRUE(conn.ok()) << conn.status();
  if (conn.ok()) accepted_on = &(*conn)->loop();
  told.open();
}

// The accepts of both loops wait; each connection ends exactly one of them.
TEST_F(SocketListenerTest, EachOfTwoLoopsGetsAConnection) {
  support::TwoLoops loops;
  const auto listener = listen({"tcp", "127.0.0.1:0"});
  const RawAddr addr = RawAddr::loopback(support::port_of(listener->addr()));
  Loop *on_a = nullptr, *on_b = nullptr;
  support::Gate told_a(loops.a()), told_b(loops.b());
  std::vector<RawSocket> clients;
  std::thread client([&] {
    for (int i = 0; i < 2; ++i) clients.push_back(RawSocket::connect_to(addr));
  });
  loops.run(accept_one(*listener, on_a, told_a), accept_one(*listener, on_b, told_b));
  client.join();
  EXPECT_EQ(on_a, &loops.a());
  EXPECT_EQ(on_b, &loops.b());
}

TEST(SimulatedSockets, AreNotAcceptedFrom) {
  support::TestLoop loop(7);
  BlockingPool pool(1);
  SystemNetwork network(pool);
  const auto listener = network.listen({"tcp", "127.0.0.1:0"}).value();
  const auto accept = [](Listener& l) -> Task<Status> { co_return (co_await l.accept()).status(); };
  EXPECT_EQ(loop.run(accept(*listener)).code(), StatusCode::kFailedPrecondition);
  const auto dial = [](Network& n, Addr addr) -> Task<Status> { co_return (co_await n.dial(addr)).status(); };
  EXPECT_EQ(loop.run(dial(network, listener->addr())).code(), StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace sluice::inline v0::net
