// Streams: ids, resets from either side, frames for streams that are gone, release and reuse.
#include <gtest/gtest.h>

#include <random>

#include "http2/session.h"
#include "http2/session_test_util.h"

namespace sluice::inline v0::http2 {
namespace {

using namespace testing;  // NOLINT

TEST(SessionStream, IdsMustIncrease) {
  Bench server(server_options());
  server.shake();
  ASSERT_TRUE(server.feed(Wire().headers(5, kRequest)).ok());
  EXPECT_EQ(server.session.last_peer_stream(), 5u);
  // Lower ones were skipped.
  EXPECT_EQ(fatal(server, Wire().headers(3, kRequest), ErrorCode::kProtocolError, 5), "");
  EXPECT_EQ(server.sink.streams.count(3), 0u);
}

TEST(SessionStream, AServerMayNotOpenAny) {
  for (const StreamId id : {1u, 2u}) {
    Bench client(client_options());
    client.shake();
    EXPECT_EQ(fatal(client, Wire().headers(id, kResponse), ErrorCode::kProtocolError), "");
  }
}

TEST(SessionStream, OpensWithOddIds) {
  Bench client(client_options());
  client.shake();
  EXPECT_EQ(client.open().id(), 1u);
  EXPECT_EQ(client.open().id(), 3u);
  EXPECT_EQ(client.session.open_streams(), 2u);
}

TEST(SessionStream, TheLastIdIsTheLast) {
  SessionOptions options = client_options();
  options.first_stream_id = kMaxStreamId - 2;
  Bench client(options);
  client.shake();
  EXPECT_EQ(client.open(kRequest, EndStream::kYes).id(), kMaxStreamId - 2);
  EXPECT_EQ(client.open(kRequest, EndStream::kYes).id(), kMaxStreamId);
  EXPECT_FALSE(client.session.can_open());
  const std::string request = plain(kRequest);
  EXPECT_EQ(client.out(), describe(Wire()
                                       .headers(kMaxStreamId - 2, request, kEndHeaders | kEnd)
                                       .headers(kMaxStreamId, request, kEndHeaders | kEnd)));
  // Those that are open go on to their ends, and nothing opens again.
  for (const StreamId id : {kMaxStreamId, kMaxStreamId - 2}) {
    ASSERT_TRUE(client.feed(Wire().headers(id, kResponse).data(id, "x").headers(id, kTrailers, kEnd)).ok());
    EXPECT_EQ(client.sink.events.back(), "closed " + std::to_string(id));
    EXPECT_FALSE(client.session.can_open());
  }
  // A server has no id to take either.
  Bench server(server_options());
  server.shake();
  ASSERT_TRUE(server.feed(Wire().headers(kMaxStreamId, kRequest, kEnd)).ok());
  EXPECT_EQ(fatal(server, Wire().headers(kMaxStreamId - 2, kRequest, kEnd), ErrorCode::kProtocolError,
                  kMaxStreamId),
            "");
}

TEST(SessionStream, IsResetByThePeer) {
  Bench client(client_options());
  client.shake({{SettingId::kInitialWindowSize, 1}});
  TestStream& stream = client.open();
  client.data(stream, "waiting", EndStream::kYes);
  (void)client.take();
  ASSERT_TRUE(client.feed(Wire().rst(1, ErrorCode::kRefusedStream).window_update(1, 100)).ok());
  EXPECT_EQ(client.sink.take(), (Events{"reset 1 7", "closed 1"}));
  EXPECT_TRUE(stream.remote_closed());
  EXPECT_EQ(stream.queued(), 0u);
  EXPECT_FALSE(client.session.has_output());
  client.data(stream, "ignored");
  client.session.reset(stream, ErrorCode::kCancel);
  client.session.credit(stream, 1, Session::When::kNow);
  EXPECT_FALSE(client.session.has_output());
  ASSERT_TRUE(client.feed(Wire().rst(1, ErrorCode::kRefusedStream)).ok());
  EXPECT_TRUE(client.sink.events.empty());
}

TEST(SessionStream, IsResetByUs) {
  Bench client(client_options());
  client.shake({{SettingId::kInitialWindowSize, 1}});
  TestStream& stream = client.open();
  client.data(stream, "waiting");
  (void)client.take();
  client.session.reset(stream, ErrorCode::kCancel);
  client.session.reset(stream, ErrorCode::kInternalError);
  EXPECT_TRUE(stream.local_closed());
  EXPECT_TRUE(stream.attached());
  EXPECT_EQ(stream.queued(), 0u);
  EXPECT_TRUE(client.session.has_output());
  EXPECT_EQ(client.out(), describe(Wire().rst(1, ErrorCode::kCancel)));
  EXPECT_EQ(client.sink.take(), (Events{"closed 1"}));
}

TEST(SessionStream, WhatCrossesOurResetIsPassedOver) {
  Bench client(client_options());
  client.shake();
  TestStream& stream = client.open();
  client.session.reset(stream, ErrorCode::kCancel);
  (void)client.take();
  client.sink.take();
  HpackEncoder encoder;
  const std::string first(as_text(encode(encoder, {{":status", "200"}, {"key", "value"}})));
  ASSERT_TRUE(client
                  .feed(Wire()
                            .headers(1, first)
                            .data(1, std::string(16384, 'x'))
                            .data(1, std::string(16384, 'x'))
                            .window_update(1, 1)
                            .window_update(1, 0)
                            .headers(1, kTrailers, kEnd)
                            .rst(1, ErrorCode::kNoError))
                  .ok());
  EXPECT_TRUE(client.sink.events.empty());
  EXPECT_EQ(client.out(), describe(Wire().window_update(0, 32768)));
  client.open();
  const std::string again(as_text(encode(encoder, {{":status", "200"}, {"key", "value"}})));
  ASSERT_TRUE(client.feed(Wire().headers(3, again)).ok());
  EXPECT_EQ(client.sink.take(), (Events{"header 3 :status: 200", "header 3 key: value", "end 3"}));
}

// What a proxy does that gives up requests which our GOAWAY came before: it never sent them.
TEST(SessionStream, ResetOfAStreamThatOurGoawayForestalledIsPassedOver) {
  Bench server(server_options());
  server.shake();
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest)).ok());
  server.session.submit_goaway(1, ErrorCode::kNoError, "");
  (void)server.take(), server.sink.take();
  ASSERT_TRUE(server.feed(Wire().rst(3, ErrorCode::kCancel).rst(9, ErrorCode::kCancel)).ok());
  EXPECT_TRUE(server.sink.events.empty());
  ASSERT_TRUE(server.feed(Wire().data(1, "goes on", kEnd)).ok());
  EXPECT_EQ(server.sink.take(), (Events{"data 1 goes on last"}));
  EXPECT_EQ(server.out(), "");

  // Not for ever, not before it, and not where we are the ones who open streams.
  Wire flood;
  for (int i = 0; i < 1'000; ++i) flood.rst(3, ErrorCode::kCancel);
  EXPECT_EQ(server.feed(flood).code, ErrorCode::kEnhanceYourCalm);
  Bench early(server_options());
  early.shake().session.submit_goaway(kMaxStreamId, ErrorCode::kNoError, "");
  EXPECT_EQ(early.feed(Wire().rst(3, ErrorCode::kCancel)).code, ErrorCode::kProtocolError);
  Bench even(server_options());
  even.shake().session.submit_goaway(1, ErrorCode::kNoError, "");
  EXPECT_EQ(even.feed(Wire().rst(4, ErrorCode::kCancel)).code, ErrorCode::kProtocolError);
  Bench client(client_options());
  client.shake().session.submit_goaway(0, ErrorCode::kNoError, "");
  EXPECT_EQ(client.feed(Wire().rst(3, ErrorCode::kCancel)).code, ErrorCode::kProtocolError);
}

TEST(SessionStream, FramesAfterItsEndAreAnswered) {
  const Wire late[] = {Wire().data(1, "late"), Wire().headers(1, kTrailers, kEnd), Wire().data(1, "", kEnd)};
  for (const Wire& wire : late) {
    // Half-closed: our side is still open.
    Bench half(server_options());
    half.shake();
    ASSERT_TRUE(half.feed(Wire().headers(1, kRequest, kEnd)).ok());
    half.sink.take();
    ASSERT_TRUE(half.feed(wire).ok());
    ASSERT_EQ(half.sink.events.size(), 2u);
    EXPECT_TRUE(half.sink.events[0].starts_with("error 1 5 "));
    EXPECT_EQ(half.out(), describe(Wire().rst(1, ErrorCode::kStreamClosed)));
    EXPECT_EQ(half.session.counts().provoked_resets, 1u);
    // Closed: the stream keeps its outcome; the second time nothing is said.
    Bench closed(client_options());
    closed.shake();
    closed.open(kRequest, EndStream::kYes);
    (void)closed.take();
    ASSERT_TRUE(closed.feed(Wire().headers(1, kResponse, kEnd)).ok());
    closed.sink.take();
    ASSERT_TRUE(closed.feed(wire).ok());
    EXPECT_TRUE(closed.sink.events.empty());
    EXPECT_EQ(closed.out(), describe(Wire().rst(1, ErrorCode::kStreamClosed)));
    EXPECT_EQ(closed.session.counts().provoked_resets, 1u);
    ASSERT_TRUE(closed.feed(wire).ok());
    EXPECT_FALSE(closed.session.has_output());
    // Reset by the peer: it has no more to say.
    Bench reset(server_options());
    reset.shake();
    ASSERT_TRUE(reset.feed(Wire().headers(1, kRequest).rst(1, ErrorCode::kCancel)).ok());
    ASSERT_TRUE(reset.feed(wire).ok());
    EXPECT_EQ(reset.out(), describe(Wire().rst(1, ErrorCode::kStreamClosed)));
  }
}

TEST(SessionStream, PriorityFrameOnItselfIsAStreamErrorWhereThereIsAStream) {
  const auto priority = [](StreamId id, StreamId on) {
    return Wire().frame(FrameType::kPriority, 0, id, Wire::u32(on) + "w").str();
  };
  for (const bool in_pieces : {false, true}) {
    Bench server(server_options());
    server.shake();
    const auto feed = [&](const std::string& bytes) {
      if (!in_pieces) return server.feed(bytes);
      Error error;
      for (const char byte : bytes) error = error.ok() ? server.feed(std::string(1, byte)) : error;
      return error;
    };
    ASSERT_TRUE(feed(Wire().headers(1, plain(request_of("/a"))).str()).ok());
    (void)server.take(), server.sink.take();
    ASSERT_TRUE(feed(priority(1, 3) + priority(3, 1) + priority(1, 0)).ok());
    EXPECT_EQ(server.out(), "");
    ASSERT_TRUE(feed(priority(1, 1)).ok());
    EXPECT_EQ(server.sink.take(), (Events{"error 1 1 stream depends on itself", "closed 1"}));
    EXPECT_EQ(server.out(), describe(Wire().rst(1, ErrorCode::kProtocolError)));
    ASSERT_TRUE(feed(priority(1, 1)).ok()) << "it is gone";
    EXPECT_EQ(server.out(), "");
    EXPECT_EQ(feed(priority(5, 5)).code, ErrorCode::kProtocolError) << "it is idle";
  }
}

TEST(SessionStream, WindowUpdateAndResetAfterItsEndAreLegal) {
  Bench client(client_options());
  client.shake();
  client.open(kRequest, EndStream::kYes);
  (void)client.take();
  ASSERT_TRUE(
      client.feed(Wire().headers(1, kResponse, kEnd).window_update(1, 5).rst(1, ErrorCode::kNoError)).ok());
  EXPECT_FALSE(client.session.has_output());
}

TEST(SessionStream, EarlyTrailersThenReset) {
  Bench server(server_options());
  server.shake();
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest)).ok());
  server.sink.take();
  TestStream& stream = server.sink[1];
  server.headers(stream, kTrailers, EndStream::kYes);
  server.session.reset(stream, ErrorCode::kNoError);
  EXPECT_EQ(server.out(), describe(Wire().headers(1, kTrailers, kEnd).rst(1, ErrorCode::kNoError)));
  EXPECT_EQ(server.sink.take(), (Events{"closed 1"}));
  // No window leaks, however often this happens.
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(server.feed(Wire().data(1, std::string(16384, 'x'))).ok());
  EXPECT_EQ(server.out(), describe(Wire()
                                       .window_update(0, 32768)
                                       .window_update(0, 32768)
                                       .window_update(0, 32768)
                                       .window_update(0, 32768)
                                       .window_update(0, 32768)));
}

TEST(SessionStream, ALongForgottenStreamIsPassedOver) {
  Bench server(server_options());
  server.shake();
  for (StreamId id = 1; id < 2100; id += 2) {
    ASSERT_TRUE(server.feed(Wire().headers(id, kRequest, kEnd)).ok());
    server.headers(server.sink[id], kTrailers, EndStream::kYes);
    (void)server.take();
  }
  ASSERT_TRUE(server.feed(Wire().data(1, "x")).ok());
  EXPECT_FALSE(server.session.has_output());
  ASSERT_TRUE(server.feed(Wire().data(2097, "x")).ok());
  EXPECT_EQ(server.out(), describe(Wire().rst(2097, ErrorCode::kStreamClosed)));
}

TEST(SessionStream, AResetIsNotTakenForThatOfALaterStream) {
  Bench server(server_options());
  server.shake();
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest).rst(1, ErrorCode::kCancel).data(1, "x")).ok());
  // 1024 streams later the same place is used again.
  ASSERT_TRUE(server.feed(Wire().headers(2049, kRequest, kEnd)).ok());
  server.headers(server.sink[2049], kTrailers, EndStream::kYes);
  (void)server.take();
  ASSERT_TRUE(server.feed(Wire().data(2049, "late")).ok());
  EXPECT_EQ(server.out(), describe(Wire().rst(2049, ErrorCode::kStreamClosed)));
}

TEST(SessionStream, ReleaseIsSilentAndCancels) {
  Bench client(client_options());
  client.shake({{SettingId::kInitialWindowSize, 2}});
  TestStream& stream = client.open();
  client.data(stream, "abc");
  client.session.release(stream);
  EXPECT_FALSE(stream.attached());
  EXPECT_EQ(client.session.open_streams(), 0u);
  EXPECT_EQ(client.out(), describe(Wire().headers(1, kRequest).rst(1, ErrorCode::kCancel)));
  client.session.release(stream);
  EXPECT_FALSE(client.session.has_output());
  EXPECT_TRUE(client.sink.events.empty());
}

TEST(SessionStream, ReleaseOfAClosedOneSendsNothing) {
  Bench server(server_options());
  server.shake();
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest, kEnd)).ok());
  TestStream& stream = server.sink[1];
  server.sink.take();
  server.headers(stream, kTrailers, EndStream::kYes);
  server.session.release(stream);
  EXPECT_EQ(server.out(), describe(Wire().headers(1, kTrailers, kEnd)));
  EXPECT_TRUE(server.sink.events.empty());
}

TEST(SessionStream, ASinkMayOpenTheNextWhenOneCloses) {
  Bench client({.role = Role::kClient, .local = {}});
  client.shake({{SettingId::kMaxConcurrentStreams, 1}});
  client.open(kRequest, EndStream::kYes);
  client.sink.then = [&](std::string_view what, Stream&) {
    if (what == "closed" && client.session.can_open()) client.open(kRequest, EndStream::kYes);
  };
  (void)client.take();
  ASSERT_TRUE(client.feed(Wire().headers(1, kResponse, kEnd)).ok());
  EXPECT_EQ(client.out(), describe(Wire().headers(3, kRequest, kEnd)));
}

TEST(SessionStream, ASinkMayAnswerFromWithinAnEvent) {
  Bench server(server_options());
  server.shake();
  server.sink.then = [&](std::string_view what, Stream& s) {
    if (what != "data") return;
    server.session.credit(s, 4);
    server.headers(s, kResponse);
    server.headers(s, kTrailers, EndStream::kYes);
  };
  ASSERT_TRUE(server.feed(Wire().headers(1, kRequest).data(1, "ping", kEnd)).ok());
  EXPECT_EQ(server.sink.events.back(), "closed 1");
  EXPECT_EQ(server.out(), describe(Wire().headers(1, kResponse).headers(1, kTrailers, kEnd)));
}

TEST(SessionStream, ResetWithinDataDropsTheRestOfTheFrame) {
  Bench server(server_options());
  server.shake();
  server.sink.then = [&](std::string_view what, Stream& s) {
    if (what == "data") server.session.reset(s, ErrorCode::kCancel);
  };
  const std::string wire = Wire().headers(1, kRequest).padded_data(1, "abcdef", 3, kEnd).str();
  ASSERT_TRUE(server.feed(wire.substr(0, wire.size() - 6)).ok());
  ASSERT_TRUE(server.feed(wire.substr(wire.size() - 6)).ok());
  ASSERT_TRUE(server.feed(Wire().ping("12345678")).ok());
  EXPECT_EQ(server.sink.events[server.sink.events.size() - 2], "data 1 abc");
  EXPECT_EQ(server.sink.events.back(), "closed 1");
  EXPECT_EQ(server.out(), describe(Wire().rst(1, ErrorCode::kCancel).ping("12345678", flag::kAck)));
}

TEST(StreamTable, FindsWhatIsInItAndNothingElse) {
  // TestStream cannot be attached here; the table looks at ids only.
  std::vector<std::unique_ptr<TestStream>> streams;
  std::map<StreamId, Stream*> model;
  StreamTable table;
  std::mt19937 random(7);
  for (int i = 0; i < 20000; ++i) {
    const StreamId id = (random() % 200) * (random() % 3 == 0 ? 128 : 2) + 1;
    if (model.count(id) != 0) {
      if (random() % 2 == 0) table.erase(id), model.erase(id);
    } else if (model.size() < 100) {
      streams.push_back(std::make_unique<TestStream>());
      table.insert(id, *streams.back());
      model[id] = streams.back().get();
    }
    const StreamId probe = (random() % 400) * 2 + 1;
    ASSERT_EQ(table.find(probe), model.count(probe) != 0 ? model[probe] : nullptr);
    ASSERT_EQ(table.size(), model.size());
  }
  std::size_t n = 0;
  table.for_each([&](Stream&) { ++n; });
  EXPECT_EQ(n, model.size());
}

// Nothing of it is waited for.
TEST(SessionStreams, PriorityOfAWrongSizeIsToldByItsHeader) {
  for (const std::size_t size : {1u, 4u, 6u, 100u}) {
    Bench server(server_options());
    server.shake();
    ASSERT_TRUE(server.feed(Wire().headers(1, kRequest)).ok());
    ASSERT_TRUE(server.feed(Wire().header(size, FrameType::kPriority, 0, 1)).ok());
    EXPECT_EQ(server.out(), describe(Wire().rst(1, ErrorCode::kFrameSizeError))) << size;
  }
}

// Also where its length is that of PRIORITY.
TEST(SessionStreams, PushPromiseIsRefusedByItsHeader) {
  for (const std::size_t size : {4u, 5u, 6u}) {
    Bench client(client_options());
    client.shake();
    client.open();
    EXPECT_EQ(fatal(client, Wire().header(size, FrameType::kPushPromise, kEndHeaders, 1),
                    ErrorCode::kProtocolError),
              "")
        << size;
  }
}

TEST(SessionStreams, FrameOfAnUnknownTypeIsCountedByItsHeader) {
  for (const std::size_t size : {4u, 5u, 6u}) {
    Bench server(server_options());
    server.shake();
    const auto counted = [&] { return server.session.counts().frames.back(); };
    const auto before = counted();
    ASSERT_TRUE(server.feed(Wire().header(size, static_cast<FrameType>(0x42), 0, 1)).ok());
    EXPECT_EQ(counted(), before + 1) << size;
    ASSERT_TRUE(server.feed(xs(size) + Wire().ping("12345678").str()).ok());
    EXPECT_EQ(server.out(), describe(Wire().ping("12345678", flag::kAck))) << size;
  }
}

}  // namespace
}  // namespace sluice::inline v0::http2
