// A stream inside an interceptor, over attempts whose every step is the test's own.
#include "rpc/intercepted_stream.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "rpc/intercepted_channel.h"
#include "support/loop_fixture.h"

namespace sluice::inline v0::detail {
namespace {

// One attempt. Reads and writes complete when the test says so.
class FakeAttempt final : public ClientStream {
 public:
  explicit FakeAttempt(Loop& loop) : loop_(loop) {}
  void bring(std::string_view text) {
    recv_.message = Chain::copy(text);
    recv_.has_message = true;
    recv_.complete(loop_);
  }
  void written(Status status) {
    send_.status = std::move(status);
    send_.complete(loop_);
  }
  // The message of the write that waits is too long.
  void too_long(Status status) {
    send_.unsendable = true;
    written(std::move(status));
  }
  void end(Status status) {
    status_ = std::move(status);
    ended_ = true;
    recv_.has_message = false;
    if (!recv_.done()) recv_.complete(loop_);
  }

  Loop& loop() const override { return loop_; }
  const Codec* codec() const override { return nullptr; }
  OpRecord* start_recv() override {
    begin(recv_);
    if (ended_) end(status_);
    return &recv_;
  }
  OpRecord* start_send(const Message& message, WriteOptions) override {
    sent.push_back(message.bytes().to_string());
    return begin(send_);
  }
  OpRecord* start_close_write() override { throw std::logic_error("not here"); }
  OpRecord* start_header() override { throw std::logic_error("not here"); }
  OpRecord* start_finish() override {
    begin(finish_);
    finish_.status = status_;
    finish_.complete(loop_);
    return &finish_;
  }
  OpRecord* start_finish_unary() override { throw std::logic_error("not here"); }
  void release(OpRecord&) override {}
  void keep(OpRecord&) override {}
  void fail(Status status) override {
    if (!ended_) end(std::move(status));
  }
  void cancel() override { fail({StatusCode::kCancelled, "cancelled"}); }
  void drop() override { dropped = true; }
  const Metadata& header() const override { return metadata_; }
  const Metadata& trailer() const override { return metadata_; }
  const Addr& peer() const override { return addr_; }

  std::vector<std::string> sent;
  bool dropped = false;

 private:
  OpRecord* begin(StreamRecord& record) {
    record.begin();
    record.stream = this;
    return &record;
  }
  Loop& loop_;
  RecvRecord recv_;
  StatusRecord send_, finish_;
  Status status_;
  bool ended_ = false;
  const Metadata metadata_ = {};
  const Addr addr_ = {};
};

class FakeChannel final : public ChannelBase {
 public:
  explicit FakeChannel(Loop& loop) : loop_(loop) {}
  Loop& loop() const override { return loop_; }
  OpRecord* start_unary(const MethodInfo&, const Message&, const CallOptions&) override {
    throw std::logic_error("streams only");
  }
  ClientStreamPtr new_stream(const MethodInfo&, const Message*, const CallOptions&) override {
    attempts.push_back(std::make_unique<FakeAttempt>(loop_));
    return ClientStreamPtr(attempts.back().get());
  }
  std::shared_ptr<const Codec> find_codec(std::string_view) const override { return nullptr; }
  ConnectivityState state() const override { return ConnectivityState::kReady; }
  void close() override {}
  std::vector<std::unique_ptr<FakeAttempt>> attempts;

 private:
  Loop& loop_;
};

// As often as it is unavailable.
struct Repeat final : ClientInterceptor {
  Task<Status> intercept(ClientInvocation& call) override {
    call.keep_writes(1000);
    for (;;) {
      Status status = co_await call.next();
      if (status.code() != StatusCode::kUnavailable) co_return status;
    }
  }
};

class InterceptedStreamTest : public ::testing::Test {
 protected:
  InterceptedStreamTest() {
    loop_.lead_and([&] { stream_ = channel_->new_stream({"/test.Raw/Bidi", true, true}, nullptr, {}); });
  }
  ~InterceptedStreamTest() override {
    loop_.lead_and([&] { stream_.reset(); });
    loop_.drain();
    for (const auto& attempt : fake_->attempts) EXPECT_TRUE(attempt->dropped);
    const std::weak_ptr<ChannelBase> channel = channel_;
    channel_.reset();
    EXPECT_TRUE(channel.expired()) << "the stream that holds it frees itself";
  }
  FakeAttempt& attempt() { return *fake_->attempts.back(); }
  template <class F>
  void step(F f) {
    loop_.lead_and(f);
    loop_.drain();
  }
  StatusRecord& write(std::string_view text) {
    OpRecord* record = nullptr;
    step([&] { record = stream_->start_send(Message(Chain::copy(text)), {}); });
    return static_cast<StatusRecord&>(*record);
  }
  void release(OpRecord& record) {
    step([&] { stream_->release(record); });
  }

  support::TestLoop loop_;
  Repeat repeat_;
  std::shared_ptr<FakeChannel> fake_ = std::make_shared<FakeChannel>(loop_.loop());
  std::shared_ptr<ChannelBase> channel_ =
      std::make_shared<InterceptedChannel>(fake_, InterceptorChain<ClientInterceptor>{repeat_});
  ClientStreamPtr stream_;
};

TEST_F(InterceptedStreamTest, FailedWriteWaitsForTheNextAttemptAndIsSentAgain) {
  StatusRecord& first = write("a");
  step([&] { attempt().written({}); });
  EXPECT_TRUE(first.done() && first.status.ok());
  release(first);
  StatusRecord& second = write("b");
  step([&] { attempt().written({StatusCode::kUnavailable, "gone"}); });
  EXPECT_FALSE(second.done());
  step([&] { attempt().end({StatusCode::kUnavailable, "gone"}); });
  ASSERT_EQ(fake_->attempts.size(), 2u);
  EXPECT_EQ(attempt().sent, (std::vector<std::string>{"a"}));
  step([&] { attempt().written({}); });
  EXPECT_EQ(attempt().sent, (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(second.done());
  step([&] { attempt().written({}); });
  EXPECT_TRUE(second.done() && second.status.ok());
  release(second);
}

// Whatever code the server has chosen for the end that cut the write off.
TEST_F(InterceptedStreamTest, WriteThatTheServersStatusCutOffIsSentAgainByTheNextAttempt) {
  for (const StatusCode code : {StatusCode::kResourceExhausted, StatusCode::kInternal}) {
    StatusRecord& record = write("a");
    FakeAttempt& first = attempt();
    step([&] { first.written({code, "no memory"}); });
    EXPECT_FALSE(record.done());
    step([&] { first.end({StatusCode::kUnavailable, "gone"}); });
    EXPECT_NE(&attempt(), &first);
    ASSERT_FALSE(attempt().sent.empty());
    EXPECT_EQ(attempt().sent.back(), "a");
    step([&] { attempt().written({}); });
    EXPECT_TRUE(record.done() && record.status.ok());
    release(record);
    step([&] { stream_ = channel_->new_stream({"/test.Raw/Bidi", true, true}, nullptr, {}); });
  }
}

TEST_F(InterceptedStreamTest, MessageThatIsTooLongFailsItsWriteOnlyWhateverItsCode) {
  for (const StatusCode code : {StatusCode::kResourceExhausted, StatusCode::kInternal}) {
    StatusRecord& record = write("a");
    step([&] { attempt().too_long({code, "no"}); });
    EXPECT_TRUE(record.done());
    EXPECT_EQ(record.status, Status(code, "no"));
    EXPECT_TRUE(record.unsendable);
    release(record);
    StatusRecord& next = write("b");
    EXPECT_EQ(attempt().sent.back(), "b");
    step([&] { attempt().written({}); });
    EXPECT_TRUE(next.done() && next.status.ok());
    release(next);
  }
  EXPECT_EQ(fake_->attempts.size(), 1u);
}

// It was told to its writer as sent: what follows it must not take its place.
TEST_F(InterceptedStreamTest, MessageThatOnlyALaterAttemptCannotSendEndsThatAttempt) {
  StatusRecord& first = write("a");
  step([&] { attempt().written({}); });
  release(first);
  step([&] { attempt().end({StatusCode::kUnavailable, "gone"}); });
  ASSERT_EQ(fake_->attempts.size(), 2u);
  StatusRecord& second = write("b");
  step([&] { attempt().too_long({StatusCode::kResourceExhausted, "no"}); });
  EXPECT_EQ(attempt().sent, (std::vector<std::string>{"a"}));
  EXPECT_TRUE(second.done());
  EXPECT_EQ(second.status, Status(StatusCode::kResourceExhausted, "no")) << "of the call";
  release(second);
}

TEST_F(InterceptedStreamTest, MessageThatIsTooLongDoesNotCountForWhatIsKept) {
  StatusRecord& large = write(std::string(2'000, 'a'));
  step([&] { attempt().too_long({StatusCode::kResourceExhausted, "no"}); });
  release(large);
  StatusRecord& record = write("b");
  step([&] { attempt().written({}); });
  release(record);
  step([&] { attempt().end({StatusCode::kUnavailable, "gone"}); });
  ASSERT_EQ(fake_->attempts.size(), 2u);
  EXPECT_EQ(attempt().sent, std::vector<std::string>{"b"});
  step([&] { attempt().written({}); });
}

TEST_F(InterceptedStreamTest, EmptyMessagesCountForWhatIsKept) {
  for (int i = 0; i < 100; ++i) {
    StatusRecord& record = write("");
    step([&] { attempt().written({}); });
    release(record);
  }
  step([&] { attempt().end({StatusCode::kUnavailable, "gone"}); });
  EXPECT_EQ(fake_->attempts.size(), 1u) << "a thousand bytes are kept, so it cannot start again";
}

// Its caller must go on, and read, for the end of the call to be seen.
TEST_F(InterceptedStreamTest, FailedWriteIsToldWhenAMessageComesThatNobodyReads) {
  StatusRecord& record = write("a");
  step([&] { attempt().written({StatusCode::kAborted, "enough"}); });
  EXPECT_FALSE(record.done());
  step([&] { attempt().bring("unread"); });
  EXPECT_TRUE(record.done());
  EXPECT_FALSE(record.status.ok());
  release(record);
}

TEST_F(InterceptedStreamTest, FailedWriteIsToldAtOnceWhenAMessageIsThere) {
  step([&] { attempt().bring("unread"); });
  StatusRecord& record = write("a");
  step([&] { attempt().written({StatusCode::kAborted, "enough"}); });
  EXPECT_TRUE(record.done());
  EXPECT_FALSE(record.status.ok());
  release(record);
}

TEST_F(InterceptedStreamTest, AttemptIsOverOnlyWhenItsOperationsAre) {
  StatusRecord& record = write("a");
  step([&] { attempt().end({StatusCode::kUnavailable, "gone"}); });
  EXPECT_EQ(fake_->attempts.size(), 1u);
  step([&] { attempt().written({StatusCode::kUnavailable, "gone"}); });
  EXPECT_EQ(fake_->attempts.size(), 2u);
  step([&] { attempt().written({}); });
  EXPECT_TRUE(record.done() && record.status.ok());
  release(record);
}

TEST_F(InterceptedStreamTest, MessageIsReadAheadAndNoMoreThanOne) {
  step([&] { attempt().bring("first"); });
  OpRecord* record = nullptr;
  step([&] { record = stream_->start_recv(); });
  EXPECT_TRUE(record->done());
  EXPECT_EQ(static_cast<RecvRecord&>(*record).message.bytes().to_string(), "first");
  release(*record);
}

// Its reader may not have looked yet.
TEST_F(InterceptedStreamTest, ReadThatIsDoneIsNotToldOfTheNextMessage) {
  OpRecord* record = nullptr;
  step([&] { record = stream_->start_recv(); });
  step([&] { attempt().bring("first"); });
  EXPECT_TRUE(record->done());
  step([&] { attempt().bring("second"); });
  EXPECT_EQ(static_cast<RecvRecord&>(*record).message.bytes().to_string(), "first");
  release(*record);
  step([&] { record = stream_->start_recv(); });
  EXPECT_TRUE(record->done());
  EXPECT_EQ(static_cast<RecvRecord&>(*record).message.bytes().to_string(), "second");
  release(*record);
}

}  // namespace
}  // namespace sluice::inline v0::detail
