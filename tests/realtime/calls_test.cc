// Calls, streams and channels of a client whose loop may have no thread: what they submit reaches the server
// though the client does nothing more, and what came meanwhile is seen before the next call.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "realtime/two_sides.h"

namespace sluice::realtime {
namespace {

// The client does what a test says, and from then on nothing: nobody runs its loop, unless it has a thread.
class Client : public TwoSides {
 protected:
  Client() : TwoSides(GetParam().threads, 1) {}
  void SetUp() override {
    serve(free_addr());
    dial_to(server->addrs()[0].to_string());
    ASSERT_EQ(text_of(channel.invoke(kUnary, text).get()), "m");
    service.begun = 0;
  }
  bool begins() {
    return eventually([&] { return service.begun == 1; });
  }
  bool is_cancelled() {
    return eventually([&] { return service.cancelled == 1; });
  }

  const Chain text = bytes("m"), hold = bytes("hold");
};
INSTANTIATE_TEST_SUITE_P(Over, Client, ::testing::ValuesIn(kBetween), name_of);

TEST_P(Client, StartedCallReachesTheServer) {
  Call<Chain> call = channel.invoke(kUnary, text).start();
  EXPECT_TRUE(begins());
  EXPECT_EQ(text_of(call.get()), "m");
}

TEST_P(Client, CancelledCallEndsItsHandler) {
  Call<Chain> call = channel.invoke(kUnary, hold).start();
  ASSERT_TRUE(begins());
  call.cancel();
  EXPECT_TRUE(is_cancelled());
  EXPECT_EQ(call.get().status().code(), StatusCode::kCancelled);
}

TEST_P(Client, DroppedCallEndsItsHandler) {
  {
    Call<Chain> call = channel.invoke(kUnary, hold).start();
    ASSERT_TRUE(begins());
  }
  EXPECT_TRUE(is_cancelled());
}

TEST_P(Client, CancelledContextEndsItsHandler) {
  const Context context = Context().with_cancel();
  Call<Chain> call = channel.invoke(kUnary, hold, {.context = &context}).start();
  ASSERT_TRUE(begins());
  context.cancel("enough");
  EXPECT_TRUE(is_cancelled());
  EXPECT_EQ(call.get().status(), Status(StatusCode::kCancelled, "enough"));
}

TEST_P(Client, ReplyThatCameInTimeIsNotLostToADeadlineThatPassedSince) {
  Call<Chain> call = channel.invoke(kUnary, text, {.timeout = 300ms}).start();
  ASSERT_TRUE(begins());
  std::this_thread::sleep_for(400ms);
  EXPECT_EQ(text_of(call.get()), "m");
}

TEST_P(Client, NewStreamsReachTheServer) {
  auto requests = request_stream(channel);
  EXPECT_TRUE(begins());
  auto both = bidi(channel);
  EXPECT_TRUE(eventually([&] { return service.begun == 2; }));
  auto replies = reply_stream(channel, hold);
  EXPECT_TRUE(eventually([&] { return service.begun == 3; }));
}

TEST_P(Client, StreamWhoseHeaderIsWaitedForIsOpen) {
  auto replies = reply_stream(channel, hold);
  Call<Status> header = replies.wait_header().start();
  EXPECT_TRUE(begins());
  EXPECT_EQ(header.get(), Status());
}

TEST_P(Client, WrittenMessagesReachTheServerOneByOne) {
  auto requests = request_stream(channel);
  auto both = bidi(channel);
  for (int i = 1; i <= 4; i += 2) {
    EXPECT_EQ(requests.write(text).get(), Status());
    EXPECT_TRUE(eventually([&] { return service.messages == i; }));
    EXPECT_EQ(both.write(text).get(), Status());
    EXPECT_TRUE(eventually([&] { return service.messages == i + 1; }));
  }
}

TEST_P(Client, StartedWriteReachesTheServer) {
  auto requests = request_stream(channel);
  Call<Status> write = requests.write(text).start();
  EXPECT_TRUE(eventually([&] { return service.messages == 1; }));
  EXPECT_EQ(write.get(), Status());
}

TEST_P(Client, HalfCloseReachesTheServer) {
  auto requests = request_stream(channel);
  EXPECT_EQ(requests.close_write().get(), Status());
  EXPECT_TRUE(eventually([&] { return service.half_closed == 1; }));
  auto both = bidi(channel);
  EXPECT_EQ(both.close_write().get(), Status());
  EXPECT_TRUE(eventually([&] { return service.half_closed == 2; }));
}

TEST_P(Client, StartedFinishHalfCloses) {
  auto requests = request_stream(channel);
  Call<Chain> reply = requests.finish().start();
  EXPECT_TRUE(eventually([&] { return service.half_closed == 1; }));
  EXPECT_TRUE(reply.get().ok());
  auto both = bidi(channel);
  Call<Status> finished = both.finish().start();
  EXPECT_TRUE(eventually([&] { return service.half_closed == 2; }));
  EXPECT_EQ(finished.get(), Status());
}

TEST_P(Client, CancelledStreamEndsItsHandler) {
  auto both = bidi(channel);
  ASSERT_TRUE(begins());
  both.cancel();
  EXPECT_TRUE(is_cancelled());
}

TEST_P(Client, DroppedStreamEndsItsHandler) {
  std::optional<ClientReader<Chain>> replies = reply_stream(channel, hold);
  ASSERT_TRUE(begins());
  replies.reset();
  EXPECT_TRUE(is_cancelled());
}

// A server that has used up the window goes on when the client has read: the credit leaves with the read.
class Credit : public Client {
 protected:
  // Reads by `read` until the server has written on, or there is nothing more to read at once.
  template <class Read>
  void expect_credit(Read read) {
    int before = -1;
    ASSERT_TRUE(eventually([&] {  // it has stopped
      std::this_thread::sleep_for(20ms);
      return service.written > 0 && std::exchange(before, service.written) == service.written;
    }));
    for (int i = 0; i < before / 2; ++i) ASSERT_TRUE(read());
    EXPECT_TRUE(eventually([&] { return service.written > before; }));
  }
};
INSTANTIATE_TEST_SUITE_P(Over, Credit, ::testing::ValuesIn(kBetween), name_of);

TEST_P(Credit, LeavesWithARead) {
  auto replies = reply_stream(channel, text);
  expect_credit([&] { return replies.read().get().has_value(); });
}

TEST_P(Credit, LeavesWithAReadIntoAnObject) {
  auto replies = reply_stream(channel, text);
  Chain reply;
  expect_credit([&] { return replies.read_into(reply).get(); });
}

TEST_P(Client, ClosedChannelEndsItsHandlers) {
  Call<Chain> call = channel.invoke(kUnary, hold).start();
  ASSERT_TRUE(begins());
  channel.close();
  EXPECT_TRUE(is_cancelled());
}

TEST_P(Client, DroppedChannelEndsItsHandlers) {
  Call<Chain> call = channel.invoke(kUnary, hold).start();
  ASSERT_TRUE(begins());
  channel = Channel();
  EXPECT_TRUE(is_cancelled());
}

// The end of the connection lies unread in the client's socket when it calls again.
TEST_P(Client, FirstCallAfterTheServerIsReplacedSucceeds) {
  const std::string addr = server->addrs()[0].to_string();
  for (int round = 0; round < 6; ++round) {
    if (round % 2 == 0) {
      ASSERT_EQ(server->drain().get(), Status());
    } else {
      server->close();
    }
    server.reset();
    serve(addr);
    until_not_ready();
    if (round < 4) {
      EXPECT_EQ(text_of(channel.invoke(kUnary, text).get()), "m") << "round " << round;
    } else {
      auto requests = request_stream(channel);
      EXPECT_EQ(requests.write(text).get(), Status()) << "round " << round;
      EXPECT_TRUE(requests.finish().get().ok()) << "round " << round;
    }
  }
}

// A call that is only started finds out as well.
TEST_P(Client, StartedCallAfterTheServerIsReplacedSucceeds) {
  const std::string addr = server->addrs()[0].to_string();
  server->close();
  server.reset();
  serve(addr);
  until_not_ready();
  Call<Chain> call = channel.invoke(kUnary, text).start();
  EXPECT_EQ(text_of(call.get()), "m");
}

// A coroutine that is run does, too.
TEST_P(Client, RunTaskAfterTheServerIsReplacedSucceeds) {
  struct Local {
    static Task<std::string> call(const Channel& channel, const Chain& request) {
      co_return text_of(co_await channel.invoke(kUnary, request));
    }
  };
  const std::string addr = server->addrs()[0].to_string();
  server->close();
  server.reset();
  serve(addr);
  until_not_ready();
  EXPECT_EQ(client_side.run(Local::call(channel, text)), "m");
}

// A channel that has never been used.
class NewChannel : public TwoSides {
 protected:
  NewChannel() : TwoSides(GetParam().threads, 1) {}
  void SetUp() override {
    serve(free_addr());
    dial_to(server->addrs()[0].to_string());
  }
  const Chain text = bytes("m");
};
INSTANTIATE_TEST_SUITE_P(Over, NewChannel, ::testing::ValuesIn(kBetween), name_of);

TEST_P(NewChannel, FirstWriteReachesTheServer) {
  auto requests = request_stream(channel);
  EXPECT_EQ(requests.write(text).get(), Status());
  EXPECT_TRUE(eventually([&] { return service.messages == 1; }));
}

TEST_P(NewChannel, FirstHalfCloseReachesTheServer) {
  auto requests = request_stream(channel);
  EXPECT_EQ(requests.close_write().get(), Status());
  EXPECT_TRUE(eventually([&] { return service.half_closed == 1; }));
}

class FirstServer : public TwoSides {
 protected:
  FirstServer() : TwoSides(GetParam().threads, 1) {}
  // Calls by `call` until one succeeds.
  template <class Ok>
  void expect_recovery(Ok ok) {
    const std::string addr = free_addr();
    dial_to(addr);
    EXPECT_FALSE(ok()) << "nobody listens";
    serve(addr);
    EXPECT_TRUE(eventually([&] { return std::this_thread::sleep_for(10ms), ok(); }));
  }
  const Chain text = bytes("m");
};
INSTANTIATE_TEST_SUITE_P(Over, FirstServer, ::testing::ValuesIn(kBetween), name_of);

// The back-off is over when its time has passed, whether or not anybody ran the loop meanwhile.
TEST_P(FirstServer, IsFoundByCallsAfterOneThatWasRefused) {
  expect_recovery([&] { return channel.invoke(kUnary, text).get().ok(); });
}

TEST_P(FirstServer, IsFoundByStartedCallsAfterOneThatWasRefused) {
  expect_recovery([&] { return channel.invoke(kUnary, text).start().get().ok(); });
}

TEST_P(FirstServer, IsMissedByTheWritesOfStreams) {
  const std::string addr = free_addr();
  dial_to(addr);
  auto requests = request_stream(channel);
  const Status written = requests.write(text).get();
  EXPECT_EQ(written.code(), StatusCode::kUnavailable);
  EXPECT_NE(written.message().find("no connection to " + addr), std::string::npos) << written;
  EXPECT_EQ(requests.close_write().get(), Status());
  EXPECT_EQ(requests.finish().get().status(), written);
}

TEST_P(FirstServer, IsFoundByStreamsAfterOneThatWasRefused) {
  expect_recovery([&] {
    auto requests = request_stream(channel);
    return requests.write(text).get().ok() && requests.finish().get().ok();
  });
}

}  // namespace
}  // namespace sluice::realtime
