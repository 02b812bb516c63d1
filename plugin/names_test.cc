// Which names are left alone and which are not; what becomes of them stands in the golden files.
#include "names.h"

#include <gtest/gtest.h>

namespace sluice_plugin {
namespace {

TEST(Reserved, HasKeywords) {
  const Reserved reserved;
  for (const char* word : {"alignas", "class", "co_await", "concept", "requires", "xor_eq"}) {
    EXPECT_TRUE(reserved.is_keyword(word)) << word;
    EXPECT_TRUE(reserved.is_word(word)) << word;
  }
  for (const char* word : {"", "Class", "final", "override", "import", "module", "zzz", "a"}) {
    EXPECT_FALSE(reserved.is_word(word)) << word;
  }
}

TEST(Reserved, HasMacrosOfAnyHeader) {
  const Reserved reserved;
  for (const char* word :
       {"NULL", "EOF", "errno", "assert", "linux", "unix", "stdin", "stdout", "major", "minor", "SIGHUP",
        "EINTR", "BUFSIZ", "offsetof", "htonl", "NAN", "UINT8_MAX", "alloca", "st_atime"}) {
    EXPECT_TRUE(reserved.is_word(word)) << word;
    EXPECT_FALSE(reserved.is_keyword(word)) << word;
  }
}

TEST(Reserved, HasTheNamesOfTheImplementation) {
  const Reserved reserved;
  for (const char* word : {"__linux__", "__x", "_X", "__"}) EXPECT_TRUE(reserved.is_word(word)) << word;
  for (const char* word : {"_", "_x", "x__", "_1"}) EXPECT_FALSE(reserved.is_word(word)) << word;
}

TEST(Reserved, HasTypesAndNamespacesOfTheGlobalNamespace) {
  const Reserved reserved;
  for (const char* word : {"std", "google", "absl", "sluice", "FILE", "size_t", "tm", "stat", "uint8_t"}) {
    EXPECT_TRUE(reserved.is_global(word)) << word;
    EXPECT_FALSE(reserved.is_word(word)) << word;
  }
  for (const char* word : {"time", "printf", "Channel", "environ"})
    EXPECT_FALSE(reserved.is_global(word)) << word;
}

TEST(Names, TakeTheEndingOff) {
  EXPECT_EQ(without_proto("a/b.c.proto"), "a/b.c");
  EXPECT_EQ(without_proto("x.protodevel"), "x");
  EXPECT_EQ(without_proto("x"), "x");
}

}  // namespace
}  // namespace sluice_plugin
