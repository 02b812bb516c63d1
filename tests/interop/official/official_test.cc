// Our client of gRPC's interop service with our server, over a pipe and in virtual time; and that the cases
// do fail where a server is not as it must be.
#include <gtest/gtest.h>

#include <set>

#include "cases.h"
#include "service.h"

namespace {

using namespace official;
using namespace std::chrono_literals;

Settings quick() {
  Settings settings;
  settings.soak_iterations = 5;
  settings.soak_min_time = Millis(100);
  settings.concurrent_calls = 50;
  return settings;
}

// A simulation with a server of `service`, and a client.
class World {
 public:
  explicit World(sluice::Service& service, sluice::ServerOptions options = server_options())
      : server_(runtime, std::move(options)) {
    EXPECT_TRUE(server_.register_service(service).ok());
    EXPECT_TRUE(server_.serve(runtime.listen("pipe:official").value()).ok());
  }
  // What the case complains of; empty: it has passed.
  std::string run(const std::string& name) {
    try {
      Cases(runtime, "pipe:official", "", quick()).run(name);
      return "";
    } catch (const std::exception& error) {
      return error.what();
    }
  }
  // The cases that fail.
  std::set<std::string> failing() {
    std::set<std::string> failing;
    for (const std::string& name : Cases::names()) {
      if (!run(name).empty()) failing.insert(name);
    }
    return failing;
  }
  grpc::testing::TestService::Stub stub() {
    return grpc::testing::TestService::Stub(sluice::dial(runtime, "pipe:official").value());
  }

  sluice::Runtime runtime{{.simulation_seed = 1}};

 private:
  sluice::Server server_;
};

class OfficialCase : public testing::TestWithParam<std::string> {};

TEST_P(OfficialCase, PassesOverAPipe) {
  TestService service("one");
  EXPECT_EQ(World(service).run(GetParam()), "");
}

INSTANTIATE_TEST_SUITE_P(All, OfficialCase, testing::ValuesIn(Cases::names()),
                         [](const auto& name) { return name.param; });

TEST(OfficialCases, FailWhereNothingIsImplemented) {
  grpc::testing::TestService::Service service;
  const std::vector<std::string> names = Cases::names();
  std::set<std::string> want(names.begin(), names.end());
  want.erase("unimplemented_method");
  want.erase("unimplemented_service");
  EXPECT_EQ(World(service).failing(), want);
}

TEST(OfficialCases, OfCompressionFailWhereNothingIsCompressed) {
  TestService service("one");
  const std::set<std::string> want = {"client_compressed_streaming", "client_compressed_unary",
                                      "server_compressed_streaming", "server_compressed_unary"};
  EXPECT_EQ(World(service, {.max_concurrent_streams = 100}).failing(), want);
}

TEST(OfficialCases, CancelACallThatTheServerHas) {
  struct Service : grpc::testing::TestService::Service {
    sluice::Task<sluice::Result<Empty>> EmptyCall(sluice::ServerContext&, const Empty&) override {
      co_return Empty();
    }
    sluice::Task<sluice::Result<StreamingInputCallResponse>> StreamingInputCall(
        sluice::ServerContext& context, sluice::ServerReader<StreamingInputCallRequest>& reader) override {
      StreamingInputCallRequest request;
      sluice::Status cut;
      while (co_await reader.read_into(request, cut)) ++messages;
      cancelled = context.cancelled();
      co_return StreamingInputCallResponse();
    }
    int messages = 0;
    bool cancelled = false;
  } service;
  EXPECT_EQ(World(service).run("cancel_after_begin"), "");
  EXPECT_TRUE(service.cancelled);
  EXPECT_EQ(service.messages, 0);
}

// What others ask of the service, and its own client does not.
TEST(OfficialService, TellsWhoItIs) {
  TestService service("one");
  World world(service);
  SimpleRequest request;
  EXPECT_EQ(world.stub().UnaryCall(request).get()->server_id(), "");
  request.set_fill_server_id(true);
  EXPECT_EQ(world.stub().UnaryCall(request).get()->server_id(), "one");
}

TEST(OfficialService, RefusesSizesItCannotHave) {
  TestService service("one");
  World world(service);
  SimpleRequest request;
  request.set_response_size(-1);
  EXPECT_EQ(world.stub().UnaryCall(request).get().status().code(), sluice::StatusCode::kInvalidArgument);
  request.set_response_size(0);
  request.set_response_type(static_cast<grpc::testing::PayloadType>(7));
  EXPECT_EQ(world.stub().UnaryCall(request).get().status().code(), sluice::StatusCode::kInvalidArgument);
}

TEST(OfficialService, RefusesCompressedRequestsThatMustNotBe) {
  TestService service("one");
  World world(service);
  const auto stub = grpc::testing::TestService::Stub(
      sluice::dial(world.runtime, "pipe:official", {.compressors = server_options().compressors}).value());
  SimpleRequest request = large_request();
  request.mutable_expect_compressed()->set_value(false);
  EXPECT_EQ(stub.UnaryCall(request, {.compression_algorithm = "gzip"}).get().status().code(),
            sluice::StatusCode::kInvalidArgument);
}

TEST(OfficialService, LeavesTimeBetweenReplies) {
  TestService service("one");
  World world(service);
  StreamingOutputCallRequest request = output_request();
  for (auto& parameters : *request.mutable_response_parameters()) parameters.set_interval_us(250'000);
  const auto start = world.runtime.now();
  const auto stub = world.stub();
  auto stream = stub.StreamingOutputCall(request);
  int replies = 0;
  while (stream.read().get()) ++replies;
  EXPECT_TRUE(stream.finish().get().ok());
  EXPECT_EQ(replies, 4);
  EXPECT_GE(world.runtime.now() - start, 1s);
}

TEST(OfficialService, AnswersHalfDuplexCallsWhenAllHasCome) {
  TestService service("one");
  World world(service);
  const auto stub = world.stub();
  auto stream = stub.HalfDuplexCall();
  for (const int size : {3, 5}) EXPECT_TRUE(stream.write(turn_request(1, size)).get().ok());
  EXPECT_TRUE(stream.close_write().get().ok());
  for (const std::size_t size : {3U, 5U}) EXPECT_EQ(stream.read().get()->payload().body().size(), size);
  EXPECT_FALSE(stream.read().get());
  EXPECT_TRUE(stream.finish().get().ok());
}

// A soak on a clock of its own: each call takes `took`, and every `nth` one fails.
std::string soak_with(const Settings& settings, Millis took, int nth) {
  Millis time{0};
  int calls = 0;
  try {
    soak(
        settings, [&] { return time; }, [&](Millis until) { time = std::max(time, until); },
        [&] {
          time += took;
          check(nth == 0 || ++calls % nth != 0, "failed");
        });
    return "";
  } catch (const Failure& failure) {
    return failure.what();
  }
}

TEST(Soak, JudgesWhenAllIsDone) {
  Settings settings;
  settings.soak_max_failures = 2;
  EXPECT_EQ(soak_with(settings, Millis(1000), 0), "");
  EXPECT_EQ(soak_with(settings, Millis(1), 5), "");
  EXPECT_EQ(soak_with(settings, Millis(1), 3), "3 of 10 calls failed: failed");
}

TEST(Soak, CountsSlowCallsAsFailures) {
  Settings settings;
  settings.soak_timeout = Millis(1e6);
  EXPECT_EQ(soak_with(settings, Millis(1001), 0), "10 of 10 calls failed: took 1001 ms");
}

TEST(Soak, EndsWhenItsTimeIsUp) {
  Settings settings;
  settings.soak_min_time = Millis(2000);
  EXPECT_EQ(soak_with(settings, Millis(1), 0), "only 5 of 10 calls within 10000 ms");
}

TEST(Flags, AreWrittenAsOfficialProgramsTakeThem) {
  const char* const argv[] = {"client", "--server_port=7", "--server_host",
                              "::1",    "-use_tls=false",  "--use_test_ca"};
  const Flags flags(6, argv, kClientFlags);
  EXPECT_EQ(host_and_port(flags), "[::1]:7");
  EXPECT_FALSE(flags.is("use_tls"));
  EXPECT_TRUE(flags.is("use_test_ca"));
}

TEST(Flags, RefuseWhatTheyDoNotKnow) {
  const char* const unknown[] = {"client", "--sever_port=7"};
  EXPECT_THROW(Flags(2, unknown, kClientFlags), Failure);
  const char* const word[] = {"client", "7"};
  EXPECT_THROW(Flags(2, word, kClientFlags), Failure);
  const char* const number[] = {"client", "--soak_iterations=many"};
  EXPECT_THROW(Settings(Flags(2, number, kClientFlags)), Failure);
}

}  // namespace
