// A request's messages as a server takes them out of DATA frames, and their number.
#include <string>
#include <utility>
#include <vector>

#include "wire/wire.h"

namespace sluice::inline v0::wire {
namespace {

class ServerMessages : public WireTest {
 protected:
  ServerMessages() : served_(runtime(), service_), client_(runtime(), "pipe:served") {
    client_.greet({{SettingId::kInitialWindowSize, 8 << 20}, {SettingId::kMaxFrameSize, 1 << 20}});
    client_.send(Wire().window_update(0, 64 << 20));
  }

  // How the server answers what follows the head of a request.
  std::string answer(std::string_view method, const std::function<void(Wire&, http2::StreamId)>& rest) {
    const http2::StreamId id = id_ += 2;
    Wire wire;
    wire.headers(id, request_head("/test.Raw/" + std::string(method)));
    rest(wire, id);
    client_.send(wire);
    return client_.outcome(id);
  }
  const std::string& reply() { return client_.stream(id_).data; }

  RawService service_;
  ServedRaw served_;
  ScriptedClient client_;
  http2::StreamId id_ = static_cast<http2::StreamId>(-1);
};
INSTANTIATE_TEST_SUITE_P(All, ServerMessages, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

TEST_P(ServerMessages, R73_BoundariesOfFramesMeanNothing) {
  const std::string whole = message("hello") + message("") + message("world");
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    EXPECT_EQ(
        answer("Bidi",
               [&](Wire& w, auto id) { w.data(id, whole.substr(0, cut)).data(id, whole.substr(cut), kEnd); }),
        "0");
    EXPECT_EQ(reply(), whole) << "cut at " << cut;
  }
  EXPECT_EQ(answer("Bidi",
                   [&](Wire& w, auto id) {
                     for (const char c : whole) w.data(id, "").padded_data(id, std::string(1, c), 7);
                     w.data(id, "", kEnd);
                   }),
            "0");
  EXPECT_EQ(reply(), whole) << "byte by byte";
}

TEST_P(ServerMessages, R30_RequestMayEndWithAFrameOfNothing) {
  EXPECT_EQ(answer("Unary", [](Wire& w, auto id) { w.data(id, message("m")).data(id, "", kEnd); }), "0");
  EXPECT_EQ(reply(), message("m"));
}

TEST_P(ServerMessages, R30_RequestMayEndWithItsHeaders) {
  for (const char* method : {"Bidi", "RequestStream"}) {
    const http2::StreamId id = id_ += 2;
    client_.send(Wire().headers(id, request_head("/test.Raw/" + std::string(method)), kEnd));
    EXPECT_EQ(client_.outcome(id), "0") << method;
  }
}

TEST_P(ServerMessages, RequestMayEndWithTrailers) {
  EXPECT_EQ(answer("Unary",
                   [](Wire& w, auto id) {
                     w.data(id, message("m")).headers(id, {{"x-trailer", "x"}}, kEnd);
                   }),
            "0");
  EXPECT_EQ(answer("Bidi", [](Wire& w, auto id) { w.headers(id, {{"x-trailer", "x"}}, kEnd); }), "0");
}

TEST_P(ServerMessages, R31_RequestThatEndsInsideAMessageIsInternal) {
  const std::string inside = "13 the stream ended inside a message";
  for (const char* method : {"Unary", "ReplyStream", "RequestStream", "Bidi"}) {
    for (const std::size_t n : {1, 4, 5, 7}) {
      const std::string part = message("0123456789").substr(0, n);
      EXPECT_EQ(answer(method, [&](Wire& w, auto id) { w.data(id, part, kEnd); }), inside) << method;
      EXPECT_EQ(answer(method, [&](Wire& w, auto id) { w.data(id, part).data(id, "", kEnd); }), inside);
      EXPECT_EQ(answer(method,
                       [&](Wire& w, auto id) {
                         w.data(id, part).headers(id, {{"x", "y"}}, kEnd);
                       }),
                inside);
      // The same trailers again, which the session knows by then.
      EXPECT_EQ(answer(method,
                       [&](Wire& w, auto id) {
                         w.data(id, part).headers(id, {{"x", "y"}}, kEnd);
                       }),
                inside);
    }
  }
}

TEST_P(ServerMessages, R32_UnaryMethodWantsExactlyOne) {
  for (const char* method : {"Unary", "ReplyStream"}) {
    EXPECT_EQ(answer(method, [](Wire& w, auto id) { w.data(id, "", kEnd); }),
              "12 the client sent no request message");
    EXPECT_EQ(answer(method, [](Wire& w, auto id) { w.data(id, message("a") + message("b"), kEnd); }),
              "12 the client sent more than one request message");
    EXPECT_EQ(answer(method, [](Wire& w, auto id) { w.data(id, message("a")).data(id, message("b")); }),
              "12 the client sent more than one request message, RST_STREAM NO_ERROR");
    const http2::StreamId id = id_ += 2;
    client_.send(Wire().headers(id, request_head("/test.Raw/" + std::string(method)), kEnd));
    EXPECT_EQ(client_.outcome(id), "12 the client sent no request message");
  }
}

// Interceptors are asked first, whatever has come of the body by then.
TEST_P(ServerMessages, WhatIsWrongWithThemCountsOnceTheCallIsLetIn) {
  struct Door final : ServerInterceptor {
    Status on_headers(ServerContext&) override {
      ++asked;
      return open ? Status() : Status(StatusCode::kPermissionDenied, "no");
    }
    bool open = false;
    int asked = 0;
  } door;
  ServedRaw guarded(runtime(), service_, {.address = "pipe:guarded", .server = {.interceptors = {door}}});
  ScriptedClient client(runtime(), "pipe:guarded");
  client.greet();
  http2::StreamId id = 1;
  int calls = 0;
  for (const bool open : {false, true}) {
    door.open = open;
    const auto outcome = [&](const std::string& first, const std::string& second) {
      client.send(Wire().headers(id, request_head("/test.Raw/Unary")).data(id, first).data(id, second, kEnd));
      EXPECT_EQ(door.asked, ++calls);
      return client.outcome(std::exchange(id, id + 2));
    };
    EXPECT_EQ(outcome(message("a") + message("b"), "xyz"),
              open ? "12 the client sent more than one request message" : "7 no");
    EXPECT_EQ(outcome(message("a", 2), "xyz"),
              open ? "13 message has the invalid compressed flag 2" : "7 no");
    EXPECT_EQ(outcome(message("a"), std::string(3, '\0')),
              open ? "13 the stream ended inside a message" : "7 no");
    EXPECT_EQ(outcome(message("a"), ""), open ? "0" : "7 no");
  }
  // Who counts calls sees those too that their clients give up at once.
  client.send(Wire().headers(id, request_head("/test.Raw/Unary")).rst(id, http2::ErrorCode::kCancel));
  EXPECT_EQ(door.asked, calls + 1);
}

TEST_P(ServerMessages, StreamMethodTakesAnyNumber) {
  EXPECT_EQ(answer("RequestStream", [](Wire& w, auto id) { w.data(id, "", kEnd); }), "0");
  EXPECT_EQ(reply(), message(""));
  EXPECT_EQ(answer("RequestStream", [](Wire& w, auto id) { w.data(id, message("a") + message("b"), kEnd); }),
            "0");
  EXPECT_EQ(reply(), message("ab"));
}

TEST_P(ServerMessages, R73_FlagThatIsNoneIsInternal) {
  for (const int flag : {2, 3, 128, 255}) {
    for (const char* method : {"Unary", "Bidi"}) {
      EXPECT_EQ(
          answer(method, [&](Wire& w, auto id) { w.data(id, message("m", static_cast<char>(flag)), kEnd); }),
          "13 message has the invalid compressed flag " + std::to_string(flag));
    }
  }
}

TEST_P(ServerMessages, CompressedMessageWithoutAnEncodingIsInternal) {
  EXPECT_EQ(answer("Unary", [](Wire& w, auto id) { w.data(id, message("m", 1), kEnd); }),
            "13 compressed flag set with identity or empty encoding");
}

TEST_P(ServerMessages, R74_LengthOverTheLimitIsRefusedBeforeAnyOfItHasCome) {
  for (const std::uint32_t size : {(4u << 20) + 1, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
    EXPECT_EQ(
        answer("Unary", [&](Wire& w, auto id) { w.data(id, message("", 0, size)); }),
        "8 message of " + std::to_string(size) + " bytes exceeds the limit of 4194304, RST_STREAM NO_ERROR");
  }
}

TEST_P(ServerMessages, WholeMessageOfTheLimitIsTaken) {
  const std::string body(4 << 20, 'x');
  EXPECT_EQ(answer("Unary",
                   [&](Wire& w, auto id) {
                     const std::string bytes = message(body);
                     w.data(id, std::string_view(bytes).substr(0, 1 << 20))
                         .data(id, std::string_view(bytes).substr(1 << 20), kEnd);
                   }),
            "0");
  EXPECT_EQ(reply().size(), body.size() + 5);
}

}  // namespace
}  // namespace sluice::inline v0::wire
