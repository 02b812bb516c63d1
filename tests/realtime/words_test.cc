// Events, queues, select and the drain of a server between threads and Runtimes: whoever sets an event or
// fills a queue is no loop, and the loop that waits may have no thread.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "realtime/two_sides.h"
#include "sluice/async/event.h"
#include "sluice/async/queue.h"
#include "sluice/async/when.h"

namespace sluice::realtime {
namespace {

// Sends to each watcher what a thread publishes, until the server drains.
class Board final : public RawService {
 public:
  Task<Status> reply_stream(ServerContext& context, const Chain&, ServerWriter<Chain>& writer) override {
    Queue<Chain> queue(4);
    const Watcher watcher(*this, queue);
    for (;;) {
      auto next = co_await when_any(queue.pop(), context.draining().done(), context.context().done());
      if (next.index() == 1) co_return Status(StatusCode::kUnavailable, "the board closes");
      if (next.index() == 2) co_return Status();
      Result<Chain>& news = std::get<0>(next);
      if (!news.ok()) co_return news.status();
      if (Status s = co_await writer.write(*news); !s.ok()) co_return s;
    }
  }
  // Any thread. How many watch, or 0 if one of them has no room.
  int publish(const std::string& text) {
    const std::lock_guard lock(mutex_);
    for (Queue<Chain>* queue : queues_) {
      if (queue->size() == queue->capacity()) return 0;
    }
    for (Queue<Chain>* queue : queues_) (void)queue->try_push(bytes(text));
    return static_cast<int>(queues_.size());
  }
  int watching() {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(queues_.size());
  }

 private:
  struct Watcher {
    Watcher(Board& b, Queue<Chain>& q) : board(b), queue(q) {
      const std::lock_guard lock(board.mutex_);
      board.queues_.push_back(&queue);
    }
    ~Watcher() {
      const std::lock_guard lock(board.mutex_);
      std::erase(board.queues_, &queue);
    }
    Board& board;
    Queue<Chain>& queue;
  };
  std::mutex mutex_;
  std::vector<Queue<Chain>*> queues_;
};

class Words : public TwoSides {
 protected:
  Words() : TwoSides(GetParam().threads, 1) {}
  ~Words() override {
    channel = Channel();
    server.reset();  // before the board
  }
  void serve_board(const std::string& addr) {
    server = std::make_unique<Server>(server_side, ServerOptions{.limits = {.goodbye_timeout = 50ms}});
    ASSERT_EQ(server->register_service(RawService::desc(), &board), Status());
    ASSERT_EQ(server->serve(server_side.listen(addr).value()), Status());
  }
  Board board;
};
INSTANTIATE_TEST_SUITE_P(Over, Words, ::testing::ValuesIn(kBetween), name_of);

// Reads news until `stop` is set by a thread, or the stream ends.
Task<Status> watch(Channel channel, Event& stop, std::atomic<int>& news) {
  const Chain request = bytes("all");
  auto stream = reply_stream(channel, request);
  for (;;) {
    auto first = co_await when_any(stream.read(), stop.wait());
    if (first.index() == 1) {
      stream.cancel();
      co_return Status();
    }
    if (!std::get<0>(first).has_value()) co_return co_await stream.finish();
    ++news;
  }
}

TEST_P(Words, NewsOfAThreadReachWatchersUntilAThreadStopsThem) {
  serve_board(free_addr());
  dial_to(server->addrs()[0].to_string());
  Event stop;
  std::atomic<int> news = 0;
  std::thread publisher([&] {
    EXPECT_TRUE(eventually([&] { return board.watching() == 1; }));
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(eventually([&] { return board.publish(std::to_string(i)) == 1; }));
    }
    EXPECT_TRUE(eventually([&] { return news == 20; }));
    stop.set();
  });
  EXPECT_EQ(client_side.run(watch(channel, stop, news)), Status());
  publisher.join();
  EXPECT_TRUE(eventually([&] { return board.watching() == 0; }));
}

TEST_P(Words, WatchersAreToldThatTheServerDrainsAndComeBackToTheNext) {
  const std::string addr = free_addr();
  serve_board(addr);
  dial_to(server->addrs()[0].to_string());
  const std::string bound = server->addrs()[0].to_string();
  Event stop;
  std::atomic<int> news = 0;
  std::thread operators([&] {
    EXPECT_TRUE(eventually([&] { return board.watching() == 1; }));
    EXPECT_EQ(board.publish("one"), 1);
    EXPECT_TRUE(eventually([&] { return news == 1; }));
    Result<StopReport> report = server->stop(server_side.now() + 10s).get();
    EXPECT_TRUE(report.ok() && report->still_running.empty());
  });
  EXPECT_EQ(client_side.run(watch(channel, stop, news)),
            Status(StatusCode::kUnavailable, "the board closes"));
  operators.join();
  serve_board(bound);
  std::thread next([&] {
    EXPECT_TRUE(eventually([&] { return board.watching() == 1; }));
    stop.set();
  });
  EXPECT_EQ(client_side.run(watch(channel, stop, news)), Status());
  next.join();
}

TEST_P(Words, CallThatAThreadFinishesEndsAtTheClient) {
  struct Waits final : RawService {
    Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
      open = &stream;
      started.set();
      (void)co_await context.context().done();
      co_return Status();
    }
    ServerReaderWriter<Chain, Chain>* open = nullptr;
    Event started;
  } waits;
  server = std::make_unique<Server>(server_side, ServerOptions{.limits = {.goodbye_timeout = 50ms}});
  ASSERT_EQ(server->register_service(RawService::desc(), &waits), Status());
  ASSERT_EQ(server->serve(server_side.listen(free_addr()).value()), Status());
  dial_to(server->addrs()[0].to_string());
  const Chain text = bytes("m");
  ASSERT_EQ(text_of(channel.invoke(kUnary, text).get()), "m") << "connects";
  auto stream = bidi(channel);
  ASSERT_TRUE(eventually([&] { return waits.started.is_set(); }));
  waits.open->finish(Status(StatusCode::kPermissionDenied, "you are out"));
  EXPECT_EQ(stream.finish().get(), Status(StatusCode::kPermissionDenied, "you are out"));
  channel = Channel();
  server.reset();  // before its service
}

TEST_P(Words, CallIsSeenToBeDoneByAThreadThatAsksNowAndThen) {
  serve_board(free_addr());
  dial_to(server->addrs()[0].to_string());
  const Chain text = bytes("m");
  // The first call connects.
  Call<Chain> call = channel.invoke(kUnary, text).start();
  EXPECT_TRUE(eventually([&] { return call.done(); }));
  EXPECT_EQ(text_of(call.get()), "m");
}

// Keeps what is whole, with the loop that everybody writes.
class Keeper final : public RawService {
 public:
  Task<Result<Chain>> request_stream(ServerContext&, ServerReader<Chain>& reader) override {
    const Ended ended(*this);
    std::size_t size = 0;
    while (auto chunk = co_await reader.read()) {
      size += chunk->size();
      ++chunks;
    }
    ++kept;
    co_return bytes(std::to_string(size));
  }
  std::atomic<int> chunks = 0, kept = 0, ended = 0;

 private:
  struct Ended {
    explicit Ended(Keeper& k) : keeper(k) {}
    ~Ended() { ++keeper.ended; }
    Keeper& keeper;
  };
};

// Here the server is the side whose loop may have no thread.
class Uploads : public TwoSides {
 protected:
  Uploads() : TwoSides(1, GetParam().threads) {}
  ~Uploads() override {
    channel = Channel();
    server.reset();
  }
  template <class Seen>
  bool serve_until(Seen seen) {
    return eventually([&] { return server_side.poll(), seen(); });
  }
  void serve_keeper(const std::string& addr) {
    server = std::make_unique<Server>(server_side, ServerOptions{.limits = {.goodbye_timeout = 50ms}});
    ASSERT_EQ(server->register_service(RawService::desc(), &keeper), Status());
    ASSERT_EQ(server->serve(server_side.listen(addr).value()), Status());
  }
  Keeper keeper;
};
INSTANTIATE_TEST_SUITE_P(Over, Uploads, ::testing::ValuesIn(kBetween), name_of);

TEST_P(Uploads, AreKeptWhenTheyAreWholeAndNotWhenTheyAreCutOff) {
  serve_keeper(free_addr());
  const std::string addr = server->addrs()[0].to_string();
  dial_to(addr);
  const Chain chunk = bytes("chunk");
  int cuts = 0;
  const auto begin = [&](CallOptions options = {}) {
    auto upload = request_stream(channel, options);
    const int before = keeper.chunks;
    Call<Status> write = upload.write(chunk).start();
    EXPECT_TRUE(serve_until([&] { return keeper.chunks == before + 1; }));
    return upload;
  };
  const auto expect_cut = [&](const char* by) {
    EXPECT_TRUE(serve_until([&] { return keeper.ended == cuts + 1; })) << by;
    EXPECT_EQ(keeper.kept, 0) << by;
    ++cuts;
  };
  begin().cancel();
  expect_cut("cancel");
  (void)begin();
  expect_cut("drop");
  {
    auto late = begin({.timeout = 200ms});
    expect_cut("deadline");
  }
  {
    auto lost = begin();
    channel.close();
    expect_cut("the end of the channel");
  }
  dial_to(addr);
  auto whole = begin();
  Call<Chain> reply = whole.finish().start();
  EXPECT_TRUE(serve_until([&] { return keeper.kept == 1 && reply.done(); }));
  EXPECT_EQ(text_of(reply.get()), "5");
  // The next server knows nothing of the last one's.
  server.reset();
  until_not_ready();  // what a stream has written on the old connection is not sent again
  serve_keeper(addr);
  auto next = begin();
  Call<Chain> again = next.finish().start();
  EXPECT_TRUE(serve_until([&] { return again.done(); }));
  EXPECT_EQ(text_of(again.get()), "5");
}

// Values cross three Runtimes, two of which have no thread until somebody runs them.
TEST(Queues, PassBetweenRuntimes) {
  Runtime first({.threads = 1}), second, third;
  Queue<int> to_second(2), to_third(2);
  struct Body {
    static Task<void> send(Queue<int>& out) {
      for (int i = 0; i < 500; ++i) EXPECT_EQ(co_await out.push(i), Status());
      out.close();
    }
    static Task<void> pass(Queue<int>& in, Queue<int>& out) {
      while (Result<int> value = co_await in.pop()) EXPECT_EQ(co_await out.push(*value + 1), Status());
      out.close();
    }
    static Task<long> sum(Queue<int>& in) {
      long sum = 0;
      while (Result<int> value = co_await in.pop()) sum += *value;
      co_return sum;
    }
  };
  std::thread sender([&] { first.run(Body::send(to_second)); });
  std::thread passer([&] { second.run(Body::pass(to_second, to_third)); });
  EXPECT_EQ(third.run(Body::sum(to_third)), 500l * 499 / 2 + 500);
  sender.join();
  passer.join();
}

}  // namespace
}  // namespace sluice::realtime
