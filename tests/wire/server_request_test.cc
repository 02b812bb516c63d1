// What a server makes of requests, and what it answers: heads, paths, messages.
#include <string>
#include <vector>

#include "wire/wire.h"

namespace sluice::wire {
namespace {

class ServerRequests : public WireTest {};
INSTANTIATE_TEST_SUITE_P(All, ServerRequests, ::testing::ValuesIn(kRuntimes), support::name_of);

TEST_P(ServerRequests, UnaryCallIsAnsweredByHeadersMessageAndTrailers) {
  RawService service;
  ServedRaw served(runtime(), service);
  ScriptedClient client(runtime(), "pipe:served");
  client.greet();
  client.send(unary_request(1, "hello"));
  EXPECT_EQ(client.take(), (std::vector<std::string>{
                               "HEADERS 1 [:status 200, content-type application/grpc]",
                               "DATA 1 10 bytes",
                               "HEADERS 1 END [grpc-status 0]",
                           }));
  EXPECT_EQ(client.stream(1).data, message("hello"));
}

}  // namespace
}  // namespace sluice::wire
