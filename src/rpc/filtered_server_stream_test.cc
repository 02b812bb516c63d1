// Reads through filters when they are given up at each moment. The stream below is the test's own.
#include "rpc/filtered_server_stream.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "support/loop_fixture.h"

namespace sluice::inline v0::detail {
namespace {

// Its one read completes when the test says so.
class FakeStream final : public ServerStream {
 public:
  explicit FakeStream(Loop& loop) : loop_(loop) {}
  void bring(std::string_view text) {
    recv_.message = Chain::copy(text);
    recv_.has_message = true;
    recv_.complete(loop_);
  }
  Loop& loop() const override { return loop_; }
  const Codec* codec() const override { return nullptr; }
  OpRecord* start_recv() override {
    recv_.begin();
    reading = true;
    return &recv_;
  }
  OpRecord* start_send(const Message&, WriteOptions) override { throw std::logic_error("no writes here"); }
  void fail(Status status) override { failed = std::move(status); }
  void misused(Status why) override { misuse = std::move(why); }
  void release(OpRecord& record) override {
    EXPECT_EQ(&record, &recv_);
    EXPECT_TRUE(reading);
    reading = false;
  }
  void keep(OpRecord& record) override { release(record), ++kept; }
  ServerContext& context() override { throw std::logic_error("no context here"); }
  Status send_header() override { return {}; }
  void finish(Status) override { throw std::logic_error("not here"); }

  bool reading = false;
  int kept = 0;
  Status failed, misuse;

 private:
  Loop& loop_;
  RecvRecord recv_;
};

struct Exclaim final : MessagePasses {
  Status pass_request(Message& message) override {
    message = Message(Chain::copy(message.bytes().to_string() + "!"));
    return {};
  }
  Status pass_reply(Message&) override { return {}; }
};

struct Note : Runnable {
  Note() : Runnable([](Runnable& self) noexcept { static_cast<Note&>(self).ran = true; }) {}
  bool ran = false;
};

TEST(FilteredServerStream, ReadGetsWhatTheFilterMadeOfTheMessage) {
  support::TestLoop loop;
  FakeStream below(loop.loop());
  Exclaim exclaim;
  FilteredServerStream stream(below, exclaim);
  Note waiter;
  OpRecord* record = loop.lead_and([&] { return stream.start_recv(); });
  record->set_waiter(waiter);
  loop.lead_and([&] {
    below.bring("hello");
    EXPECT_FALSE(record->done());
  });
  loop.drain();
  EXPECT_TRUE(waiter.ran);
  EXPECT_EQ(static_cast<RecvRecord&>(*record).message.bytes().to_string(), "hello!");
  static_cast<RecvRecord&>(*record).has_message = false;
  loop.lead_and([&] { stream.release(*record); });
  EXPECT_FALSE(below.reading);
}

TEST(FilteredServerStream, ReadGivenUpBeforeTheMessageComesIsGivenUpBelow) {
  support::TestLoop loop;
  FakeStream below(loop.loop());
  Exclaim exclaim;
  FilteredServerStream stream(below, exclaim);
  loop.lead_and([&] { stream.release(*stream.start_recv()); });
  EXPECT_FALSE(below.reading);
  EXPECT_FALSE(stream.busy());
}

TEST(FilteredServerStream, ReadGivenUpWhileItsMessageIsOnItsWayKeepsItAndIsBusyUntilThen) {
  support::TestLoop loop;
  FakeStream below(loop.loop());
  Exclaim exclaim;
  FilteredServerStream stream(below, exclaim);
  Note quiet;
  loop.lead_and([&] {
    OpRecord* record = stream.start_recv();
    below.bring("late");
    stream.release(*record);
    EXPECT_TRUE(stream.busy());
    EXPECT_TRUE(below.reading);
    EXPECT_TRUE(below.failed.ok()) << "the call goes on";
    stream.when_quiet(quiet);
  });
  loop.drain();
  EXPECT_TRUE(quiet.ran);
  EXPECT_FALSE(stream.busy());
  EXPECT_FALSE(below.reading);
  EXPECT_EQ(below.kept, 1);
}

TEST(FilteredServerStream, ReadGivenUpWhileItsMessageIsOnItsWayIsTakenUpByTheNext) {
  support::TestLoop loop;
  FakeStream below(loop.loop());
  Exclaim exclaim;
  FilteredServerStream stream(below, exclaim);
  OpRecord* record = nullptr;
  loop.lead_and([&] {
    record = stream.start_recv();
    below.bring("late");
    stream.release(*record);
    record = stream.start_recv();
    EXPECT_FALSE(record->done() || stream.busy());
  });
  loop.drain();
  loop.lead_and([&] {
    EXPECT_EQ(below.kept, 0);
    EXPECT_TRUE(record->done());
    EXPECT_EQ(static_cast<RecvRecord*>(record)->message.bytes().to_string(), "late!");
    static_cast<RecvRecord*>(record)->has_message = false;
    stream.release(*record);
  });
}

// A read that nobody waits for any more, before and after its message has come.
TEST(FilteredServerStream, ReadThatIsKeptIsTheNextOnesAndPassesTheFilterOnce) {
  for (const bool done : {false, true}) {
    support::TestLoop loop;
    FakeStream below(loop.loop());
    Exclaim exclaim;
    FilteredServerStream stream(below, exclaim);
    OpRecord* first = nullptr;
    loop.lead_and([&] {
      first = stream.start_recv();
      if (done) below.bring("once");
    });
    loop.drain();
    loop.lead_and([&] {
      EXPECT_EQ(first->done(), done);
      stream.keep(*first);
      OpRecord* second = stream.start_recv();
      EXPECT_EQ(second, first);
      if (!done) below.bring("once");
    });
    loop.drain();
    loop.lead_and([&] {
      EXPECT_TRUE(first->done());
      EXPECT_EQ(static_cast<RecvRecord*>(first)->message.bytes().to_string(), "once!");
      stream.keep(*first);
      stream.end();
      EXPECT_FALSE(below.reading) << "given back with the handler";
    });
  }
}

}  // namespace
}  // namespace sluice::inline v0::detail
