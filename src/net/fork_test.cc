// Sockets in a process that forks and does not exec: whose end they are.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "sluice/net/system_network.h"
#include "support/conn_fixture.h"
#include "support/raw_socket.h"

namespace sluice::inline v0::net {
namespace {

using support::RawAddr;
using support::RawSocket;

// A child of fork, which has copies of every descriptor. Calls fn() there and lives until its parent lets it
// go.
class Child {
 public:
  template <class Fn>
  explicit Child(Fn fn) {
    EXPECT_EQ(::pipe(lives_), 0);
    EXPECT_EQ(::pipe(ready_), 0);
    process_ = ::fork();
    if (process_ != 0) {
      char c;
      EXPECT_EQ(::read(ready_[0], &c, 1), 1);
      return;
    }
    ::close(lives_[1]);
    fn();
    char c = 'r';
    if (::write(ready_[1], &c, 1) == 1) (void)!::read(lives_[0], &c, 1);
    ::_exit(0);
  }
  Child() : Child([] {}) {}
  ~Child() {
    for (const int fd : {lives_[0], lives_[1], ready_[0], ready_[1]}) ::close(fd);
    ::waitpid(process_, nullptr, 0);
  }

 private:
  int lives_[2], ready_[2];
  pid_t process_;
};

struct Kind {
  const char* name;
  Addr (*addr)();
};
void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }
const Kind kKinds[] = {
    {"Tcp",
     [] {
       return Addr{"tcp", "127.0.0.1:0"};
     }},
    {"Unix",
     [] {
       return Addr{"unix", support::unique_path()};
     }},
};

class ForkedChild : public ::testing::TestWithParam<Kind> {
 protected:
  static Task<std::unique_ptr<Conn>> accept_one(Listener& listener) {
    co_return (co_await listener.accept()).value();
  }
  static Task<std::unique_ptr<Conn>> dial_one(Network& network, Addr addr) {
    co_return (co_await network.dial(std::move(addr))).value();
  }
  static Task<std::string> read_one(Conn& conn) { co_return (co_await conn.read()).value().data.to_string(); }
  std::unique_ptr<Listener> listen() { return network_.listen(GetParam().addr()).value(); }
  static RawAddr raw_addr(const Addr& addr) {
    return addr.scheme == "tcp" ? RawAddr::loopback(support::port_of(addr)) : RawAddr::path(addr.text);
  }
  static bool refused(const Addr& addr) {
    RawAddr raw = raw_addr(addr);
    const RawSocket socket(::socket(raw.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return ::connect(socket.fd(), raw.get(), raw.size) != 0;
  }

  support::ExpectNoNewDescriptors no_new_descriptors_;
  support::TestLoop loop_;
  BlockingPool pool_{1};
  SystemNetwork network_{pool_};
};
INSTANTIATE_TEST_SUITE_P(Sockets, ForkedChild, ::testing::ValuesIn(kKinds),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(ForkedChild, DoesNotKeepOpenWhatItsParentCloses) {
  auto listener = listen();
  const Addr addr = listener->addr();
  RawSocket client = RawSocket::connect_to(raw_addr(addr));
  std::unique_ptr<Conn> accepted = loop_.run(accept_one(*listener));
  std::unique_ptr<Conn> dialled = loop_.run(dial_one(network_, addr));
  std::unique_ptr<Conn> peer = loop_.run(accept_one(*listener));
  const Child child;
  loop_.lead_and([&] { accepted->close(), dialled->close(); });
  EXPECT_EQ(client.receive(), "") << "the child's copy kept it open";
  EXPECT_EQ(loop_.run(read_one(*peer)), "");
  EXPECT_EQ(listener->close(), Status());
  EXPECT_TRUE(refused(addr));
}

TEST_P(ForkedChild, EndsNothingWhenItLetsGoOfItsCopies) {
  auto listener = listen();
  RawSocket client = RawSocket::connect_to(raw_addr(listener->addr()));
  std::unique_ptr<Conn> accepted = loop_.run(accept_one(*listener));
  client.send("before");
  const Child child([&] {
    accepted.reset();
    listener.reset();
  });
  EXPECT_EQ(loop_.run(read_one(*accepted)), "before") << "the child took the bytes";
  client.send("after");
  EXPECT_EQ(loop_.run(read_one(*accepted)), "after") << "the loop hears nothing of it any more";
  RawSocket second = RawSocket::connect_to(raw_addr(listener->addr()));
  std::unique_ptr<Conn> other = loop_.run(accept_one(*listener));
  loop_.lead_and([&] { accepted->close(), other->close(); });
  EXPECT_EQ(client.receive(), "");
}

// A dial that is given up may have been accepted by the peer's kernel already.
TEST_P(ForkedChild, DoesNotKeepOpenADialThatIsGivenUp) {
  Addr addr = GetParam().addr();
  RawSocket server =
      RawSocket::listen_on(addr.scheme == "tcp" ? RawAddr::loopback(0) : RawAddr::path(addr.text), 4);
  if (addr.scheme == "tcp") addr.text = "127.0.0.1:" + std::to_string(server.port());
  support::HeldDial op;
  op.addr = addr;
  loop_.lead_and([&] { op.started(network_.start_dial(op, *loop_)); });
  const Child child;
  if (!op.ended()) loop_.lead_and([&] { network_.cancel_dial(op); });
  loop_.drain();
  if (op.conn) loop_.lead_and([&] { op.conn.reset(); });
  EXPECT_EQ(server.accept().receive(), "");
  if (addr.scheme == "unix") ::unlink(addr.text.c_str());
}

}  // namespace
}  // namespace sluice::inline v0::net
