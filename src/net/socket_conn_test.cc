// Sockets as Conns, against a peer that is a plain socket: resets, floods, stray descriptors; and how many
// events and slices that costs.
#include "net/socket_conn.h"

#include <netinet/tcp.h>

#include <thread>

#include "sluice/net/system_network.h"
#include "support/conn_fixture.h"
#include "support/raw_socket.h"

namespace sluice::inline v0::net {
namespace {

using namespace std::chrono_literals;
using support::HeldRead;
using support::HeldWrite;
using support::RawAddr;
using support::RawSocket;

// Conns of one loop, each with a plain socket at its other end.
class SocketConnTest : public ::testing::TestWithParam<std::string> {
 protected:
  ~SocketConnTest() override {
    conns_.clear();
    ::unlink(path_.c_str());
  }
  Conn& connect(RawSocket& peer) {
    RawAddr where = RawAddr::path(path_);
    if (tcp()) where = RawAddr::loopback(0);
    RawSocket server = RawSocket::listen_on(where, 4);
    const Addr addr = tcp() ? Addr{"tcp", "127.0.0.1:" + std::to_string(server.port())} : Addr{"unix", path_};
    conns_.push_back(loop_.run(dial(network_, addr)));
    peer = server.accept();
    ::unlink(path_.c_str());
    return *conns_.back();
  }
  bool tcp() const { return GetParam() == "tcp"; }

  support::ExpectNoNewDescriptors no_new_descriptors_;
  support::TestLoop loop_;
  BlockingPool pool_{1};
  SystemNetwork network_{pool_};

 private:
  static Task<std::unique_ptr<Conn>> dial(Network& network, Addr addr) {
    co_return (co_await network.dial(std::move(addr))).value();
  }
  const std::string path_ = support::unique_path();
  std::vector<std::unique_ptr<Conn>> conns_;
};
INSTANTIATE_TEST_SUITE_P(Sockets, SocketConnTest, ::testing::Values("tcp", "unix"),
                         [](const auto& param) { return param.param; });

TEST_P(SocketConnTest, KnowsWhoIsAtTheOtherEnd) {
  RawSocket peer;
  Conn& conn = connect(peer);
  const std::optional<PeerCredentials> who = conn.peer_credentials();
  ASSERT_EQ(who.has_value(), !tcp());
  if (who) {
    EXPECT_EQ(who->uid, ::getuid());
    EXPECT_EQ(who->gid, ::getgid());
    EXPECT_EQ(who->pid, ::getpid());
  }
  conn.close();
  EXPECT_FALSE(conn.peer_credentials());
}

// --- Ends.

Task<void> read_until_reset(Conn& conn) {
  co_await support::expect_text(conn, "before");
  const std::string why =
      "UNAVAILABLE: read from " + conn.peer_addr().to_string() + ": connection reset by peer";
  co_await support::expect_read(conn, why);
  co_await support::expect_read(conn, why);
  const Status status = co_await conn.write(Chain::copy("anybody"));
  EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
}

TEST_P(SocketConnTest, TellsOfAResetAfterWhatCameBefore) {
  RawSocket peer;
  Conn& conn = connect(peer);
  // A unix peer resets by leaving something unread.
  if (!tcp()) loop_.run(support::write_text(conn, "unread"));
  peer.send("before");
  peer.reset();
  loop_.run(read_until_reset(conn));
}

Task<void> read_the_end_after_an_interruption(Conn& conn) {
  errno = EINTR;  // of some earlier call
  co_await support::expect_read(conn, "<eof>");
}

TEST_P(SocketConnTest, TakesNoEarlierErrorForItsOwn) {
  RawSocket peer;
  Conn& conn = connect(peer);
  peer = RawSocket();
  loop_.run(read_the_end_after_an_interruption(conn));
}

Task<void> reset_while_waiting(Conn& conn, RawSocket& peer, std::size_t too_much) {
  HeldRead read;
  HeldWrite write;
  write.data = support::zeros(too_much);
  read.started(conn.start_read(read));
  write.started(conn.start_write(write));
  EXPECT_FALSE(read.ended() || write.ended());
  peer.reset();
  co_await write;
  EXPECT_EQ(write.status.code(), StatusCode::kUnavailable) << write.status;
  EXPECT_TRUE(write.data.empty());
  EXPECT_FALSE(write.none_accepted) << "some of it has left";
  co_await read;
  EXPECT_TRUE(!read.status.ok() || read.result.eof);
}

TEST_P(SocketConnTest, AResetEndsAReadAndAWriteThatWait) {
  RawSocket peer;
  Conn& conn = connect(peer);
  loop_.run(reset_while_waiting(conn, peer, 64 << 20));
}

Task<void> write_to_nobody(Conn& conn) {
  Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i) {
    status = co_await conn.write(Chain::copy("anybody"));
    co_await yield();
  }
  const std::string text = status.to_string(), to = "UNAVAILABLE: write to " + conn.peer_addr().to_string();
  EXPECT_TRUE(text == to + ": broken pipe" || text == to + ": connection reset by peer") << text;
  const Status again = co_await conn.write(Chain::copy("again"));
  EXPECT_EQ(again, status) << "it is good for close() only";
  HeldWrite write;
  write.data = Chain::copy("and again");
  write.started(conn.start_write(write));
  co_await write;
  EXPECT_TRUE(write.none_accepted);
}

TEST_P(SocketConnTest, AWriteToAPeerThatIsGoneSaysSo) {
  RawSocket peer;
  Conn& conn = connect(peer);
  peer.close();
  loop_.run(write_to_nobody(conn));
}

Task<void> cut_off_a_write(Conn& conn) {
  Status status = co_await conn.write(support::zeros(64 << 20), conn.loop().now() + 3ms);
  EXPECT_EQ(status, Status(StatusCode::kDeadlineExceeded, "write deadline exceeded"));
  status = co_await conn.write(Chain::copy("x"));
  EXPECT_EQ(status.code(), StatusCode::kUnavailable) << "its bytes would stand in the middle of a write";
  EXPECT_NE(status.message().find("was cut off by its deadline"), std::string::npos) << status;
}

TEST_P(SocketConnTest, NothingFollowsAWriteThatWasCutOff) {
  RawSocket peer;
  Conn& conn = connect(peer);
  loop_.run(cut_off_a_write(conn));
}

Task<void> expire_before_a_byte_is_sent(Conn& conn) {
  // The socket is full, but nothing of this write is in it.
  HeldWrite write;
  write.data = Chain::copy("late");
  write.deadline = conn.loop().now() + 3ms;
  write.started(conn.start_write(write));
  EXPECT_FALSE(write.ended());
  co_await write;
  EXPECT_EQ(write.status.code(), StatusCode::kDeadlineExceeded) << write.status;
}
Task<void> write_then_close(Conn& conn, std::string text) {
  const Status status = co_await conn.write(Chain::copy(text));
  EXPECT_TRUE(status.ok()) << status;
  conn.close_write();
}

TEST_P(SocketConnTest, AWriteThatExpiresBeforeItBeganLeavesTheConnGood) {
  RawSocket peer;
  Conn& conn = connect(peer);
  // Fills this end's socket without the conn: a descriptor of the process is as good as another.
  std::size_t filled = 0;
  for (int fd = 3; fd < 100; ++fd) {
    RawAddr theirs;
    if (::getpeername(fd, theirs.get(), &theirs.size) != 0 || fd == peer.fd()) continue;
    filled += RawSocket(::dup(fd)).fill();
  }
  ASSERT_GT(filled, 0u);
  loop_.run(expire_before_a_byte_is_sent(conn));
  std::thread reader([&] {
    std::string tail;
    for (std::string text; !(text = peer.receive()).empty();) {
      tail += text;
      tail.erase(0, tail.size() - std::min<std::size_t>(tail.size(), 7));
    }
    EXPECT_EQ(tail, "in time");
  });
  loop_.run(write_then_close(conn, "in time"));
  reader.join();
}

// --- Reads that end early.

// What a read lent stays as it is while its function, which this coroutine runs in, reads on inline.
Task<void> read_pieces(Conn& conn, std::string want) {
  std::vector<Chain> pieces;
  std::string at_once, later;
  while (at_once.size() < want.size()) {
    Result<ReadResult> read = co_await conn.read();
    EXPECT_TRUE(read.ok() && !read->eof) << read.status();
    if (!read.ok() || read->eof) co_return;
    at_once += read->data.to_string();
    pieces.push_back(std::move(read->data));
  }
  for (const Chain& piece : pieces) later += piece.to_string();
  EXPECT_EQ(at_once, want);
  EXPECT_EQ(later, want);
  EXPECT_GT(pieces.size(), 1u);
}

// A descriptor that a unix peer sends along ends a read though more is there; so does tcp's urgent byte.
TEST_P(SocketConnTest, ReadsOnBehindWhatEndsAReadEarly) {
  RawSocket peer;
  Conn& conn = connect(peer);
  peer.send("one");
  if (tcp()) {
    peer.send("!", MSG_OOB);
  } else {
    char byte = '!', control[CMSG_SPACE(sizeof(int))] = {};
    iovec part{&byte, 1};
    msghdr message{};
    message.msg_iov = &part, message.msg_iovlen = 1;
    message.msg_control = control, message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS, header->cmsg_len = CMSG_LEN(sizeof(int));
    const int sent = peer.fd();
    std::memcpy(CMSG_DATA(header), &sent, sizeof sent);
    ASSERT_EQ(::sendmsg(peer.fd(), &message, 0), 1);
  }
  peer.send("two");
  loop_.run(read_pieces(conn, tcp() ? "onetwo" : "one!two"));
}

// What the loop's next read lands in, if nobody keeps it.
const std::byte* scratch_of(Loop& loop) {
  Buffer* block = loop.scratch().take();
  const std::byte* data = block->data();
  loop.scratch().give(block);
  return data;
}

Task<void> read_small_then_large(Conn& conn, RawSocket& peer) {
  const std::byte* scratch = scratch_of(conn.loop());
  Result<ReadResult> small = co_await conn.read();
  EXPECT_TRUE(small.ok()) << small.status();
  small->data.keep();
  EXPECT_NE(small->data.front().data(), scratch) << "13 bytes keep 64 KiB alive";
  peer.send(std::string(50'000, 'x'));
  Result<ReadResult> large = co_await conn.read();
  EXPECT_TRUE(large.ok()) << large.status();
  EXPECT_EQ(large->data.size(), 50'000u);
  EXPECT_TRUE(large->data.front().owned()) << "50 KB are to be copied";
}

TEST_P(SocketConnTest, CopiesSmallReadsAndHandsOverLargeOnes) {
  RawSocket peer;
  Conn& conn = connect(peer);
  peer.send("small message");
  loop_.run(read_small_then_large(conn, peer));
}

// --- What it costs.

Task<void> write_zeros(Conn& conn, std::size_t n) {
  const Status status = co_await conn.write(support::zeros(n));
  EXPECT_TRUE(status.ok()) << status;
}
Task<void> write_and_yield(Conn& conn, std::string text) {
  co_await support::write_text(conn, text);
  co_await yield();
}

// A unix socket tells its owner whenever its peer reads, if it is asked to.
TEST_P(SocketConnTest, IsNotWokenByItsPeersReads) {
  RawSocket peer;
  Conn& conn = connect(peer);
  const auto expect_no_wake = [&] {
    loop_.drain();
    for (int i = 0; i < 3; ++i) {
      loop_.run(write_and_yield(conn, "message"));
      EXPECT_EQ(peer.receive(), "message");
      EXPECT_EQ(loop_->poll(), 0u);
    }
  };
  expect_no_wake();
  // Nor after a write that had to be.
  constexpr std::size_t kMuch = 16 << 20;
  std::thread reader([&] {
    for (std::size_t n = 0; n < kMuch;) n += peer.receive().size();
  });
  loop_.run(write_zeros(conn, kMuch));
  reader.join();
  expect_no_wake();
}

Task<void> read_one_byte(Conn& conn, bool& arrived) {
  co_await support::expect_read(conn, "b");
  arrived = true;
}
Task<void> read_flood(Conn& flooded, RawSocket& other, std::size_t n, const bool& arrived,
                      std::size_t& ahead) {
  bool sent = false;
  for (std::size_t got = 0; got < n;) {
    Result<ReadResult> read = co_await flooded.read();
    EXPECT_TRUE(read.ok() && !read->eof) << read.status();
    if (!read.ok() || read->eof) co_return;
    got += read->data.size();
    if (!std::exchange(sent, true)) other.send("b");
    if (!arrived) ahead = got;
  }
}

TEST_P(SocketConnTest, AFloodOnOneConnDoesNotHoldUpAnother) {
  RawSocket flood, other;
  Conn& flooded = connect(flood);
  Conn& quiet = connect(other);
  // As much as the kernel can be made to hold, so that the flood outlasts a look at the descriptors.
  const int much = 8 << 20;
  ::setsockopt(flood.fd(), SOL_SOCKET, SO_SNDBUF, &much, sizeof much);
  ::setsockopt(flood.fd(), SOL_SOCKET, SO_SNDBUFFORCE, &much, sizeof much);  // as root
  const std::size_t sent = flood.fill();
  bool arrived = false;
  std::size_t ahead = 0;
  std::vector<Task<void>> both;
  both.push_back(read_one_byte(quiet, arrived));
  both.push_back(read_flood(flooded, other, sent, arrived, ahead));
  loop_.run_all(std::move(both));
  EXPECT_TRUE(arrived);
  EXPECT_LE(ahead, std::size_t{512 << 10}) << "of " << sent;
}

// --- A large transfer, each end on a loop and thread of its own.

// Block i of the transfer: 64 KiB that begin with its number.
Bytes block(std::uint64_t i) {
  std::string text(65'536, static_cast<char>('a' + i % 26));
  std::memcpy(text.data(), &i, sizeof i);
  return Bytes::copy(text);
}
constexpr std::uint64_t kBlocks = 1'600;  // 100 MiB

Task<void> send_blocks(std::unique_ptr<Conn>& conn) {
  for (std::uint64_t i = 0; i < kBlocks; i += 8) {
    Chain chain;
    for (std::uint64_t k = i; k < i + 8; ++k) chain.append(block(k));
    const Status status = co_await conn->write(std::move(chain));
    EXPECT_TRUE(status.ok()) << status;
    if (!status.ok()) co_return;
  }
  conn->close_write();
  co_await support::expect_read(*conn, "<eof>");
  conn.reset();
}
Task<void> receive_blocks(std::unique_ptr<Conn>& conn) {
  std::uint64_t next = 0;
  Chain rest;
  for (;;) {
    Result<ReadResult> read = co_await conn->read();
    EXPECT_TRUE(read.ok()) << read.status();
    if (!read.ok() || read->eof) break;
    read->data.keep();
    rest.append(std::move(read->data));
    while (rest.size() >= 65'536) {
      const Bytes got = rest.take_front(65'536).flatten();
      const Bytes want = block(next++);
      EXPECT_TRUE(got.text() == want.text()) << "block " << next - 1;
    }
  }
  EXPECT_EQ(next, kBlocks);
  EXPECT_TRUE(rest.empty());
  conn.reset();
}

Task<void> dial_one(Network& network, Addr addr, std::unique_ptr<Conn>& conn) {
  conn = (co_await network.dial(std::move(addr))).value();
}
Task<void> accept_one(Listener& listener, std::unique_ptr<Conn>& conn) {
  conn = (co_await listener.accept()).value();
}

TEST_P(SocketConnTest, CarriesAHundredMegabytesBetweenThreads) {
  support::TwoLoops loops;
  const auto listener =
      network_.listen(tcp() ? Addr{"tcp", "127.0.0.1:0"} : Addr{"unix", support::unique_path()}).value();
  std::unique_ptr<Conn> a, b;
  loops.run(dial_one(network_, listener->addr(), a), accept_one(*listener, b));
  loops.run(send_blocks(a), receive_blocks(b));
}

}  // namespace
}  // namespace sluice::inline v0::net
