// The pipe on one loop: what its Conn contract leaves open, and how it is scheduled.
#include "net/pipe.h"

#include <gtest/gtest.h>

#include "sluice/net/memory_network.h"
#include "support/loop_fixture.h"

namespace sluice::net {
namespace {

using support::LoopTest;
using Pipe = LoopTest;

Task<std::string> read_text(Conn& conn) {
  ReadResult read = (co_await conn.read()).value();
  co_return read.eof ? std::string("<eof>") : read.data.to_string();
}

Task<void> say_hello(Conn& a, Conn& b) {
  EXPECT_TRUE((co_await a.write(Chain::copy("hello"))).ok());
  EXPECT_EQ(co_await read_text(b), "hello");
}

TEST_F(Pipe, CarriesBytes) {
  PipePair pipe = make_pipe(loop(), loop());
  run(say_hello(*pipe.a, *pipe.b));
  EXPECT_EQ(loop().live().conns, 2);
}

}  // namespace
}  // namespace sluice::net
