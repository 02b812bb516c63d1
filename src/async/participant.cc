// Records of operations in when_any() and when_all().
#include "sluice/async/detail/participant.h"

namespace sluice::inline v0::detail {
// A wait for a record of another loop ("there"), which begins and ends there; home has the last word. Steps
// of the two loops may cross on their way, and a simulation lets them run in any order.
struct RemotePart {
  struct Step : Runnable {
    Step(RemotePart& p, Run run) : Runnable(run), part(p) {}
    RemotePart& part;
  };

  RemotePart(RecordPart& o, Loop& h, Runnable& d)
      : owner(o), there(o.loop_), home(h), record(o.record_), done(d) {}

  static RemotePart& of(Runnable& self) { return static_cast<Step&>(self).part; }

  // There. The record is done, or nobody needs it any more; once.
  static void on_begin(Runnable& self) noexcept {
    RemotePart& p = of(self);
    if (p.stopping) return p.home.post(p.arrived);
    if (!p.record) p.record = start_record(p.owner.args_);
    p.begun = true;
    if (p.record->done()) return p.home.post(p.arrived);
    set_waiter(p.record, p.end);
  }
  static void on_end(Runnable& self) noexcept { of(self).home.post(of(self).arrived); }
  static void on_stop(Runnable& self) noexcept {
    RemotePart& p = of(self);
    p.stopping = true;
    if (p.begun) {
      if (!p.record->done()) {
        p.record->forget_waiter();
        p.home.post(p.arrived);
      }
      // One that failed goes home, and is released there.
      if (p.owner.owns_ && !p.record->failed()) p.owner.args_.kind->keep(std::exchange(p.record, nullptr));
    }
    p.home.post(p.stopped);
  }

  // Home.
  static void on_home(Runnable& self) noexcept {
    RemotePart& p = of(self);
    if (--p.coming > 0) return;
    if (p.owner.owns_) p.owner.record_ = p.record;
    p.done.run();
  }
  void stop_it() {
    ++coming;
    there.post(stop);
    there.attend();
  }

  RecordPart& owner;
  Loop& there;
  Loop& home;
  OpRecord* record;  // there, and at home once nothing is coming
  Runnable& done;
  // There.
  bool begun = false;
  bool stopping = false;
  // Home.
  int coming = 1;

  Step begin{*this, &on_begin};
  Step end{*this, &on_end};
  Step stop{*this, &on_stop};
  Step arrived{*this, &on_home};
  Step stopped{*this, &on_home};
};

namespace {

struct PostedKeep final : Runnable {
  PostedKeep(const OpKind& k, OpRecord* r) : Runnable(&arrive), kind(k), record(r) {}
  static void arrive(Runnable& self) noexcept {
    auto& posted = static_cast<PostedKeep&>(self);
    posted.kind.keep(posted.record);
    delete &posted;
  }
  const OpKind& kind;
  OpRecord* const record;
};

}  // namespace

RecordPart::~RecordPart() {
  if (owns_ && record_) release_op(*args_.kind, loop_, record_);
  delete remote_;
}

bool RecordPart::begin(Loop& loop, Runnable& done) {
  if (record_ && record_->failed()) return true;
  if (&loop != &loop_) {
    remote_ = new RemotePart(*this, loop, done);
    loop_.post(remote_->begin);
    loop_.attend();
    return false;
  }
  if (!record_) record_ = start_record(args_);
  if (record_->done()) return true;
  set_waiter(record_, done);
  return false;
}

bool RecordPart::stop() {
  if (remote_) return remote_->stop_it(), false;
  if (record_->done()) return false;  // `done` has been posted
  record_->forget_waiter();
  if (owns_) args_.kind->keep(std::exchange(record_, nullptr));
  return true;
}

void RecordPart::give_back() {
  if (!owns_ || !record_) return;
  OpRecord* const record = std::exchange(record_, nullptr);
  if (record->failed()) return release_op(*args_.kind, loop_, record);
  if (loop_.leads()) return args_.kind->keep(record);
  loop_.post(*new PostedKeep(*args_.kind, record));
  loop_.attend();
}

}  // namespace sluice::inline v0::detail
