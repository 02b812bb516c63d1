// What a client makes of a response: its one status, whatever the server says.
#include <string>
#include <utility>
#include <vector>

#include "wire/wire.h"

namespace sluice::inline v0::wire {
namespace {

class ClientResponses : public ClientTest {
 protected:
  ClientResponses() {
    // A call that stays open beside all others: what fails one call must leave it alone.
    beside_.emplace(bidi(channel()));
    accept({{SettingId::kMaxConcurrentStreams, 1000}});
  }
  void TearDown() override {
    server().send(
        Wire().headers(1, kResponseHead).data(1, message("still here")).headers(1, kOkTrailers, kEnd));
    const Read<Chain> reply = beside_->read().get();
    EXPECT_EQ(reply ? reply->to_string() : "none", "still here");
    EXPECT_EQ(beside_->finish().get(), Status());
    beside_.reset();
  }

  // What a unary call comes to when the server says this on its stream.
  Result<Chain> unary(const std::function<void(Wire&, http2::StreamId)>& response) {
    const Chain request = bytes("m");
    Call<Chain> call = channel().invoke(kUnary, request).start();
    settle();
    Wire wire;
    response(wire, id_ += 2);
    server().send(wire);
    if (GetParam().kind == support::RuntimeParam::Kind::kReal && runtime().live().calls > 1) {
      call.cancel();  // a real loop would wait for ever
      return Status(StatusCode::kUnknown, "the call goes on");
    }
    Result<Chain> reply = call.get();
    settle();
    return reply;
  }
  std::string text(const std::function<void(Wire&, http2::StreamId)>& response) {
    return support::text_of(unary(response));
  }
  // For a Trailers-Only response.
  std::string trailers_only(const Headers& block) {
    return text([&](Wire& w, auto id) { w.headers(id, block, kEnd); });
  }
  // Of the last call's stream, as the client reset it.
  std::string reset() {
    const auto& code = server().stream(id_).reset;
    return code ? std::string(wire::error_code_name(*code)) : "none";
  }

  http2::StreamId id_ = 1;
  std::optional<ClientReaderWriter<Chain, Chain>> beside_;
};
INSTANTIATE_TEST_SUITE_P(All, ClientResponses, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

Headers grpc_head(const Headers& more) {
  Headers head = kResponseHead;
  head.insert(head.end(), more.begin(), more.end());
  return head;
}

TEST_P(ClientResponses, R37_TrailersOnlyBringStatusTextAndMetadata) {
  EXPECT_EQ(trailers_only(grpc_head({{"grpc-status", "5"}, {"grpc-message", "no%20such thing"}})),
            "NOT_FOUND: no such thing");
  EXPECT_EQ(trailers_only(grpc_head({{"grpc-status", "16"}})), "UNAUTHENTICATED");
  // The request had been sent whole: there is nothing to reset.
  EXPECT_EQ(reset(), "none");
}

TEST_P(ClientResponses, R40_StatusThatIsNoneIsUnknown) {
  for (const char* code : {"", "abc", "1x", "00", "+5", "-1", "0x5", "5 5"}) {
    EXPECT_EQ(trailers_only(grpc_head({{"grpc-status", code}})),
              "UNKNOWN: malformed grpc-status \"" + std::string(code) + "\"");
  }
  for (const char* code : {" 5", "5 "}) {
    EXPECT_EQ(trailers_only(grpc_head({{"grpc-status", code}})),
              "INTERNAL: stream error: PROTOCOL_ERROR: blank at an end of a header value");
  }
  for (const char* code : {"17", "100", "99999999999999999999"}) {
    EXPECT_EQ(trailers_only(grpc_head({{"grpc-status", code}, {"grpc-message", "why"}})),
              "UNKNOWN: unknown grpc-status \"" + std::string(code) + "\": why");
  }
}

TEST_P(ClientResponses, R52_TextThatIsNoEscapeIsKept) {
  for (const auto& [wire, text] :
       std::vector<std::pair<std::string, std::string>>{{"%", "%"},
                                                        {"%2", "%2"},
                                                        {"%zz", "%zz"},
                                                        {"%E2%28", "%E2%28"},
                                                        {"%e2%82%ac", "€"},
                                                        {"a%0Ab", "a\nb"},
                                                        {" spaced ", " spaced "}}) {
    EXPECT_EQ(trailers_only(grpc_head({{"grpc-status", "2"}, {"grpc-message", wire}})), "UNKNOWN: " + text);
  }
}

TEST_P(ClientResponses, R41_TrailersWithoutAStatusAreUnknown) {
  EXPECT_EQ(text([](Wire& w, auto id) {
              w.headers(id, kResponseHead).data(id, message("r")).headers(id, {{"x-t", "1"}}, kEnd);
            }),
            "UNKNOWN: the server sent trailers without grpc-status");
  EXPECT_EQ(trailers_only(kResponseHead), "UNKNOWN: the server sent trailers without grpc-status");
}

TEST_P(ClientResponses, R42_EndWithoutTrailersIsInternal) {
  EXPECT_EQ(text([](Wire& w, auto id) { w.headers(id, kResponseHead).data(id, message("r"), kEnd); }),
            "INTERNAL: server closed the stream without sending trailers");
  EXPECT_EQ(text([](Wire& w, auto id) { w.headers(id, kResponseHead).data(id, "", kEnd); }),
            "INTERNAL: server closed the stream without sending trailers");
}

TEST_P(ClientResponses, R43_StatusOfGrpcWinsOverThatOfHttp) {
  EXPECT_EQ(trailers_only({{":status", "500"}, {"content-type", "application/grpc"}, {"grpc-status", "3"}}),
            "INVALID_ARGUMENT");
  EXPECT_EQ(trailers_only({{":status", "404"}, {"content-type", "text/html"}, {"grpc-status", "8"}}),
            "RESOURCE_EXHAUSTED");
  EXPECT_EQ(text([](Wire& w, auto id) {
              w.headers(id, {{":status", "503"}, {"content-type", "text/html"}})
                  .data(id, "busy")
                  .headers(id, {{"grpc-status", "9"}}, kEnd);
            }),
            "FAILED_PRECONDITION");
}

TEST_P(ClientResponses, R44_StatusOfHttpStandsInWhereThereIsNone) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"400", "INTERNAL: unexpected HTTP status 400 (Bad Request)"},
      {"401", "UNAUTHENTICATED: unexpected HTTP status 401 (Unauthorized)"},
      {"403", "PERMISSION_DENIED: unexpected HTTP status 403 (Forbidden)"},
      {"404", "UNIMPLEMENTED: unexpected HTTP status 404 (Not Found)"},
      {"429", "UNAVAILABLE: unexpected HTTP status 429 (Too Many Requests)"},
      {"431", "UNKNOWN: unexpected HTTP status 431 (Request Header Fields Too Large)"},
      {"502", "UNAVAILABLE: unexpected HTTP status 502 (Bad Gateway)"},
      {"503", "UNAVAILABLE: unexpected HTTP status 503 (Service Unavailable)"},
      {"504", "UNAVAILABLE: unexpected HTTP status 504 (Gateway Timeout)"},
      {"200", "UNKNOWN: unexpected HTTP status 200 (OK)"},
      {"418", "UNKNOWN: unexpected HTTP status 418"},
      {"599", "UNKNOWN: unexpected HTTP status 599"},
      {"600", "UNKNOWN: unexpected HTTP status 600"},
      {"999", "UNKNOWN: unexpected HTTP status 999"}};
  for (const auto& [code, status] : table) {
    const Headers head = {{":status", code}, {"content-type", "text/plain"}};
    const std::string with_type = status + ": content-type \"text/plain\"";
    EXPECT_EQ(trailers_only(head), with_type);
    EXPECT_EQ(text([&](Wire& w, auto id) { w.headers(id, head).data(id, "", kEnd); }), with_type);
    if (code == "200") continue;
    const Headers of_grpc = {{":status", code}, {"content-type", "application/grpc"}};
    EXPECT_EQ(trailers_only(of_grpc), status);
    EXPECT_EQ(text([&](Wire& w, auto id) { w.headers(id, of_grpc).data(id, "", kEnd); }), status);
  }
}

TEST_P(ClientResponses, R49_BodyThatIsNoGrpcIsQuotedAndNotRead) {
  const Headers head = {{":status", "404"}, {"content-type", "text/html"}};
  EXPECT_EQ(
      text([&](Wire& w, auto id) { w.headers(id, head).data(id, "<h1>not ").data(id, "here</h1>", kEnd); }),
      "UNIMPLEMENTED: unexpected HTTP status 404 (Not Found): content-type \"text/html\": <h1>not here</h1>");
  const std::string much = text([&](Wire& w, auto id) {
    w.headers(id, head);
    for (int i = 0; i < 1000; ++i) w.data(id, std::string(100, 'x'));
    w.data(id, "", kEnd);
  });
  EXPECT_EQ(much, "UNIMPLEMENTED: unexpected HTTP status 404 (Not Found): content-type \"text/html\": " +
                      std::string(1024, 'x'));
  EXPECT_EQ(
      text([&](Wire& w, auto id) {
        w.headers(id, {{":status", "200"}, {"content-type", "application/grpcfoo"}}).data(id, "x", kEnd);
      }),
      "UNKNOWN: unexpected HTTP status 200 (OK): content-type \"application/grpcfoo\": x");
}

TEST_P(ClientResponses, R46_HttpStatusThatIsNoneIsInternal) {
  for (const char* code : {"", "abc", "20", "2000", "-200", "099", "2 0"}) {
    const Headers head = {{":status", code}, {"content-type", "application/grpc"}};
    EXPECT_EQ(trailers_only(head), "INTERNAL: the response has no valid :status") << code;
    EXPECT_EQ(text([&](Wire& w, auto id) { w.headers(id, head); }),
              "INTERNAL: the response has no valid :status")
        << code;
  }
  EXPECT_EQ(trailers_only({{"content-type", "application/grpc"}}),
            "INTERNAL: stream error: PROTOCOL_ERROR: response without :status");
}

TEST_P(ClientResponses, R47_InterimResponsesArePassedOver) {
  EXPECT_EQ(text([](Wire& w, auto id) {
              w.headers(id, {{":status", "103"}, {"link", "</x>"}});
              for (int i = 0; i < 9; ++i) w.headers(id, {{":status", "100"}});
              w.headers(id, kResponseHead).data(id, message("r")).headers(id, kOkTrailers, kEnd);
            }),
            "r");
  EXPECT_EQ(text([](Wire& w, auto id) {
              for (int i = 0; i < 11; ++i) w.headers(id, {{":status", "100"}});
            }),
            "INTERNAL: more than 10 interim responses");
  EXPECT_EQ(text([](Wire& w, auto id) {
              w.headers(id, {{":status", "100"}}, kEnd);
            }),
            "INTERNAL: stream error: PROTOCOL_ERROR: 1xx headers with END_STREAM");
}

TEST_P(ClientResponses, R48_SecondHeadersInTheMiddleAreAnError) {
  EXPECT_EQ(text([](Wire& w, auto id) { w.headers(id, kResponseHead).headers(id, kResponseHead); }),
            "INTERNAL: stream error: PROTOCOL_ERROR: HEADERS after the headers without END_STREAM");
  EXPECT_EQ(reset(), "PROTOCOL_ERROR");
}

// All streams of a connection read their blocks into one place.
TEST_P(ClientResponses, HalfOfAMalformedBlockSaysNothingOfTheNextCall) {
  EXPECT_EQ(trailers_only(grpc_head({{"grpc-status", "5"}, {"x-left", "over"}, {"Bad Name", "x"}})),
            "INTERNAL: stream error: PROTOCOL_ERROR: invalid byte in a header name");
  Metadata header, trailer;
  const Chain request = bytes("m");
  const CallOptions options{.header = &header, .trailer = &trailer};
  Call<Chain> call = channel().invoke(kUnary, request, options).start();
  settle();
  id_ += 2;
  // A header that is not the usual one, and trailers that say nothing.
  server().send(Wire()
                    .headers(id_, grpc_head({{"x-new", "y"}}))
                    .data(id_, message("reply"))
                    .headers(id_, {{"x-end", "z"}}, kEnd));
  EXPECT_EQ(support::text_of(call.get()), "UNKNOWN: the server sent trailers without grpc-status");
  EXPECT_FALSE(header.get("x-left"));
  EXPECT_EQ(header.get("x-new"), "y");
  EXPECT_FALSE(trailer.get("x-left"));
}

TEST_P(ClientResponses, DataBeforeTheHeadersIsAnError) {
  EXPECT_EQ(text([](Wire& w, auto id) { w.data(id, message("r")); }),
            "INTERNAL: stream error: PROTOCOL_ERROR: DATA before the response headers");
  EXPECT_EQ(reset(), "PROTOCOL_ERROR");
}

TEST_P(ClientResponses, R84_WhatComesAfterTheStatusChangesNothing) {
  EXPECT_EQ(text([](Wire& w, auto id) {
              w.headers(id, kResponseHead).data(id, message("r")).headers(id, kOkTrailers, kEnd);
              w.data(id, message("more")).headers(id, {{"grpc-status", "13"}}, kEnd);
            }),
            "r");
  EXPECT_EQ(reset(), "STREAM_CLOSED");
}

TEST_P(ClientResponses, R55_ResetBecomesTheStatusOfItsCode) {
  const std::vector<std::pair<std::uint32_t, std::string>> table = {
      {0x0, "INTERNAL: stream reset by the peer: NO_ERROR"},
      {0x1, "INTERNAL: stream reset by the peer: PROTOCOL_ERROR"},
      {0x2, "INTERNAL: stream reset by the peer: INTERNAL_ERROR"},
      {0x3, "INTERNAL: stream reset by the peer: FLOW_CONTROL_ERROR"},
      {0x4, "INTERNAL: stream reset by the peer: SETTINGS_TIMEOUT"},
      {0x5, "UNKNOWN: stream reset by the peer: STREAM_CLOSED"},
      {0x6, "INTERNAL: stream reset by the peer: FRAME_SIZE_ERROR"},
      {0x7, "UNAVAILABLE: stream reset by the peer: REFUSED_STREAM"},
      {0x8, "CANCELLED: stream reset by the peer: CANCEL"},
      {0x9, "INTERNAL: stream reset by the peer: COMPRESSION_ERROR"},
      {0xa, "INTERNAL: stream reset by the peer: CONNECT_ERROR"},
      {0xb, "RESOURCE_EXHAUSTED: stream reset by the peer: ENHANCE_YOUR_CALM"},
      {0xc, "PERMISSION_DENIED: stream reset by the peer: INADEQUATE_SECURITY"},
      {0xd, "INTERNAL: stream reset by the peer: HTTP_1_1_REQUIRED"},
      {0xe, "UNKNOWN: stream reset by the peer: error code 14"},
      {0xffffffff, "UNKNOWN: stream reset by the peer: error code 4294967295"}};
  for (const auto& [number, status] : table) {
    const auto code = static_cast<ErrorCode>(number);
    // A call that is refused before its response is sent again (again_test.cc).
    if (code != ErrorCode::kRefusedStream) {
      EXPECT_EQ(text([code](Wire& w, auto id) { w.rst(id, code); }), status);
    }
    EXPECT_EQ(
        text([code](Wire& w, auto id) { w.headers(id, kResponseHead).data(id, message("r")).rst(id, code); }),
        status);
  }
}

TEST_P(ClientResponses, R32_UnaryCallWantsExactlyOneReply) {
  EXPECT_EQ(text([](Wire& w, auto id) { w.headers(id, kResponseHead).headers(id, kOkTrailers, kEnd); }),
            "UNIMPLEMENTED: the server sent no reply message");
  EXPECT_EQ(
      text([](Wire& w, auto id) {
        w.headers(id, kResponseHead).data(id, message("a") + message("b")).headers(id, kOkTrailers, kEnd);
      }),
      "UNIMPLEMENTED: the server sent more than one reply message");
  EXPECT_EQ(trailers_only(grpc_head({{"grpc-status", "0"}})),
            "UNIMPLEMENTED: the server sent no reply message");
}

TEST_P(ClientResponses, OkInsideAMessageIsInternal) {
  for (const std::size_t n : {1, 5, 7}) {
    const std::string part = message("0123456789").substr(0, n);
    EXPECT_EQ(text([&](Wire& w, auto id) {
                w.headers(id, kResponseHead).data(id, part).headers(id, kOkTrailers, kEnd);
              }),
              "INTERNAL: the stream ended inside a message");
    EXPECT_EQ(text([&](Wire& w, auto id) { w.headers(id, kResponseHead).data(id, part, kEnd); }),
              "INTERNAL: the stream ended inside a message");
    // A failure says itself why it is not whole.
    EXPECT_EQ(text([&](Wire& w, auto id) {
                w.headers(id, kResponseHead).data(id, part).headers(id, {{"grpc-status", "14"}}, kEnd);
              }),
              "UNAVAILABLE");
  }
}

TEST_P(ClientResponses, MessageThatIsNoneEndsTheCall) {
  const auto with = [this](const std::string& data) {
    return text([&](Wire& w, auto id) { w.headers(id, kResponseHead).data(id, data); });
  };
  EXPECT_EQ(with(message("m", 2)), "INTERNAL: message has the invalid compressed flag 2");
  EXPECT_EQ(with(message("m", 1)), "INTERNAL: compressed flag set with identity or empty encoding");
  EXPECT_EQ(with(message("", 0, 0xffffffff)),
            "RESOURCE_EXHAUSTED: message of 4294967295 bytes exceeds the limit of 4194304");
  EXPECT_NE(reset(), "none");
}

TEST_P(ClientResponses, EncodingThatIsNotKnownIsInternal) {
  EXPECT_EQ(text([](Wire& w, auto id) {
              w.headers(id, grpc_head({{"grpc-encoding", "gzip"}}));
            }),
            "INTERNAL: the response's grpc-encoding \"gzip\" is not known here");
  EXPECT_EQ(text([](Wire& w, auto id) {
              w.headers(id, grpc_head({{"grpc-encoding", "identity"}, {"grpc-accept-encoding", "gzip"}}))
                  .data(id, message("r"))
                  .headers(id, kOkTrailers, kEnd);
            }),
            "r");
}

TEST_P(ClientResponses, R50_HeaderListOverTheLimitFailsItsCallOnlyAndLeavesHpackInStep) {
  http2::HpackEncoder encoder;
  const auto block = [&](const Headers& headers) {
    return std::string(as_text(http2::testing::encode(encoder, headers)));
  };
  const support::Headers::value_type kept{"x-kept", "alpha"};
  for (const std::size_t length : {9'000, 60'000}) {
    const support::Headers::value_type long_one{"x-long", std::string(length, 'x'), http2::Indexing::kPlain};
    EXPECT_EQ(text([&](Wire& w, auto id) {
                w.headers(id, block(grpc_head({long_one, kept})));
              }),
              "RESOURCE_EXHAUSTED: the response's header list exceeds the limit of 8192 bytes");
    EXPECT_EQ(text([&](Wire& w, auto id) {
                w.headers(id, block(grpc_head({kept})))
                    .data(id, message("r"))
                    .headers(id, block({{"grpc-status", "0"}, long_one, kept}),
                             kEnd | http2::testing::kEndHeaders);
              }),
              "RESOURCE_EXHAUSTED: the response's header list exceeds the limit of 8192 bytes, beside "
              "grpc-status OK");
    Metadata trailer;
    const Chain request = bytes("m");
    Call<Chain> call = channel().invoke(kUnary, request, {.trailer = &trailer}).start();
    settle();
    id_ += 2;
    server().send(Wire()
                      .headers(id_, block(kResponseHead))
                      .data(id_, message("r"))
                      .headers(id_, block({{"grpc-status", "0"}, kept}), kEnd | http2::testing::kEndHeaders));
    EXPECT_EQ(support::text_of(call.get()), "r");
    EXPECT_EQ(trailer, (Metadata{{"x-kept", "alpha"}}));
  }
}

TEST_P(ClientResponses, BinaryMetadataThatIsNoBase64IsInternal) {
  EXPECT_EQ(text([](Wire& w, auto id) {
              w.headers(id, grpc_head({{"x-bin", "!"}}));
            }),
            "INTERNAL: the response's x-bin is no base64");
}

TEST_P(ClientResponses, MetadataBesideWhatIsWrongIsGiven) {
  for (const bool trailers : {false, true}) {
    Metadata header, trailer;
    const Chain request = bytes("m");
    Call<Chain> call = channel().invoke(kUnary, request, {.header = &header, .trailer = &trailer}).start();
    settle();
    const Headers bad = {{"x-id", "7"}, {"x-bin", "!"}, {"x-more", "8"}};
    Wire wire;
    id_ += 2;
    if (trailers) {
      wire.headers(id_, kResponseHead).data(id_, message("r")).headers(id_, bad, kEnd);
    } else {
      wire.headers(id_, grpc_head(bad));
    }
    server().send(wire);
    EXPECT_EQ(call.get().status(), Status(StatusCode::kInternal, "the response's x-bin is no base64"));
    EXPECT_EQ(trailers ? trailer : header, (Metadata{{"x-id", "7"}, {"x-more", "8"}}));
    EXPECT_EQ(trailers ? header : trailer, Metadata());
  }
}

}  // namespace
}  // namespace sluice::inline v0::wire
