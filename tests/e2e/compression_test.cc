// Compressed calls from one end to the other: all kinds of methods, every encoding, users' own ones,
// interceptors in between.
#include <malloc.h>

#include <atomic>
#include <span>
#include <stdexcept>
#include <string>

#include "sluice/compression/compressors.h"
#include "support/raw_service.h"

namespace sluice::e2e {
namespace {

using namespace std::chrono_literals;
using namespace support;

class Compressed : public support::RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(All, Compressed, ::testing::ValuesIn(support::kAllRuntimes), support::name_of);

std::string words(std::size_t size) {
  std::string text;
  while (text.size() < size) text += "words and " + std::to_string(text.size()) + " ";
  text.resize(size);
  return text;
}

void expect_echo(const Result<Chain>& reply, const std::string& text) {
  EXPECT_TRUE(text_of(reply) == text) << text_of(reply).substr(0, 200);
}

// All four kinds of methods with messages of this text.
void call_all(ServedRaw& served, const std::string& text, const CallOptions& options = {}) {
  const Chain message = bytes(text);
  expect_echo(served.unary(message, options).get(), text);
  auto reader = served.reply_stream(message, options);
  for (int i = 0; i < 3; ++i) {
    const Read<Chain> reply = reader.read().get();
    EXPECT_TRUE(reply && reply->to_string() == text);
  }
  EXPECT_FALSE(reader.read().get());
  EXPECT_EQ(reader.finish().get(), Status());
  auto writer = served.request_stream(options);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(writer.write(message).get(), Status());
  expect_echo(writer.finish().get(), text + text + text);
  auto both = served.bidi(options);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(both.write(message, {.no_compression = i == 1}).get(), Status());
    const Read<Chain> reply = both.read().get();
    EXPECT_TRUE(reply && reply->to_string() == text);
  }
  EXPECT_EQ(both.finish().get(), Status());
}

TEST_P(Compressed, AllKindsOfMethodsInBothDirections) {
  RawService service;
  for (const char* algorithm : {"gzip", "deflate", "zstd"}) {
    ServedRaw served(runtime(), service,
                     {.server = {.compressors = all_compressors(), .compression_algorithm = algorithm},
                      .channel = {.compressors = all_compressors(), .compression_algorithm = algorithm}});
    for (const std::size_t size : {0, 1, 1'000, 100'000, 1'000'000}) call_all(served, words(size));
  }
}

TEST_P(Compressed, EachEndMayHaveItsOwn) {
  RawService service;
  ServedRaw served(
      runtime(), service,
      {.server = {.compressors = {gzip_compressor(), zstd_compressor()}, .compression_algorithm = "zstd"},
       .channel = {.compressors = all_compressors(), .compression_algorithm = "gzip"}});
  call_all(served, words(10'000));
  call_all(served, words(10'000), {.compression_algorithm = "zstd"});
  call_all(served, words(10'000), {.compression_algorithm = "identity"});
  EXPECT_EQ(served.unary(bytes("m"), {.compression_algorithm = "deflate"}).get().status(),
            Status(StatusCode::kUnimplemented, "grpc-encoding \"deflate\" is not among identity,gzip,zstd"));
  ServedRaw without(runtime(), service,
                    {.address = "pipe:without",
                     .server = {.compressors = all_compressors(), .compression_algorithm = "gzip"}});
  call_all(without, words(10'000));
}

TEST_P(Compressed, CallsThatFailHaveTheirStatus) {
  struct Impl final : RawService {
    Task<Result<Chain>> unary(ServerContext&, const Chain&) override {
      co_return Status(StatusCode::kNotFound, "no such thing");
    }
  } service;
  ServedRaw served(runtime(), service,
                   {.server = {.compressors = all_compressors(), .compression_algorithm = "gzip"},
                    .channel = {.compressors = all_compressors(), .compression_algorithm = "gzip"}});
  EXPECT_EQ(served.unary(bytes(words(1000))).get().status(), Status(StatusCode::kNotFound, "no such thing"));
}

// Halves a text of pairs, borrowing from the message where it can; misbehaves when told to.
class Halves final : public Compressor {
 public:
  enum class Fault { kNone, kThrows, kOddCode, kIgnoresLimit };
  std::string_view name() const override { return "x-halves"; }
  Result<Chain> compress(const Chain& message) const override {
    ++uses;
    if (fault == Fault::kThrows) throw std::runtime_error("out of order");
    if (fault == Fault::kOddCode) return {StatusCode::kNotFound, "no halves"};
    Chain half = message;
    return half.take_front(message.size() / 2);
  }
  Result<Chain> decompress(const Chain& packed, std::size_t max_size) const override {
    ++uses;
    if (packed.size() * 2 > max_size && fault != Fault::kIgnoresLimit)
      return {StatusCode::kResourceExhausted, "too much of it"};
    if (packed.to_string().starts_with("throw")) throw std::runtime_error("out of order");
    if (packed.to_string().starts_with("odd")) return {StatusCode::kDataLoss, "odd"};
    Chain whole = packed;
    whole.append(Chain(packed));
    return whole;
  }
  Fault fault = Fault::kNone;
  mutable std::atomic<int> uses{0};
};

TEST_P(Compressed, ProgramsMayBringTheirOwn) {
  RawService service;
  const auto halves = std::make_shared<Halves>();
  ServedRaw served(runtime(), service,
                   {.server = {.compressors = {halves}, .compression_algorithm = "x-halves"},
                    .channel = {.compressors = {halves}, .compression_algorithm = "x-halves"}});
  const std::string text = words(5'000) + words(5'000);
  call_all(served, text);
  EXPECT_EQ(halves->uses, 4 + 8 + 8 + 10);

  // Faults of its own have codes that a library may give.
  for (const auto& [half, expected] : std::vector<std::pair<std::string, std::string>>{
           {"throw", "UNKNOWN: compressor threw: out of order"}, {"odd", "DATA_LOSS: odd"}}) {
    EXPECT_EQ(text_of(served.unary(bytes(half + half)).get()),
              "INTERNAL: x-halves does not decompress: " + expected);
  }
  halves->fault = Halves::Fault::kThrows;
  EXPECT_EQ(text_of(served.unary(bytes(text)).get()),
            "INTERNAL: x-halves does not compress: UNKNOWN: compressor threw: out of order");
  halves->fault = Halves::Fault::kOddCode;
  EXPECT_EQ(text_of(served.unary(bytes(text)).get()),
            "INTERNAL: x-halves does not compress: NOT_FOUND: no halves");
  // A write that fails ends no stream.
  auto stream = served.bidi();
  EXPECT_EQ(stream.write(bytes(text)).get(),
            Status(StatusCode::kInternal, "x-halves does not compress: NOT_FOUND: no halves"));
  EXPECT_EQ(stream.write(bytes(text), {.no_compression = true}).get(), Status());
}

// What the packed message borrows is the caller's, and may change when the write has been started.
TEST_P(Compressed, OnesThatBorrowFromTheMessageKeepNothingOfTheCallers) {
  RawService service;
  const auto halves = std::make_shared<Halves>();
  ServedRaw served(runtime(), service,
                   {.server = {.compressors = {halves}, .compression_algorithm = "x-halves"},
                    .channel = {.compressors = {halves}, .compression_algorithm = "x-halves"}});
  for (const std::size_t half : {50u, 5'000u, 300'000u}) {
    auto stream = served.bidi();
    const std::string text = std::string(half, 'a') + std::string(half, 'a');
    std::string memory = text;
    {
      Call<Status> write = stream.write(Chain(Bytes::borrow(std::as_bytes(std::span(memory))))).start();
      memory.assign(memory.size(), 'b');
      EXPECT_EQ(write.get(), Status());
    }
    const Read<Chain> reply = stream.read().get();
    ASSERT_TRUE(reply);
    EXPECT_TRUE(reply->to_string() == text) << half;
    EXPECT_EQ(stream.finish().get(), Status());
  }
}

// Halves a text of pairs. All that it gives lies in the memory of the message.
class Borrows final : public Compressor {
 public:
  std::string_view name() const override { return "x-borrows"; }
  Result<Chain> compress(const Chain& message) const override {
    if (message.count() != 1) return {StatusCode::kInternal, "more than one slice"};
    return Chain(Bytes::borrow(message.front().span().first(message.size() / 2)));
  }
  Result<Chain> decompress(const Chain& packed, std::size_t) const override {
    Chain whole = packed;
    whole.append(Chain(packed));
    return whole;
  }
};

// Whoever reads memory that was given back sees other bytes than it held.
struct FreedMemoryIsOverwritten {
#ifdef M_PERTURB  // glibc, beyond the small blocks that each thread keeps
  FreedMemoryIsOverwritten() { ::mallopt(M_PERTURB, 0x55); }
  ~FreedMemoryIsOverwritten() { ::mallopt(M_PERTURB, 0); }
#endif
};

// The message in its encoded form goes as soon as it is compressed, before anything leaves.
TEST_P(Compressed, OnesThatBorrowAreCopiedBeforeTheEncodedMessageGoes) {
  RawService service;
  const auto borrows = std::make_shared<Borrows>();
  ServedRaw served(runtime(), service,
                   {.server = {.compressors = {borrows}},
                    .channel = {.compressors = {borrows}, .compression_algorithm = "x-borrows"}});
  const FreedMemoryIsOverwritten overwritten;
  for (const std::size_t half : {1'000u, 10'000u, 50'000u}) {
    const std::string text = words(half) + words(half);
    // Of what borrows, the encoded message is a copy.
    const Chain message(Bytes::borrow(std::as_bytes(std::span(text))));
    expect_echo(served.unary(message).get(), text);
    auto writer = served.request_stream();
    for (int i = 0; i < 2; ++i) EXPECT_EQ(writer.write(message).get(), Status());
    expect_echo(writer.finish().get(), text + text);
  }
}

TEST_P(Compressed, OnesThatIgnoreTheLimitAreCorrected) {
  RawService service;
  const auto halves = std::make_shared<Halves>();
  halves->fault = Halves::Fault::kIgnoresLimit;
  ServedRaw served(runtime(), service,
                   {.server = {.max_receive_message_size = 1000, .compressors = {halves}},
                    .channel = {.compressors = {halves}, .compression_algorithm = "x-halves"}});
  EXPECT_EQ(text_of(served.unary(bytes(std::string(1002, 'x'))).get()),
            "RESOURCE_EXHAUSTED: decompressed message of 1002 bytes exceeds the limit of 1000");
}

// Sees each call twice, and its messages as they were before they were compressed.
class Repeats final : public ClientInterceptor, public MessageFilter {
 public:
  Task<Status> intercept(ClientInvocation& call) override {
    (void)co_await call.next(*this);
    co_return co_await call.next(*this);
  }
  Status on_request(Message& request) override {
    seen = request.bytes().to_string();
    return {};
  }
  std::string seen;
};

TEST_P(Compressed, InterceptorsSeeMessagesAsTheyAre) {
  RawService service;
  const auto halves = std::make_shared<Halves>();
  const auto repeats = std::make_shared<Repeats>();
  ServedRaw served(
      runtime(), service,
      {.server = {.compressors = {halves}}, .channel = {.compressors = {halves}, .interceptors = {repeats}}});
  const std::string text = words(5'000) + words(5'000);
  expect_echo(served.unary(bytes(text), {.compression_algorithm = "x-halves"}).get(), text);
  EXPECT_EQ(repeats->seen, text);
  EXPECT_EQ(halves->uses, 4) << "both attempts were compressed";
  auto reader = served.reply_stream(bytes(text), {.compression_algorithm = "x-halves"});
  EXPECT_EQ(reader.finish().get(), Status());
  EXPECT_EQ(halves->uses, 8);
}

// Says in the header and in each reply whether the request came compressed; sends every other reply as it is.
class Tells final : public RawService {
 public:
  Task<Result<Chain>> unary(ServerContext& context, const Chain&) override { co_return answer(context); }
  Task<Status> reply_stream(ServerContext& context, const Chain&, ServerWriter<Chain>& writer) override {
    for (int i = 0; i < 3; ++i) {
      const Chain reply = answer(context);
      if (Status s = co_await writer.write(reply, {.no_compression = i == 1}); !s.ok()) co_return s;
    }
    co_return Status();
  }
  Task<Result<Chain>> request_stream(ServerContext& context, ServerReader<Chain>& reader) override {
    std::string seen;
    while (co_await reader.read()) seen += context.message_compressed() ? "[]" : "-";
    co_return Chain::copy(seen + words(1'000));
  }
  Task<Status> bidi(ServerContext& context, ServerReaderWriter<Chain, Chain>& stream) override {
    Chain request;
    while (co_await stream.read_into(request)) {
      const Chain reply = answer(context);
      if (Status s = co_await stream.write(reply); !s.ok()) co_return s;
    }
    co_return Status();
  }

 private:
  static Chain answer(const ServerContext& context) {
    return Chain::copy((context.message_compressed() ? "[]" : "-") + words(1'000));
  }
};

// What the server says of the request, and whether the reply came compressed: "[] in -".
std::string told(const std::optional<Chain>& reply, bool reply_compressed) {
  if (!reply) return "nothing";
  const std::string text = reply->to_string();
  return text.substr(0, text.find("words")) + (reply_compressed ? " in []" : " in -");
}

void expect_told(ServedRaw& served) {
  const Chain message = bytes(words(1'000));
  for (const char* algorithm : {"gzip", "identity"}) {
    const CallOptions options{.compression_algorithm = algorithm};
    const std::string there = std::string(algorithm) == "gzip" ? "[]" : "-";
    bool compressed = false;
    CallOptions unary = options;
    unary.reply_compressed = &compressed;
    const Result<Chain> reply = served.unary(message, unary).get();
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(told(*reply, compressed), there + " in []");
    auto reader = served.reply_stream(message, options);
    for (const char* back : {"[]", "-", "[]"}) {
      const Read<Chain> next = reader.read().get();
      EXPECT_EQ(told(*next, reader.message_compressed()), there + " in " + back);
    }
    auto writer = served.request_stream(options);
    for (const bool plain : {false, true, false})
      EXPECT_EQ(writer.write(message, {.no_compression = plain}).get(), Status());
    const Result<Chain> all = writer.finish().get();
    ASSERT_TRUE(all.ok()) << all.status();
    EXPECT_EQ(told(*all, writer.message_compressed()), there + "-" + there + " in []");
    auto both = served.bidi(options);
    for (const bool plain : {false, true, false}) {
      EXPECT_EQ(both.write(message, {.no_compression = plain}).get(), Status());
      const Read<Chain> next = both.read().get();
      EXPECT_EQ(told(*next, both.message_compressed()), (plain ? "-" : there) + " in []");
    }
  }
}

// Passes everything on.
class Watches final : public ClientInterceptor, public ServerInterceptor, public MessageFilter {
 public:
  Task<Status> intercept(ClientInvocation& call) override { co_return co_await call.next(*this); }
  Task<Status> intercept(ServerInvocation& call) override { co_return co_await call.next(*this); }
};

TEST_P(Compressed, BothEndsAreToldWhetherAMessageWas) {
  Tells service;
  const ServerOptions server{.compressors = all_compressors(), .compression_algorithm = "gzip"};
  ServedRaw served(runtime(), service, {.server = server, .channel = {.compressors = all_compressors()}});
  expect_told(served);
  const auto watches = std::make_shared<Watches>();
  ServerOptions watched = server;
  watched.interceptors = {watches};
  ServedRaw intercepted(runtime(), service,
                        {.address = "pipe:intercepted",
                         .server = watched,
                         .channel = {.compressors = all_compressors(), .interceptors = {watches}}});
  expect_told(intercepted);
}

// What cannot be sent ends the call, and is no wait for a server that waits for it.
TEST_P(Compressed, WriteThatFailsInsideAnInterceptorEndsTheCall) {
  RawService service;
  const auto halves = std::make_shared<Halves>();
  halves->fault = Halves::Fault::kOddCode;
  ServedRaw served(runtime(), service,
                   {.server = {.compressors = {halves}},
                    .channel = {.compressors = {halves},
                                .compression_algorithm = "x-halves",
                                .interceptors = {std::make_shared<Watches>()}}});
  const Status expected(StatusCode::kInternal, "x-halves does not compress: NOT_FOUND: no halves");
  for (const bool after_a_reply : {false, true}) {
    auto stream = served.bidi();
    if (after_a_reply) {
      EXPECT_EQ(stream.write(bytes("m"), {.no_compression = true}).get(), Status());
      EXPECT_TRUE(stream.read().get());
    }
    EXPECT_EQ(stream.write(bytes(words(1'000))).get(), expected) << after_a_reply;
    EXPECT_EQ(stream.finish().get(), expected) << after_a_reply;
  }
  auto writer = served.request_stream();
  EXPECT_EQ(writer.write(bytes(words(1'000))).get(), expected);
  EXPECT_EQ(writer.finish().get().status(), expected);
}

// Calls whose options are gone before the loop gets to them.
TEST_P(Compressed, AlgorithmsNameIsTakenWithTheCall) {
  RawService service;
  ServedRaw served(
      runtime(), service,
      {.server = {.compressors = all_compressors()}, .channel = {.compressors = all_compressors()}});
  const std::string text = words(5'000);
  std::vector<Call<Chain>> calls;
  for (int i = 0; i < 20; ++i) {
    std::string name = i % 2 == 0 ? "gzip" : "zstd";
    const Chain request = bytes(text);
    calls.push_back(served.unary(request, {.compression_algorithm = name}).start());
    name.assign("rubbish");
  }
  for (Call<Chain>& call : calls) expect_echo(call.get(), text);
}

}  // namespace
}  // namespace sluice::e2e
