// A client that breaks a rule: it gets what the rule says, its connection goes on, and one line in the log
// names it, the method and the cause. Each rule has its own tests beside; this is the list of all.
#include <string>
#include <vector>

#include "wire/encodings.h"

namespace sluice::inline v0::wire {
namespace {

struct Broken {
  std::string name;
  std::string bytes;    // on stream 1
  std::string outcome;  // of it
  std::string line;     // in the log, after the peer
};

// The answer came before the body.
const std::string kThenReset = ", RST_STREAM NO_ERROR";
const char kUnaryPath[] = "/test.Raw/Unary";

std::string request(const Headers& head, std::string_view data = message("m")) {
  return Wire().headers(1, head).data(1, data, kEnd).str();
}
Headers with(const char* name, std::string value) {
  Headers head = request_head(kUnaryPath);
  for (auto& h : head) {
    if (h.name == name) return h.value = std::move(value), head;
  }
  head.push_back({name, std::move(value)});
  return head;
}
std::string to(const char* method, std::string_view data) {
  return request(request_head(std::string("/test.Raw/") + method), data);
}

std::vector<Broken> broken_heads() {
  const std::string path = std::string(" for \"") + kUnaryPath + "\": ";
  const std::string long_text(300, 'y');
  std::vector<Broken> all;
  const auto http = [&](const char* name, const Headers& head, const char* status, const std::string& text) {
    all.push_back({name, request(head), "HTTP " + std::string(status) + ", 13 " + text + kThenReset,
                   path + "INTERNAL: " + text});
  };
  http("method", with(":method", "GET"), "405", ":method is not POST");
  http("content-type", with("content-type", "text/html"), "415", "content-type is not application/grpc");
  http("timeout", with("grpc-timeout", "1x"), "400", "malformed grpc-timeout");
  http("binary", with("x-bin", "!"), "400", "a -bin header is no base64");
  const auto grpc = [&](const char* name, const Headers& head, const char* code, const std::string& text,
                        const std::string& quoted) {
    const char* word = std::string_view(code) == "12" ? "UNIMPLEMENTED: " : "RESOURCE_EXHAUSTED: ";
    all.push_back({name, request(head), std::string(code) + " " + text + kThenReset,
                   " for \"" + quoted + "\": " + word + text});
  };
  grpc("no path", request_head("Unary"), "12", "malformed method name: \"Unary\"", "Unary");
  grpc("unknown service", request_head("/test.No/Unary"), "12", "unknown service test.No", "/test.No/Unary");
  grpc("unknown method", request_head("/test.Raw/No"), "12", "unknown method No for service test.Raw",
       "/test.Raw/No");
  grpc("long service", request_head("/" + long_text + "/No"), "12",
       "unknown service " + long_text.substr(0, 256), "/" + long_text.substr(0, 255));
  grpc("long method", request_head("/test.Raw/" + long_text), "12",
       "unknown method " + long_text.substr(0, 256) + " for service test.Raw",
       "/test.Raw/" + long_text.substr(0, 246));
  grpc("encoding", with("grpc-encoding", "x-no"), "12",
       "grpc-encoding \"x-no\" is not among identity,gzip,deflate,zstd", kUnaryPath);
  grpc("header list", with("x-long", std::string(9000, 'x')), "8",
       "the request's header list exceeds the limit of 8192 bytes", kUnaryPath);
  return all;
}

std::vector<Broken> broken_messages() {
  std::vector<Broken> all;
  const auto add = [&](const char* method, const std::string& bytes, int code, const std::string& text) {
    const std::string word = code == 13   ? "INTERNAL: "
                             : code == 12 ? "UNIMPLEMENTED: "
                                          : "RESOURCE_EXHAUSTED: ";
    all.push_back({std::string(method) + " " + text, bytes, std::to_string(code) + " " + text,
                   std::string(" for \"/test.Raw/") + method + "\": " + word + text});
  };
  for (const char* method : {"Unary", "ReplyStream"}) {
    add(method, to(method, ""), 12, "the client sent no request message");
    add(method, to(method, message("a") + message("b")), 12, "the client sent more than one request message");
  }
  for (const char* method : {"Unary", "ReplyStream", "RequestStream", "Bidi"}) {
    add(method, to(method, message("half").substr(0, 7)), 13, "the stream ended inside a message");
    add(method, to(method, message("m", 7)), 13, "message has the invalid compressed flag 7");
    add(method, to(method, message("m", 1)), 13, "compressed flag set with identity or empty encoding");
    add(method, to(method, message("", 0, (4 << 20) + 1)), 8,
        "message of 4194305 bytes exceeds the limit of 4194304");
  }
  return all;
}

class Refusals : public WireTest {
 protected:
  Refusals()
      : served_(runtime(), service_,
                {.server = {.compressors = all_compressors(), .compression_algorithm = "gzip"}}) {}

  void expect_refused(const Broken& broken) {
    SCOPED_TRACE(broken.name);
    const std::size_t before = log().all().size();
    ScriptedClient client(runtime(), "pipe:served");
    client.greet();
    client.send(broken.bytes);
    EXPECT_EQ(client.outcome(1), broken.outcome);
    const std::vector<std::string> lines = log().all();
    ASSERT_EQ(lines.size(), before + 1);
    EXPECT_EQ(lines.back(), "refused a request from " + client.local_addr().to_string() + broken.line);
    client.send(unary_request(3));
    EXPECT_EQ(client.outcome(3), "0");
    EXPECT_FALSE(client.closed());
    client.close();
    settle();
    ASSERT_EQ(log().all().size(), before + 2) << "and one line of its end";
  }

  RawService service_;
  ServedRaw served_;
};
INSTANTIATE_TEST_SUITE_P(All, Refusals, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

TEST_P(Refusals, OfHeadsNamePeerMethodAndCause) {
  for (const Broken& broken : broken_heads()) expect_refused(broken);
}

TEST_P(Refusals, OfMessagesNamePeerMethodAndCause) {
  for (const Broken& broken : broken_messages()) expect_refused(broken);
}

TEST_P(Refusals, OfCompressedMessagesNamePeerMethodAndCause) {
  for (const char* method : {"Unary", "Bidi"}) {
    Headers head = request_head(std::string("/test.Raw/") + method, {{"grpc-encoding", "gzip"}});
    const std::string path = std::string(" for \"/test.Raw/") + method + "\": ";
    std::string damaged = packed(dull());
    damaged[damaged.size() / 2] ^= 0x55;
    for (const std::string& data : {message(damaged, 1), packed_message(dull((4 << 20) + 1))}) {
      const std::size_t before = log().all().size();
      ScriptedClient client(runtime(), "pipe:served");
      client.greet();
      client.send(request(head, data));
      const std::string code = client.outcome(1).substr(0, 2);
      EXPECT_EQ(code, data.size() == message(damaged, 1).size() ? "13" : "8 ");
      ASSERT_EQ(log().all().size(), before + 1);
      const std::string line = log().all().back();
      const std::string begin = "refused a request from " + client.local_addr().to_string() + path;
      EXPECT_TRUE(line.starts_with(begin + (code == "13" ? "INTERNAL: " : "RESOURCE_EXHAUSTED: "))) << line;
      client.send(unary_request(3));
      EXPECT_EQ(client.outcome(3), "0");
    }
  }
}

// What is malformed by HTTP/2's rules is reset, and said so.
TEST_P(Refusals, OfMalformedRequestsNamePeerMethodAndCause) {
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"te", "gzip"}, {"connection", "close"}, {"X-Upper", "x"}}) {
    Headers head = {{":method", "POST"}, {":scheme", "http"}, {":path", kUnaryPath}};
    head.push_back({name, value});
    const std::size_t before = log().all().size();
    ScriptedClient client(runtime(), "pipe:served");
    client.greet();
    client.send(request(head));
    EXPECT_EQ(client.outcome(1), "open, RST_STREAM PROTOCOL_ERROR") << name;
    ASSERT_EQ(log().all().size(), before + 1) << name;
    const std::string line = log().all().back();
    EXPECT_TRUE(line.starts_with("stream error from " + client.local_addr().to_string() + " for \"" +
                                 kUnaryPath + "\": PROTOCOL_ERROR: "))
        << line;
    client.send(unary_request(3));
    EXPECT_EQ(client.outcome(3), "0") << name;
  }
}

// However long and odd what they quote.
TEST_P(Refusals, AreOneShortLineOfPrintableText) {
  const Headers heads[] = {request_head("/" + std::string(6000, 's') + "/M"),
                           request_head("/test.Raw/" + std::string(6000, 'm')),
                           request_head(std::string(6000, 'p')),
                           request_head("/" + std::string(6000, 'p') + "/M", {{"te", "gzip"}}),
                           with("content-type", "application/grpc+" + std::string(6000, 'c')),
                           with("grpc-encoding", std::string(6000, 'e')),
                           request_head("/test.Raw/" + std::string(600, '\xff'))};
  for (const Headers& head : heads) {
    const std::size_t before = log().all().size();
    ScriptedClient client(runtime(), "pipe:served");
    client.greet();
    client.send(request(head));
    if (client.outcome(1) == "0") continue;  // raw bytes take any codec
    ASSERT_EQ(log().all().size(), before + 1) << head[2].value;
    const std::string line = log().all().back();
    EXPECT_LT(line.size(), 1000u);
    EXPECT_LT(client.outcome(1).size(), 3000u) << "percent-encoded, at worst nine times as long";
    for (const char c : line) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) << line;
  }
}

}  // namespace
}  // namespace sluice::inline v0::wire
