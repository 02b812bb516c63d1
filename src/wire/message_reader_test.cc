// MessageReader: every split of prefix and body, owned and borrowed, and what it refuses.
#include "wire/message_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace sluice::inline v0::wire {
namespace {

using Event = MessageReader::Event;
using Strings = std::vector<std::string>;
constexpr std::size_t kLimit = 4 << 20;

std::string prefix(std::uint32_t size, int flag = 0) {
  std::string text(1, static_cast<char>(flag));
  for (const int shift : {24, 16, 8, 0}) text.push_back(static_cast<char>(size >> shift));
  return text;
}

std::string framed(std::string_view message, int flag = 0) {
  return prefix(static_cast<std::uint32_t>(message.size()), flag).append(message);
}

// A message whose bytes tell where they stand.
std::string pattern(std::size_t size, unsigned seed = 0) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 131 + seed) % 251);
  return text;
}

// Feeds pieces and collects messages. What it lends is overwritten after the feed, so that a slice that
// should have been kept shows.
class Feeder {
 public:
  enum class Piece { kOwned, kBorrowed };

  explicit Feeder(Piece piece, std::size_t limit = kLimit) : reader_(limit), piece_(piece) {}
  // False after kError.
  bool feed(std::string_view text) {
    std::string lent(text);
    Bytes bytes = piece_ == Piece::kOwned ? Bytes::copy(text) : Bytes::borrow(as_bytes(lent));
    Event event = Event::kMessage;
    do {
      event = reader_.feed(bytes);
      if (event == Event::kMessage) messages_.push_back(reader_.take_message().bytes().to_string());
    } while (event == Event::kMessage && !bytes.empty());
    EXPECT_TRUE(event != Event::kNeedMore || bytes.empty());
    lent.assign(lent.size(), '!');
    return event != Event::kError;
  }
  MessageReader& reader() { return reader_; }
  const Strings& messages() const { return messages_; }

 private:
  MessageReader reader_;
  Piece piece_;
  Strings messages_;
};

constexpr Feeder::Piece kBothPieces[] = {Feeder::Piece::kOwned, Feeder::Piece::kBorrowed};

Event feed_text(MessageReader& reader, std::string_view text) {
  Bytes bytes = Bytes::copy(text);
  return reader.feed(bytes);
}

TEST(MessageReader, GivesAMessageThatArrivesWhole) {
  MessageReader reader(kLimit);
  Bytes bytes = Bytes::copy(framed("hello"));
  const std::byte* body = bytes.data() + 5;
  ASSERT_EQ(reader.feed(bytes), Event::kMessage);
  EXPECT_TRUE(bytes.empty());
  EXPECT_EQ(reader.message_size(), 5u);
  EXPECT_FALSE(reader.compressed());
  EXPECT_FALSE(reader.in_message());
  const Chain message = std::move(reader.take_message().bytes());
  ASSERT_EQ(message.count(), 1u);
  EXPECT_EQ(message.front().text(), "hello");
  EXPECT_EQ(message.front().data(), body);  // the very bytes, not a copy
}

TEST(MessageReader, GivesTheMessagesOfOneSliceOneByOne) {
  MessageReader reader(kLimit);
  Bytes bytes = Bytes::copy(framed("one") + framed("") + framed("three") + prefix(9).substr(0, 2));
  Strings messages;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(reader.feed(bytes), Event::kMessage);
    messages.push_back(reader.take_message().bytes().to_string());
  }
  EXPECT_EQ(messages, (Strings{"one", "", "three"}));
  EXPECT_EQ(bytes.size(), 2u);
  EXPECT_EQ(reader.feed(bytes), Event::kNeedMore);
  EXPECT_TRUE(bytes.empty());
  EXPECT_TRUE(reader.in_message());
}

TEST(MessageReader, AnswersNeedMoreToNothing) {
  MessageReader reader(kLimit);
  Bytes nothing;
  EXPECT_EQ(reader.feed(nothing), Event::kNeedMore);
  EXPECT_FALSE(reader.in_message());
  EXPECT_EQ(feed_text(reader, prefix(4)), Event::kNeedMore);
  EXPECT_EQ(reader.feed(nothing), Event::kNeedMore);
  EXPECT_EQ(reader.missing(), 4u);
}

TEST(MessageReader, CompletesAnEmptyMessageAtTheLastByteOfItsPrefix) {
  MessageReader reader(0);
  EXPECT_EQ(feed_text(reader, std::string_view("\0\0\0\0", 4)), Event::kNeedMore);
  EXPECT_TRUE(reader.in_message());
  EXPECT_EQ(feed_text(reader, std::string_view("\0", 1)), Event::kMessage);
  EXPECT_FALSE(reader.in_message());
  EXPECT_TRUE(reader.take_message().bytes().empty());
}

TEST(MessageReader, TellsWhatIsMissing) {
  MessageReader reader(kLimit);
  EXPECT_EQ(reader.missing(), 0u);
  EXPECT_EQ(feed_text(reader, prefix(3000).substr(0, 3)), Event::kNeedMore);
  EXPECT_EQ(reader.missing(), 0u);
  EXPECT_EQ(feed_text(reader, prefix(3000).substr(3)), Event::kNeedMore);
  EXPECT_EQ(reader.missing(), 3000u);
  EXPECT_EQ(reader.message_size(), 3000u);
  EXPECT_EQ(feed_text(reader, pattern(10)), Event::kNeedMore);
  EXPECT_EQ(reader.missing(), 2990u);
  EXPECT_EQ(feed_text(reader, pattern(2000)), Event::kNeedMore);
  EXPECT_EQ(reader.missing(), 990u);
  EXPECT_TRUE(reader.in_message());
  EXPECT_EQ(feed_text(reader, pattern(990)), Event::kMessage);
  EXPECT_EQ(reader.missing(), 0u);
  EXPECT_EQ(reader.message_size(), 3000u);
  EXPECT_FALSE(reader.in_message());
}

TEST(MessageReader, DropsAMessageThatNobodyTook) {
  for (const std::size_t first : {1u, 5u, 6u}) {
    MessageReader reader(kLimit);
    ASSERT_EQ(feed_text(reader, framed("old")), Event::kMessage);
    const std::string next = framed("new");
    EXPECT_EQ(feed_text(reader, next.substr(0, first)), Event::kNeedMore);
    ASSERT_EQ(feed_text(reader, next.substr(first)), Event::kMessage);
    EXPECT_EQ(reader.take_message().bytes().to_string(), "new");
  }
}

TEST(WireRules, R73_EverySplitIntoThreePiecesGivesTheSameMessages) {
  const Strings messages = {"", "a", "four", "", "a longer one"};
  std::string stream;
  for (const std::string& message : messages) stream += framed(message);
  for (const auto piece : kBothPieces) {
    for (std::size_t a = 0; a <= stream.size(); ++a) {
      for (std::size_t b = a; b <= stream.size(); ++b) {
        Feeder feeder(piece);
        EXPECT_TRUE(feeder.feed(std::string_view(stream).substr(0, a)));
        EXPECT_TRUE(feeder.feed(std::string_view(stream).substr(a, b - a)));
        EXPECT_TRUE(feeder.feed(std::string_view(stream).substr(b)));
        ASSERT_EQ(feeder.messages(), messages) << a << " " << b;
        ASSERT_FALSE(feeder.reader().in_message());
      }
    }
  }
}

TEST(WireRules, R73_OneByteAtATimeGivesTheSameMessages) {
  const Strings messages = {"x", pattern(3), pattern(255), pattern(256), pattern(10'000), ""};
  std::string stream;
  for (const std::string& message : messages) stream += framed(message);
  for (const auto piece : kBothPieces) {
    Feeder feeder(piece);
    for (const char c : stream) ASSERT_TRUE(feeder.feed({&c, 1}));
    EXPECT_EQ(feeder.messages(), messages);
  }
}

TEST(WireRules, R73_RandomSplitsGiveTheSameMessages) {
  std::mt19937_64 random(73);
  for (int round = 0; round < 60; ++round) {
    Strings messages;
    std::string stream;
    for (int i = 0; i < 8; ++i) {
      messages.push_back(pattern(random() % (random() % 2 == 0 ? 64 : 20'000), static_cast<unsigned>(i)));
      stream += framed(messages.back());
    }
    Feeder feeder(kBothPieces[round % 2]);
    const std::size_t longest = round % 3 == 0 ? 6000 : 1100;  // both sides of what counts as small
    for (std::string_view left = stream; !left.empty();) {
      const std::size_t n = std::min<std::size_t>(left.size(), random() % longest);
      ASSERT_TRUE(feeder.feed(left.substr(0, n)));
      left.remove_prefix(n);
    }
    ASSERT_EQ(feeder.messages(), messages) << round;
  }
}

TEST(WireRules, R73_AFlagAboveOneIsInternalAtItsFirstByte) {
  for (int flag = 2; flag < 256; ++flag) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{7}}) {
      MessageReader reader(kLimit);
      reader.allow_compressed();
      ASSERT_EQ(feed_text(reader, framed("ab", flag).substr(0, size)), Event::kError);
      EXPECT_EQ(reader.error(), Status(StatusCode::kInternal,
                                       "message has the invalid compressed flag " + std::to_string(flag)));
    }
  }
}

TEST(WireRules, R74_TheLimitItselfIsAllowedAndOneMoreIsNot) {
  for (const std::size_t split : {0u, 1u, 4u}) {
    Feeder fits(Feeder::Piece::kOwned, 100);
    EXPECT_TRUE(fits.feed(framed(pattern(100))));
    EXPECT_EQ(fits.messages(), Strings{pattern(100)});
    Feeder over(Feeder::Piece::kOwned, 100);
    const std::string stream = prefix(101);  // refused before a byte of the body has come
    over.feed(stream.substr(0, split));
    EXPECT_FALSE(over.feed(stream.substr(split)));
    EXPECT_EQ(over.reader().error(),
              Status(StatusCode::kResourceExhausted, "message of 101 bytes exceeds the limit of 100"));
    EXPECT_FALSE(over.reader().in_message());
    EXPECT_EQ(over.reader().missing(), 0u);
  }
}

TEST(WireRules, R74_AWholeMessageOverTheLimitIsRefusedToo) {
  MessageReader reader(100);
  EXPECT_EQ(feed_text(reader, framed(pattern(101))), Event::kError);
  EXPECT_EQ(reader.error().code(), StatusCode::kResourceExhausted);
}

TEST(WireRules, R74_TheLargestLengthNeitherOverflowsNorAllocates) {
  MessageReader limited(kLimit);
  EXPECT_EQ(feed_text(limited, prefix(0xffffffff) + "x"), Event::kError);
  EXPECT_EQ(limited.error(), Status(StatusCode::kResourceExhausted,
                                    "message of 4294967295 bytes exceeds the limit of 4194304"));
  MessageReader unlimited(std::numeric_limits<std::size_t>::max());
  EXPECT_EQ(feed_text(unlimited, prefix(0xffffffff) + "x"), Event::kNeedMore);
  EXPECT_EQ(unlimited.missing(), 0xfffffffeu);
  EXPECT_EQ(unlimited.message_size(), 0xffffffffu);
}

TEST(WireRules, R76_ACompressedMessageWithoutAnEncodingIsInternal) {
  for (const std::size_t size : {1u, 5u, 7u}) {
    MessageReader reader(kLimit);
    ASSERT_EQ(feed_text(reader, framed("ab", 1).substr(0, size)), Event::kError);
    EXPECT_EQ(reader.error(),
              Status(StatusCode::kInternal, "compressed flag set with identity or empty encoding"));
  }
}

TEST(WireRules, R81_FlagsMayDifferFromMessageToMessage) {
  MessageReader reader(kLimit);
  reader.allow_compressed();
  Bytes bytes = Bytes::copy(framed("z", 1) + framed("p", 0) + framed("", 1));
  for (const bool compressed : {true, false, true}) {
    ASSERT_EQ(reader.feed(bytes), Event::kMessage);
    EXPECT_EQ(reader.compressed(), compressed);
  }
}

TEST(MessageReader, ErrorsLastEvenWhenTheirStatusWasMovedAway) {
  MessageReader reader(kLimit);
  ASSERT_EQ(feed_text(reader, "\x02"), Event::kError);
  const Status taken = std::move(reader.error());
  EXPECT_EQ(taken.code(), StatusCode::kInternal);
  EXPECT_EQ(feed_text(reader, framed("fine")), Event::kError);
}

TEST(MessageReader, MovesLargePiecesAndKeepsTheirPlace) {
  MessageReader reader(kLimit);
  const std::string message = pattern(3 * 4096);
  Bytes all = Bytes::copy(framed(message));
  const std::byte* body = all.data() + 5;
  for (const std::size_t n : {5 + 4096, 4096, 4096}) {
    Bytes piece = all.take_front(static_cast<std::size_t>(n));
    const Event event = reader.feed(piece);
    ASSERT_EQ(event, all.empty() ? Event::kMessage : Event::kNeedMore);
  }
  const Chain chain = std::move(reader.take_message().bytes());
  ASSERT_EQ(chain.count(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(chain[i].data(), body + i * 4096);
}

TEST(MessageReader, BorrowsOnlyWhatTheLastFeedBrought) {
  MessageReader reader(kLimit);
  const std::string first = prefix(6000) + pattern(5000), last = pattern(1000);
  Bytes a = Bytes::borrow(as_bytes(first)), b = Bytes::borrow(as_bytes(last));
  ASSERT_EQ(reader.feed(a), Event::kNeedMore);
  ASSERT_EQ(reader.feed(b), Event::kMessage);
  const Chain chain = std::move(reader.take_message().bytes());
  ASSERT_EQ(chain.count(), 2u);
  EXPECT_TRUE(chain[0].owned());
  EXPECT_FALSE(chain[1].owned());
  EXPECT_EQ(chain[1].text().data(), last.data());
}

// Each piece may have come among much else.
TEST(MessageReader, SharesNoBlockOfWhichTheMessageHasLittle) {
  MessageReader reader(kLimit);
  constexpr std::size_t kPiece = 2'000, kPieces = 20;
  const std::string message = pattern(kPieces * kPiece);
  ASSERT_EQ(feed_text(reader, prefix(message.size())), Event::kNeedMore);
  std::vector<Bytes> blocks;
  for (std::size_t i = 0; i < kPieces; ++i) {
    const Bytes& block =
        blocks.emplace_back(Bytes::copy(message.substr(i * kPiece, kPiece) + std::string(60'000, '-')));
    Bytes piece = block.slice(0, kPiece);
    ASSERT_EQ(reader.feed(piece), i + 1 < kPieces ? Event::kNeedMore : Event::kMessage);
  }
  const Chain chain = std::move(reader.take_message().bytes());
  EXPECT_EQ(chain.to_string(), message);
  int shared = 0;
  for (const Bytes& slice : chain) {
    for (const Bytes& block : blocks) shared += slice.same_block(block);
  }
  EXPECT_LE(shared, 2) << "the last, and the one before, of which more might have come";
}

// A peer that sends one byte a frame must not make us hold a slice, let alone a read buffer, for each.
TEST(MessageReader, GathersSmallPiecesInBlocks) {
  Feeder feeder(Feeder::Piece::kOwned);
  MessageReader& reader = feeder.reader();
  const std::string message = pattern(100'000);
  ASSERT_EQ(feed_text(reader, prefix(100'000)), Event::kNeedMore);
  for (std::size_t i = 0; i + 1 < message.size(); ++i) {
    ASSERT_EQ(feed_text(reader, message.substr(i, 1)), Event::kNeedMore);
  }
  ASSERT_EQ(feed_text(reader, message.substr(99'999)), Event::kMessage);
  const Chain chain = std::move(reader.take_message().bytes());
  EXPECT_LE(chain.count(), 40u);
  EXPECT_EQ(chain.to_string(), message);
}

}  // namespace
}  // namespace sluice::inline v0::wire
