// A Chain as a message: shared where it owns its bytes, copied where it borrows.
#include "sluice/rpc/message_traits.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <type_traits>

namespace sluice::inline v0 {
namespace {

const MessageOps& ops() { return MessageTraits<Chain>::ops(); }

Chain two_slices() {
  Chain chain = Chain::copy("hello ");
  chain.append(Bytes::copy("world"));
  return chain;
}

TEST(ChainMessage, HasEveryOperation) {
  EXPECT_EQ(ops().type_id, nullptr);  // raw bytes may be any type
  EXPECT_NE(ops().encoded_size, nullptr);
  EXPECT_NE(ops().encode, nullptr);
  EXPECT_NE(ops().encode_to, nullptr);
  EXPECT_NE(ops().decode, nullptr);
  EXPECT_NE(ops().make, nullptr);
  EXPECT_NE(ops().clone, nullptr);
  EXPECT_NE(ops().move, nullptr);
  EXPECT_NE(ops().clear, nullptr);
  EXPECT_NE(ops().destroy, nullptr);
}

TEST(ChainMessage, EncodesBehindWhatIsThereAndSharesTheBytes) {
  const Chain message = two_slices();
  Chain out = Chain::copy("say: ");
  ASSERT_TRUE(ops().encode(&message, out).ok());
  EXPECT_EQ(out.to_string(), "say: hello world");
  EXPECT_EQ(ops().encoded_size(&message), 11u);
  ASSERT_EQ(out.count(), 3u);
  EXPECT_EQ(out[1].data(), message[0].data());
  EXPECT_EQ(out[2].data(), message[1].data());
}

TEST(ChainMessage, EncodesBorrowedBytesAsItsOwn) {
  std::string text = "borrowed";
  Chain message(Bytes::borrow(as_bytes(text)));
  Chain out;
  ASSERT_TRUE(ops().encode(&message, out).ok());
  text.assign(text.size(), 'x');
  EXPECT_EQ(out.to_string(), "borrowed");
}

TEST(ChainMessage, EncodesIntoMemoryOfItsSizeOnly) {
  const Chain message = two_slices();
  std::string out(12, '-');
  auto* bytes = reinterpret_cast<std::byte*>(out.data());
  ASSERT_TRUE(ops().encode_to(&message, bytes, 11).ok());
  EXPECT_EQ(out, "hello world-");
  const Status status = ops().encode_to(&message, bytes, 12);
  EXPECT_EQ(status.code(), StatusCode::kInternal);
  EXPECT_EQ(status.message(), "message of 11 bytes was to be encoded into 12");
  EXPECT_EQ(out, "hello world-");
}

TEST(ChainMessage, DecodesInPlaceOfWhatItHad) {
  std::string scratch = "scratch";
  Chain bytes = Chain::copy("owned and ");
  bytes.append(Bytes::borrow(as_bytes(scratch)));
  Chain message = Chain::copy("before");
  ASSERT_TRUE(ops().decode(bytes, &message).ok());
  scratch.assign(scratch.size(), 'x');
  EXPECT_EQ(message.to_string(), "owned and scratch");
  EXPECT_EQ(message[0].data(), bytes[0].data());
  ASSERT_TRUE(ops().decode(Chain(), &message).ok());
  EXPECT_TRUE(message.empty());
}

TEST(ChainMessage, IsMadeClonedMovedClearedAndDestroyed) {
  using Owned = std::unique_ptr<void, void (*)(void*)>;
  const Owned made(ops().make(), ops().destroy);
  auto& chain = *static_cast<Chain*>(made.get());
  EXPECT_TRUE(chain.empty());
  chain = two_slices();
  const Owned cloned(ops().clone(&chain), ops().destroy);
  auto& clone = *static_cast<Chain*>(cloned.get());
  ops().clear(&chain);
  EXPECT_TRUE(chain.empty());
  EXPECT_EQ(clone.to_string(), "hello world");
  ops().move(&clone, &chain);
  EXPECT_EQ(chain.to_string(), "hello world");
  EXPECT_TRUE(clone.empty());
}

TEST(ChainMessage, ClonesBorrowedBytesAsItsOwn) {
  std::string text = "borrowed";
  const Chain message(Bytes::borrow(as_bytes(text)));
  const std::unique_ptr<void, void (*)(void*)> clone(ops().clone(&message), ops().destroy);
  text.assign(text.size(), 'x');
  EXPECT_EQ(static_cast<Chain*>(clone.get())->to_string(), "borrowed");
}

// A message type of its own, whose size is not known before it is encoded.
struct Number {
  int value = 0;
};

}  // namespace

template <>
struct MessageTraits<Number> {
  static const MessageOps& ops() {
    static constexpr char kType = 0;
    static constexpr MessageOps kOps = {
        .type_id = &kType,
        .encoded_size = [](const void*) { return MessageOps::kUnknownSize; },
        .encode = [](const void* o, Chain& out) -> Status {
          const int value = static_cast<const Number*>(o)->value;
          if (value < 0) return {StatusCode::kInternal, "negative"};
          out.append(Bytes::copy(std::to_string(value)));
          return {};
        },
        .decode = [](const Chain& bytes, void* o) -> Status {
          const std::string text = bytes.to_string();
          if (text.find_first_not_of("0123456789") != std::string::npos)
            return {StatusCode::kInternal, text + " is no number"};
          static_cast<Number*>(o)->value = std::stoi(text);
          return {};
        },
    };
    return kOps;
  }
};

namespace {

TEST(AnyMessage, IsReadAsAnObjectWhateverItsForm) {
  const Number borrowed{7};
  EXPECT_EQ(decode_as<Number>(Message(&borrowed, MessageTraits<Number>::ops()))->value, 7);
  EXPECT_EQ(decode_as<Number>(to_message(Number{8}))->value, 8);
  EXPECT_EQ(decode_as<Number>(Message(Chain::copy("9")))->value, 9);
  EXPECT_EQ(decode_as<Number>(to_message(Chain::copy("10")))->value, 10);
  EXPECT_EQ(decode_as<Chain>(to_message(Number{11}))->to_string(), "11");
  EXPECT_EQ(decode_as<Number>(Message(Chain::copy("x"))).status(),
            Status(StatusCode::kInternal, "x is no number"));
}

TEST(AnyMessage, GivesItsObjectOnlyAsWhatItIs) {
  const Number number{7};
  const Message message(&number, MessageTraits<Number>::ops());
  EXPECT_EQ(message_cast<Number>(message), &number);
  EXPECT_EQ(message_cast<Chain>(message), nullptr);
  EXPECT_EQ(message_cast<Number>(Message(Chain::copy("7"))), nullptr);
}

TEST(AnyMessage, HasBytesAndASize) {
  EXPECT_EQ(to_bytes(to_message(Number{123}))->to_string(), "123");
  EXPECT_EQ(message_size(to_message(Number{123})), 3u);
  EXPECT_EQ(message_size(to_message(Chain::copy("four"))), 4u);
  EXPECT_EQ(message_size(Message(Chain::copy("fiver"))), 5u);
  EXPECT_EQ(to_bytes(to_message(Number{-1})).status(), Status(StatusCode::kInternal, "negative"));
  std::string text = "borrowed";
  const Result<Chain> bytes = to_bytes(Message(Chain(Bytes::borrow(as_bytes(text)))));
  text.assign(text.size(), 'x');
  EXPECT_EQ(bytes->to_string(), "borrowed");
}

TEST(DecodeMessage, CopiesAnObjectOfTheSameType) {
  const Number sent{7};
  Number received;
  ASSERT_EQ(detail::decode(nullptr, Message(&sent, MessageTraits<Number>::ops()), received), Status());
  EXPECT_EQ(received.value, 7);
  EXPECT_EQ(sent.value, 7);
}

TEST(DecodeMessage, EncodesAnObjectOfAnotherType) {
  const Number sent{7};
  Chain received;
  ASSERT_EQ(detail::decode(nullptr, Message(&sent, MessageTraits<Number>::ops()), received), Status());
  EXPECT_EQ(received.to_string(), "7");
  const Chain text = Chain::copy("8");
  Number number;
  ASSERT_EQ(detail::decode(nullptr, Message(&text, ops()), number), Status());
  EXPECT_EQ(number.value, 8);
}

TEST(DecodeMessage, DecodesBytes) {
  Number received;
  ASSERT_EQ(detail::decode(nullptr, Message(Chain::copy("9")), received), Status());
  EXPECT_EQ(received.value, 9);
}

}  // namespace
}  // namespace sluice::inline v0
