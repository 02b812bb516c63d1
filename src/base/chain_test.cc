// Chain: order, size and ownership, at last against a model.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "sluice/base/bytes.h"

namespace sluice::inline v0 {
namespace {

// A chain of one owned slice a text.
Chain chain_of(std::initializer_list<std::string_view> texts) {
  Chain chain;
  for (std::string_view text : texts) chain.append(Bytes::copy(text));
  return chain;
}

std::vector<std::string> slices_of(const Chain& chain) {
  std::vector<std::string> slices;
  for (const Bytes& bytes : chain) slices.emplace_back(bytes.text());
  return slices;
}

using Slices = std::vector<std::string>;

TEST(Chain, IsEmptyByDefault) {
  Chain chain;
  EXPECT_TRUE(chain.empty());
  EXPECT_EQ(chain.count(), 0u);
  EXPECT_EQ(chain.to_string(), "");
  EXPECT_EQ(chain.begin(), chain.end());
  EXPECT_TRUE(chain.flatten().empty());
  EXPECT_TRUE(chain.take_front(0).empty());
  chain.remove_prefix(0);
  chain.keep();
  chain.copy_to(nullptr);
}

TEST(Chain, KeepsNoEmptySlices) {
  Chain chain = chain_of({"", "a", "", "b", ""});
  chain.append(Chain());
  EXPECT_EQ(slices_of(chain), (Slices{"a", "b"}));
  EXPECT_EQ(chain.size(), 2u);
}

TEST(Chain, KeepsOrderFromInlineToHeap) {
  Chain chain;
  Slices expected;
  for (int i = 0; i < 100; ++i) {
    expected.push_back("slice " + std::to_string(i));
    chain.append_copy(as_bytes(expected.back()));
    ASSERT_EQ(slices_of(chain), expected);
  }
}

// A slice at the front of a block of `capacity` bytes.
Bytes front_of(std::size_t capacity, std::string_view text) {
  Buffer* buffer = Buffer::make(capacity);
  std::memcpy(buffer->data(), text.data(), text.size());
  return {buffer, buffer->data(), text.size()};
}

TEST(Chain, GathersSmallPiecesSideBySide) {
  Chain chain;
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    expected += std::to_string(i);
    chain.gather(as_bytes(std::to_string(i)));
  }
  EXPECT_EQ(chain.to_string(), expected);
  EXPECT_EQ(chain.size(), expected.size());
  EXPECT_LE(chain.count(), 10u);
}

TEST(Chain, GathersNoMoreRoomThanItsLimit) {
  Chain chain;
  chain.gather(as_bytes("ab"), 3);
  chain.gather(as_bytes("c"), 1);
  chain.gather(as_bytes("d"), 1);
  EXPECT_EQ(slices_of(chain), (Slices{"abc", "d"}));
}

TEST(Chain, GathersBehindNoSliceThatSomebodyElseHas) {
  Chain chain;
  chain.gather(as_bytes("mine"));
  const Bytes shared = chain.front();
  Chain copy = chain;
  chain.gather(as_bytes("1"));
  copy.gather(as_bytes("2"));
  EXPECT_EQ(chain.to_string(), "mine1");
  EXPECT_EQ(copy.to_string(), "mine2");
  EXPECT_EQ(shared.text(), "mine");
}

TEST(Chain, GathersBehindWhatIsBorrowedWithoutWritingThere) {
  std::string text = "borrowed, and more";
  Chain chain(Bytes::borrow(as_bytes(text).first(8)));
  chain.gather(as_bytes("!"));
  EXPECT_EQ(chain.to_string(), "borrowed!");
  EXPECT_EQ(text, "borrowed, and more");
}

TEST(Chain, KeepsTightWhatFillsHalfOfItsBlock) {
  Chain chain(front_of(100, std::string(50, 'a')));
  const std::byte* place = chain.front().data();
  chain.keep_tight(0);
  EXPECT_EQ(chain.front().data(), place);
}

TEST(Chain, KeepsTightByACopyOfWhatFillsLess) {
  const Bytes all = front_of(10'000, std::string(10'000, 'a'));
  Chain chain(all.slice(0, 4'999));
  chain.keep_tight(0);
  EXPECT_NE(chain.front().data(), all.data());
  EXPECT_EQ(chain.to_string(), std::string(4'999, 'a'));
  EXPECT_FALSE(chain.front().same_block(all));
}

TEST(Chain, CountsNeighboursOfOneBlockTogether) {
  const Bytes all = front_of(10'000, std::string(10'000, 'a'));
  Chain chain(all.slice(0, 3'000));
  chain.append(all.slice(3'000, 3'000));
  chain.keep_tight(0);
  EXPECT_TRUE(chain[0].same_block(all));
  EXPECT_TRUE(chain[1].same_block(all));
}

TEST(Chain, HasOneSlackForAllOfItsSlices) {
  Chain chain(front_of(600, "a"));
  chain.append(front_of(600, "b"));
  const std::byte* first = chain[0].data();
  const std::byte* second = chain[1].data();
  chain.keep_tight(1'000);
  EXPECT_EQ(chain[0].data(), first) << "598 are wasted";
  EXPECT_NE(chain[1].data(), second) << "and those are too many";
  EXPECT_EQ(slices_of(chain), (Slices{"a", "b"}));
}

TEST(Chain, KeepsTightOnlyFromThereOn) {
  Chain chain(front_of(5'000, "a"));
  chain.append(front_of(5'000, "b"));
  const std::byte* first = chain[0].data();
  chain.keep_tight(0, 1);
  EXPECT_EQ(chain[0].data(), first);
  EXPECT_EQ(slices_of(chain), (Slices{"a", "b"}));
}

TEST(Chain, KeepsTightWhatWasBorrowed) {
  Chain chain;
  {
    const std::string text = "gone";
    chain.append(Bytes::borrow(as_bytes(text)));
    chain.keep_tight();
  }
  EXPECT_TRUE(chain.front().owned());
  EXPECT_EQ(chain.to_string(), "gone");
}

TEST(Chain, AppendsTightSmallAndLooseSlicesByCopy) {
  const Bytes full = front_of(2'000, std::string(2'000, 'f'));
  const Bytes loose = front_of(100'000, std::string(2'000, 'l'));
  Chain other(Bytes::copy("small"));
  other.append(full);
  other.append(loose);
  Chain chain = Chain::copy("before");
  chain.append_tight(std::move(other));
  EXPECT_TRUE(other.empty());
  EXPECT_EQ(chain.to_string(), "beforesmall" + std::string(2'000, 'f') + std::string(2'000, 'l'));
  bool shares_full = false;
  for (const Bytes& slice : chain) {
    shares_full |= slice.same_block(full);
    EXPECT_FALSE(slice.same_block(loose));
  }
  EXPECT_TRUE(shares_full);
}

TEST(Chain, KeepsOrderAcrossTakes) {
  Chain chain = chain_of({"abc", "def", "ghi", "jkl"});
  EXPECT_EQ(slices_of(chain.take_front(0)), Slices());
  EXPECT_EQ(slices_of(chain.take_front(2)), (Slices{"ab"}));
  EXPECT_EQ(slices_of(chain.take_front(1)), (Slices{"c"}));
  EXPECT_EQ(slices_of(chain.take_front(4)), (Slices{"def", "g"}));
  EXPECT_EQ(slices_of(chain), (Slices{"hi", "jkl"}));
  EXPECT_EQ(chain.size(), 5u);
  EXPECT_EQ(slices_of(chain.take_front(5)), (Slices{"hi", "jkl"}));
  EXPECT_TRUE(chain.empty());
  chain.append(Bytes::copy("again"));
  EXPECT_EQ(chain.to_string(), "again");
}

TEST(Chain, RemovesAPrefix) {
  Chain chain = chain_of({"abc", "def", "ghi"});
  chain.remove_prefix(1);
  EXPECT_EQ(slices_of(chain), (Slices{"bc", "def", "ghi"}));
  chain.remove_prefix(2);
  EXPECT_EQ(slices_of(chain), (Slices{"def", "ghi"}));
  chain.remove_prefix(4);
  EXPECT_EQ(slices_of(chain), (Slices{"hi"}));
  chain.remove_prefix(2);
  EXPECT_TRUE(chain.empty());
}

TEST(Chain, IsAQueueOfSlices) {
  Chain chain;
  int in = 0, out = 0;
  // Always one to five slices in it, so that the slots run off the end again and again.
  for (int round = 0; round < 1000; ++round) {
    for (int i = 0; i <= round % 5; ++i) chain.append(Bytes::copy(std::to_string(in++)));
    while (chain.count() > static_cast<std::size_t>(round % 3)) {
      ASSERT_EQ(chain.front().text(), std::to_string(out));
      ASSERT_EQ(chain.pop_front().text(), std::to_string(out++));
    }
  }
  while (!chain.empty()) ASSERT_EQ(chain.pop_front().text(), std::to_string(out++));
  EXPECT_EQ(in, out);
  EXPECT_EQ(chain.size(), 0u);
}

TEST(Chain, AppendsAnotherChain) {
  Chain inline_chain = chain_of({"a", "b"});
  Chain chain;
  chain.append(std::move(inline_chain));
  EXPECT_EQ(slices_of(chain), (Slices{"a", "b"}));
  EXPECT_TRUE(inline_chain.empty());
  EXPECT_EQ(inline_chain.count(), 0u);

  Chain heap_chain = chain_of({"c", "d", "e"});
  (void)heap_chain.pop_front();
  chain.append(std::move(heap_chain));
  EXPECT_EQ(slices_of(chain), (Slices{"a", "b", "d", "e"}));
  EXPECT_TRUE(heap_chain.empty());
  heap_chain.append(Bytes::copy("f"));
  chain.append(std::move(heap_chain));
  EXPECT_EQ(chain.to_string(), "abdef");
  EXPECT_EQ(chain.size(), 5u);
}

TEST(Chain, MovesEveryShape) {
  for (int count : {0, 1, 2, 3, 9}) {
    for (int popped = 0; popped <= count; ++popped) {
      Chain from;
      Slices expected;
      for (int i = 0; i < count; ++i) {
        from.append(Bytes::copy(std::to_string(i)));
        if (i >= popped) expected.push_back(std::to_string(i));
      }
      for (int i = 0; i < popped; ++i) (void)from.pop_front();
      Chain to = std::move(from);
      EXPECT_EQ(slices_of(to), expected);
      EXPECT_TRUE(from.empty());
      EXPECT_EQ(from.count(), 0u);
      from.append(Bytes::copy("reused"));
      from = std::move(to);
      EXPECT_EQ(slices_of(from), expected);
      EXPECT_TRUE(to.empty());
      Chain& alias = from;
      from = std::move(alias);
      EXPECT_EQ(slices_of(from), expected);
    }
  }
}

TEST(Chain, CopiesShareTheBytes) {
  Chain chain = chain_of({"a", "b", "c"});
  Chain copy = chain;
  EXPECT_EQ(copy[2].data(), chain[2].data());
  chain.remove_prefix(2);
  EXPECT_EQ(copy.to_string(), "abc");
  chain = copy;
  EXPECT_EQ(chain.to_string(), "abc");
  const Chain& alias = chain;
  chain = alias;
  EXPECT_EQ(chain.to_string(), "abc");
  copy.clear();
  EXPECT_TRUE(copy.empty());
  EXPECT_EQ(copy.count(), 0u);
  copy.append(Bytes::copy("d"));
  EXPECT_EQ(copy.to_string(), "d");
}

TEST(Chain, ReleasesWhatItHolds) {
  Buffer* buffer = Buffer::make(10);
  Bytes all(buffer, buffer->data(), 10);
  {
    Chain chain;
    for (std::size_t i = 0; i < 10; ++i) chain.append(all.slice(i, 1));
    EXPECT_FALSE(buffer->unique());
    Chain copy = chain;
    chain.remove_prefix(10);
    EXPECT_FALSE(buffer->unique());
    (void)copy.take_front(5);
    Chain moved = std::move(copy);
    moved.clear();
    EXPECT_TRUE(buffer->unique());
    moved.append(all);
    EXPECT_FALSE(buffer->unique());
  }
  EXPECT_TRUE(buffer->unique());
}

TEST(Chain, TakingWholeSlicesTouchesNoCount) {
  Buffer* buffer = Buffer::make(2);
  Chain chain(Bytes(buffer, buffer->data(), 2));
  chain.append(Bytes::copy("x"));
  Chain taken = chain.take_front(2);
  EXPECT_TRUE(buffer->unique());
  Chain target = chain_of({"y"});
  target.append(std::move(taken));
  EXPECT_TRUE(buffer->unique());
}

TEST(Chain, CopiesOutAPrefix) {
  const Chain chain = chain_of({"abc", "def", "g"});
  for (std::size_t n = 0; n <= chain.size(); ++n) {
    std::string out(8, '#');
    chain.copy_prefix_to(reinterpret_cast<std::byte*>(out.data()), n);
    EXPECT_EQ(out, std::string("abcdefg").substr(0, n) + std::string(8 - n, '#'));
  }
  std::string all(7, '#');
  chain.copy_to(reinterpret_cast<std::byte*>(all.data()));
  EXPECT_EQ(all, "abcdefg");
}

TEST(Chain, MovesItsFrontBehindAnother) {
  for (std::size_t n = 1; n <= 9; ++n) {
    Chain from = chain_of({"abc", "def", "ghi"}), to = chain_of({"x"});
    const std::byte* const first = from.front().data();
    from.move_front(n, to);
    EXPECT_EQ(to.to_string(), "x" + std::string("abcdefghi").substr(0, n));
    EXPECT_EQ(from.to_string(), std::string("abcdefghi").substr(n));
    EXPECT_EQ(to.size(), n + 1);
    EXPECT_EQ(from.size(), 9 - n);
    EXPECT_EQ(to[1].data(), first) << "the bytes stay where they are";
  }
}

TEST(Chain, IsLengthenedByWhatLiesJustBehind) {
  const Bytes block = Bytes::copy("abcdef");
  Chain chain;
  EXPECT_FALSE(chain.lengthen(block, 1)) << "nothing is there";
  chain.append(block.slice(0, 2));
  EXPECT_TRUE(chain.lengthen(block.slice(2, 4), 3));
  EXPECT_EQ(slices_of(chain), Slices{"abcde"});
  EXPECT_EQ(chain.size(), 5u);
  EXPECT_FALSE(chain.lengthen(block.slice(4, 2), 1)) << "a byte before";
  EXPECT_FALSE(chain.lengthen(Bytes::copy("f"), 1)) << "another block";
  EXPECT_EQ(chain.to_string(), "abcde");
}

TEST(Chain, KeepCopiesOnlyWhatIsBorrowed) {
  std::string text = "borrowed bytes";
  Chain chain;
  chain.append(Bytes::borrow(as_bytes(text).first(8)));
  chain.append(Bytes::copy("|"));
  chain.append(Bytes::borrow(as_bytes(text).subspan(8)));
  const std::byte* owned = chain[1].data();
  Chain shallow = chain;
  chain.keep();
  text.assign(text.size(), '?');
  EXPECT_EQ(slices_of(chain), (Slices{"borrowed", "|", " bytes"}));
  EXPECT_EQ(chain.size(), 15u);
  EXPECT_EQ(chain[1].data(), owned);
  for (const Bytes& bytes : chain) EXPECT_TRUE(bytes.owned());
  EXPECT_EQ(shallow.to_string(), "????????|??????");

  const std::byte* kept = chain[0].data();
  chain.keep();
  EXPECT_EQ(chain[0].data(), kept);
  Chain part = chain.take_front(3);
  chain.clear();
  EXPECT_EQ(part.to_string(), "bor");
}

TEST(Chain, FlattenSharesOneSliceAndJoinsMore) {
  Chain one = chain_of({"abc"});
  EXPECT_EQ(one.flatten().data(), one[0].data());
  Chain more = chain_of({"abc", "def", "ghi"});
  Bytes flat = more.flatten();
  EXPECT_EQ(flat.text(), "abcdefghi");
  EXPECT_TRUE(flat.owned());
  EXPECT_EQ(more.to_string(), "abcdefghi");
}

// What a chain must be at every moment, whatever was done to it.
void expect_equal(const Chain& chain, const std::string& model) {
  ASSERT_EQ(chain.size(), model.size());
  ASSERT_EQ(chain.empty(), model.empty());
  std::string text;
  for (std::size_t i = 0; i < chain.count(); ++i) {
    ASSERT_FALSE(chain[i].empty());
    text.append(chain[i].text());
  }
  ASSERT_EQ(text, model);
}

// One random operation on one of two chains, done to their models as well.
class ModelTest {
 public:
  explicit ModelTest(std::uint32_t seed) : random_(seed), source_(4096, ' ') {
    for (char& c : source_) c = static_cast<char>('a' + pick(26));
  }

  void step() {
    const std::size_t i = pick(2);
    Chain& chain = chains_[i];
    std::string& model = models_[i];
    switch (pick(12)) {
      case 0:
      case 1:
      case 2:
        return append_some(chain, model);
      case 3:
        return move_some(chain, model, chains_[1 - i], models_[1 - i]);
      case 4: {
        const std::size_t n = pick(model.size() + 1);
        chain.remove_prefix(n), model.erase(0, n);
        return;
      }
      case 5: {
        if (model.empty()) return;
        const Bytes first = chain.pop_front();
        ASSERT_EQ(first.text(), model.substr(0, first.size()));
        model.erase(0, first.size());
        return;
      }
      case 6:
        chains_[1 - i] = chain, models_[1 - i] = model;
        return;
      case 7:
        chains_[1 - i] = std::move(chain), models_[1 - i] = std::exchange(model, {});
        return;
      case 8:
        chain.keep();
        return;
      case 9: {
        ASSERT_EQ(chain.flatten().text(), model);
        ASSERT_EQ(chain.to_string(), model);
        return;
      }
      case 10: {
        const std::size_t n = pick(model.size() + 1);
        std::string out(n, '#');
        chain.copy_prefix_to(reinterpret_cast<std::byte*>(out.data()), n);
        ASSERT_EQ(out, model.substr(0, n));
        return;
      }
      case 11:
        if (model.size() > 2000) chain.clear(), model.clear();
        return;
    }
  }

  void check() {
    for (int i = 0; i < 2; ++i) expect_equal(chains_[i], models_[i]);
  }

 private:
  std::size_t pick(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }

  void append_some(Chain& chain, std::string& model) {
    for (std::size_t n = pick(6); n > 0; --n) {
      const std::string_view text = std::string_view(source_).substr(pick(4000), pick(40));
      chain.append(pick(2) == 0 ? Bytes::borrow(as_bytes(text)) : Bytes::copy(text));
      model.append(text);
    }
  }

  void move_some(Chain& from, std::string& from_model, Chain& to, std::string& to_model) {
    const std::size_t n = pick(from_model.size() + 1);
    to.append(from.take_front(n));
    to_model.append(from_model, 0, n);
    from_model.erase(0, n);
  }

  std::mt19937 random_;
  std::string source_;
  Chain chains_[2];
  std::string models_[2];
};

TEST(Chain, BehavesLikeAString) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    ModelTest test(seed);
    for (int i = 0; i < 500; ++i) {
      test.step();
      test.check();
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace sluice::inline v0
