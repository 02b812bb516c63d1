// RFC 9113 section 8: messages, fields and pseudo-headers. The rows of docs/http2-conformance.md that the
// session's other tests do not prove for both roles.
#include <gtest/gtest.h>

#include "http2/conformance_test_util.h"

namespace sluice::http2 {
namespace {

using namespace testing;  // NOLINT

// Headers (or trailers) as the peer of `role` would send them, with one field more.
Headers with(Role role, Header extra, bool trailers = false) {
  Headers headers = trailers ? kTrailers : role == Role::kClient ? kResponse : kRequest;
  headers.push_back(std::move(extra));
  return headers;
}

// How a session of `role` takes `block` as the first block of stream 1: "" when it is delivered whole,
// otherwise what is wrong, and checked to be an error of the stream, PROTOCOL_ERROR, after which the next
// stream works.
std::string malformed(Role role, const Headers& block, std::uint8_t flags = 0) {
  Bench bench(options_of(role));
  bench.shake();
  if (role == Role::kClient) bench.open(), bench.open();
  (void)bench.take();
  EXPECT_TRUE(bench.feed(Wire().headers(1, block, flags)).ok());
  const Events events = bench.sink.take();
  const std::string out = bench.out();
  EXPECT_TRUE(bench.feed(Wire().headers(3, role == Role::kClient ? kResponse : kRequest)).ok());
  EXPECT_EQ(bench.sink.events.back(), "end 3");
  if (events.back() == "end 1" || events.back() == "end 1 last") return out;
  EXPECT_EQ(out, describe(Wire().rst(1, ErrorCode::kProtocolError)));
  EXPECT_EQ(events.back(), "closed 1");
  for (const std::string& event : events) EXPECT_FALSE(event.starts_with("end")) << event;
  const std::string& error = events[events.size() - 2];
  return error.starts_with("error 1 1 ") ? error.substr(10) : "other event: " + error;
}

// The same of the trailers of a stream that is open.
std::string malformed_trailers(Role role, const Headers& block, std::uint8_t flags = kEnd) {
  Talk talk(role);
  EXPECT_TRUE(talk.feed(Wire().headers(1, block, flags)).ok());
  const Events events = talk.sink.take();
  const std::string out = talk.out();
  if (events.back().starts_with("end 1")) return out;
  EXPECT_EQ(out, describe(Wire().rst(1, ErrorCode::kProtocolError)));
  const std::string& error = events[events.size() - 2];
  return error.starts_with("error 1 1 ") ? error.substr(10) : "other event: " + error;
}

TEST(Rfc9113, S8_1_PseudoHeadersInTrailersAreMalformed) {
  for (const Role role : kRoles) {
    EXPECT_EQ(malformed_trailers(role, kTrailers), "");
    for (const char* name : {":status", ":path", ":method", ":scheme", ":authority"}) {
      EXPECT_NE(malformed_trailers(role, {{name, "200"}}), "") << name;
    }
  }
}

TEST(Rfc9113, S8_1_HeadersBehindTheFirstMustEndTheStream) {
  for (const Role role : kRoles) {
    EXPECT_NE(malformed_trailers(role, kTrailers, 0), "");
    EXPECT_EQ(malformed_trailers(role, kTrailers, kEnd), "");
  }
}

TEST(Rfc9113, S8_1_AResponseIsKeptWhenAResetWithoutErrorFollows) {
  Bench client(client_options());
  client.shake();
  TestStream& stream = client.open();
  ASSERT_TRUE(client
                  .feed(Wire()
                            .headers(1, kResponse)
                            .data(1, "reply")
                            .headers(1, kTrailers, kEnd)
                            .rst(1, ErrorCode::kNoError))
                  .ok());
  const Events events = client.sink.take();
  ASSERT_GE(events.size(), 4u);
  EXPECT_EQ(events[events.size() - 5], "data 1 reply");
  EXPECT_EQ(events[events.size() - 3], "end 1 last");
  EXPECT_EQ(events[events.size() - 2], "reset 1 0");
  client.data(stream, "more");
  EXPECT_EQ(client.out().find("DATA"), std::string::npos);
}

TEST(Rfc9113, S8_1_1_WhatIsMalformedIsAnErrorOfItsStream) {
  for (const Role role : kRoles) {
    EXPECT_EQ(malformed(role, with(role, {"key", "value"})), "");
    for (const Header& extra :
         {Header{"Key", "value"}, Header{"connection", "close"}, Header{":unknown", "x"},
          Header{"key", "a\nb"}, Header{role == Role::kClient ? ":path" : ":status", "/"}}) {
      EXPECT_NE(malformed(role, with(role, extra)), "") << extra;
      EXPECT_NE(malformed(role, with(role, extra), kEnd), "") << extra;
    }
  }
}

TEST(Rfc9113, S8_1_1_AClientTakesNoMalformedResponse) {
  // Malformed from the second field on: neither the end of the headers nor anything after it is delivered.
  Talk client(Role::kClient);
  client.open();
  ASSERT_TRUE(client
                  .feed(Wire()
                            .headers(3, {{":status", "200"}, {"Upper", "x"}, {"grpc-status", "0"}})
                            .data(3, "body")
                            .headers(3, kTrailers, kEnd))
                  .ok());
  EXPECT_EQ(client.sink.take(),
            (Events{"header 3 :status: 200", "error 3 1 invalid byte in a header name", "closed 3"}));
}

TEST(Rfc9113, S8_2_1_NamesAreOfVisibleLowerCaseAscii) {
  for (const Role role : kRoles) {
    for (int c = 0; c < 256; ++c) {
      if (c == ':') continue;
      const bool bad = c <= 0x20 || (c >= 'A' && c <= 'Z') || c >= 0x7f;
      const char byte = static_cast<char>(c);
      for (const std::string& name :
           {std::string{byte}, std::string{'a', byte}, std::string{'a', byte, 'b'}}) {
        EXPECT_EQ(malformed(role, with(role, {name, "x"})).empty(), !bad) << c;
      }
      EXPECT_EQ(malformed_trailers(role, with(role, {std::string{'a', byte}, "x"}, true)).empty(), !bad) << c;
    }
  }
}

TEST(Rfc9113, S8_2_1_NamesHaveNoColon) {
  for (const Role role : kRoles) {
    for (const char* name : {":", "a:", "a:b", "::", ":a:"}) {
      EXPECT_NE(malformed(role, with(role, {name, "x"})), "") << name;
    }
  }
}

TEST(Rfc9113, S8_2_1_ValuesHaveNoNulNorLineEnd) {
  for (const Role role : kRoles) {
    for (int c = 0; c < 256; ++c) {
      const char byte = static_cast<char>(c);
      const bool bad = c == 0 || c == '\r' || c == '\n';
      for (const std::string& value :
           {std::string{byte, 'a'}, std::string{'a', byte, 'a'}, std::string{'a', byte}}) {
        EXPECT_EQ(malformed(role, with(role, {"key", value})).empty(), !bad) << c;
      }
      EXPECT_EQ(malformed_trailers(role, with(role, {"key", std::string{byte}}, true)).empty(), !bad) << c;
    }
  }
  EXPECT_NE(malformed(Role::kServer, {{":path", std::string("/a\0", 3)}}), "");
}

TEST(Rfc9113, S8_2_1_AFieldThatBreaksTheseRulesIsMalformedInWhateverForm) {
  // Indexed with the first block, a reference in the second: it is no better for being in the table.
  for (const Role role : kRoles) {
    Talk talk(role);
    talk.next(3);
    HpackEncoder encoder;
    const Headers bad = {{"Key", "value"}};
    const std::string first(as_text(encode(encoder, bad)));
    const std::string second(as_text(encode(encoder, bad)));
    ASSERT_EQ(second.size(), 1u);
    EXPECT_TRUE(
        talk.takes(Wire().headers(1, first, kEndHeaders | kEnd).headers(3, second, kEndHeaders | kEnd),
                   Wire().rst(1, ErrorCode::kProtocolError).rst(3, ErrorCode::kProtocolError)));
  }
}

TEST(Rfc9113, S8_2_2_ConnectionSpecificFieldsAreMalformed) {
  for (const Role role : kRoles) {
    for (const char* name :
         {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"}) {
      EXPECT_NE(malformed(role, with(role, {name, "x"})), "") << name;
      EXPECT_NE(malformed_trailers(role, with(role, {name, "x"}, true)), "") << name;
      EXPECT_EQ(malformed(role, with(role, {name + std::string("s"), "x"})), "") << name;
    }
  }
}

TEST(Rfc9113, S8_2_2_TeIsTrailersOnly) {
  for (const char* value : {"", "gzip", "Trailers", "trailers, gzip", "trailers "}) {
    EXPECT_NE(malformed(Role::kServer, {{":method", "POST"}, {"te", value}}), "") << value;
  }
  EXPECT_EQ(malformed(Role::kServer, kRequest), "");
}

TEST(Rfc9113, S8_3_PseudoHeadersOfRequestsAreMalformedInResponses) {
  for (const char* name : {":method", ":scheme", ":authority", ":path"}) {
    EXPECT_NE(malformed(Role::kClient, {{":status", "200"}, {name, "x"}}), "") << name;
    EXPECT_NE(malformed(Role::kClient, {{name, "x"}}), "") << name;
  }
}

TEST(Rfc9113, S8_3_PseudoHeadersOfResponsesAreMalformedInRequests) {
  EXPECT_NE(malformed(Role::kServer, {{":method", "POST"}, {":status", "200"}}), "");
  EXPECT_NE(malformed(Role::kServer, {{":status", "200"}}), "");
}

TEST(Rfc9113, S8_3_PseudoHeadersThatAreUnknownAreMalformed) {
  for (const Role role : kRoles) {
    for (const char* name : {":protocol", ":version", ":Path", ":STATUS", ":host", ":path "}) {
      EXPECT_NE(malformed(role, {{name, "x"}}), "") << name;
    }
  }
}

TEST(Rfc9113, S8_3_PseudoHeadersBehindOthersAreMalformed) {
  for (const char* name : {":method", ":scheme", ":authority", ":path"}) {
    EXPECT_NE(malformed(Role::kServer, {{"a", "b"}, {name, "x"}}), "") << name;
  }
  EXPECT_NE(malformed(Role::kClient, {{"a", "b"}, {":status", "200"}}), "");
}

TEST(Rfc9113, S8_3_PseudoHeadersGivenTwiceAreMalformed) {
  for (const char* name : {":method", ":scheme", ":path"}) {
    EXPECT_NE(malformed(Role::kServer, {{name, "x"}, {name, "x"}}), "") << name;
    EXPECT_NE(malformed(Role::kServer, {{name, "x"}, {":authority", "a"}, {name, "y"}}), "") << name;
  }
  EXPECT_NE(malformed(Role::kClient, {{":status", "200"}, {":status", "200"}}), "");
  EXPECT_NE(malformed(Role::kClient, {{":status", "100"}, {":status", "200"}}), "");
}

TEST(Rfc9113, S8_7_AGoawayNamesEveryStreamThatTheSinkHasSeen) {
  Talk server(Role::kServer);
  ASSERT_TRUE(server.feed(Wire().headers(3, kRequest, kEnd).headers(7, kRequest)).ok());
  EXPECT_EQ(server.session.last_peer_stream(), 7u);
  EXPECT_EQ(fatal(server, Wire().data(0, ""), ErrorCode::kProtocolError, 7), "");
}

TEST(Rfc9113, S8_7_ARefusedStreamWasNotDelivered) {
  SessionOptions options = server_options();
  options.local.max_concurrent_streams = 1;
  Talk server(options);
  EXPECT_TRUE(
      server.takes(Wire().headers(3, kRequest).data(3, "x", kEnd), Wire().rst(3, ErrorCode::kRefusedStream)));
  EXPECT_TRUE(server.sink.events.empty());
  // One that was delivered is never refused by the session, whatever is wrong with it.
  EXPECT_TRUE(server.takes(Wire().window_update(1, 0), Wire().rst(1, ErrorCode::kProtocolError)));
}

}  // namespace
}  // namespace sluice::http2
