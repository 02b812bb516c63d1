// Addr: what parses, what is refused, and that the text survives.
#include "sluice/base/addr.h"

#include <gtest/gtest.h>

namespace sluice::inline v0 {
namespace {

TEST(Addr, SplitsAtTheFirstColonOnly) {
  const Result<Addr> tcp = Addr::parse("tcp:127.0.0.1:50051");
  ASSERT_TRUE(tcp.ok()) << tcp.status();
  EXPECT_EQ(tcp->scheme, "tcp");
  EXPECT_EQ(tcp->text, "127.0.0.1:50051");
}

TEST(Addr, GivesBackTheTextItWasParsedFrom) {
  for (const char* text :
       {"pipe:greeter", "unix:/run/greeter.sock", "unix-abstract:x", "a+b.c-1:::", "1:#"}) {
    const Result<Addr> addr = Addr::parse(text);
    ASSERT_TRUE(addr.ok()) << addr.status();
    EXPECT_EQ(addr->to_string(), text);
  }
}

TEST(Addr, IsEmptyTextWhenDefault) {
  EXPECT_EQ(Addr().to_string(), "");
  EXPECT_EQ(Addr(), Addr());
  EXPECT_NE(Addr(), Addr::parse("pipe:a").value());
}

TEST(Addr, NamesTheTextThatItRefuses) {
  const auto message_of = [](const char* text) {
    const Result<Addr> addr = Addr::parse(text);
    EXPECT_EQ(addr.status().code(), StatusCode::kInvalidArgument) << text;
    return std::string(addr.status().message());
  };
  EXPECT_EQ(message_of("greeter"), "address \"greeter\" has no scheme");
  EXPECT_EQ(message_of(""), "address \"\" has no scheme");
  EXPECT_EQ(message_of(":greeter"), "address \":greeter\" has an empty scheme");
  EXPECT_EQ(message_of("pipe:"), "address \"pipe:\" has nothing after its scheme");
  EXPECT_EQ(message_of("PIPE:a"), "address \"PIPE:a\" has a scheme that is not of a-z, 0-9, +, - and .");
  EXPECT_EQ(message_of("p_e:a"), "address \"p_e:a\" has a scheme that is not of a-z, 0-9, +, - and .");
}

}  // namespace
}  // namespace sluice::inline v0
