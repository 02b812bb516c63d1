// What of errno means that something of the machine has run out.
#include "net/fd.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace sluice::inline v0::net {
namespace {

TEST(Fd, SaysWhatHasRunOut) {
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC}) {
    EXPECT_TRUE(is_exhausted(error)) << error;
    EXPECT_EQ(socket_failure(StatusCode::kUnavailable, "listen", error).code(),
              StatusCode::kResourceExhausted);
  }
  for (const int error : {EACCES, ECONNREFUSED, EADDRINUSE, 0}) EXPECT_FALSE(is_exhausted(error)) << error;
}

}  // namespace
}  // namespace sluice::inline v0::net
