// Stopping: the questions that shards are asked as a server ends, and the operations that wait for it.
#include "server/stopping.h"

#include <deque>
#include <string>
#include <utility>

#include "server/server_core.h"
#include "server/shard_round.h"
#include "sluice/async/run_on.h"

namespace sluice::inline v0 {
namespace {

// Whether all shards are quiet is known only where each of them is.
class QuietRound final : public ShardRound {
 public:
  using ShardRound::ShardRound;

 private:
  void ask(ServerShard& shard, std::size_t) override {
    if (!shard.quiet()) all_quiet_.store(false, std::memory_order_relaxed);
    answered();
  }
  void completed() override {
    if (all_quiet_.load(std::memory_order_relaxed)) core().stopping().on_all_quiet();
  }
  std::atomic<bool> all_quiet_{true};
};

// At stop()'s deadline each shard closes, gives the handlers that were waiting the chance to end, and notes
// those that run on.
class DeadlineRound final : public ShardRound {
 public:
  DeadlineRound(std::shared_ptr<ServerCore> core, QuietRecord& record)
      : ShardRound(std::move(core)), record_(record) {
    for (std::size_t i = 0; i < this->core().shards().size(); ++i) parts_.emplace_back(*this);
  }

 private:
  // One shard's: it posts itself behind the handlers that the close has made ready.
  struct Part : Runnable {
    explicit Part(DeadlineRound& r) : Runnable(&go), round(r) {}
    static void go(Runnable& self) noexcept {
      auto& part = static_cast<Part&>(self);
      if (part.rounds-- > 0) return part.shard->loop().post_tick_end(part);
      part.shard->report(part.still_running);
      part.round.answered();
    }
    DeadlineRound& round;
    ServerShard* shard = nullptr;
    std::size_t cancelled = 0;
    std::vector<StopReport::Call> still_running;
    int rounds = 2;
  };

  void ask(ServerShard& shard, std::size_t index) override {
    Part& part = parts_[index];
    part.shard = &shard;
    part.cancelled = shard.open_calls();
    shard.close();
    shard.loop().post_tick_end(part);
  }
  void completed() override {
    for (Part& part : parts_) {
      record_.report.calls_cancelled += part.cancelled;
      for (StopReport::Call& call : part.still_running) {
        record_.report.still_running.push_back(std::move(call));
      }
    }
    record_.complete(core().home());
    record_.collecting = false;
    if (record_.abandoned) delete &record_;
  }

  QuietRecord& record_;
  std::deque<Part> parts_;  // of each shard, written on its loop
};

}  // namespace

void Stopping::drain() {
  const Context draining = draining_;  // the core may go with the last handler, on this stack
  core_.listeners().close_all();
  core_.on_shards([](ServerShard& shard) { shard.drain(); });
  draining.cancel("the server is draining");
}

void Stopping::close() {
  const Context draining = draining_;
  core_.listeners().close_all();
  core_.on_shards([](ServerShard& shard) { shard.close(); });
  draining.cancel("the server was closed");
}

std::size_t Stopping::running_handlers() const {
  std::size_t n = 0;
  for (const auto& shard : core_.shards()) n += shard->running_handlers().count();
  return n;
}

void Stopping::let_go_on_a_loop() {
  gone_.store(true);  // before the handlers are counted: see RunningHandlers
  const std::size_t running = running_handlers();
  if (running == 0) return core_.methods().drop_services();
  // Services that the core keeps live as long as the handlers do.
  if (!core_.methods().borrows()) return;
  core_.home().group().fail("a Server was destroyed on a loop of its Runtime, where it cannot wait, while " +
                            std::to_string(running) +
                            " of its handlers run, whose services go next: co_await stop(deadline), and "
                            "drain() if some still run then, before it goes");
}

void Stopping::on_shard_quiet() {
  run_on(core_.home(), [core = core_.shared_from_this()] { core->stopping().ask_whether_quiet(); });
}

void Stopping::ask_whether_quiet() {
  if (!waiting_.empty()) ShardRound::start(std::make_unique<QuietRound>(core_.shared_from_this()));
}

void Stopping::on_all_quiet() {
  std::vector<QuietRecord*> done;
  done.swap(waiting_);
  for (QuietRecord* record : done) record->complete(core_.home());
}

void Stopping::wait(QuietRecord& record) {
  waiting_.push_back(&record);
  ask_whether_quiet();
}

void Stopping::forget(QuietRecord& record) { std::erase(waiting_, &record); }

void Stopping::on_deadline(QuietRecord& record) {
  record.collecting = true;
  forget(record);  // only the last shard's report completes it
  core_.listeners().close_all();
  ShardRound::start(std::make_unique<DeadlineRound>(core_.shared_from_this(), record));
}

QuietRecord::QuietRecord(std::shared_ptr<ServerCore> c) : core(std::move(c)), timer(*this) { begin(); }

QuietRecord::~QuietRecord() {
  if (timer.armed()) core->home().disarm(timer);
  core->stopping().forget(*this);
}

void QuietRecord::cancel() {
  if (done() || collecting) return;
  core->stopping().forget(*this);
  if (timer.armed()) core->home().disarm(timer);
  status = Status(StatusCode::kCancelled, "gave up waiting for the server to end");
  complete(core->home());
}

void QuietRecord::DeadlineTimer::expired(Runnable& self) noexcept {
  QuietRecord& record = static_cast<DeadlineTimer&>(static_cast<Timer&>(self)).record;
  if (!record.done()) record.core->stopping().on_deadline(record);
}

}  // namespace sluice::inline v0
