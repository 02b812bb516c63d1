// ShardRound: one question that all shards of a server are asked at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

namespace sluice::inline v0 {

class ServerCore;
class ServerShard;

// No shard waits for another one's answer, so that a loop that is held up holds up the end of the round and
// nothing else. Lifetime: its own from start() on; it goes when it is complete.
class ShardRound {
 public:
  explicit ShardRound(std::shared_ptr<ServerCore> core);
  ShardRound(const ShardRound&) = delete;
  ShardRound& operator=(const ShardRound&) = delete;
  virtual ~ShardRound() = default;

  // Any thread. Asks each shard on its loop: now where that is free, else by a post.
  static void start(std::unique_ptr<ShardRound> round);

 protected:
  ServerCore& core() const { return *core_; }
  // On the shard's loop. Calls answered() once, then or later, there.
  virtual void ask(ServerShard& shard, std::size_t index) = 0;
  // The round may be gone when this returns.
  void answered();
  // On the home loop, when all have answered.
  virtual void completed() = 0;

 private:
  const std::shared_ptr<ServerCore> core_;  // shared: the Server may go before the answers come
  std::atomic<std::size_t> unanswered_;
};

}  // namespace sluice::inline v0
