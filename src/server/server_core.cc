// ServerCore: registration, and what concerns all shards: serve, drain, close and waiting for the end.
#include "server/server_core.h"

#include <algorithm>
#include <string>

#include "sluice/async/run_on.h"

namespace sluice {

ServerCore::ServerCore(net::Host& host, ServerOptions options)
    : options_(std::move(options)), compression_(options_.compressors, options_.compression_algorithm) {
  const std::atomic<bool>* gone = host.loops().size() > 1 ? &gone_ : nullptr;
  for (Loop* loop : host.loops()) shards_.push_back(std::make_unique<ServerShard>(*this, *loop, gone));
}

template <class Fn>
void ServerCore::on_shards(Fn fn) {
  for (const auto& shard : shards_) {
    run_on(shard->loop(), [self = shared_from_this(), shard = shard.get(), fn] { fn(*shard); });
  }
}

Status ServerCore::check_options() const {
  if (options_.max_concurrent_streams == 0)
    return Status(StatusCode::kInvalidArgument, "max_concurrent_streams of 0 lets no call through");
  if (Status s = options_.limits.check(); !s.ok()) return s;
  if (Status s = options_.flow_control.check(); !s.ok()) return s;
  if (Status s = options_.compressors.check(options_.compression_algorithm); !s.ok()) return s;
  return options_.codecs.check();
}

Status ServerCore::serve(std::unique_ptr<net::Listener> listener) {
  if (!listener) return Status(StatusCode::kInvalidArgument, "serve() needs a listener");
  if (Status s = check_options(); !s.ok()) return s;
  const SharedListener shared = std::move(listener);
  if (!listeners_.add(shared)) {
    return Status(StatusCode::kFailedPrecondition, "serve() after drain(), stop() or close()");
  }
  methods_.freeze();
  on_shards([shared](ServerShard& shard) { shard.serve(shared); });
  return {};
}

void ServerCore::drain() {
  listeners_.close_all();
  on_shards([](ServerShard& shard) { shard.drain(); });
}

void ServerCore::close() {
  listeners_.close_all();
  on_shards([](ServerShard& shard) { shard.close(); });
}

std::size_t ServerCore::running_handlers() const {
  std::size_t n = 0;
  for (const auto& shard : shards_) n += shard->running_handlers().count();
  return n;
}

void ServerCore::let_go_on_a_loop() {
  gone_.store(true);  // before the handlers are counted: see RunningHandlers
  const std::size_t running = running_handlers();
  if (running == 0) return methods_.drop_services();
  // Services that the core keeps live as long as the handlers do.
  if (!methods_.borrows()) return;
  home().group().fail("a Server was destroyed on a loop of its Runtime, where it cannot wait, while " +
                      std::to_string(running) +
                      " of its handlers run, whose services go next: co_await stop(deadline), and drain() if "
                      "some still run then, before it goes");
}

void ServerCore::shard_quiet() {
  run_on(home(), [self = shared_from_this()] { self->check_quiet(); });
}

// Whether all shards are quiet is known only where each of them is; the question goes from loop to loop. On
// one loop that is a plain call.
void ServerCore::check_quiet() {
  if (waiting_.empty()) return;
  ask_quiet(0);
}

void ServerCore::ask_quiet(std::size_t i) {
  if (i == shards_.size()) {
    run_on(home(), [self = shared_from_this()] {
      std::vector<QuietRecord*> done;
      done.swap(self->waiting_);
      for (QuietRecord* record : done) record->complete(self->home());
    });
    return;
  }
  run_on(shards_[i]->loop(), [self = shared_from_this(), i] {
    if (self->shards_[i]->quiet()) self->ask_quiet(i + 1);
  });
}

void ServerCore::wait_quiet(QuietRecord& record) {
  waiting_.push_back(&record);
  check_quiet();
}

void ServerCore::forget(QuietRecord& record) { std::erase(waiting_, &record); }

// At stop()'s deadline: closes, gives the handlers that were waiting the chance to end, and notes those that
// run on.
void ServerCore::collect(QuietRecord& record) {
  record.collecting = true;
  forget(record);  // only the last shard's report completes it
  listeners_.close_all();
  collect_from(record, 0);
}

void ServerCore::collect_from(QuietRecord& record, std::size_t i) {
  if (i == shards_.size()) {
    run_on(home(), [self = shared_from_this(), &record] {
      self->forget(record);
      if (!record.done()) record.complete(self->home());
      record.collecting = false;
      if (record.abandoned) delete &record;
    });
    return;
  }
  // Posted twice: handlers that the close has made ready run in between.
  run_on(shards_[i]->loop(), [self = shared_from_this(), &record, i] {
    ServerShard& shard = *self->shards_[i];
    record.report.calls_cancelled += shard.open_calls();
    shard.close();
    struct Later : Runnable {
      Later(std::shared_ptr<ServerCore> c, QuietRecord& r, std::size_t n)
          : Runnable(&go), core(std::move(c)), record(r), i(n) {}
      static void go(Runnable& self) noexcept {
        auto& later = static_cast<Later&>(self);
        if (later.rounds-- > 0) return later.core->shards_[later.i]->loop().post_tick_end(later);
        later.core->shards_[later.i]->report(later.record.report.still_running);
        later.core->collect_from(later.record, later.i + 1);
        delete &later;
      }
      std::shared_ptr<ServerCore> core;
      QuietRecord& record;
      std::size_t i;
      int rounds = 2;
    };
    shard.loop().post_tick_end(*new Later(self, record, i));
  });
}

QuietRecord::QuietRecord(std::shared_ptr<ServerCore> c) : core(std::move(c)), timer(*this) { begin(); }

QuietRecord::~QuietRecord() {
  if (timer.armed()) core->home().disarm(timer);
  core->forget(*this);
}

void QuietRecord::cancel() {
  if (done() || collecting) return;
  core->forget(*this);
  if (timer.armed()) core->home().disarm(timer);
  status = Status(StatusCode::kCancelled, "gave up waiting for the server to end");
  complete(core->home());
}

void QuietRecord::DeadlineTimer::expired(Runnable& self) noexcept {
  QuietRecord& record = static_cast<DeadlineTimer&>(static_cast<Timer&>(self)).record;
  if (!record.done()) record.core->collect(record);
}

}  // namespace sluice
