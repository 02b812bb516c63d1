// Attacks where the kernel matters: closed windows, slow peers, goodbyes, addresses and descriptors. In real
// time, with limits of milliseconds or none at all.
#include <sys/resource.h>

#include <atomic>
#include <optional>
#include <thread>

#include "attacks/attack.h"
#include "sluice/async/scope.h"
#include "sluice/testing/fault_network.h"
#include "support/exchange.h"
#include "support/raw_socket.h"

namespace sluice::attacks {
namespace {

class AttacksOverTcp : public Attack {
 protected:
  static constexpr const char* kAddress = "tcp:127.0.0.1:0";

  static std::string address_of(Server& server) { return server.addrs().at(0).to_string(); }
  static std::string address_of(Target& target) { return address_of(target.served.server()); }
  // Runs what comes of itself.
  void turn(int times = 200) {
    for (int i = 0; i < times; ++i) runtime().poll();
  }
  void wait(Duration time) {
    struct Local {
      static Task<void> wait(Duration time) { (void)co_await sleep(time); }
    };
    runtime().run(Local::wait(time));
  }
  // Lets real time pass until `limit` has been met.
  bool meets(Server& server, Limit limit) {
    for (int i = 0; i < 20'000 && server.limit_counts()[limit] == 0; ++i) wait(1ms);
    return server.limit_counts()[limit] == 1;
  }
  // A client of which the server has heard.
  std::unique_ptr<ScriptedClient> greeted(const std::string& address) {
    auto client = std::make_unique<ScriptedClient>(runtime(), address);
    client->greet();
    client->until([&] { return client->closed() || !client->frames("SETTINGS ACK").empty(); });
    return client;
  }
  // A channel, or the first of some: its handshake has but milliseconds.
  bool serves_at_last(const std::string& address) {
    const Chain request = bytes("m");
    for (int i = 0; i < 1'000; ++i) {
      const Channel channel = dial(runtime(), address).value();
      if (channel.invoke(support::kUnary, request).get().ok()) return true;
    }
    return false;
  }
  // More than a socket holds for a client that does not read, and HTTP/2's windows wide open.
  static std::string much(int calls) {
    Wire wire;
    wire.window_update(0, 1 << 30);
    for (int i = 0; i < calls; ++i) wire.raw(request(id_of(i), 60'000));
    return wire.str();
  }
};
INSTANTIATE_TEST_SUITE_P(Real, AttacksOverTcp, ::testing::Values(support::kRealRuntimes[0]),
                         support::name_of);

// CVE-2019-9517, with a window that TCP has closed.
TEST_P(AttacksOverTcp, InternalBuffering) {
  for (const bool guarded : {true, false}) {
    Limits limits{.goodbye_timeout = 10ms};
    if (guarded) limits.write_stall_timeout = 20ms;
    Target target(runtime(), limits, "tcp:127.0.0.1:0");
    ScriptedClient attacker(runtime(), address_of(target));
    attacker.greet({{SettingId::kInitialWindowSize, 1 << 30}});
    attacker.stop_reading();
    attacker.send(much(100));
    if (guarded) {
      EXPECT_TRUE(meets(target.served.server(), Limit::kWriteStall));
      settle();
      EXPECT_EQ(target.victim.replying, 0);
    } else {
      wait(60ms);
      EXPECT_GT(target.victim.replying, 0);
      EXPECT_EQ(target.counts().total(), 0u);
    }
    EXPECT_TRUE(serves_at_last(address_of(target)));
  }
}

// A preface, SETTINGS that are not acknowledged, and a header block, none of which ever ends.
TEST_P(AttacksOverTcp, SlowPeers) {
  const struct {
    const char* name;
    std::string bytes;
    Limit limit;
    Duration Limits::*timeout;
  } peers[] = {{"preface", "PRI *", Limit::kHandshakeTimeout, &Limits::handshake_timeout},
               {"SETTINGS", Wire().preface().settings().str(), Limit::kSettingsAckTimeout,
                &Limits::settings_ack_timeout},
               {"header block", Wire().preface().settings().settings_ack().headers(1, "", 0).str(),
                Limit::kHeaderBlockTimeout, &Limits::header_block_timeout}};
  for (const auto& peer : peers) {
    for (const bool guarded : {true, false}) {
      SCOPED_TRACE(peer.name + std::string(guarded ? "" : ", without the guard"));
      Limits limits{.goodbye_timeout = 10ms};
      limits.*peer.timeout = guarded ? Duration(20ms) : Limits::kForever;
      Target target(runtime(), limits, kAddress);
      ScriptedClient attacker(runtime(), address_of(target));
      attacker.send(peer.bytes);
      if (guarded) {
        EXPECT_TRUE(meets(target.served.server(), peer.limit));
        attacker.until_closed();
      } else {
        wait(60ms);
        EXPECT_FALSE(attacker.closed());
        EXPECT_EQ(target.counts().total(), 0u);
      }
      EXPECT_TRUE(serves_at_last(address_of(target)));
    }
  }
}

// Whoever broke a rule learns which, although it goes on sending: the kernel resets a socket that is closed
// over bytes that nobody reads, and drops what its peer has not taken.
TEST_P(AttacksOverTcp, GoodbyeIsReadByWhoGoesOnSending) {
  for (const bool guarded : {true, false}) {
    Target target(runtime(), {.goodbye_timeout = guarded ? Limits::kForever : Duration::zero()}, kAddress);
    ScriptedClient attacker(runtime(), address_of(target));
    attacker.greet({{SettingId::kInitialWindowSize, 1 << 30}});
    attacker.stop_reading();
    attacker.send(much(5) + Wire().ping("short").str());
    turn();
    attacker.send(std::string(200'000, 'x'));
    turn();
    attacker.send(std::string(200'000, 'x'));
    turn();
    attacker.read_again();
    attacker.until_closed();
    const bool told = attacker.frames("GOAWAY").size() == 1 && attacker.end() == "eof";
    EXPECT_EQ(told, guarded) << attacker.end();
    attacker.close();
    EXPECT_TRUE(serves_at_last(address_of(target)));
  }
}

// Time and bytes are limited for those who only send.
TEST_P(AttacksOverTcp, GoodbyeIsOverForWhoSendsTooMuch) {
  Target target(runtime(), {.goodbye_timeout = Limits::kForever}, kAddress);
  ScriptedClient attacker(runtime(), address_of(target));
  attacker.greet().send(Wire().ping("short"));
  const std::string mebibyte(1 << 20, 'x');
  int sent = 0;
  for (; sent < 100 && log().at(LogLevel::kWarning).empty(); ++sent) {
    attacker.send(mebibyte);
    turn();
  }
  EXPECT_GE(sent, 4);
  EXPECT_LE(sent, 20) << "four, and what sockets hold";
  EXPECT_TRUE(serves_at_last(address_of(target)));
}

TEST_P(AttacksOverTcp, GoodbyeHasItsTime) {
  Target target(runtime(), {.goodbye_timeout = 20ms}, kAddress);
  ScriptedClient attacker(runtime(), address_of(target));
  attacker.greet().send(Wire().ping("short"));
  attacker.until_closed();
  for (int i = 0; i < 20'000 && log().at(LogLevel::kWarning).empty(); ++i) wait(1ms);
  EXPECT_EQ(log().at(LogLevel::kWarning).size(), 1u);
}

// The same for answers: a server that has drained half-closes, since a client that reads slowly still sends
// credit for what it has read.
TEST_P(AttacksOverTcp, LastAnswersOfADrainAreReadByWhoGoesOnSending) {
  Target target(runtime(), {.goodbye_timeout = Limits::kForever}, kAddress);
  ScriptedClient client(runtime(), address_of(target));
  client.greet({{SettingId::kInitialWindowSize, 1 << 30}});
  constexpr int kCalls = 4;
  std::string heads, bodies;
  for (int i = 0; i < kCalls; ++i) {
    const std::string head = open(id_of(i), "ReplyStream");
    heads += head;
    bodies += request(id_of(i), 60'000).substr(head.size());
  }
  client.send(much(0) + heads);
  Call<Status> drained = target.served.server().drain().start();
  client.until([&] { return !client.frames("PING").empty(); });
  client.stop_reading();
  client.send(Wire().ping(client.last_ping(), http2::flag::kAck));
  client.send(bodies);
  turn();
  client.send(Wire().window_update(0, 1));
  turn();
  client.send(Wire().window_update(0, 1));
  turn();
  client.read_again();
  client.until_closed();
  EXPECT_EQ(client.end(), "eof");
  for (int i = 0; i < kCalls; ++i) {
    EXPECT_EQ(client.stream(id_of(i)).data.size(), 3 * message(std::string(60'000, 'x')).size());
    EXPECT_EQ(client.outcome(id_of(i)), "0");
  }
  client.close();
  EXPECT_EQ(drained.get(), Status());
}

TEST_P(AttacksOverTcp, CountsTheConnectionsOfAHost) {
  for (const bool guarded : {true, false}) {
    Victim victim;
    ServerOptions options;
    if (guarded) options.limits.connections_per_address = 3;
    Server server(runtime(), options);
    ASSERT_EQ(server.register_service(RawService::desc(), &victim), Status());
    ASSERT_EQ(server.serve(runtime().listen(kAddress).value()), Status());
    const std::string address = address_of(server);
    {
      std::vector<std::unique_ptr<ScriptedClient>> clients;
      for (int i = 0; i < 20; ++i) clients.push_back(greeted(address));
      for (int i = 0; i < 20; ++i) EXPECT_EQ(clients[i]->closed(), guarded && i >= 3) << i;
      EXPECT_EQ(server.limit_counts()[Limit::kConnectionsPerAddress], guarded ? 17u : 0u);
    }
    // They have gone, of which the server hears in its own time.
    bool served = false;
    for (int i = 0; i < 1'000 && !served; ++i) served = !greeted(address)->closed();
    EXPECT_TRUE(served);
  }
}

TEST_P(AttacksOverTcp, LeaveOtherHostsARoomForStrangers) {
  Target target(runtime(), {.handshakes = 8}, kAddress);
  const auto connect_from = [&](in_addr_t host) {
    support::RawSocket client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(host);
    EXPECT_EQ(::bind(client.fd(), reinterpret_cast<const sockaddr*>(&from), sizeof from), 0);
    support::RawAddr to = support::RawAddr::loopback(support::port_of(target.served.server().addrs().at(0)));
    EXPECT_EQ(::connect(client.fd(), to.get(), to.size), 0);
    turn(100);
    return client;
  };
  std::vector<support::RawSocket> attackers;
  for (int i = 0; i < 20; ++i) attackers.push_back(connect_from(INADDR_LOOPBACK));
  EXPECT_EQ(target.counts()[Limit::kHandshakes], 14u) << "three quarters of the room are one host's";
  attackers.push_back(connect_from(INADDR_LOOPBACK + 1));
  attackers.push_back(connect_from(INADDR_LOOPBACK + 1));
  EXPECT_EQ(target.counts()[Limit::kHandshakes], 14u);
  attackers.push_back(connect_from(INADDR_LOOPBACK + 2));
  EXPECT_EQ(target.counts()[Limit::kHandshakes], 15u)
      << "there is no room, and nobody has been there for long";
  wait(1s);
  attackers.push_back(connect_from(INADDR_LOOPBACK + 2));
  EXPECT_EQ(target.counts()[Limit::kHandshakes], 16u);
  char last = 0;
  EXPECT_EQ(::recv(attackers.back().fd(), &last, 1, MSG_DONTWAIT), 1) << "SETTINGS, and it goes on";
  // The oldest of the host with the most has gone, and was told why.
  const std::string told = attackers.front().receive();
  EXPECT_NE(told.find("too many connections in handshake"), told.npos);
}

// CVE-2023-4785: two hundred connections where there are descriptors for a few. Those that are in are served
// meanwhile, the others wait, and when there are descriptors again everybody is.
TEST_P(AttacksOverTcp, DescriptorsRunOutAndComeBack) {
  constexpr int kAttackers = 200;
  constexpr int kRoom = 64;
  Target target(runtime(), {.handshakes = Limits::kOff}, kAddress);
  const std::string address = address_of(target);
  const Channel channel = dial(runtime(), address).value();
  const Chain request = bytes("m");
  EXPECT_EQ(support::text_of(channel.invoke(support::kUnary, request).get()), "m");

  std::vector<support::RawSocket> attackers;
  for (int i = 0; i < kAttackers; ++i)
    attackers.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = static_cast<rlim_t>(attackers.back().fd() + 1 + kRoom);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  support::RawAddr to = support::RawAddr::loopback(support::port_of(target.served.server().addrs().at(0)));
  for (const support::RawSocket& attacker : attackers) (void)::connect(attacker.fd(), to.get(), to.size);

  while (log().at(LogLevel::kWarning).empty()) wait(1ms);
  turn(1'000);
  EXPECT_EQ(
      log().at(LogLevel::kWarning),
      std::vector<std::string>{"accept on " + address + ": RESOURCE_EXHAUSTED: accept: too many open files"});
  EXPECT_EQ(support::text_of(channel.invoke(support::kUnary, request).get()), "m") << "who is in";
  attackers.clear();
  EXPECT_TRUE(serves_at_last(address)) << "there is room again";
  ::setrlimit(RLIMIT_NOFILE, &before);
}

// CVE-2024-11407: what one call sends must not be written over by another before it has left. Reads and
// writes of random sizes over real sockets; each message has bytes that no other has.
Task<void> one_exchange(Channel channel, support::Exchange exchange, int& good) {
  const support::Outcome outcome = co_await support::run_exchange(std::move(channel), exchange, {});
  EXPECT_EQ(outcome.status, Status());
  EXPECT_EQ(outcome.wrong, "");
  good += outcome.status.ok() && outcome.wrong.empty() ? 1 : 0;
}
Task<int> exchanges(Channel channel, int count) {
  Loop& loop = co_await this_loop();
  Scope scope(loop);
  int good = 0;
  for (int i = 0; i < count; ++i) {
    support::Exchange exchange{support::kKinds[i % 4], static_cast<std::uint64_t>(i), {}};
    const int messages =
        exchange.kind == support::Kind::kUnary || exchange.kind == support::Kind::kReplyStream ? 1 : 5;
    for (int k = 0; k < messages; ++k) exchange.sizes.push_back(std::size_t{1} << (i * 7 + k * 5) % 17);
    (void)scope.spawn(one_exchange(channel, std::move(exchange), good));
  }
  co_await scope.join();
  co_return good;
}

TEST_P(AttacksOverTcp, BytesOfOneCallAreNeverSeenInAnother) {
  const auto pieces = [](const testing::FaultEnd& end) {
    testing::FaultOptions options;
    options.seed = end.number + 1;
    options.reads.max_piece = 3'000;
    options.writes.max_piece = 2'000;
    return options;
  };
  RawService echo;
  Server server(runtime());
  ASSERT_EQ(server.register_service(RawService::desc(), &echo), Status());
  std::unique_ptr<net::Listener> listener = runtime().listen(kAddress).value();
  const std::string address = listener->addr().to_string();
  ASSERT_EQ(server.serve(testing::with_faults(std::move(listener), pieces)), Status());
  const Channel channel = dial(runtime(), address).value();
  EXPECT_EQ(runtime().run(exchanges(channel, 200)), 200);
}

// How long a neighbour waits, in real time: noted, and asserted of nothing, since a machine may be busy.
class Neighbour : public ::testing::Test {
 protected:
  using Waits = std::vector<Duration>;
  Waits waits(int calls) {
    const Chain request = bytes("m");
    Waits waits;
    for (int i = 0; i < calls; ++i) {
      const TimePoint begin = client_runtime_.now();
      EXPECT_EQ(support::text_of(channel_->invoke(support::kUnary, request).get()), "m");
      waits.push_back(client_runtime_.now() - begin);
    }
    std::sort(waits.begin(), waits.end());
    return waits;
  }
  void note(const std::string& name, const Waits& waits) {
    const auto us = [&](std::size_t percent) {
      return std::to_string(waits[waits.size() * percent / 100].count() / 1'000) + " us";
    };
    RecordProperty(name, "p50 " + us(50) + ", p99 " + us(99));
  }

  Runtime server_runtime_{{.threads = 1}};
  Runtime client_runtime_;
  RawService service_;
  std::optional<Server> server_;
  std::optional<Channel> channel_;
};

TEST_F(Neighbour, IsServedWhileOthersAttack) {
  server_.emplace(server_runtime_);
  ASSERT_EQ(server_->register_service(RawService::desc(), &service_), Status());
  ASSERT_EQ(server_->serve(server_runtime_.listen("tcp:127.0.0.1:0").value()), Status());
  const Addr addr = server_->addrs().at(0);
  channel_ = dial(client_runtime_, addr.to_string()).value();
  (void)waits(200);
  note("quiet", waits(1'000));

  std::string resets = Wire().preface().settings().settings_ack().str();
  for (int i = 0; i < 10'000; ++i) {
    const auto id = static_cast<StreamId>(2 * i + 1);
    resets += Wire().headers(id, request_head("/test.Raw/Bidi")).rst(id, ErrorCode::kCancel).str();
  }
  std::atomic<bool> enough{false};
  std::atomic<int> attacks{0};
  std::thread attacker([&] {
    const support::RawAddr to = support::RawAddr::loopback(support::port_of(addr));
    while (!enough) {
      support::RawSocket socket = support::RawSocket::connect_to(to);
      (void)::send(socket.fd(), resets.data(), resets.size(), MSG_NOSIGNAL);
      char answer[4096];
      while (::recv(socket.fd(), answer, sizeof answer, 0) > 0) {
      }
      ++attacks;
    }
  });
  while (attacks < 3) (void)waits(1);
  note("attacked_by_rapid_reset", waits(1'000));
  enough = true;
  attacker.join();
  RecordProperty("attacks", attacks.load());
  EXPECT_GE(server_->limit_counts()[Limit::kResets], 3u);
}

}  // namespace
}  // namespace sluice::attacks
