// A small kind of operation for tests: echoes its argument at once, in the next tick, after a time, or never.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "sluice/async/op.h"

namespace sluice::inline v0 {

enum class How { kInline, kLater, kByTimer, kNever, kRefused };

// What the operations of one loop act on. Loop-only, but for the calls of echo().
struct FakeService {
  inline explicit FakeService(Loop& l);
  inline Op<std::string> echo(const std::string& text, const How& how);

  Loop& loop;
  const std::shared_ptr<const detail::OpKindOf<std::string>> kind;
  int started = 0;
  int cancelled = 0;
  int released = 0;
  int released_early = 0;
  Duration time = std::chrono::microseconds(50);
};

class FakeRecord final : public detail::OpRecord, detail::StuckReporter {
 public:
  FakeRecord(FakeService& s, std::string t, How how)
      : service_(s), loop_(s.loop), text_(std::move(t)), timer_(*this), later_(*this) {
    ++service_.started;
    ++service_.loop.counts().calls;
    if (how == How::kInline) return;
    begin();
    service_.loop.add_reporter(*this);
    if (how == How::kLater) posted_ = true, service_.loop.post(later_);
    if (how == How::kByTimer) service_.loop.arm(timer_, after(service_.loop.now(), service_.time));
  }
  void cancel() {
    ++service_.cancelled;
    EXPECT_FALSE(done()) << "only what is not done is cancelled";
    if (posted_) return;  // ends by itself, at once
    service_.loop.disarm(timer_);
    status_ = Status(StatusCode::kCancelled, "echo cancelled");
    finish();
  }
  void release() {
    ++service_.released;
    if (!done()) {
      ++service_.released_early;
      service_.loop.disarm(timer_);
      service_.loop.remove_reporter(*this);
    }
    if (posted_) {
      forgotten_ = true;
    } else {
      free();
    }
  }
  Result<std::string> take() {
    if (!status_.ok()) return std::move(status_);
    return std::move(text_);
  }
  Metadata header;

 private:
  struct Later final : Runnable {
    explicit Later(FakeRecord& r)
        : Runnable([](Runnable& self) noexcept { static_cast<Later&>(self).record.came(); }), record(r) {}
    FakeRecord& record;
  };
  struct Alarm final : Timer {
    explicit Alarm(FakeRecord& r)
        : Timer([](Runnable& self) noexcept {
            static_cast<Alarm&>(static_cast<Timer&>(self)).record.finish();
          }),
          record(r) {}
    FakeRecord& record;
  };
  void describe(std::string& out) const override { out += "echo of " + text_; }
  void came() {
    posted_ = false;
    if (forgotten_) return free();
    finish();
  }
  void finish() {
    header.add("echo", text_);
    service_.loop.remove_reporter(*this);
    complete(service_.loop);
  }
  void free() {
    --loop_.counts().calls;  // the service may be gone
    delete this;
  }

  FakeService& service_;
  Loop& loop_;
  std::string text_;
  Status status_;
  Alarm timer_;
  Later later_;
  bool posted_ = false;
  bool forgotten_ = false;
};

struct FakeKind : detail::OpKindOf<std::string> {
  FakeKind() : detail::OpKindOf<std::string>{} {
    loop = [](const detail::OpArgs& a) -> Loop& { return static_cast<FakeService*>(a.object)->loop; };
    start = &start_echo;
    cancel = [](detail::OpRecord* r) { static_cast<FakeRecord*>(r)->cancel(); };
    release = [](detail::OpRecord* r) { static_cast<FakeRecord*>(r)->release(); };
    capture = &capture_echo;
    header = [](detail::OpRecord* r) -> const Metadata& { return static_cast<FakeRecord*>(r)->header; };
    take = [](detail::OpRecord* r) { return static_cast<FakeRecord*>(r)->take(); };
  }

 private:
  struct Captured : detail::OpKindOf<std::string> {
    explicit Captured(const detail::OpArgs& a)
        : detail::OpKindOf<std::string>(static_cast<const FakeKind&>(*a.kind)),
          text(*static_cast<const std::string*>(a.argument)),
          how(*static_cast<const How*>(a.options)) {
      drop_captured = [](detail::OpArgs& args) {
        delete static_cast<Captured*>(const_cast<detail::OpKind*>(args.kind));
      };
    }
    std::string text;
    How how;
  };
  static detail::OpRecord* start_echo(const detail::OpArgs& a) {
    const How how = *static_cast<const How*>(a.options);
    if (how == How::kRefused)
      return new detail::FailedRecord(Status(StatusCode::kResourceExhausted, "no more echoes"));
    return new FakeRecord(*static_cast<FakeService*>(a.object), *static_cast<const std::string*>(a.argument),
                          how);
  }
  static void capture_echo(detail::OpArgs& a) {
    auto* captured = new Captured(a);
    a = {captured, a.object, &captured->text, &captured->how};
  }
};

FakeService::FakeService(Loop& l) : loop(l), kind(std::make_shared<const FakeKind>()) {}

Op<std::string> FakeService::echo(const std::string& text, const How& how) {
  return Op<std::string>(*kind, this, &text, &how);
}

}  // namespace sluice::inline v0
