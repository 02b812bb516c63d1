// Comments and names of files on their way into C++.
#include "text.h"

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice_plugin {
namespace {

std::string comment(std::string_view text) {
  std::string out;
  {
    google::protobuf::io::StringOutputStream stream(&out);
    google::protobuf::io::Printer printer(&stream, '$');
    print_comment_lines(text, printer);
  }
  return out;
}

TEST(Comment, HasALineOfItsOwnForEachEndOfALine) {
  for (const char* end : {"\n", "\r", "\r\n", "\f", "\v", "\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9"}) {
    EXPECT_EQ(comment(std::string(" one") + end + "int two;" + end), "// one\n// int two;\n") << end;
    EXPECT_EQ(comment(std::string(" one") + end + end + " two"), "// one\n//\n// two\n") << end;
  }
  EXPECT_EQ(comment(" one\n\rtwo"), "// one\n//\n// two\n");
}

TEST(Comment, IsNothingWithoutText) {
  EXPECT_EQ(comment(""), "");
  EXPECT_EQ(comment("\n"), "//\n");
}

TEST(Comment, DoesNotReachIntoTheNextLine) {
  EXPECT_EQ(comment(" a\\\n"), "// a\\ //\n");
  EXPECT_EQ(comment(" a\\\r\n"), "// a\\ //\n");
  EXPECT_EQ(comment(" a\\ \t\n b\\"), "// a\\ //\n// b\\ //\n");
  EXPECT_EQ(comment(" a?\?/\n"), "// a?\?/ //\n");
}

TEST(Comment, HasNoCharacterThatTurnsTextAround) {
  EXPECT_EQ(comment(" a\xE2\x80\xAE b\xE2\x81\xA6 c\xE2\x80\x8F d\xD8\x9C"), "// a b c d\n");
}

TEST(Comment, HasNoControlCharacters) {
  EXPECT_EQ(comment(std::string(" a\0b\x07\x7F\xC2\x80 c\td", 13)), "// a b    c\td\n");
}

TEST(Comment, IsUtf8) {
  EXPECT_EQ(comment(" caf\xC3\xA9 \xF0\x9F\x98\x80 \xE2\x82\xAC"),
            "// caf\xC3\xA9 \xF0\x9F\x98\x80 \xE2\x82\xAC\n");
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(comment(" caf\xE9!"), "// caf" + bad + "!\n");
  // Too long, a surrogate, beyond the last character, cut off.
  EXPECT_EQ(comment("\xC0\x80"), "// " + bad + bad + "\n");
  EXPECT_EQ(comment("\xE0\x80\x80"), "// " + bad + bad + bad + "\n");
  EXPECT_EQ(comment("\xED\xA0\x80"), "// " + bad + bad + bad + "\n");
  EXPECT_EQ(comment("\xF4\x90\x80\x80"), "// " + bad + bad + bad + bad + "\n");
  EXPECT_EQ(comment("\xE2\x82"), "// " + bad + bad + "\n");
}

TEST(Comment, OfOneLineStaysOne) {
  EXPECT_EQ(comment_text("a\nb.proto"), "a b.proto");
  EXPECT_EQ(comment_text("a\\"), "a\\ //");
}

TEST(Literal, HasTheBytes) {
  EXPECT_EQ(literal_of("a b.proto"), "\"a b.proto\"");
  EXPECT_EQ(literal_of("a\"b\\c?"), "\"a\\\"b\\\\c\\?\"");
  EXPECT_EQ(literal_of(std::string_view("\0"
                                        "1\n\x7F",
                                        4)),
            "\"\\0001\\012\\177\"");
  EXPECT_EQ(literal_of("\xC3\xA9"), "\"\xC3\xA9\"");
}

}  // namespace
}  // namespace sluice_plugin
