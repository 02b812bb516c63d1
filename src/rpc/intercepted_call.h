// InterceptedCall: one call with the wrapping interceptors around it: which of them run, who waits for whom,
// and which filters its messages pass. What stands at the end of the chain, handler or attempt, is the
// derived class's.
#pragma once

#include <cstddef>

#include "sluice/rpc/interceptor.h"

namespace sluice::inline v0::detail {

// An interceptor's run: its coroutine, and the next() that it awaits.
//
// Lifetime: until the coroutine has ended; of several next() the inner levels are made anew.
class Level {
 public:
  Level(InterceptedCall& call, Level* outer) : ended_(*this), call_(call), outer_(outer) {}
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

 protected:
  ~Level() = default;
  InterceptedCall& call() const { return call_; }
  Level* outer() const { return outer_; }
  bool was_continued() const { return continued_; }

 private:
  friend class InterceptedCall;
  struct Ended : Runnable {
    explicit Ended(Level& l) : Runnable(&run), level(l) {}
    static void run(Runnable& self) noexcept;
    Level& level;
  };
  Ended ended_;
  InterceptedCall& call_;
  Level* const outer_;
  Level* inner_ = nullptr;
  std::size_t index_ = 0;  // in the chain
  Task<Status> task_;
  Next* next_ = nullptr;  // in progress
  bool continued_ = false;
  bool running_ = false;  // the coroutine
};

// Thread: loop-only.
class InterceptedCall {
 public:
  bool begin_next(Level& level, Next& next);

 protected:
  enum class Progress { kEnded, kRunning, kNobody };
  ~InterceptedCall() = default;

  // Starts the outermost interceptor that wants the call, if there is one. `out`: its status if it ended.
  Progress start_chain(Status& out) { return enter(0, nullptr, out); }
  // What stands at the end of the chain has ended, not at once.
  void end_of_chain_ended(Status status);

  bool has_filters() const;
  Status filter_request(Message& message) const;
  Status filter_reply(Message& message) const;
  // The level whose next() is at the end of the chain; null: there is none.
  Level* innermost() const;

  virtual Loop& call_loop() const = 0;
  virtual std::size_t chain_size() const = 0;
  virtual bool wraps(std::size_t index) const = 0;
  virtual Level& make_level(Level* outer) = 0;
  virtual void free_level(Level& level) = 0;
  virtual Task<Status> intercept(std::size_t index, Level& level) = 0;
  // Not OK: a next() that may not begin.
  virtual Status check_next(Level& level, bool again) = 0;
  // Handler or attempt. kEnded sets `out`; else end_of_chain_ended() is called later.
  virtual Progress start_end_of_chain(Status& out) = 0;
  // The outermost interceptor has ended, not at once. May destroy the call.
  virtual void chain_ended(Status status) = 0;

 private:
  friend class Level;
  Progress enter(std::size_t index, Level* outer, Status& out);
  Progress start(Level& level, Status& out);
  void level_ended(Level& level);
  void next_ended(Level& level, Status status);
  Status end_level(Level& level);

  Level* outermost_ = nullptr;
};

}  // namespace sluice::inline v0::detail
