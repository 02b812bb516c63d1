// Flow control both ways, and how DATA is queued, framed and handed over (RFC 9113 sections 5.2 and 6.9).
#include <gtest/gtest.h>

#include "http2/session.h"
#include "http2/session_test_util.h"

namespace sluice::inline v0::http2 {
namespace {

using namespace testing;  // NOLINT

// What the peer may send.

TEST(SessionFlow, ConnectionCreditGoesBackOnReceiptInHalves) {
  Bench server(server_options());
  server.shake();
  Wire half;
  half.headers(1, kRequest).data(1, xs(16384)).data(1, xs(16382));
  ASSERT_TRUE(server.feed(half).ok());
  EXPECT_EQ(server.out(), "");
  ASSERT_TRUE(server.feed(Wire().data(1, "y")).ok());
  EXPECT_EQ(server.out(), describe(Wire().window_update(0, 32767)));
}

TEST(SessionFlow, ConnectionCreditCountsPaddingAndStreamsThatAreGone) {
  Bench server(server_options());
  server.shake();
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest).padded_data(1, xs(16183), 200)).ok());
  server.session.reset(server.sink[1], ErrorCode::kCancel);
  (void)server.take();
  ASSERT_TRUE(server.feed(Wire().padded_data(1, xs(16182), 200)).ok());
  EXPECT_EQ(server.out(), describe(Wire().window_update(0, 16384 + 16383)));
}

TEST(SessionFlow, AnnouncesALargerConnectionWindow) {
  SessionOptions options = server_options();
  options.connection_window = 200000;
  options.local.initial_window_size = 300000;
  Bench server(options);
  server.shake();
  Wire wire;
  wire.headers(1, kRequest);
  for (int i = 0; i < 6; ++i) wire.data(1, xs(16384));
  ASSERT_TRUE(server.feed(wire).ok());
  EXPECT_EQ(server.out(), "");
  ASSERT_TRUE(server.feed(Wire().data(1, xs(1696))).ok());
  EXPECT_EQ(server.out(), describe(Wire().window_update(0, 100000)));
}

TEST(SessionFlow, DataBeyondTheConnectionsWindowEndsIt) {
  SessionOptions options = server_options();
  options.local = {.initial_window_size = 1 << 20, .max_frame_size = 1 << 20};
  Bench server(options);
  server.shake();
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest)).ok());
  EXPECT_EQ(fatal(server, Wire().header(65536, FrameType::kData, 0, 1), ErrorCode::kFlowControlError, 1), "");
  Bench whole(options);
  whole.shake();
  ASSERT_TRUE(whole.feed(Wire().headers(1, kRequest)).ok());
  EXPECT_EQ(fatal(whole, Wire().data(1, xs(65536)), ErrorCode::kFlowControlError, 1), "");
}

TEST(SessionFlow, DataBeyondTheStreamsWindowResetsIt) {
  SessionOptions options = server_options();
  options.connection_window = 1 << 20;
  options.local.initial_window_size = 100;
  Bench server(options);
  server.shake();
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest).data(1, xs(99)).padded_data(1, "", 1)).ok());
  EXPECT_EQ(server.sink.events[server.sink.events.size() - 2], "error 1 3 DATA exceeds the stream's window");
  EXPECT_EQ(server.out(), describe(Wire().rst(1, ErrorCode::kFlowControlError)));
}

TEST(SessionFlow, ALowerStreamWindowIsInForceOnceAcknowledged) {
  SessionOptions options = server_options();
  options.local.initial_window_size = 100;
  Bench server(options);
  ASSERT_TRUE(server.feed(Wire().preface().settings().headers(1, kRequest).data(1, xs(16384))).ok());
  EXPECT_EQ(server.sink.events.back(), "data 1 " + xs(16384));
  // From now on the peer's window is 100 - 16384.
  ASSERT_TRUE(server.feed(Wire().settings_ack().data(1, "x")).ok());
  EXPECT_EQ(server.sink.events[server.sink.events.size() - 2], "error 1 3 DATA exceeds the stream's window");
}

TEST(SessionFlow, StreamCreditLeavesInHalvesOrAtOnce) {
  SessionOptions options = server_options();
  options.local.initial_window_size = 100;
  Bench server(options);
  server.shake();
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest).data(1, xs(100))).ok());
  TestStream& stream = server.sink[1];
  server.session.credit(stream, 49);
  EXPECT_FALSE(server.session.has_output());
  server.session.credit(stream, 1);
  EXPECT_EQ(server.out(), describe(Wire().window_update(1, 50)));
  server.session.credit(stream, 7, Session::When::kNow);
  EXPECT_EQ(server.out(), describe(Wire().window_update(1, 7)));
  server.session.credit(stream, 0, Session::When::kNow);
  EXPECT_FALSE(server.session.has_output());
  ASSERT_TRUE(server.feed(Wire().data(1, xs(57))).ok());
  ASSERT_TRUE(server.feed(Wire().data(1, "x")).ok());
  EXPECT_TRUE(server.sink.events[server.sink.events.size() - 2].starts_with("error 1 3 "));
}

TEST(SessionFlow, ReservedRoomGoesBeyondTheWindowButNeverAboveTheLargest) {
  Bench server(server_options());
  server.shake();
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest)).ok());
  TestStream& stream = server.sink[1];
  server.session.credit(stream, 1 << 20, Session::When::kNow);
  EXPECT_EQ(server.out(), describe(Wire().window_update(1, 1 << 20)));
  server.session.credit(stream, 0x7fffffff, Session::When::kNow);
  EXPECT_EQ(server.out(), describe(Wire().window_update(1, 0x7fffffff - 65535 - (1 << 20))));
  server.session.credit(stream, 1, Session::When::kNow);
  EXPECT_FALSE(server.session.has_output());
}

TEST(SessionFlow, PaddingIsCreditedToItsStream) {
  SessionOptions options = server_options();
  options.local.initial_window_size = 100;
  Bench server(options);
  server.shake();
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest).padded_data(1, "abc", 49)).ok());
  EXPECT_EQ(server.out(), describe(Wire().window_update(1, 50)));
  EXPECT_EQ(server.sink.events.back(), "data 1 abc");
}

TEST(SessionFlow, NoCreditForAStreamWhosePeerIsDone) {
  Bench server(server_options());
  server.shake();
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest).data(1, "abc", kEnd)).ok());
  server.session.credit(server.sink[1], 3, Session::When::kNow);
  EXPECT_FALSE(server.session.has_output());
}

TEST(SessionFlow, PaddingThatExceedsItsFrameEndsTheConnection) {
  for (const Wire& bad : {Wire().frame(FrameType::kData, flag::kPadded, 1, std::string("\x02") + "a"),
                          Wire().frame(FrameType::kData, flag::kPadded, 1, "")}) {
    Bench server(server_options());
    server.shake();
    ASSERT_TRUE(server.feed(Wire().headers(1, kRequest)).ok());
    EXPECT_EQ(fatal(server, bad, ErrorCode::kProtocolError, 1), "");
  }
}

TEST(SessionFlow, EmptyAndPaddedDataMayEndAStream) {
  Bench server(server_options());
  server.shake();
  ASSERT_TRUE(server
                  .feed(Wire()
                            .headers(1, kRequest)
                            .data(1, "")
                            .data(1, "", kEnd)
                            .headers(3, kRequest)
                            .padded_data(3, "", 5, kEnd)
                            .headers(5, kRequest)
                            .padded_data(5, "z", 0, kEnd))
                  .ok());
  Events events = server.sink.take();
  std::erase_if(events,
                [](const std::string& e) { return e.starts_with("header") || e.starts_with("open"); });
  EXPECT_EQ(events, (Events{"end 1", "data 1  last", "end 3", "data 3  last", "end 5", "data 5 z last"}));
}

// Slices.

TEST(SessionFlow, DataSharesTheBufferItCameIn) {
  Bench server(server_options());
  server.shake();
  const Bytes fed = Bytes::copy(Wire().headers(1, kRequest).data(1, "first").data(1, "second", kEnd).str());
  ASSERT_TRUE(server.session.feed(fed, {}, server.sink).ok());
  for (const Bytes& piece : server.sink.data) {
    EXPECT_TRUE(piece.owned());
    EXPECT_GE(piece.data(), fed.data());
    EXPECT_LE(piece.data() + piece.size(), fed.data() + fed.size());
  }
  EXPECT_EQ(server.sink.data[1].text(), "second");
}

TEST(SessionFlow, DataBorrowsFromWhatIsBorrowed) {
  Bench server(server_options());
  server.shake();
  const std::string wire = Wire().headers(1, kRequest).data(1, "first").data(1, "second", kEnd).str();
  ASSERT_TRUE(server.session.feed(Bytes::borrow(as_bytes(wire)), {}, server.sink).ok());
  EXPECT_FALSE(server.sink.data[0].owned());
  EXPECT_FALSE(server.sink.data[1].owned());
  EXPECT_EQ(server.sink.data[0].text(), "first");
}

TEST(SessionFlow, LastDataTakesTheBufferAlong) {
  Bench server(server_options());
  server.shake();
  const std::string wire = Wire().headers(1, kRequest).data(1, "only", kEnd).str();
  Buffer* buffer = Buffer::make(wire.size());
  std::memcpy(buffer->data(), wire.data(), wire.size());
  ASSERT_TRUE(server.session.feed(Bytes(buffer, buffer->data(), wire.size()), {}, server.sink).ok());
  EXPECT_TRUE(buffer->unique());
  EXPECT_EQ(server.sink.data[0].text(), "only");
}

// What we may send.

TEST(SessionFlow, DataWaitsForTheStreamsWindow) {
  Bench client(client_options());
  client.shake({{SettingId::kInitialWindowSize, 5}});
  TestStream& stream = client.open();
  client.data(stream, "hello world", EndStream::kYes);
  EXPECT_EQ(stream.queued(), 11u);
  EXPECT_EQ(client.out(), describe(Wire().headers(1, kRequest).data(1, "hello")));
  EXPECT_FALSE(client.session.has_output());
  EXPECT_TRUE(stream.local_closed());
  ASSERT_TRUE(client.feed(Wire().window_update(1, 4)).ok());
  EXPECT_TRUE(client.session.has_output());
  EXPECT_EQ(client.out(), describe(Wire().data(1, " wor")));
  ASSERT_TRUE(client.feed(Wire().window_update(1, 100)).ok());
  EXPECT_EQ(client.out(), describe(Wire().data(1, "ld", kEnd)));
  EXPECT_EQ(stream.queued(), 0u);
}

TEST(SessionFlow, DataWaitsForTheConnectionsWindow) {
  Bench client(client_options());
  client.shake({{SettingId::kInitialWindowSize, 1 << 20}, {SettingId::kMaxFrameSize, 1 << 20}});
  TestStream& a = client.open();
  client.data(a, xs(65530));
  TestStream& b = client.open();
  client.data(b, "0123456789", EndStream::kYes);
  EXPECT_EQ(client.out(),
            describe(Wire().headers(1, kRequest).data(1, xs(65530)).headers(3, kRequest).data(3, "01234")));
  EXPECT_FALSE(client.session.has_output());
  ASSERT_TRUE(client.feed(Wire().window_update(3, 1)).ok());
  EXPECT_FALSE(client.session.has_output());
  ASSERT_TRUE(client.feed(Wire().window_update(0, 5)).ok());
  EXPECT_EQ(client.out(), describe(Wire().data(3, "56789", kEnd)));
}

TEST(SessionFlow, AnEmptyEndNeedsNoWindow) {
  Bench client(client_options());
  client.shake({{SettingId::kInitialWindowSize, 0}});
  TestStream& stream = client.open();
  client.data(stream, "", EndStream::kNo);
  client.data(stream, "", EndStream::kYes);
  EXPECT_EQ(client.out(), describe(Wire().headers(1, kRequest).data(1, "", kEnd)));
}

TEST(SessionFlow, EndMayComeWhileDataWaits) {
  Bench client(client_options());
  client.shake({{SettingId::kInitialWindowSize, 1}});
  TestStream& stream = client.open();
  client.data(stream, "abc");
  client.data(stream, "", EndStream::kYes);
  client.data(stream, "ignored");
  (void)client.take();
  ASSERT_TRUE(client.feed(Wire().window_update(1, 9)).ok());
  EXPECT_EQ(client.out(), describe(Wire().data(1, "bc", kEnd)));
}

TEST(SessionFlow, TrailersWaitBehindQueuedData) {
  Bench server(server_options());
  server.shake({{SettingId::kInitialWindowSize, 3}});
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest, kEnd).headers(3, kRequest, kEnd)).ok());
  TestStream& slow = server.sink[1];
  server.headers(slow, kResponse);
  server.data(slow, "abcdef");
  {
    // The caller's fields are gone when the trailers leave, and other blocks overtake them.
    std::string name = "grpc-status", value = "0";
    const Field field{name, value, Indexing::kIndex};
    const HeaderPart part{{&field, 1}, nullptr};
    server.session.submit_headers(slow, {&part, 1}, EndStream::kYes);
    name = "xxxxxxxxxxx", value = "x";
  }
  TestStream& other = server.sink[3];
  const Field field{"key", "value", Indexing::kIndex};
  const HeaderPart part{{&field, 1}, nullptr};
  server.session.submit_headers(other, {&part, 1}, EndStream::kYes);
  HpackEncoder encoder;
  Wire expected;
  expected.headers(1, kResponse).headers(3, as_text(encode(encoder, {{"key", "value"}})), kEndHeaders | kEnd);
  EXPECT_EQ(server.out(), describe(expected.data(1, "abc")));
  EXPECT_TRUE(slow.local_closed());
  ASSERT_TRUE(server.feed(Wire().window_update(1, 3)).ok());
  server.sink.take();
  EXPECT_EQ(server.out(), describe(Wire().data(1, "def").headers(
                              1, as_text(encode(encoder, {{"grpc-status", "0"}})), kEndHeaders | kEnd)));
  EXPECT_EQ(server.sink.take(), (Events{"closed 1"}));
}

TEST(SessionFlow, InitialWindowAdjustsOpenStreamsAndMayGoNegative) {
  Bench client(client_options());
  client.shake({{SettingId::kInitialWindowSize, 10}});
  TestStream& stream = client.open();
  client.data(stream, "0123456789abc");
  (void)client.take();
  ASSERT_TRUE(client.feed(Wire().settings({{SettingId::kInitialWindowSize, 4}})).ok());  // now -6
  ASSERT_TRUE(client.feed(Wire().window_update(1, 6)).ok());                             // now 0
  EXPECT_EQ(client.out(), describe(Wire().settings_ack()));
  ASSERT_TRUE(client.feed(Wire().window_update(1, 1)).ok());
  EXPECT_EQ(client.out(), describe(Wire().data(1, "a")));
  ASSERT_TRUE(client.feed(Wire().settings({{SettingId::kInitialWindowSize, 100}})).ok());
  EXPECT_EQ(client.out(), describe(Wire().settings_ack().data(1, "bc")));
}

TEST(SessionFlow, ALoweredWindowStopsAStreamThatWasReady) {
  Bench client(client_options());
  client.shake({{SettingId::kInitialWindowSize, 1 << 20}});
  TestStream& first = client.open();
  TestStream& second = client.open();
  client.data(first, xs(65535));  // leaves no connection window
  client.data(second, "abc");
  (void)client.take();
  ASSERT_TRUE(client.feed(Wire().settings({{SettingId::kInitialWindowSize, 0}}).window_update(0, 100)).ok());
  EXPECT_EQ(client.out(), describe(Wire().settings_ack()));
  EXPECT_FALSE(client.session.has_output());
}

TEST(SessionFlow, WindowUpdateOfZeroIsAnError) {
  Bench client(client_options());
  client.shake();
  client.open();
  (void)client.take();
  ASSERT_TRUE(client.feed(Wire().window_update(1, 0)).ok());
  EXPECT_EQ(client.sink.take(), (Events{"error 1 1 WINDOW_UPDATE of zero", "closed 1"}));
  EXPECT_EQ(client.out(), describe(Wire().rst(1, ErrorCode::kProtocolError)));
  EXPECT_EQ(fatal(client, Wire().window_update(0, 0), ErrorCode::kProtocolError), "");
}

TEST(SessionFlow, WindowsAbove2To31Minus1AreErrors) {
  Bench client(client_options());
  client.shake();
  client.open();
  (void)client.take();
  ASSERT_TRUE(client.feed(Wire().window_update(1, 0x7fffffff - 65535).window_update(1, 1)).ok());
  EXPECT_EQ(client.sink.take(), (Events{"error 1 3 stream's window above 2^31-1", "closed 1"}));
  EXPECT_EQ(client.out(), describe(Wire().rst(1, ErrorCode::kFlowControlError)));
  ASSERT_TRUE(client.feed(Wire().window_update(0, 0x7fffffff - 65535)).ok());
  EXPECT_EQ(fatal(client, Wire().window_update(0, 1), ErrorCode::kFlowControlError), "");

  Bench settings(client_options());
  settings.shake();
  settings.open();
  ASSERT_TRUE(settings.feed(Wire().window_update(1, 1)).ok());
  EXPECT_EQ(fatal(settings, Wire().settings({{SettingId::kInitialWindowSize, 0x7fffffff}}),
                  ErrorCode::kFlowControlError),
            "");
}

TEST(SessionFlow, FramesAreAsLongAsThePeerAllows) {
  Bench client(client_options());
  client.shake();
  TestStream& stream = client.open();
  client.data(stream, xs(20000), EndStream::kYes);
  EXPECT_EQ(client.out(), describe(Wire().headers(1, kRequest).data(1, xs(16384)).data(1, xs(3616), kEnd)));
  ASSERT_TRUE(client.feed(Wire().settings({{SettingId::kMaxFrameSize, 30000}})).ok());
  TestStream& other = client.open();
  client.data(other, xs(20000), EndStream::kYes);
  EXPECT_EQ(client.out(), describe(Wire().settings_ack().headers(3, kRequest).data(3, xs(20000), kEnd)));
}

TEST(SessionFlow, StreamsTakeTurns) {
  Bench client(client_options());
  client.shake({{SettingId::kInitialWindowSize, 1 << 20}});
  ASSERT_TRUE(client.feed(Wire().window_update(0, 1 << 20)).ok());
  TestStream& a = client.open();
  TestStream& b = client.open();
  (void)client.take();
  client.data(a, xs(40000));
  client.data(b, xs(20000));
  client.data(b, "more", EndStream::kYes);
  EXPECT_EQ(client.out(), describe(Wire()
                                       .data(1, xs(16384))
                                       .data(3, xs(16384))
                                       .data(1, xs(16384))
                                       .data(3, xs(3616) + "more", kEnd)
                                       .data(1, xs(7232))));
}

TEST(SessionFlow, ALateStreamDoesNotOvertakeThoseThatWait) {
  Bench client(client_options());
  client.shake({{SettingId::kInitialWindowSize, 1 << 20}});
  TestStream& a = client.open();
  TestStream& b = client.open();
  (void)client.take();
  client.data(a, xs(20000));
  client.data(b, "b", EndStream::kYes);
  EXPECT_EQ(client.out(), describe(Wire().data(1, xs(16384)).data(3, "b", kEnd).data(1, xs(3616))));
}

TEST(SessionFlow, FramesNoMoreThanTheOutputLimitAtOnce) {
  SessionOptions options = client_options();
  options.output_limit = 20000;
  Bench client(options);
  client.shake({{SettingId::kInitialWindowSize, 1 << 20}});
  TestStream& stream = client.open();
  (void)client.take();
  client.data(stream, xs(60000), EndStream::kYes);
  EXPECT_EQ(client.out(), describe(Wire().data(1, xs(16384)).data(1, xs(16384))));
  EXPECT_TRUE(client.session.has_output());
  EXPECT_EQ(client.out(), describe(Wire().data(1, xs(16384)).data(1, xs(10848), kEnd)));
  EXPECT_FALSE(client.session.has_output());
  // Submitting directly stops there as well.
  ASSERT_TRUE(client.feed(Wire().window_update(0, 1 << 20)).ok());
  TestStream& other = client.open();
  for (int i = 0; i < 4; ++i) client.data(other, xs(8000));
  EXPECT_EQ(other.queued(), 8000u);
  Bench small({.role = Role::kClient, .local = {}, .output_limit = 10});
  small.shake();
  TestStream& queued = small.open();
  small.data(queued, "x");
  EXPECT_EQ(queued.queued(), 1u);
  EXPECT_EQ(small.out(), describe(Wire().headers(1, kRequest)));
  EXPECT_EQ(small.out(), describe(Wire().data(1, "x")));
}

TEST(SessionFlow, SmallMessagesOfOneTurnShareAFrame) {
  Bench client(client_options());
  client.shake();
  TestStream& stream = client.open();
  TestStream& other = client.open();
  (void)client.take();
  client.data(stream, "ab");
  client.data(stream, "cd");
  EXPECT_EQ(client.out(), describe(Wire().data(1, "abcd")));
  client.data(stream, "e");
  EXPECT_EQ(client.out(), describe(Wire().data(1, "e"))) << "what has left is closed";
  client.data(stream, "f");
  client.data(other, "g");
  client.data(stream, "h");
  EXPECT_EQ(client.out(), describe(Wire().data(1, "f").data(3, "g").data(1, "h"))) << "in their order";
  client.data(stream, "i");
  client.data(stream, xs(2000));
  client.data(stream, "j");
  EXPECT_EQ(client.out(), describe(Wire().data(1, "i").data(1, xs(2000)).data(1, "j")))
      << "large ones are not copied";
  client.data(stream, "k");
  client.data(stream, "", EndStream::kYes);
  EXPECT_EQ(client.out(), describe(Wire().data(1, "k", kEnd)));
  std::string all;
  for (int i = 0; i < 1'000; ++i) {
    all += std::to_string(1'000'000'000 + i);
    client.data(other, all.substr(all.size() - 10));
  }
  const std::string taken = client.take();
  EXPECT_LT(taken.size(), all.size() + 12 * kFrameHeaderSize) << "32 and more in one";
  EXPECT_GT(taken.size(), all.size() + kFrameHeaderSize);
}

TEST(SessionFlow, NoFrameGrowsBeyondWhatThePeerTakes) {
  Bench client(client_options());
  client.shake();
  TestStream& stream = client.open();
  (void)client.take();
  for (int i = 0; i < 60; ++i) client.data(stream, xs(1'000));
  const std::string taken = client.take();
  for (std::size_t at = 0; at < taken.size();) {
    const auto length = FrameHeader::parse(reinterpret_cast<const std::byte*>(taken.data()) + at).length;
    EXPECT_LE(length, kMinMaxFrameSize);
    at += kFrameHeaderSize + length;
  }
}

TEST(SessionFlow, TellsWhenAStreamIsWritableAgain) {
  Bench client(client_options());
  client.shake();
  TestStream& stream = client.open();
  client.data(stream, xs(65535));
  client.data(stream, xs(Session::kWriteAhead));
  (void)client.take();
  EXPECT_TRUE(client.sink.take() == (Events{"writable 1"}));  // was above, now 64 KiB wait
  client.data(stream, "yz");
  ASSERT_TRUE(client.feed(Wire().window_update(0, 1 << 20).window_update(1, 1)).ok());
  (void)client.take();
  EXPECT_TRUE(client.sink.take().empty());
  ASSERT_TRUE(client.feed(Wire().window_update(1, 1)).ok());
  (void)client.take();
  EXPECT_EQ(client.sink.take(), (Events{"writable 1"}));
  EXPECT_EQ(stream.queued(), Session::kWriteAhead);
  ASSERT_TRUE(client.feed(Wire().window_update(1, 1 << 20)).ok());
  (void)client.take();
  EXPECT_TRUE(client.sink.take().empty());
}

TEST(SessionFlow, ASinkMaySubmitWhenWritable) {
  Bench client(client_options());
  client.shake();
  ASSERT_TRUE(client.feed(Wire().window_update(0, 1 << 20)).ok());
  TestStream& stream = client.open();
  (void)client.take();
  client.data(stream, xs(65535 + 65537));
  client.sink.then = [&](std::string_view what, Stream& s) {
    if (what == "writable") client.data(s, "end", EndStream::kYes);
  };
  ASSERT_TRUE(client.feed(Wire().window_update(1, 1 << 20)).ok());
  std::string out;
  while (client.session.has_output()) out += client.take();
  EXPECT_TRUE(describe(out).ends_with(describe(Wire().data(1, "end", kEnd))));
}

TEST(SessionFlow, LargePayloadIsChainedAndBorrowedPayloadCopied) {
  Bench client(client_options());
  client.shake();
  TestStream& stream = client.open();
  const Bytes owned = Bytes::copy(xs(5000));
  client.session.submit_data(stream, Chain(owned), EndStream::kNo);
  std::string borrowed = xs(5000);
  client.session.submit_data(stream, Chain(Bytes::borrow(as_bytes(borrowed))), EndStream::kNo);
  client.session.submit_data(stream, Chain(Bytes::borrow(as_bytes(borrowed).first(3))), EndStream::kYes);
  borrowed.assign(5000, '-');
  const Chain out = client.session.take_output(client.sink);
  bool shared = false;
  for (const Bytes& slice : out) {
    EXPECT_TRUE(slice.owned());
    shared = shared || slice.data() == owned.data();
  }
  EXPECT_TRUE(shared);
  EXPECT_EQ(describe(out.to_string()),
            describe(Wire().headers(1, kRequest).data(1, xs(5000)).data(1, xs(5000)).data(1, "xxx", kEnd)));
}

TEST(SessionFlow, BorrowedPayloadThatMustWaitIsCopied) {
  Bench client(client_options());
  client.shake({{SettingId::kInitialWindowSize, 0}});
  TestStream& stream = client.open();
  std::string borrowed = "abc";
  client.session.submit_data(stream, Chain(Bytes::borrow(as_bytes(borrowed))), EndStream::kYes);
  borrowed = "---";
  (void)client.take();
  ASSERT_TRUE(client.feed(Wire().window_update(1, 3)).ok());
  EXPECT_EQ(client.out(), describe(Wire().data(1, "abc", kEnd)));
}

TEST(SessionFlow, SmallFramesLeaveInOneSlice) {
  Bench client(client_options());
  client.shake();
  for (int i = 0; i < 5; ++i) client.data(client.open(), xs(50), EndStream::kYes);
  EXPECT_EQ(client.session.take_output(client.sink).count(), 1u);
}

}  // namespace
}  // namespace sluice::inline v0::http2
