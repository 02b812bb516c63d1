// RFC 9113 section 8: messages, fields and pseudo-headers. The rows of docs/http2-conformance.md that the
// session's other tests do not prove for both roles.
#include <gtest/gtest.h>

#include <algorithm>

#include "http2/conformance_test_util.h"

namespace sluice::inline v0::http2 {
namespace {

using namespace testing;  // NOLINT

// Headers (or trailers) as the peer of `role` would send them, with one field more.
Headers with(Role role, Header extra, bool trailers = false) {
  Headers headers = trailers ? kTrailers : role == Role::kClient ? kResponse : kRequest;
  headers.push_back(std::move(extra));
  return headers;
}

Headers behind(Header first, Headers headers) {
  headers.insert(headers.begin(), std::move(first));
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

// A message of `role`'s peer on the next stream, with content-length in its headers and `frames` behind them.
// "" when all of it is taken, or the session's reason for RST_STREAM(PROTOCOL_ERROR).
std::string counted(Role role, Headers head, const char* length, const Wire& (*frames)(Wire&)) {
  Talk talk(role);
  if (role == Role::kClient) talk.open();
  head.push_back({"content-length", length});
  Wire wire;
  wire.headers(3, head);
  talk.forget();
  EXPECT_TRUE(talk.feed(frames(wire)).ok());
  const Events events = talk.sink.take();
  for (const std::string& event : events) {
    if (!event.starts_with("error 3 1 ")) continue;
    EXPECT_EQ(talk.out(), describe(Wire().rst(3, ErrorCode::kProtocolError)));
    EXPECT_EQ(events.back(), "closed 3");
    return event.substr(10);
  }
  EXPECT_EQ(talk.out(), "");
  EXPECT_TRUE(talk.sink[3].remote_closed());
  return "";
}

TEST(Rfc9113, S8_1_1_ContentLengthIsTheSumOfTheData) {
  struct Case {
    const char* length;
    const Wire& (*frames)(Wire&);
    bool good;
  };
  const Case cases[] = {
      {"6", [](Wire& w) -> const Wire& { return w.data(3, "abc").data(3, "").data(3, "def", kEnd); }, true},
      {"6", [](Wire& w) -> const Wire& { return w.data(3, "abcdef").headers(3, kTrailers, kEnd); }, true},
      {"3", [](Wire& w) -> const Wire& { return w.padded_data(3, "abc", 200, kEnd); }, true},
      {"003", [](Wire& w) -> const Wire& { return w.data(3, "abc", kEnd); }, true},
      {"0", [](Wire& w) -> const Wire& { return w.data(3, "", kEnd); }, true},
      {"0", [](Wire& w) -> const Wire& { return w.headers(3, kTrailers, kEnd); }, true},
      {"5", [](Wire& w) -> const Wire& { return w.data(3, "abc").data(3, "def", kEnd); }, false},
      {"5", [](Wire& w) -> const Wire& { return w.data(3, "abc").data(3, "def"); }, false},
      {"7", [](Wire& w) -> const Wire& { return w.data(3, "abcdef", kEnd); }, false},
      {"7", [](Wire& w) -> const Wire& { return w.data(3, "abcdef").headers(3, kTrailers, kEnd); }, false},
      {"7", [](Wire& w) -> const Wire& { return w.padded_data(3, "abcdef", 0, kEnd); }, false},
      {"0", [](Wire& w) -> const Wire& { return w.data(3, "a"); }, false},
      {"18446744073709551615", [](Wire& w) -> const Wire& { return w.data(3, "a", kEnd); }, false},
  };
  for (const Role role : kRoles) {
    const Headers& head = role == Role::kClient ? kResponse : kRequest;
    for (std::size_t i = 0; i < std::size(cases); ++i) {
      EXPECT_EQ(counted(role, head, cases[i].length, cases[i].frames).empty(), cases[i].good) << i;
    }
    // Without any DATA, and what is no number or more than one.
    EXPECT_EQ(malformed(role, with(role, {"content-length", "0"}), kEnd), "");
    EXPECT_NE(malformed(role, with(role, {"content-length", "1"}), kEnd), "");
    for (const char* length : {"", "-1", "+1", "1,1", "1 1", "0x1", "1.0", "18446744073709551616"}) {
      EXPECT_NE(malformed(role, with(role, {"content-length", length})), "") << length;
    }
    Headers twice = with(role, {"content-length", "1"});
    twice.push_back(twice.back());
    EXPECT_NE(malformed(role, twice), "");
    // In trailers it says nothing.
    EXPECT_EQ(malformed_trailers(role, with(role, {"content-length", "7"}, true)), "");
  }
  // What has no content may say how long it would be.
  for (const char* status : {"204", "304"}) {
    EXPECT_EQ(malformed(Role::kClient, {{":status", status}, {"content-length", "7"}}, kEnd), "") << status;
  }
}

TEST(Rfc9113, S8_1_1_ContentLengthIsSeenWhateverIsRemembered) {
  // From the table, in blocks whose other fields and whose whole are remembered by tags.
  for (const Role role : kRoles) {
    Talk talk(role);
    for (const StreamId id : {3, 5, 7, 9}) talk.next(id);
    talk.sink.tag = [](const Field&) { return Tag{5}; };
    talk.sink.block_tag = 7;
    if (role == Role::kClient) {
      for (int i = 0; i < 3; ++i) talk.open();
    }
    HpackEncoder encoder;
    for (const StreamId id : {11, 13, 15}) {
      const auto block = encode(encoder, with(role, {"content-length", "3"}));
      ASSERT_TRUE(talk.feed(Wire().headers(id, as_text(block)).data(id, "abcd")).ok());
      EXPECT_TRUE(talk.sink.events[talk.sink.events.size() - 2].starts_with("error ")) << id;
      EXPECT_EQ(talk.sink.events.back(), "closed " + std::to_string(id));
    }
    // Trailers that are remembered do not pass where DATA are missing.
    const std::string trailers(as_text(encode(encoder, kTrailers)));
    const std::string again(as_text(encode(encoder, kTrailers)));
    ASSERT_TRUE(talk.feed(Wire().headers(3, trailers, kEndHeaders | kEnd)).ok());
    ASSERT_TRUE(talk.feed(Wire().headers(5, again, kEndHeaders | kEnd)).ok());
    talk.sink.take();
    ASSERT_TRUE(talk.feed(Wire().headers(7, again, kEndHeaders | kEnd)).ok());
    EXPECT_EQ(talk.sink.take()[0], "repeated 7 7 last");
    if (role == Role::kClient) talk.open();
    const auto block = encode(encoder, with(role, {"content-length", "3"}));
    ASSERT_TRUE(talk.feed(Wire().headers(17, as_text(block)).headers(17, again, kEndHeaders | kEnd)).ok());
    EXPECT_EQ(talk.sink.take().back(), "closed 17");
    EXPECT_TRUE(talk.out().ends_with(describe(Wire().rst(17, ErrorCode::kProtocolError))));
  }
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
      EXPECT_EQ(malformed(role, with(role, {"key", std::string{'a', byte, 'a'}})).empty(), !bad) << c;
      for (const std::string& value : {std::string{byte, 'a'}, std::string{'a', byte}, std::string{byte}}) {
        EXPECT_EQ(malformed(role, with(role, {"key", value})).empty(), !bad) << c;
        EXPECT_EQ(malformed_trailers(role, with(role, {"key", value}, true)).empty(), !bad) << c;
      }
    }
  }
  EXPECT_NE(malformed(Role::kServer, request_of(std::string("/a\0", 3))), "");
}

TEST(Rfc9113, S8_2_1_ValuesNeitherBeginNorEndWithABlank) {
  for (const Role role : kRoles) {
    for (const char* value : {" ", "\t", " a", "a ", "\ta", "a\t", " a ", "a \t"}) {
      for (const char* name : {"te", "host", "content-type", "content-length", "grpc-status", "grpc-timeout",
                               "grpc-encoding", "grpc-anything"}) {
        EXPECT_EQ(malformed(role, with(role, {name, value})), "blank at an end of a header value") << name;
        EXPECT_EQ(malformed_trailers(role, with(role, {name, value}, true)),
                  "blank at an end of a header value")
            << name;
      }
      // docs/decisions/0012: what programs tell each other, and the text of a status, are worth more than
      // this rule.
      for (const char* name : {"key", "key-bin", "user-agent", "tea", "hosts", "grpc-message"}) {
        EXPECT_EQ(malformed(role, with(role, {name, value})), "") << name;
        EXPECT_EQ(malformed_trailers(role, with(role, {name, value}, true)), "") << name;
      }
    }
    for (const char* value : {"", "a", "a b", "a\tb", "a  b"}) {
      EXPECT_EQ(malformed(role, with(role, {"grpc-anything", value})), "");
    }
  }
  EXPECT_NE(malformed(Role::kServer, request_of("/a ")), "");
  EXPECT_NE(malformed(Role::kServer, request_of(" /a")), "");
  EXPECT_NE(malformed(Role::kClient, {{":status", " 200"}}), "");
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
    EXPECT_NE(malformed(Role::kServer, request_of("/", {{"te", value}})), "") << value;
  }
  EXPECT_EQ(malformed(Role::kServer, kRequest), "");
}

TEST(Rfc9113, S8_3_PseudoHeadersOfRequestsAreMalformedInResponses) {
  for (const char* name : {":method", ":scheme", ":authority", ":path"}) {
    EXPECT_NE(malformed(Role::kClient, {{":status", "200"}, {name, "x"}}), "") << name;
    EXPECT_NE(malformed(Role::kClient, {{name, "x"}, {":status", "200"}}), "") << name;
  }
}

TEST(Rfc9113, S8_3_PseudoHeadersOfResponsesAreMalformedInRequests) {
  EXPECT_NE(malformed(Role::kServer, behind({":status", "200"}, kRequest)), "");
  EXPECT_NE(malformed(Role::kServer, behind({":status", "100"}, kRequest)), "");
}

TEST(Rfc9113, S8_3_PseudoHeadersThatAreUnknownAreMalformed) {
  for (const Role role : kRoles) {
    for (const char* name : {":protocol", ":version", ":Path", ":STATUS", ":host", ":path "}) {
      EXPECT_NE(malformed(role, behind({name, "x"}, role == Role::kClient ? kResponse : kRequest)), "")
          << name;
    }
  }
}

TEST(Rfc9113, S8_3_PseudoHeadersBehindOthersAreMalformed) {
  for (const char* name : {":method", ":scheme", ":authority", ":path"}) {
    Headers moved = kRequest;
    const auto at = std::find_if(moved.begin(), moved.end(), [&](const Header& h) { return h.name == name; });
    std::rotate(at, at + 1, moved.end());
    EXPECT_EQ(malformed(Role::kServer, moved), "pseudo-header after a regular header") << name;
  }
  EXPECT_NE(malformed(Role::kClient, {{"a", "b"}, {":status", "200"}}), "");
}

TEST(Rfc9113, S8_3_PseudoHeadersGivenTwiceAreMalformed) {
  for (const char* name : {":method", ":scheme", ":path"}) {
    EXPECT_EQ(malformed(Role::kServer, behind({name, "x"}, kRequest)), "pseudo-header given twice") << name;
  }
  EXPECT_NE(malformed(Role::kClient, {{":status", "200"}, {":status", "200"}}), "");
  EXPECT_NE(malformed(Role::kClient, {{":status", "100"}, {":status", "200"}}), "");
}

TEST(Rfc9113, S8_3_1_AnAuthorityHasNoUserinfo) {
  for (const char* authority : {"user@host", "user:secret@host:1", "@host", "host@"}) {
    EXPECT_EQ(malformed(Role::kServer, behind({":authority", authority}, request_of("/"))),
              "userinfo in :authority");
  }
  for (const char* authority : {"host", "host:1", "[::1]:1", "a%40b", ""}) {
    EXPECT_EQ(malformed(Role::kServer, behind({":authority", authority}, request_of("/"))), "") << authority;
  }
}

TEST(Rfc9113, S8_3_1_ARequestHasAMethodASchemeAndAPath) {
  EXPECT_EQ(malformed(Role::kServer, request_of("/")), "");
  for (const std::size_t missing : {0u, 1u, 2u}) {
    for (const std::uint8_t flags : {std::uint8_t{0}, kEnd}) {
      Headers headers = request_of("/", {{"te", "trailers"}});
      headers.erase(headers.begin() + static_cast<std::ptrdiff_t>(missing));
      EXPECT_EQ(malformed(Role::kServer, headers, flags), "request without :method, :scheme or :path");
    }
  }
  EXPECT_NE(malformed(Role::kServer, {}), "");
  EXPECT_NE(malformed(Role::kServer, {{"a", "b"}}), "");
  // And they are such: a token, a scheme, and a path of at least a byte.
  EXPECT_EQ(malformed(Role::kServer, request_of("")), "empty :path");
  for (const char* method : {"", "PO ST", "POST,", "P(", "\x80"}) {
    EXPECT_NE(malformed(Role::kServer, {{":method", method}, {":scheme", "http"}, {":path", "/"}}), "");
  }
  for (const char* scheme : {"", "1http", "ht tp", "http:", "+", "\x80"}) {
    EXPECT_NE(malformed(Role::kServer, {{":method", "POST"}, {":scheme", scheme}, {":path", "/"}}), "");
  }
  for (const char* scheme : {"http", "https", "HTTP", "coap+tcp", "x-1.0"}) {
    EXPECT_EQ(malformed(Role::kServer, {{":method", "M-SEARCH"}, {":scheme", scheme}, {":path", "/"}}), "");
  }
  // The same with tags: what is known of a field is known of its kind.
  Talk server(Role::kServer);
  server.sink.tag = [](const Field&) { return Tag{5}; };
  HpackEncoder encoder;
  const Headers whole = {{":method", "A"}, {":scheme", "b"}, {":path", "/c"}};
  (void)server.feed(Wire().headers(3, as_text(encode(encoder, whole))));
  const std::string again(as_text(encode(encoder, whole)));
  ASSERT_EQ(again.size(), 3u);
  EXPECT_TRUE(server.takes(Wire().headers(5, again)));
  EXPECT_TRUE(server.takes(Wire().headers(7, again.substr(1)), Wire().rst(7, ErrorCode::kProtocolError)));
}

TEST(Rfc9113, S8_3_2_AResponseHasAStatus) {
  EXPECT_EQ(malformed(Role::kClient, {{":status", "200"}}), "");
  for (const std::uint8_t flags : {std::uint8_t{0}, kEnd}) {
    EXPECT_EQ(malformed(Role::kClient, {}, flags), "response without :status");
    EXPECT_EQ(malformed(Role::kClient, kTrailers, flags), "response without :status");
    EXPECT_EQ(malformed(Role::kClient, {{"content-type", "application/grpc"}}, flags),
              "response without :status");
  }
  // Behind interim responses too.
  Talk client(Role::kClient);
  client.open();
  EXPECT_TRUE(client.takes(Wire().headers(3, {{":status", "103"}}).headers(3, {{"a", "b"}}),
                           Wire().rst(3, ErrorCode::kProtocolError)));
}

TEST(Rfc9113, S8_5_ConnectHasAnAuthorityOnly) {
  EXPECT_EQ(malformed(Role::kServer, {{":method", "CONNECT"}, {":authority", "x:1"}}), "");
  EXPECT_NE(malformed(Role::kServer, {{":method", "CONNECT"}}), "");
  for (const Header& more : {Header{":scheme", "http"}, Header{":path", "/"}}) {
    EXPECT_EQ(malformed(Role::kServer, {{":method", "CONNECT"}, {":authority", "x:1"}, more}),
              "CONNECT with :scheme or :path");
  }
  EXPECT_EQ(malformed(Role::kServer, {{":method", "CONNECT"}, {":method", "POST"}, {":authority", "x"}}),
            "pseudo-header given twice");
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
}  // namespace sluice::inline v0::http2
