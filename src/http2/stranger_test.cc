// Who does not speak HTTP/2, told by the first bytes, however few of them have come.
#include "http2/stranger.h"

#include <gtest/gtest.h>

#include <string>

#include "http2/session_test_util.h"

namespace sluice::inline v0::http2 {
namespace {

using namespace std::string_literals;
using testing::Bench;
using testing::client_options;
using testing::server_options;
using testing::Wire;

constexpr std::string_view kHttp1 = "the peer speaks HTTP/1.1, not HTTP/2";
constexpr std::string_view kTls = "the peer speaks TLS, not plain HTTP/2";
constexpr std::string_view kOther = "the peer does not speak HTTP/2";

// What a session says to these bytes when they come as a whole.
std::string_view said(const SessionOptions& options, std::string_view bytes) {
  Bench bench(options);
  return bench.feed(bytes).what;
}

TEST(Stranger, IsAClientOfHttp1) {
  for (const char* method :
       {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}) {
    EXPECT_EQ(said(server_options(), method + " / HTTP/1.1\r\nHost: x\r\n\r\n"s), kHttp1) << method;
  }
}

TEST(Stranger, IsAServerOfHttp1) {
  EXPECT_EQ(said(client_options(), "HTTP/1.1 400 Bad Request\r\n\r\n"), kHttp1);
  EXPECT_EQ(said(client_options(), "HTTP/1.0 200 OK\r\n\r\n"), kHttp1);
}

TEST(Stranger, SpeaksTls) {
  const std::string hello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s + std::string(100, 'r');
  const std::string alert = "\x15\x03\x03\x00\x02\x02\x46"s;
  for (const SessionOptions& options : {client_options(), server_options()}) {
    EXPECT_EQ(said(options, hello), kTls);
    EXPECT_EQ(said(options, alert), kTls);
  }
}

TEST(Stranger, SpeaksSomethingElse) {
  for (const std::string& bytes :
       {"SSH-2.0-OpenSSH_9.2\r\n"s, "EHLO mail.example\r\n"s, "\xff\xfe\xfd"s, "\x16\x02"s, "\x05\x01\x00"s,
        "get / http/1.1\r\n"s, "HTTP/2.0 200\r\n"s}) {
    EXPECT_EQ(said(client_options(), bytes), kOther) << bytes;
    EXPECT_EQ(said(server_options(), bytes), kOther) << bytes;
  }
  EXPECT_EQ(said(server_options(), "\0\0\0"s), kOther);
  EXPECT_EQ(said(server_options(), "PRI * HTTP/1.1\r\n"), kOther);
  EXPECT_EQ(said(client_options(), "GET / HTTP/1.1\r\n"), kOther);
}

TEST(Stranger, IsKnownAtTheFirstByteThatIsWrong) {
  // "P" and "PR" may still become the preface.
  Bench server(server_options());
  EXPECT_TRUE(server.feed("P").ok());
  EXPECT_EQ(server.feed("O").what, kHttp1);
  Bench other(server_options());
  EXPECT_TRUE(other.feed("PR").ok());
  EXPECT_EQ(other.feed("O").what, kOther);
  Bench client(client_options());
  EXPECT_EQ(client.feed("H").what, kHttp1);
  Bench tls(client_options());
  EXPECT_EQ(tls.feed("\x15").what, kTls);
}

TEST(Stranger, IsNobodyWhoBeginsWithAFrame) {
  Bench client(client_options());
  EXPECT_TRUE(client.feed(Wire().settings().str().substr(0, 1)).ok());
  EXPECT_TRUE(client.feed(Wire().settings().str().substr(1)).ok());
  EXPECT_EQ(said(client_options(), "\0\0\5hello there"s), "first frame is not SETTINGS");
}

TEST(Session, SaysWhatHasComeInPart) {
  const std::string begin = Wire().preface().settings().str();
  const auto after = [&](std::string_view more) {
    Bench bench(server_options());
    EXPECT_TRUE(bench.feed(begin + std::string(more)).ok());
    return bench.session.unfinished();
  };
  const std::string whole = Wire().headers(1, testing::kRequest).data(1, "body").str();
  const std::string head = Wire().headers(1, testing::kRequest).str();
  EXPECT_EQ(after(""), "");
  EXPECT_EQ(after(whole), "");
  for (std::size_t n = 1; n < whole.size(); ++n) {
    EXPECT_EQ(after(whole.substr(0, n)), n == head.size() ? "" : "a frame") << n;
  }
  EXPECT_EQ(after(Wire().headers(1, "", 0)), "a header block");
  EXPECT_EQ(after(Wire().headers(1, "", 0).continuation(1, "")), "a header block");
  EXPECT_EQ(after(Wire().header(5, FrameType::kPriority, 0, 1)), "a frame");

  Bench silent(server_options());
  EXPECT_EQ(silent.session.unfinished(), "");
  EXPECT_TRUE(silent.feed("PRI").ok());
  EXPECT_EQ(silent.session.unfinished(), "the preface");
  Bench client(client_options());
  EXPECT_EQ(client.session.unfinished(), "");
  EXPECT_TRUE(client.feed(std::string(1, '\0')).ok());
  EXPECT_EQ(client.session.unfinished(), "a frame");
}

}  // namespace
}  // namespace sluice::inline v0::http2
