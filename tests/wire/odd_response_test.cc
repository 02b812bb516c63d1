// Responses that end as none should, or are none of gRPC: what had come is there to be read, and then the
// call has the one status that says what was wrong, however late its program reads.
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sluice/async/scope.h"
#include "support/row.h"
#include "wire/wire.h"

namespace sluice::inline v0::wire {
namespace {

using support::Kind;

// One response, written piece by piece.
class Script {
 public:
  explicit Script(http2::StreamId id) : id(id) {}
  Script& headers(const Headers& fields, std::uint8_t flags = 0) {
    return add(Wire().headers(id, fields, flags));
  }
  Script& head(const Headers& more = {}) {
    Headers fields = kResponseHead;
    fields.insert(fields.end(), more.begin(), more.end());
    return headers(fields);
  }
  Script& data(std::string_view bytes, std::uint8_t flags = 0) { return add(Wire().data(id, bytes, flags)); }
  Script& end(const Headers& trailers = {}) { return headers(trailers, kEnd); }
  Script& add(std::string_view frames) {
    pieces.emplace_back(frames);
    return *this;
  }

  const http2::StreamId id;
  std::vector<std::string> pieces;
};

struct Oddity {
  const char* name;
  std::function<void(Script&)> write;
  std::vector<std::string> messages;  // what a stream of replies gives
  std::string status;                 // then
  std::string of_one = status;        // where there must be one reply
  std::string header = "none";        // x-h of it
  // finish() wants no messages: what is wrong with one that comes afterwards is not seen. The status then,
  // if it is another one, and the number of pieces up to which it is "then".
  std::string unread = status;
  std::size_t unread_until = 0;
};

const Headers kWeb = {{":status", "200"}, {"content-type", "application/grpc-web+proto"}};
const Headers kBadGateway = {{":status", "502"}, {"content-type", "text/html"}};
const std::string kNoTrailers = "INTERNAL: server closed the stream without sending trailers";
const std::string kInside = "INTERNAL: the stream ended inside a message";
const std::string kNoReply = "UNIMPLEMENTED: the server sent no reply message";
const std::string kWebStatus =
    "UNKNOWN: unexpected HTTP status 200 (OK): content-type \"application/grpc-web+proto\"";
const std::string kBadGatewayStatus =
    "UNAVAILABLE: unexpected HTTP status 502 (Bad Gateway): content-type \"text/html\"";

// The head and two messages have come; a call for one reply has been sent the second one only.
const Oddity kWrongEnds[] = {
    {"EndStreamOnEmptyData", [](Script& s) { s.data("", kEnd); }, {}, kNoTrailers},
    {"EndStreamInsideAMessage",
     [](Script& s) { s.data(message("half").substr(0, 7), kEnd); },
     {},
     kInside,
     kInside,
     "h",
     kNoTrailers,
     3},
    {"TrailersInsideAMessage",
     [](Script& s) { s.data(message("half").substr(0, 3)).end(kOkTrailers); },
     {},
     kInside,
     kInside,
     "h",
     "OK",
     4},
    {"NoGrpcStatus",
     [](Script& s) {
       s.end({{"x-t", "1"}});
     },
     {},
     "UNKNOWN: the server sent trailers without grpc-status"},
    {"GrpcStatusThatIsNone",
     [](Script& s) {
       s.end({{"grpc-status", "abc"}});
     },
     {},
     "UNKNOWN: malformed grpc-status \"abc\""},
    {"GrpcStatusThatMovesACursor",
     [](Script& s) {
       s.end({{"grpc-status", "\x1b[2J"}});
     },
     {},
     "UNKNOWN: malformed grpc-status \"\\x1b[2J\""},
    {"GrpcStatusThatNobodyKnows",
     [](Script& s) {
       s.end({{"grpc-status", "17"}});
     },
     {},
     "UNKNOWN: unknown grpc-status \"17\""},
    {"DetailsThatAreNoBase64",
     [](Script& s) {
       s.end({{"grpc-status", "0"}, {"grpc-status-details-bin", "!"}});
     },
     {},
     "INTERNAL: malformed base64 in grpc-status-details-bin of grpc-status 0"},
    {"BinaryTrailerThatIsNoBase64",
     [](Script& s) {
       s.end({{"grpc-status", "0"}, {"x-bin", "!"}});
     },
     {},
     "INTERNAL: the response's x-bin is no base64, beside grpc-status OK"},
    {"BinaryTrailerThatIsNoBase64AndNoGrpcStatus",
     [](Script& s) {
       s.end({{"x-bin", "!"}});
     },
     {},
     "INTERNAL: the response's x-bin is no base64"},
    {"TrailersOverTheLimit",
     [](Script& s) {
       s.end({{"grpc-status", "5"}, {"grpc-message", "gone"}, {"x-long", std::string(9'000, 'x')}});
     },
     {},
     "RESOURCE_EXHAUSTED: the response's header list exceeds the limit of 8192 bytes, beside grpc-status "
     "NOT_FOUND: gone"},
    {"TrailersFarOverTheLimit",
     [](Script& s) {
       s.end({{"x-long", std::string(16'300, 'x')}, {"x-more", "1"}, {"grpc-status", "0"}});
     },
     {},
     "RESOURCE_EXHAUSTED: the response's header list exceeds the limit of 8192 bytes"},
    {"TooManyTrailers",
     [](Script& s) {
       s.end(Headers(101, {"x-t", "1"}));
     },
     {},
     "RESOURCE_EXHAUSTED: the response's header list exceeds the limit of 100 fields"},
    {"MalformedTrailers",
     [](Script& s) {
       s.end({{"grpc-status", "0"}, {"X-Upper", "1"}});
     },
     {},
     "INTERNAL: stream error: PROTOCOL_ERROR: invalid byte in a header name"},
    {"PseudoHeaderInTrailers",
     [](Script& s) {
       s.end({{":status", "200"}, {"grpc-status", "0"}});
     },
     {},
     "INTERNAL: stream error: PROTOCOL_ERROR: pseudo-header in trailers"},
    {"TrailersWithoutEndStream",
     [](Script& s) { s.headers(kOkTrailers); },
     {},
     "INTERNAL: stream error: PROTOCOL_ERROR: HEADERS after the headers without END_STREAM"},
    {"FlagThatIsNone",
     [](Script& s) { s.data(message("m", 2)).end(kOkTrailers); },
     {},
     "INTERNAL: message has the invalid compressed flag 2",
     "INTERNAL: message has the invalid compressed flag 2",
     "h",
     "OK",
     3},
    {"CompressedWithoutAnEncoding",
     [](Script& s) { s.data(message("m", 1)).end(kOkTrailers); },
     {},
     "INTERNAL: compressed flag set with identity or empty encoding",
     "INTERNAL: compressed flag set with identity or empty encoding",
     "h",
     "OK",
     3},
    {"LengthOverTheLimit",
     [](Script& s) { s.data(message("", 0, 0xffffffff)).end(kOkTrailers); },
     {},
     "RESOURCE_EXHAUSTED: message of 4294967295 bytes exceeds the limit of 4194304",
     "RESOURCE_EXHAUSTED: message of 4294967295 bytes exceeds the limit of 4194304",
     "h",
     "OK",
     3},
    {"Reset",
     [](Script& s) { s.add(Wire().rst(s.id, ErrorCode::kInternalError)); },
     {},
     "INTERNAL: stream reset by the peer: INTERNAL_ERROR"},
    {"ResetWithoutAnError",
     [](Script& s) { s.add(Wire().rst(s.id, ErrorCode::kNoError)); },
     {},
     "INTERNAL: stream reset by the peer: NO_ERROR"},
    {"ResetInsideAMessage",
     [](Script& s) { s.data(message("half").substr(0, 7)).add(Wire().rst(s.id, ErrorCode::kCancel)); },
     {},
     "CANCELLED: stream reset by the peer: CANCEL"},
    {"BrokenConnection",
     [](Script& s) { s.add(Wire().ping("short")); },
     {},
     "UNAVAILABLE: connection error: FRAME_SIZE_ERROR: PING not of eight bytes"},
    {"StatusOtherThanOk",
     [](Script& s) {
       s.end({{"grpc-status", "5"}, {"grpc-message", "gone"}});
     },
     {},
     "NOT_FOUND: gone"},
};

// Nothing has come before.
const Oddity kNotGrpc[] = {
    {"GrpcWeb",
     [](Script& s) { s.headers(kWeb).data(message("m")).end(kOkTrailers); },
     {},
     kWebStatus + ": \\x00\\x00\\x00\\x00\\x01m"},
    {"GrpcWebWithoutABody", [](Script& s) { s.headers(kWeb).end(kOkTrailers); }, {}, kWebStatus},
    {"ErrorPageAndOk",
     [](Script& s) { s.headers(kBadGateway).data("<h1>no\n</h1>").end(kOkTrailers); },
     {},
     kBadGatewayStatus + ": <h1>no\\x0a</h1>"},
    {"ErrorPageAndOkInOneBlock",
     [](Script& s) {
       s.end({{":status", "502"}, {"content-type", "text/html"}, {"grpc-status", "0"}});
     },
     {},
     kBadGatewayStatus},
    {"ErrorPageAndOkWithDetails",
     [](Script& s) {
       s.headers(kBadGateway).end({{"grpc-status", "0"}, {"grpc-status-details-bin", "CAA"}});
     },
     {},
     kBadGatewayStatus},
    {"ErrorPageAndAFailure",
     [](Script& s) {
       s.headers(kBadGateway).data("<h1>").end({{"grpc-status", "9"}});
     },
     {},
     "FAILED_PRECONDITION"},
    {"ErrorPageAndNoStatus",
     [](Script& s) { s.headers(kBadGateway).data("<h1>").data("no", kEnd); },
     {},
     kBadGatewayStatus + ": <h1>no"},
    {"NoContentType",
     [](Script& s) {
       s.headers({{":status", "200"}}).data(message("m")).end(kOkTrailers);
     },
     {},
     "UNKNOWN: unexpected HTTP status 200 (OK): no content-type: \\x00\\x00\\x00\\x00\\x01m"},
    {"NoContentTypeAndOkInOneBlock",
     [](Script& s) {
       s.end({{":status", "200"}, {"grpc-status", "0"}});
     },
     {},
     "UNKNOWN: unexpected HTTP status 200 (OK): no content-type"},
    {"ContentTypeThatMovesACursor",
     [](Script& s) {
       s.headers({{":status", "200"}, {"content-type", "\x1b" + std::string(99, 'c')}}).end(kOkTrailers);
     },
     {},
     "UNKNOWN: unexpected HTTP status 200 (OK): content-type \"\\x1b" + std::string(63, 'c') + "\""},
    {"FailureOfHttpFromGrpc",
     [](Script& s) {
       s.headers({{":status", "503"}, {"content-type", "application/grpc"}})
           .data(message("m"))
           .end(kOkTrailers);
     },
     {},
     "UNAVAILABLE: unexpected HTTP status 503 (Service Unavailable): \\x00\\x00\\x00\\x00\\x01m"},
    {"NoValidHttpStatusAndOkInOneBlock",
     [](Script& s) {
       s.end({{":status", "0"}, {"content-type", "application/grpc"}, {"grpc-status", "0"}});
     },
     {},
     "INTERNAL: the response has no valid :status"},
};

// The status in the header, as proxies make it of Trailers-Only.
const Headers kEarly = {{"x-h", "h"}, {"grpc-status", "5"}, {"grpc-message", "gone"}};
const Oddity kEarlyStatuses[] = {
    {"AndNothing",
     [](Script& s) { s.head(kEarly).data("", kEnd); },
     {},
     "NOT_FOUND: gone",
     "NOT_FOUND: gone",
     "h"},
    {"AndFramesOfNothing",
     [](Script& s) { s.head(kEarly).data("").data("", kEnd); },
     {},
     "NOT_FOUND: gone",
     "NOT_FOUND: gone",
     "h"},
    {"AndTrailersWithoutOne",
     [](Script& s) {
       s.head(kEarly).end({{"x-t", "1"}});
     },
     {},
     "NOT_FOUND: gone",
     "NOT_FOUND: gone",
     "h"},
    {"AndTrailersWithAnother",
     [](Script& s) {
       s.head(kEarly).end({{"grpc-status", "8"}});
     },
     {},
     "RESOURCE_EXHAUSTED",
     "RESOURCE_EXHAUSTED",
     "h"},
    {"AndAMessage",
     [](Script& s) { s.head(kEarly).data(message("m"), kEnd); },
     {"m"},
     kNoTrailers,
     kNoTrailers,
     "h"},
    {"AndAMessageAndNothing",
     [](Script& s) { s.head(kEarly).data(message("m")).data("", kEnd); },
     {"m"},
     kNoTrailers,
     kNoTrailers,
     "h"},
    {"AndAMessageAndTrailersWithoutOne",
     [](Script& s) {
       s.head(kEarly).data(message("m")).end({{"x-t", "1"}});
     },
     {"m"},
     "UNKNOWN: the server sent trailers without grpc-status",
     "UNKNOWN: the server sent trailers without grpc-status",
     "h"},
    {"AndPartOfAMessage",
     [](Script& s) { s.head(kEarly).data(message("m").substr(0, 3), kEnd); },
     {},
     kInside,
     kInside,
     "h",
     kNoTrailers,
     1},
    {"AndAReset",
     [](Script& s) { s.head(kEarly).add(Wire().rst(s.id, ErrorCode::kInternalError)); },
     {},
     "INTERNAL: stream reset by the peer: INTERNAL_ERROR",
     "INTERNAL: stream reset by the peer: INTERNAL_ERROR",
     "h"},
    {"OkAndNothing",
     [](Script& s) {
       s.head({{"grpc-status", "0"}}).data("", kEnd);
     },
     {},
     "OK",
     kNoReply},
    {"OkAndAMessageAndTrailers",
     [](Script& s) {
       s.head({{"grpc-status", "0"}}).data(message("m")).end(kOkTrailers);
     },
     {"m"},
     "OK",
     "OK: m"},
    {"MalformedAndNothing",
     [](Script& s) {
       s.head({{"grpc-status", "five"}}).data("", kEnd);
     },
     {},
     "UNKNOWN: malformed grpc-status \"five\""},
    {"InAnErrorPageAndNothing",
     [](Script& s) {
       s.headers({{":status", "502"}, {"content-type", "text/html"}, {"grpc-status", "14"}}).data("", kEnd);
     },
     {},
     "UNAVAILABLE"},
    {"OkInAnErrorPageAndNothing",
     [](Script& s) {
       s.headers({{":status", "502"}, {"content-type", "text/html"}, {"grpc-status", "0"}}).data("", kEnd);
     },
     {},
     kBadGatewayStatus},
    {"InAnErrorPageAndABody",
     [](Script& s) {
       s.headers({{":status", "502"}, {"content-type", "text/html"}, {"grpc-status", "14"}}).data("no", kEnd);
     },
     {},
     kBadGatewayStatus + ": no"},
};

struct Reader {
  std::vector<std::string> messages;
  std::string status;
  std::optional<std::string> header;  // x-h of it
};

// How the program reads.
enum class Reads {
  kAll,         // message for message, and then the status
  kStatusOnly,  // finish() at once
  kHeaderFirst,
};

// Requests have been sent, or are by finish().
class Calls {
 public:
  Calls(Kind kind, const Channel& channel) : kind_(kind) {
    const CallOptions options{.timeout = 10s};  // a fault shall end, not wait
    const Chain request = bytes("m");
    switch (kind) {
      case Kind::kUnary:
        unary_.emplace(channel.invoke(kUnary, request_, options).start());
        break;
      case Kind::kReplyStream:
        replies_.emplace(reply_stream(channel, request, options));
        break;
      case Kind::kRequestStream:
        requests_.emplace(request_stream(channel, options));
        break;
      case Kind::kBidi:
        bidi_.emplace(bidi(channel, options));
        break;
    }
  }

  Task<void> read(Reads how, Reader& reader) {
    switch (kind_) {
      case Kind::kUnary: {
        reader.status = text_of_one(co_await *unary_);
        break;
      }
      case Kind::kReplyStream:
        co_await read_stream(*replies_, how, reader);
        break;
      case Kind::kRequestStream: {
        if (how == Reads::kHeaderFirst) (void)co_await requests_->wait_header();
        const Result<Chain> reply = co_await requests_->finish();
        reader.header = std::string(requests_->header().get("x-h").value_or("none"));
        reader.status = text_of_one(reply);
        break;
      }
      case Kind::kBidi:
        co_await read_stream(*bidi_, how, reader);
        break;
    }
  }

 private:
  static std::string text_of_one(const Result<Chain>& reply) {
    return reply.ok() ? "OK: " + reply->to_string() : reply.status().to_string();
  }
  template <class Stream>
  static Task<void> read_stream(Stream& stream, Reads how, Reader& reader) {
    if (how == Reads::kHeaderFirst) (void)co_await stream.wait_header();
    Chain reply;
    while (how != Reads::kStatusOnly) {
      const bool more = co_await stream.read_into(reply);
      if (!more) break;
      reader.messages.push_back(reply.to_string());
    }
    const Status status = co_await stream.finish();
    reader.header = std::string(stream.header().get("x-h").value_or("none"));
    reader.status = status.to_string();
  }

  const Kind kind_;
  const Chain request_ = bytes("m");
  std::optional<Call<Chain>> unary_;
  std::optional<ClientReader<Chain>> replies_;
  std::optional<ClientWriter<Chain, Chain>> requests_;
  std::optional<ClientReaderWriter<Chain, Chain>> bidi_;
};

class OddResponses : public ClientTest {
 protected:
  // The program begins to read when `before` pieces of the response have come.
  Reader run(Kind kind, const std::vector<std::string>& pieces, std::size_t before, Reads how) {
    const Channel fresh = dial(runtime(), "pipe:scripted").value();
    // A usual call before: its blocks are remembered, and say the same only where they mean the same.
    const Chain request = bytes("m");
    Call<Chain> usual = fresh.invoke(kUnary, request).start();
    ScriptedPeer& server = accept();
    server.send(Wire().headers(1, kResponseHead).data(1, message("r")).headers(1, kOkTrailers, kEnd));
    EXPECT_EQ(support::text_of(usual.get()), "r");
    Calls calls(kind, fresh);
    settle();
    Reader reader;
    Scope scope(runtime().loop());
    const auto begin = [&] {
      run_on(runtime().loop(), [&] { (void)scope.spawn(calls.read(how, reader)); });
      settle();
    };
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      if (i == before) begin();
      server.send(pieces[i]);
    }
    if (before >= pieces.size()) begin();
    runtime().run(ended(scope));
    return reader;
  }

  // Each kind of call, read from each point on, in each way.
  void expect(
      const Oddity& oddity, const std::function<void(Kind, Script&)>& begin = [](Kind, Script&) {}) {
    for (const Kind kind : support::kKinds) {
      const bool one = kind == Kind::kUnary || kind == Kind::kRequestStream;
      Script script(3);
      begin(kind, script);
      oddity.write(script);
      for (std::size_t before = 0; before <= script.pieces.size(); ++before) {
        for (const Reads how : {Reads::kAll, Reads::kStatusOnly, Reads::kHeaderFirst}) {
          SCOPED_TRACE(std::string(oddity.name) + ", " + kind_name(kind) + ", read from piece " +
                       std::to_string(before) + " on, in way " + std::to_string(static_cast<int>(how)));
          const Reader reader = run(kind, script.pieces, before, how);
          const bool unread = how == Reads::kStatusOnly && before <= oddity.unread_until;
          EXPECT_EQ(reader.status, one ? oddity.of_one : unread ? oddity.unread : oddity.status);
          if (!one && how != Reads::kStatusOnly) {
            EXPECT_EQ(reader.messages, oddity.messages);
          }
          if (reader.header) {
            EXPECT_EQ(*reader.header, oddity.header);
          }
        }
      }
    }
  }

 private:
  static Task<void> ended(Scope& scope) { co_await scope.join(); }
};
INSTANTIATE_TEST_SUITE_P(All, OddResponses, ::testing::ValuesIn(kThreadlessRuntimes), support::name_of);

TEST_P(OddResponses, R42_WhatCameBeforeAWrongEndIsReadAndThenTheError) {
  for (Oddity oddity : kWrongEnds) {
    oddity.messages = {"one", "two"};
    oddity.header = "h";
    expect(oddity, [](Kind kind, Script& script) {
      script.head({{"x-h", "h"}});
      if (kind == Kind::kReplyStream || kind == Kind::kBidi) script.data(message("one"));
      script.data(message("two"));
    });
  }
}

TEST_P(OddResponses, R43_OkIsNoWordOfAServerThatDoesNotSpeakGrpc) {
  for (const Oddity& oddity : kNotGrpc) expect(oddity);
}

// Its OK is that call's alone: the same trailers say nothing in the next one.
TEST_P(OddResponses, TrailersBehindAStatusInTheHeaderAreNotTakenForOk) {
  const Channel fresh = dial(runtime(), "pipe:scripted").value();
  const Chain request = bytes("m");
  const Headers hidden = {{"grpc-unknown", "1"}};
  auto first = reply_stream(fresh, request);
  ScriptedPeer& server = accept();
  Headers early = kResponseHead;
  early.push_back({"grpc-status", "0"});
  server.send(Wire().headers(1, early).headers(1, hidden, kEnd));
  EXPECT_EQ(first.finish().get(), Status());
  for (const http2::StreamId id : {3, 5}) {
    auto next = reply_stream(fresh, request);
    settle();
    server.send(Wire().headers(id, kResponseHead).headers(id, hidden, kEnd));
    EXPECT_EQ(next.finish().get(),
              Status(StatusCode::kUnknown, "the server sent trailers without grpc-status"));
  }
}

TEST_P(OddResponses, R43_StatusInTheHeaderCountsWhenNothingFollowsIt) {
  for (const Oddity& oddity : kEarlyStatuses) expect(oddity);
}

}  // namespace
}  // namespace sluice::inline v0::wire
