// Addresses: what is understood, what is refused with which words, and back to text.
#include "net/socket_addr.h"

#include <gtest/gtest.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

namespace sluice::inline v0::net {
namespace {

std::string round_trip(const std::string& text) {
  const Result<HostPort> target = parse_host_port(Addr{"tcp", text});
  if (!target.ok()) return target.status().to_string();
  const std::optional<SocketAddr> literal = to_literal(*target);
  return literal ? to_addr(*literal).to_string() : "name " + target->host;
}

TEST(SocketAddr, ReadsAndWritesNumbers) {
  EXPECT_EQ(round_trip("127.0.0.1:50051"), "tcp:127.0.0.1:50051");
  EXPECT_EQ(round_trip("0.0.0.0:0"), "tcp:0.0.0.0:0");
  EXPECT_EQ(round_trip("[::1]:65535"), "tcp:[::1]:65535");
  EXPECT_EQ(round_trip("[2001:DB8:0:0::7]:1"), "tcp:[2001:db8::7]:1");
  EXPECT_EQ(round_trip("[fe80::1%1]:1"), "tcp:[fe80::1%1]:1");
  EXPECT_EQ(round_trip("[fe80::1%lo]:1"), "tcp:[fe80::1%1]:1");
  EXPECT_EQ(round_trip(":80"), "tcp:[::]:80");
}

TEST(SocketAddr, TakesTheRestForNames) {
  EXPECT_EQ(round_trip("localhost:1"), "name localhost");
  EXPECT_EQ(round_trip("127.1:1"), "name 127.1");
  EXPECT_EQ(round_trip("1.2.3.4.5:1"), "name 1.2.3.4.5");
}

TEST(SocketAddr, AnIpv4PeerOfADualStackSocketIsAnIpv4Address) {
  EXPECT_EQ(round_trip("[::ffff:10.0.0.1]:7"), "tcp:10.0.0.1:7");
}

TEST(SocketAddr, SaysWhatIsWrongWithATcpAddress) {
  const auto refused = [](const std::string& text) {
    const Status status = parse_host_port(Addr{"tcp", text}).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_EQ(refused("host"), "address \"tcp:host\" has no port: it is tcp:HOST:PORT");
  EXPECT_EQ(refused("[::1]"), "address \"tcp:[::1]\" has no port: it is tcp:HOST:PORT");
  EXPECT_EQ(refused("[::1]80"), "address \"tcp:[::1]80\" has no port: it is tcp:HOST:PORT");
  EXPECT_EQ(refused("[::1:80"), "address \"tcp:[::1:80\" has no ]");
  EXPECT_EQ(refused("::1:80"), "address \"tcp:::1:80\" is IPv6 without [ and ]");
  EXPECT_EQ(refused("[localhost]:80"), "address \"tcp:[localhost]:80\" has no IPv6 address between [ and ]");
  EXPECT_EQ(refused("[fe80::1%nosuch]:80"),
            "address \"tcp:[fe80::1%nosuch]:80\" has no IPv6 address between [ and ]");
  for (const char* port : {"", "65536", "-1", "+1", "8o", " 80", "99999999999999999999"}) {
    const std::string text = "host:" + std::string(port);
    EXPECT_EQ(refused(text), "address \"tcp:" + text + "\" has a port that is not 0 to 65535");
  }
  const std::string nul("ho\0st:1", 7);
  EXPECT_EQ(refused(nul), "address \"tcp:" + nul + "\" has a NUL in its host");
}

TEST(SocketAddr, ReadsAndWritesUnixNames) {
  for (const Addr& addr :
       {Addr{"unix", "/run/x.sock"}, Addr{"unix", "relative"}, Addr{"unix-abstract", "name"},
        Addr{"unix", std::string(107, 'p')}, Addr{"unix-abstract", std::string(107, 'n')}}) {
    const Result<SocketAddr> target = to_unix_addr(addr);
    ASSERT_TRUE(target.ok()) << target.status();
    EXPECT_EQ(to_addr(*target), addr);
  }
}

TEST(SocketAddr, RefusesAUnixNameThatIsTooLong) {
  const std::string path(108, 'p');
  for (const char* scheme : {"unix", "unix-abstract"}) {
    const Status status = to_unix_addr(Addr{scheme, path}).status();
    EXPECT_EQ(status, Status(StatusCode::kInvalidArgument,
                             "address \"" + std::string(scheme) + ":" + path +
                                 "\" is 108 bytes long, more than the 107 that a unix socket can have"));
  }
  EXPECT_EQ(to_unix_addr(Addr{"unix", ""}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(to_unix_addr(Addr{"unix", std::string("a\0b", 3)}).status().code(), StatusCode::kInvalidArgument);
}

// A peer names itself as it likes, and names go into logs.
TEST(SocketAddr, WritesUnprintableBytesOfAPeersNameAsNumbers) {
  const Result<SocketAddr> target = to_unix_addr(Addr{"unix-abstract", "a\n\x80 %z"});
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(to_addr(*target).to_string(), "unix-abstract:a%0A%80%20%25z");
}

TEST(SocketAddr, KnowsAPeerWithoutAName) {
  const sa_family_t family = AF_UNIX;
  EXPECT_TRUE(SocketAddr(&family, sizeof family).is_unnamed());
  EXPECT_FALSE(to_unix_addr(Addr{"unix-abstract", "x"})->is_unnamed());
}

}  // namespace
}  // namespace sluice::inline v0::net
