// Resolver: who shares a look-up, and which are never made.
#include "net/resolver.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "support/loop_fixture.h"

namespace sluice::inline v0::net {
namespace {

// A name server that answers when it is let go.
class SlowNames {
 public:
  Resolver::LookUp look_up() {
    return [this](const std::string& host) {
      std::unique_lock lock(mutex_);
      asked_.push_back(host);
      changed_.notify_all();
      changed_.wait(lock, [this] { return open_; });
      Resolver::Answer answer;
      if (host == "nobody") {
        answer.status = Status(StatusCode::kUnavailable, "no such name");
      } else {
        answer.addrs.push_back(*to_literal(*parse_host_port({"tcp", "10.0.0.1:0"})));
        answer.addrs.push_back(*to_literal(*parse_host_port({"tcp", "[::9]:0"})));
      }
      return answer;
    };
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait_for(std::size_t n) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return asked_.size() >= n; });
  }
  std::vector<std::string> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> asked_;
  bool open_ = false;
};

struct Answered final : Runnable {
  explicit Answered(Loop& loop)
      : Runnable([](Runnable& self) noexcept { static_cast<Answered&>(self).set = true; }),
        waiter(loop, *this) {}
  bool set = false;
  Resolver::Waiter waiter;
  std::string text() const {
    if (!waiter.answer.status.ok()) return waiter.answer.status.to_string();
    std::string all;
    for (const SocketAddr& addr : waiter.answer.addrs) all += to_addr(addr).text + " ";
    return all;
  }
};

class ResolverTest : public ::testing::Test {
 protected:
  Status start(std::string host, std::uint16_t port, Answered& answered) {
    return loop_.lead_and([&] { return resolver_->start({std::move(host), port, false}, answered.waiter); });
  }
  bool abandon(Answered& answered) {
    return loop_.lead_and([&] { return resolver_->try_abandon(answered.waiter); });
  }
  void wait(Answered& answered) {
    loop_.lead_and([&] { loop_->run_until(answered.set); });
  }
  support::TestLoop loop_;
  SlowNames names_;
  BlockingPool pool_{2};
  std::shared_ptr<Resolver> resolver_ = std::make_shared<Resolver>(pool_, names_.look_up());
};

TEST_F(ResolverTest, SharesOneLookUpOfANameAndGivesEachItsPort) {
  Answered first(*loop_), second(*loop_), other(*loop_);
  EXPECT_EQ(start("name", 1, first), Status());
  EXPECT_EQ(start("name", 2, second), Status());
  EXPECT_EQ(start("nobody", 3, other), Status());
  names_.wait_for(2);
  names_.let_go();
  wait(first), wait(second), wait(other);
  EXPECT_EQ(first.text(), "10.0.0.1:1 [::9]:1 ");
  EXPECT_EQ(second.text(), "10.0.0.1:2 [::9]:2 ");
  EXPECT_EQ(other.text(), "UNAVAILABLE: no such name");
  EXPECT_EQ(names_.asked().size(), 2u);
  EXPECT_FALSE(abandon(first)) << "it has its answer";
}

TEST_F(ResolverTest, MakesNoLookUpThatNobodyWaitsForAnyMore) {
  Answered one(*loop_), two(*loop_), abandoned(*loop_), shared(*loop_), last(*loop_);
  EXPECT_EQ(start("one", 1, one), Status());
  EXPECT_EQ(start("two", 1, two), Status());
  names_.wait_for(2);  // both threads are busy
  EXPECT_EQ(start("abandoned", 1, abandoned), Status());
  EXPECT_EQ(start("last", 1, shared), Status());
  EXPECT_EQ(start("last", 1, last), Status());
  EXPECT_TRUE(abandon(abandoned));
  EXPECT_TRUE(abandon(shared)) << "and leaves the look-up to the other";
  names_.let_go();
  wait(one), wait(two), wait(last);
  EXPECT_FALSE(abandoned.set || shared.set);
  EXPECT_EQ(names_.asked().back(), "last");
  EXPECT_EQ(names_.asked().size(), 3u);
}

// The system's resolver cannot be interrupted; whoever tries again waits for what it is doing anyway.
TEST_F(ResolverTest, LeavesALookUpInProgressToWhoComesLater) {
  Answered first(*loop_), second(*loop_);
  EXPECT_EQ(start("name", 1, first), Status());
  names_.wait_for(1);
  EXPECT_TRUE(abandon(first));
  EXPECT_EQ(start("name", 2, second), Status());
  names_.let_go();
  wait(second);
  EXPECT_EQ(second.text(), "10.0.0.1:2 [::9]:2 ");
  EXPECT_FALSE(first.set);
  EXPECT_EQ(names_.asked().size(), 1u);
  EXPECT_EQ(pool_.threads_started(), 1u);
}

TEST_F(ResolverTest, MayGoBeforeALookUpInProgress) {
  Answered answered(*loop_);
  EXPECT_EQ(start("name", 1, answered), Status());
  names_.wait_for(1);
  EXPECT_TRUE(abandon(answered));
  resolver_.reset();
  names_.let_go();
}

TEST_F(ResolverTest, MakesAFailureOfWhatALookUpThrows) {
  Answered answered(*loop_);
  resolver_ = std::make_shared<Resolver>(
      pool_, [](const std::string&) -> Resolver::Answer { throw std::runtime_error("broken"); });
  EXPECT_EQ(start("name", 1, answered), Status());
  wait(answered);
  EXPECT_EQ(answered.text(), "INTERNAL: cannot resolve \"name\": the look-up threw: broken");
}

// Whatever the system knows of it.
TEST(ResolverOfTheSystem, KnowsLocalhost) {
  for (const char* name : {"localhost", "LocalHost", "localhost.", "any.localhost"}) {
    const Resolver::Answer answer = Resolver::ask_system(name);
    EXPECT_EQ(answer.status, Status()) << name;
    ASSERT_FALSE(answer.addrs.empty()) << name;
    const std::string first = to_addr(answer.addrs.front()).text;
    EXPECT_TRUE(first == "127.0.0.1:0" || first == "[::1]:0") << name << ": " << first;
  }
}

}  // namespace
}  // namespace sluice::inline v0::net
