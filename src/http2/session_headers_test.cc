// Received header blocks: CONTINUATION, padding, what makes a block malformed, limits, tags and repetition.
#include <gtest/gtest.h>

#include "http2/field_check.h"
#include "http2/session.h"
#include "http2/session_test_util.h"

namespace sluice::inline v0::http2 {
namespace {

using namespace testing;  // NOLINT

Headers request_with(Header extra) {
  Headers headers = kRequest;
  headers.push_back(std::move(extra));
  return headers;
}

Headers request_behind(Header extra) {
  Headers headers = kRequest;
  headers.insert(headers.begin(), std::move(extra));
  return headers;
}

TEST(SessionHeaders, ComeInContinuationFrames) {
  Bench server(server_options());
  server.shake();
  const std::string block = plain(kRequest);
  Wire wire;
  wire.headers(1, block.substr(0, 1), kEnd);
  for (std::size_t i = 1; i < 8; ++i) wire.continuation(1, block.substr(i, 1));
  wire.continuation(1, block.substr(8), kEndHeaders);
  ASSERT_TRUE(server.feed(wire).ok());
  EXPECT_EQ(server.sink.events.back(), "end 1 last");
  EXPECT_EQ(server.sink.events.size(), 2 + kRequest.size());
}

TEST(SessionHeaders, EndWithTheNinthContinuation) {
  Bench server(server_options());
  server.shake();
  Wire wire;
  wire.headers(1, "", 0);
  for (int i = 0; i < 8; ++i) wire.continuation(1, "");
  ASSERT_TRUE(server.feed(wire).ok());
  EXPECT_EQ(server.session.counts().empty, 9u);
  EXPECT_EQ(fatal(server, Wire().continuation(1, ""), ErrorCode::kEnhanceYourCalm), "");
}

TEST(SessionHeaders, MayNotBeInterrupted) {
  for (const Wire& other : {Wire().ping("12345678"), Wire().continuation(3, ""), Wire().headers(1, kRequest),
                            Wire().data(1, ""), Wire().frame(static_cast<FrameType>(77), 0, 1, "")}) {
    Bench server(server_options());
    server.shake();
    ASSERT_TRUE(server.feed(Wire().headers(1, plain(kRequest), 0)).ok());
    EXPECT_EQ(fatal(server, other, ErrorCode::kProtocolError), "");
  }
}

TEST(SessionHeaders, TooLargeToBeKeptEndTheConnection) {
  SessionOptions options = server_options();
  options.local.max_frame_size = 1 << 20;
  Bench server(options);
  server.shake();
  EXPECT_EQ(
      fatal(server, Wire().header(147457, FrameType::kHeaders, kEndHeaders, 1), ErrorCode::kEnhanceYourCalm),
      "");
  Bench pieces(options);
  pieces.shake();
  ASSERT_TRUE(pieces.feed(Wire().headers(1, std::string(100000, '\x10'), 0)).ok());
  EXPECT_EQ(fatal(pieces, Wire().header(47457, FrameType::kContinuation, kEndHeaders, 1),
                  ErrorCode::kEnhanceYourCalm),
            "");
}

TEST(SessionHeaders, MayBePaddedAndPrioritised) {
  Bench server(server_options());
  server.shake();
  const std::string block = plain(request_of("/a"));
  const std::string priority = "12345";
  ASSERT_TRUE(server
                  .feed(Wire()
                            .headers(1, Wire::pad(block, 9), kEndHeaders | flag::kPadded)
                            .headers(3, priority + block, kEndHeaders | flag::kPriority)
                            .headers(5, Wire::pad(priority + block, 255),
                                     kEndHeaders | flag::kPriority | flag::kPadded))
                  .ok());
  const Events events = server.sink.take();
  ASSERT_EQ(events.size(), 15u);
  for (const std::size_t i : {0u, 5u, 10u}) {
    const std::string id = std::to_string(1 + i / 5 * 2);
    EXPECT_EQ(events[i], "open " + id);
    EXPECT_EQ(events[i + 3], "header " + id + " :path: /a");
    EXPECT_EQ(events[i + 4], "end " + id);
  }
  Bench all_padding(server_options());
  all_padding.shake();
  ASSERT_TRUE(all_padding.feed(Wire().headers(1, Wire::pad("", 3), kEndHeaders | flag::kPadded)).ok());
  EXPECT_EQ(all_padding.sink.take(),
            (Events{"open 1", "error 1 1 request without :method, :scheme or :path", "closed 1"}));
  EXPECT_EQ(fatal(all_padding, Wire().headers(3, std::string("\x04") + "abc", kEndHeaders | flag::kPadded),
                  ErrorCode::kProtocolError, 1),
            "");
}

// RFC 7540 section 5.3.1; what else PRIORITY says is passed over.
TEST(SessionHeaders, OfAStreamThatDependsOnItselfAreAStreamError) {
  const std::string block = plain(request_of("/a"));
  const auto on = [](StreamId id, bool exclusive = false) {
    return Wire::u32(id | (exclusive ? 0x80000000u : 0)) + "w";
  };
  Bench server(server_options());
  server.shake();
  // The same block before: it is not taken for what it was.
  ASSERT_TRUE(
      server.feed(Wire().headers(1, block).headers(3, on(1) + block, kEndHeaders | flag::kPriority)).ok());
  (void)server.take(), server.sink.take();
  const std::string reset = "stream depends on itself";
  ASSERT_TRUE(server
                  .feed(Wire()
                            .headers(5, on(5) + block, kEndHeaders | flag::kPriority)
                            .headers(7, Wire::pad(on(7, true) + block, 3),
                                     kEndHeaders | kEnd | flag::kPriority | flag::kPadded)
                            .headers(9, on(9), flag::kPriority)
                            .continuation(9, block, kEndHeaders)
                            .headers(11, block))
                  .ok());
  Events events = server.sink.take();
  std::erase_if(events, [](const std::string& e) { return e.starts_with("header 11"); });
  EXPECT_EQ(events, (Events{"open 5", "error 5 1 " + reset, "closed 5", "open 7", "error 7 1 " + reset,
                            "closed 7", "open 9", "error 9 1 " + reset, "closed 9", "open 11", "end 11"}));
  EXPECT_EQ(server.out(), describe(Wire()
                                       .rst(5, ErrorCode::kProtocolError)
                                       .rst(7, ErrorCode::kProtocolError)
                                       .rst(9, ErrorCode::kProtocolError)));
}

TEST(SessionHeaders, EndTheConnectionWhenTheyDoNotDecode) {
  Bench server(server_options());
  server.shake();
  EXPECT_EQ(fatal(server, Wire().headers(1, std::string("\xff\xff\xff\xff\xff\xff\xff", 7)),
                  ErrorCode::kCompressionError, 1),
            "");
}

TEST(SessionHeaders, MalformedInARequestFailItsStreamOnly) {
  const Headers malformed[] = {
      request_with({"Upper", "x"}),
      request_with({"up\x7f", "x"}),
      request_with({"with space", "x"}),
      request_with({"co:lon", "x"}),
      request_with({"\xc3\xa4", "x"}),
      request_with({"", "x"}),
      request_with({"key", std::string("a\0b", 3)}),
      request_with({"key", "a\rb"}),
      request_with({"key", "a\nb"}),
      request_with({":scheme", "http"}),
      request_with({"connection", "close"}),
      request_with({"keep-alive", "1"}),
      request_with({"proxy-connection", "x"}),
      request_with({"transfer-encoding", "chunked"}),
      request_with({"upgrade", "h2c"}),
      request_with({"te", "gzip"}),
      request_with({"te", "trailers, deflate"}),
      request_behind({":method", "POST"}),
      request_behind({":path", "/"}),
      request_behind({":scheme", "a"}),
      request_behind({":status", "200"}),
      request_behind({":protocol", "websocket"}),
      request_behind({":", "x"}),
      request_behind({":Path", "/"}),
      request_behind({"a", "b"}),
      {},
  };
  for (const Headers& headers : malformed) {
    SCOPED_TRACE(::testing::PrintToString(headers));
    Bench server(server_options());
    server.shake();
    HpackEncoder encoder;
    ASSERT_TRUE(server.feed(Wire().headers(1, compressed(encoder, headers)).data(1, "x", kEnd)).ok());
    const Events events = server.sink.take();
    ASSERT_GE(events.size(), 3u);
    EXPECT_TRUE(events[events.size() - 2].starts_with("error 1 1 ")) << events[events.size() - 2];
    EXPECT_EQ(events.back(), "closed 1");
    EXPECT_EQ(std::count_if(events.begin(), events.end(),
                            [](const std::string& e) { return e.starts_with("end"); }),
              0);
    EXPECT_EQ(server.out(), describe(Wire().rst(1, ErrorCode::kProtocolError)));
    // The table is in step and the connection good.
    const Headers next = request_of("/next", {{"a", "b"}});
    ASSERT_TRUE(server.feed(Wire().headers(3, compressed(encoder, next))).ok());
    EXPECT_EQ(server.sink.take(), (Events{"open 3", "header 3 :method: POST", "header 3 :scheme: http",
                                          "header 3 :path: /next", "header 3 a: b", "end 3"}));
  }
}

TEST(SessionHeaders, MalformedInAResponseFailItsStreamOnly) {
  const Headers malformed[] = {
      {{":status", "200"}, {":status", "200"}},
      {{":status", "100"}, {":status", "200"}},
      {{":path", "/"}},
      {{":status", "200"}, {"Upper", "x"}},
      {{"a", "b"}, {":status", "200"}},
      {{":status", "200"}, {"connection", "close"}},
  };
  for (const Headers& headers : malformed) {
    SCOPED_TRACE(::testing::PrintToString(headers));
    Bench client(client_options());
    client.shake();
    client.open();
    (void)client.take();
    ASSERT_TRUE(client.feed(Wire().headers(1, headers)).ok());
    EXPECT_EQ(client.sink.events.back(), "closed 1");
    EXPECT_EQ(client.out(), describe(Wire().rst(1, ErrorCode::kProtocolError)));
  }
}

TEST(SessionHeaders, AcceptTeTrailersAndASecondAuthority) {
  Bench server(server_options());
  server.shake();
  const Headers headers = request_of("/", {{":authority", "a"}, {":authority", "b"}, {"te", "trailers"}});
  ASSERT_TRUE(server.feed(Wire().headers(1, headers)).ok());
  EXPECT_EQ(server.sink.events.back(), "end 1");
}

TEST(SessionHeaders, TakeInformationalOnesBeforeTheFinal) {
  Bench client(client_options());
  client.shake();
  client.open(kRequest, EndStream::kYes);
  ASSERT_TRUE(client
                  .feed(Wire()
                            .headers(1, {{":status", "103"}, {"link", "x"}})
                            .headers(1, {{":status", "100"}})
                            .headers(1, kResponse)
                            .headers(1, kTrailers, kEnd))
                  .ok());
  EXPECT_EQ(client.sink.events.back(), "closed 1");
  EXPECT_EQ(client.sink.events[client.sink.events.size() - 2], "end 1 last");
}

TEST(SessionHeaders, RefuseInformationalOnesThatEndTheStream) {
  Bench client(client_options());
  client.shake();
  client.open();
  ASSERT_TRUE(client.feed(Wire().headers(1, {{":status", "100"}}, kEnd)).ok());
  EXPECT_EQ(client.sink.take(),
            (Events{"header 1 :status: 100", "error 1 1 1xx headers with END_STREAM", "closed 1"}));
}

TEST(SessionHeaders, RefuseDataBeforeTheFinal) {
  Bench client(client_options());
  client.shake();
  client.open();
  ASSERT_TRUE(client.feed(Wire().headers(1, {{":status", "100"}}).data(1, "early")).ok());
  EXPECT_EQ(client.sink.events[2], "error 1 1 DATA before the response headers");
  EXPECT_EQ(client.sink.events[3], "closed 1");
}

TEST(SessionHeaders, RefuseTrailersWithoutEndAndPseudoHeadersInThem) {
  for (const Wire& bad : {Wire().headers(1, kTrailers), Wire().headers(1, kResponse, kEnd)}) {
    Bench client(client_options());
    client.shake();
    client.open();
    (void)client.take();
    ASSERT_TRUE(client.feed(Wire().headers(1, kResponse)).ok());
    client.sink.take();
    ASSERT_TRUE(client.feed(bad).ok());
    ASSERT_EQ(client.sink.events.size(), 2u);
    EXPECT_TRUE(client.sink.events[0].starts_with("error 1 1 "));
    EXPECT_EQ(client.out(), describe(Wire().rst(1, ErrorCode::kProtocolError)));
  }
  Bench server(server_options());
  server.shake();
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest).headers(1, {{":path", "/"}}, kEnd)).ok());
  EXPECT_EQ(server.out(), describe(Wire().rst(1, ErrorCode::kProtocolError)));
}

TEST(SessionHeaders, AreCutAtTheMostFieldsAllowed) {
  SessionOptions options = server_options();
  options.limits = &kUnguarded;
  options.max_headers = 5;
  Bench server(options);
  server.shake();
  HpackEncoder encoder;
  server.sink.block_tag = 1;
  const Headers six = request_of("/", {{"a", "1"}, {"b", "2"}, {"c", "3"}});
  ASSERT_TRUE(
      server.feed(Wire().headers(1, compressed(encoder, six)).headers(3, compressed(encoder, six))).ok());
  // The second time the block is all indices; it must not have been remembered.
  ASSERT_TRUE(server.feed(Wire().headers(5, compressed(encoder, six))).ok());
  const Events events = server.sink.take();
  ASSERT_EQ(events.size(), 21u);
  for (const std::size_t i : {0u, 7u, 14u}) {
    EXPECT_EQ(events[i + 3].substr(9), ":path: /");
    EXPECT_EQ(events[i + 5].substr(9), "b: 2");
    EXPECT_TRUE(events[i + 6].starts_with("end ") && events[i + 6].ends_with(" truncated"));
  }
  const Headers five = request_of("/", {{"a", "1"}, {"c", "3"}});
  ASSERT_TRUE(server.feed(Wire().headers(7, compressed(encoder, five))).ok());
  const Events whole = server.sink.take();
  EXPECT_EQ(whole[5], "header 7 c: 3");
  EXPECT_EQ(whole[6], "end 7");
}

TEST(SessionHeaders, AreCutAtTheHardLimitTagsOrNot) {
  SessionOptions options = server_options();
  options.header_list_hard_limit = 324;
  const std::string start = "\x83\x86\x84";  // :method, :scheme and :path count as 124
  for (const bool tagged : {false, true}) {
    Bench server(options);
    server.shake();
    HpackEncoder encoder;
    if (tagged) server.sink.tag = [](const Field&) { return Tag{5}; };
    const std::string first = compressed(encoder, {{"k", std::string(59, 'x')}});  // counts as 92
    ASSERT_TRUE(server.feed(Wire().headers(1, start + first)).ok());
    EXPECT_EQ(server.session.received_list_size(), 216u);
    const std::string again = compressed(encoder, {{"k", std::string(59, 'x')}});
    ASSERT_EQ(again.size(), 1u);
    server.sink.take();
    ASSERT_TRUE(
        server.feed(Wire().headers(3, start + again + again).headers(5, start + again + again + again)).ok());
    EXPECT_EQ(server.session.received_list_size(), 400u);
    const Events events = server.sink.take();
    ASSERT_EQ(events.size(), 14u);
    EXPECT_EQ(events[4].starts_with("tag 3 5"), tagged);
    EXPECT_EQ(events[6], "end 3");
    EXPECT_EQ(events[13], "end 5 truncated");
  }
}

TEST(SessionHeaders, HitsOfTaggedFieldsStillObeyTheOrder) {
  Bench server(server_options());
  server.shake();
  server.sink.tag = [](const Field&) { return kMaxTag; };
  HpackEncoder encoder;
  const Headers headers = {{":method", "A"}, {":scheme", "b"}, {":path", "/abc"}, {"key", "value"}};
  const std::string first = compressed(encoder, headers);
  ASSERT_TRUE(server.feed(Wire().headers(1, first)).ok());
  const std::string again = compressed(encoder, headers);
  ASSERT_EQ(again.size(), 4u);
  const std::string max = std::to_string(kMaxTag);
  server.sink.take();
  ASSERT_TRUE(server.feed(Wire().headers(3, again)).ok());
  const std::string tag = "tag 3 " + max;
  EXPECT_EQ(server.sink.take(), (Events{"open 3", tag, tag, tag, tag, "end 3"}));
  const std::string swapped = {again[3], again[0]};
  ASSERT_TRUE(server.feed(Wire().headers(5, swapped)).ok());
  EXPECT_EQ(server.sink.take()[2], "error 5 1 pseudo-header after a regular header");
  const std::string twice = {again[0], again[0]};
  ASSERT_TRUE(server.feed(Wire().headers(7, twice)).ok());
  EXPECT_EQ(server.sink.take()[2], "error 7 1 pseudo-header given twice");
  ASSERT_TRUE(server.feed(Wire().headers(3, again, kEndHeaders | kEnd)).ok());
  EXPECT_EQ(server.sink.take()[0], "error 3 1 pseudo-header in trailers");
}

TEST(SessionHeaders, RepeatedBlocksAreOneEvent) {
  Bench client(client_options());
  client.shake();
  for (int i = 0; i < 4; ++i) client.open(kRequest, EndStream::kYes);
  client.sink.block_tag = kMaxTag;
  HpackEncoder encoder;
  const auto call = [&](StreamId id) {
    Wire wire;
    wire.headers(id, compressed(encoder, kResponse));
    wire.headers(id, compressed(encoder, kTrailers), kEndHeaders | kEnd);
    EXPECT_TRUE(client.feed(wire).ok());
    return client.sink.take().size();
  };
  EXPECT_EQ(call(1), 6u);
  EXPECT_EQ(call(3), 6u);
  // Now nothing changes the table, so that all is known.
  client.sink.take();
  Wire wire;
  wire.headers(5, compressed(encoder, kResponse))
      .headers(5, compressed(encoder, kTrailers), kEndHeaders | kEnd);
  EXPECT_TRUE(client.feed(wire).ok());
  const std::string max = std::to_string(kMaxTag);
  EXPECT_EQ(client.sink.take(), (Events{"repeated 5 " + max, "repeated 5 " + max + " last", "closed 5"}));
  // Headers as trailers are the same bytes, but in the wrong place.
  ASSERT_TRUE(client.feed(Wire().headers(7, compressed(encoder, kResponse))).ok());
  EXPECT_EQ(client.sink.take(), (Events{"repeated 7 " + max}));
  ASSERT_TRUE(client.feed(Wire().headers(7, compressed(encoder, kResponse), kEndHeaders | kEnd)).ok());
  EXPECT_EQ(client.sink.take(), (Events{"error 7 1 pseudo-header in trailers", "closed 7"}));
}

TEST(SessionHeaders, RepeatedTrailersWithoutEndAreRefused) {
  Bench client(client_options());
  client.shake();
  client.open(), client.open();
  client.sink.block_tag = 9;
  const std::string trailers = plain(kTrailers);
  ASSERT_TRUE(client.feed(Wire().headers(1, kResponse).headers(1, trailers, kEndHeaders | kEnd)).ok());
  ASSERT_TRUE(client.feed(Wire().headers(3, kResponse)).ok());
  client.sink.take();
  ASSERT_TRUE(client.feed(Wire().headers(3, trailers)).ok());
  EXPECT_EQ(client.sink.take()[0], "error 3 1 HEADERS after the headers without END_STREAM");
}

TEST(SessionHeaders, ASinkMayResetWithinABlock) {
  Bench server(server_options());
  server.shake();
  server.sink.then = [&](std::string_view what, Stream& s) {
    if (what == "header" && s.id() == 1) server.session.reset(s, ErrorCode::kCancel);
  };
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest).data(1, "x", kEnd).headers(3, kRequest)).ok());
  EXPECT_EQ(server.sink.events[1], "header 1 :method: POST");
  EXPECT_EQ(server.sink.events[2], "closed 1");
  EXPECT_EQ(server.sink.events[3], "open 3");
  EXPECT_EQ(server.out(), describe(Wire().rst(1, ErrorCode::kCancel)));
}

TEST(SessionHeaders, LongBlocksLeaveInContinuationFrames) {
  Bench client(client_options());
  client.shake();
  const Headers large = {{":path", "/"}, {"large", std::string(40000, '~')}};
  client.open(large, EndStream::kYes);
  const std::string block = plain(large);
  ASSERT_GT(block.size(), 32768u);
  EXPECT_EQ(client.out(), describe(Wire()
                                       .headers(1, block.substr(0, 16384), kEnd)
                                       .continuation(1, block.substr(16384, 16384))
                                       .continuation(1, block.substr(32768), kEndHeaders)));
}

TEST(SessionHeaders, CountAsTheProtocolSays) {
  const Field fields[] = {{"name", "value"}, {"a", ""}};
  const HeaderPart parts[] = {{fields, nullptr}, {{fields, 1}, nullptr}};
  EXPECT_EQ(Session::list_size(parts), 9u + 32 + 1 + 32 + 9 + 32);
}

}  // namespace
}  // namespace sluice::inline v0::http2
