// Messages that are small on the wire and large in memory, from clients and from servers.
#include "attacks/attack.h"
#include "sluice/compression/compressors.h"

namespace sluice::attacks {
namespace {

using support::live_heap;
using support::take_peak_bytes;

constexpr std::int64_t kKibibyte = 1 << 10;
constexpr std::int64_t kMebibyte = 1 << 20;
constexpr std::int64_t kLimit = 4 * kMebibyte;  // of messages, the default
constexpr const char* kAlgorithms[] = {"gzip", "deflate", "zstd"};

// Zeros, so many.
std::string bomb(std::string_view algorithm, std::int64_t size) {
  const Chain zeros = Chain::copy(std::string(static_cast<std::size_t>(size), '\0'));
  return all_compressors().find(algorithm)->compress(zeros).value().to_string();
}

// What running `f` takes at most, beyond what there was before.
template <class F>
std::int64_t peak_of(F f) {
  const std::int64_t before = live_heap().bytes;
  (void)take_peak_bytes();
  f();
  return take_peak_bytes() - before;
}

class CompressionAttacks : public Attack {
 protected:
  static std::string request(StreamId id, std::string_view method, std::string_view algorithm,
                             const std::string& messages, std::uint8_t flags = kEnd) {
    return Wire()
        .headers(
            id, request_head("/test.Raw/" + std::string(method), {{"grpc-encoding", std::string(algorithm)}}))
        .data(id, messages, flags)
        .str();
  }
};
INSTANTIATE_TEST_SUITE_P(Simulated, CompressionAttacks, ::testing::ValuesIn(kSeeds), support::name_of);

// The decoder alone: the limit, and 64 KiB for itself.
TEST(Bombs, CostADecoderTheLimit) {
  for (const char* algorithm : kAlgorithms) {
    SCOPED_TRACE(algorithm);
    const Chain packed = Chain::copy(bomb(algorithm, 16 * kMebibyte));
    EXPECT_LT(packed.size() * 900, std::size_t{16 << 20});
    const CompressorSet fresh = all_compressors();
    Status status;
    const auto inflate = [&](std::size_t limit) {
      return peak_of([&] { status = fresh.find(algorithm)->decompress(packed, limit).status(); });
    };
    for (const std::int64_t limit : {std::int64_t{0}, kKibibyte, kMebibyte, kLimit}) {
      EXPECT_LE(inflate(static_cast<std::size_t>(limit)), limit + 64 * kKibibyte);
      EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
    }
    // Without the limit it is what it is.
    EXPECT_GE(inflate(SIZE_MAX), 16 * kMebibyte);
    EXPECT_EQ(status, Status());
  }
}

// A zstd frame may say anything of its window and its size before it brings a byte.
TEST(Bombs, AnnouncedSizesCostNothing) {
  const std::string magic = "\x28\xb5\x2f\xfd", last_block("\x01\0\0", 3);
  const std::string window_of_8_mib = magic + std::string("\x00\x68", 2) + last_block;
  const std::string window_of_2_tib = magic + std::string("\x00\xf8", 2) + last_block;
  const std::string size_of_8_eib = magic + "\xe0" + std::string(7, '\0') + "\x7f" + last_block;
  const std::string size_under_the_limit = magic + std::string("\xa0\0\0\x20\0", 5) + last_block;  // 2 MiB
  const CompressorSet set = all_compressors();
  const auto inflate = [&](const std::string& frame, StatusCode code) {
    const Chain packed = Chain::copy(frame);
    return peak_of([&] {
      const Result<Chain> message = set.find("zstd")->decompress(packed, kLimit);
      EXPECT_EQ(message.status().code(), code) << message.status();
    });
  };
  EXPECT_LE(inflate(window_of_8_mib, StatusCode::kOk), 64 * kKibibyte);
  EXPECT_LE(inflate(window_of_2_tib, StatusCode::kInternal), 64 * kKibibyte);
  EXPECT_LE(inflate(size_of_8_eib, StatusCode::kResourceExhausted), 64 * kKibibyte);
  // What might be true is believed, and never more than the limit.
  EXPECT_LE(inflate(size_under_the_limit, StatusCode::kInternal), 2 * kMebibyte + 64 * kKibibyte);
}

// A server's decoders take the limit, and what came on the wire is held beside it.
TEST_P(CompressionAttacks, BombFailsItsCallOnly) {
  for (const char* algorithm : kAlgorithms) {
    const std::string packed = bomb(algorithm, 16 * kMebibyte);
    for (const char* method : {"Unary", "RequestStream"}) {
      SCOPED_TRACE(std::string(algorithm) + " " + method);
      Victim victim;
      for (const bool guarded : {true, false}) {
        ServedRaw served(runtime(), victim,
                         {.server = {.max_receive_message_size = guarded ? kLimit : SIZE_MAX,
                                     .compressors = all_compressors()}});
        ScriptedClient attacker(runtime(), "pipe:served");
        attacker.greet();
        const std::string wire = request(1, method, algorithm, message(packed, 1));
        const std::int64_t peak = peak_of([&] { attacker.send(wire); });
        if (guarded) {
          EXPECT_EQ(attacker.outcome(1),
                    "8 message exceeds the limit of 4194304 bytes once it is decompressed");
          EXPECT_LE(peak, kLimit + 64 * kKibibyte + 4 * static_cast<std::int64_t>(wire.size()));
          attacker.send(Wire().headers(3, request_head("/test.Raw/Unary")).data(3, message("m"), kEnd));
          EXPECT_EQ(attacker.outcome(3), "0");
        } else {
          EXPECT_GE(peak, 16 * kMebibyte);
        }
      }
    }
  }
}

TEST_P(CompressionAttacks, NestedBombIsOneMessage) {
  for (const char* algorithm : kAlgorithms) {
    const std::string inner = bomb(algorithm, 16 * kMebibyte);
    const std::string outer =
        all_compressors().find(algorithm)->compress(Chain::copy(inner)).value().to_string();
    Victim victim;
    ServedRaw served(runtime(), victim, {.server = {.compressors = all_compressors()}});
    ScriptedClient attacker(runtime(), "pipe:served");
    attacker.greet();
    const std::string wire = request(1, "Unary", algorithm, message(outer, 1));
    EXPECT_LE(peak_of([&] { attacker.send(wire); }), kMebibyte);
    EXPECT_EQ(attacker.outcome(1), "0");
    EXPECT_TRUE(attacker.stream(1).data == message(inner));
  }
}

TEST_P(CompressionAttacks, GarbageBehindAMessageFailsItsCallOnly) {
  Victim victim;
  ServedRaw served(runtime(), victim, {.server = {.compressors = all_compressors()}});
  ScriptedClient attacker(runtime(), "pipe:served");
  attacker.greet();
  StreamId id = 1;
  for (const char* algorithm : kAlgorithms) {
    for (const std::string& garbage : {std::string("garbage"), std::string(50'000, '\xff')}) {
      attacker.send(request(id, "Unary", algorithm, message(bomb(algorithm, 1000) + garbage, 1)));
      EXPECT_EQ(attacker.outcome(id).substr(0, 11), "13 corrupt ") << attacker.outcome(id);
      id += 2;
    }
  }
  attacker.send(Wire().headers(id, request_head("/test.Raw/Unary")).data(id, message("m"), kEnd));
  EXPECT_EQ(attacker.outcome(id), "0");
}

// A window full of them, for a handler that does not read: they wait as they came.
TEST_P(CompressionAttacks, BombsThatNobodyReadsStayPacked) {
  for (const char* algorithm : kAlgorithms) {
    Victim victim;
    ServedRaw served(runtime(), victim, {.server = {.compressors = all_compressors()}});
    ScriptedClient attacker(runtime(), "pipe:served");
    attacker.greet();
    const std::string one = message(bomb(algorithm, kMebibyte), 1);
    std::string many;
    while (many.size() + one.size() < 16'000) many += one;
    ASSERT_GE(many.size() / one.size(), 10u);
    const std::string wire = request(1, "Bidi", algorithm, many, 0);
    EXPECT_LE(peak_of([&] { attacker.send(wire); }), kMebibyte / 2) << algorithm;
    EXPECT_EQ(victim.running, 1);
    victim.let_go.count_down();
  }
}

// Requests that wait for a handler's place are packed too.
TEST_P(CompressionAttacks, BombsThatWaitForAPlaceStayPacked) {
  struct Waits final : RawService {
    Task<Result<Chain>> unary(ServerContext&, const Chain& request) override {
      ++running;
      co_await let_go.wait();
      co_return bytes(std::to_string(request.size()));
    }
    Latch let_go;
    int running = 0;
  };
  for (const std::uint32_t places : {2u, 20u}) {
    Waits waits;
    ServedRaw served(runtime(), waits,
                     {.server = {.compressors = all_compressors(), .limits = {.running_handlers = places}}});
    ScriptedClient attacker(runtime(), "pipe:served");
    attacker.greet();
    const std::string packed = message(bomb("gzip", kMebibyte), 1);
    std::string wire;
    for (int i = 0; i < 20; ++i) wire += request(id_of(i), "Unary", "gzip", packed);
    const std::int64_t peak = peak_of([&] { attacker.send(wire); });
    EXPECT_EQ(waits.running, static_cast<int>(places));
    EXPECT_GE(peak, places * kMebibyte);
    EXPECT_LE(peak, (places + 3) * kMebibyte);
    waits.let_go.count_down();
    settle();
    for (int i = 0; i < 20; ++i) EXPECT_EQ(attacker.outcome(id_of(i)), "0");
  }
}

// Members and frames of nothing, by the ten thousand, are an empty message.
TEST_P(CompressionAttacks, ManyEmptyMembersAreNothing) {
  for (const char* algorithm : {"gzip", "zstd"}) {
    const std::string one = bomb(algorithm, 0);
    std::string many;
    while (many.size() < 60'000) many += one;
    Victim victim;
    ServedRaw served(runtime(), victim, {.server = {.compressors = all_compressors()}});
    ScriptedClient attacker(runtime(), "pipe:served");
    attacker.greet();
    Wire wire;
    wire.headers(1, request_head("/test.Raw/Unary", {{"grpc-encoding", algorithm}}));
    const std::string framed = message(many, 1);
    for (std::size_t at = 0; at < framed.size(); at += 16'000) {
      const std::string_view piece = std::string_view(framed).substr(at, 16'000);
      wire.data(1, piece, at + piece.size() == framed.size() ? kEnd : std::uint8_t{0});
    }
    EXPECT_LE(peak_of([&] { attacker.send(wire.str()); }), kMebibyte);
    EXPECT_EQ(attacker.outcome(1), "0") << algorithm;
    EXPECT_EQ(attacker.stream(1).data, message(""));
  }
}

class BombingServers : public support::ClientTest {};
INSTANTIATE_TEST_SUITE_P(Simulated, BombingServers, ::testing::ValuesIn(kSeeds), support::name_of);

TEST_P(BombingServers, CostTheirCallAndNotTheChannel) {
  const Chain request = bytes("m");
  const auto answer = [](StreamId id, const char* algorithm, const std::string& data) {
    return Wire()
        .headers(id, {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-encoding", algorithm}})
        .data(id, data)
        .headers(id, support::kOkTrailers, kEnd)
        .str();
  };
  for (const bool guarded : {true, false}) {
    const Channel channel =
        dial(runtime(), "pipe:scripted",
             {.max_receive_message_size = guarded ? kLimit : SIZE_MAX, .compressors = all_compressors()})
            .value();
    std::optional<Call<Chain>> call(channel.invoke(support::kUnary, request).start());
    support::ScriptedPeer& server = accept();
    StreamId id = 1;
    for (const char* algorithm : kAlgorithms) {
      const std::string wire = answer(id, algorithm, message(bomb(algorithm, 16 * kMebibyte), 1));
      Result<Chain> reply = Status();
      const std::int64_t peak = peak_of([&] { server.send(wire), reply = call->get(); });
      if (guarded) {
        EXPECT_EQ(reply.status(),
                  Status(StatusCode::kResourceExhausted,
                         "message exceeds the limit of 4194304 bytes once it is decompressed"));
        EXPECT_LE(peak, kLimit + 64 * kKibibyte + 4 * static_cast<std::int64_t>(wire.size()));
      } else {
        EXPECT_TRUE(reply.ok() && reply->size() == 16u << 20) << reply.status();
        EXPECT_GE(peak, 16 * kMebibyte);
      }
      call.emplace(channel.invoke(support::kUnary, request).start());
      settle();
      id += 2;
    }
    server.send(answer(id, "gzip", message("better")));
    EXPECT_EQ(support::text_of(call->get()), "better");
  }
}

}  // namespace
}  // namespace sluice::attacks
