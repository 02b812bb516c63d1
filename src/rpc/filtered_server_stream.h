// FilteredServerStream: the stream that a handler is given when interceptors look at its messages.
#pragma once

#include <utility>

#include "rpc/intercepted_call.h"
#include "sluice/rpc/stream.h"

namespace sluice::inline v0::detail {

// What messages pass.
class MessagePasses {
 public:
  virtual Status pass_request(Message& message) = 0;
  virtual Status pass_reply(Message& message) = 0;

 protected:
  ~MessagePasses() = default;
};

// Thread: loop-only but for fail(). Lifetime: the handler's.
class FilteredServerStream final : public ServerStream {
 public:
  FilteredServerStream(ServerStream& stream, MessagePasses& passes)
      : stream_(stream), passes_(passes), received_(*this) {}
  // What a filter refused, else OK.
  const Status& failure() const { return failure_; }
  // A read that was given up is still on its way here; `r` is posted when it has come.
  bool busy() const { return abandoned_; }
  void when_quiet(Runnable& r) { quiet_ = &r; }

  Loop& loop() const override { return stream_.loop(); }
  const Codec* codec() const override { return stream_.codec(); }
  OpRecord* start_recv() override;
  OpRecord* start_send(const Message& message, WriteOptions options) override;
  bool message_compressed() const override { return stream_.message_compressed(); }
  void fail(Status status) override { stream_.fail(std::move(status)); }
  void cancel() override { stream_.cancel(); }
  void misused(Status why) override { stream_.misused(std::move(why)); }
  void release(OpRecord& record) override;
  void keep(OpRecord&) override { kept_ = true; }
  // The handler has ended: gives back a read that it kept for the next.
  void end() {
    recv_.has_message = false;
    if (std::exchange(kept_, false)) release(recv_);
  }
  ServerContext& context() override { return stream_.context(); }
  Status send_header() override { return stream_.send_header(); }
  void finish(Status status) override { stream_.finish(std::move(status)); }

 private:
  struct Received : Runnable {
    explicit Received(FilteredServerStream& s) : Runnable(&run), stream(s) {}
    static void run(Runnable& self) noexcept;
    FilteredServerStream& stream;
  };
  void begin_recv();
  void take_message();
  void forget_recv();

  ServerStream& stream_;
  MessagePasses& passes_;
  Received received_;
  Status failure_;
  RecvRecord recv_;
  RecvRecord* inner_recv_ = nullptr;  // of stream_, while recv_ is in use
  bool abandoned_ = false;            // recv_ was released while received_ was queued
  bool kept_ = false;                 // recv_ stays in use, for the next read
  Runnable* quiet_ = nullptr;
};

}  // namespace sluice::inline v0::detail
