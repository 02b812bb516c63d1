// ShardRound: asking, and counting the answers.
#include "server/shard_round.h"

#include <utility>

#include "server/server_core.h"
#include "sluice/async/run_on.h"

namespace sluice::inline v0 {

ShardRound::ShardRound(std::shared_ptr<ServerCore> core)
    : core_(std::move(core)), unanswered_(core_->shards().size()) {}

void ShardRound::start(std::unique_ptr<ShardRound> owned) {
  // It may be complete, and gone, as soon as the last shard is asked.
  ShardRound* const round = owned.release();
  const std::shared_ptr<ServerCore> core = round->core_;
  const std::size_t shards = core->shards().size();
  for (std::size_t i = 0; i < shards; ++i) {
    run_on(core->shards()[i]->loop(), [round, core, i] { round->ask(*core->shards()[i], i); });
  }
}

void ShardRound::answered() {
  // Released by each and acquired by the last: completed() sees what all of them have noted.
  if (unanswered_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  run_on(core_->home(), [this] {
    const std::unique_ptr<ShardRound> self(this);
    completed();
  });
}

}  // namespace sluice::inline v0
