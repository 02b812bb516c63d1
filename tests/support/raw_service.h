// A hand-written service of raw bytes, one method of each kind, and its client's side.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/sluice.h"
#include "sluice/stub/client_streams.h"
#include "sluice/stub/handlers.h"
#include "sluice/stub/unary.h"
#include "support/runtime_fixture.h"

namespace sluice::support {

// The kinds of methods, each of which RawService has one of.
enum class Kind : std::uint8_t { kUnary, kReplyStream, kRequestStream, kBidi };
inline constexpr Kind kKinds[] = {Kind::kUnary, Kind::kReplyStream, Kind::kRequestStream, Kind::kBidi};
inline const char* kind_name(Kind kind) {
  const char* const names[] = {"Unary", "ReplyStream", "RequestStream", "Bidi"};
  return names[static_cast<int>(kind)];
}

// Echoes; a test overrides the method it is about.
class RawService {
 public:
  virtual ~RawService() = default;

  // The request.
  virtual Task<Result<Chain>> unary(ServerContext&, const Chain& request) { co_return Chain(request); }
  // The request, three times.
  virtual Task<Status> reply_stream(ServerContext&, const Chain& request, ServerWriter<Chain>& writer) {
    for (int i = 0; i < 3; ++i) {
      if (Status status = co_await writer.write(request); !status.ok()) co_return status;
    }
    co_return Status();
  }
  // All requests, put together.
  virtual Task<Result<Chain>> request_stream(ServerContext&, ServerReader<Chain>& reader) {
    Chain all;
    Chain request;
    while (co_await reader.read_into(request)) all.append(std::move(request));
    co_return all;
  }
  // Each request.
  virtual Task<Status> bidi(ServerContext&, ServerReaderWriter<Chain, Chain>& stream) {
    Chain request;
    while (co_await stream.read_into(request)) {
      if (Status status = co_await stream.write(request); !status.ok()) co_return status;
    }
    co_return Status();
  }

  static const ServiceDesc& desc() {
    static constexpr MethodDesc kMethods[] = {
        {"Unary", &unary_method<RawService, Chain, Chain, &RawService::unary>}};
    static constexpr StreamDesc kStreams[] = {
        {"ReplyStream", true, false,
         &server_stream_method<RawService, Chain, Chain, &RawService::reply_stream>},
        {"RequestStream", false, true,
         &client_stream_method<RawService, Chain, Chain, &RawService::request_stream>},
        {"Bidi", true, true, &bidi_stream_method<RawService, Chain, Chain, &RawService::bidi>}};
    static constexpr ServiceDesc kDesc{"test.Raw", kMethods, kStreams};
    return kDesc;
  }
};

inline constexpr UnaryMethod<Chain, Chain> kUnary("/test.Raw/Unary");

inline ClientReader<Chain> reply_stream(const Channel& channel, const Chain& request,
                                        const CallOptions& options = {}) {
  const Message first(request);
  return ClientReader<Chain>(channel.new_stream({"/test.Raw/ReplyStream", false, true}, options, &first));
}
inline ClientWriter<Chain, Chain> request_stream(const Channel& channel, const CallOptions& options = {}) {
  return ClientWriter<Chain, Chain>(channel.new_stream({"/test.Raw/RequestStream", true, false}, options));
}
inline ClientReaderWriter<Chain, Chain> bidi(const Channel& channel, const CallOptions& options = {}) {
  return ClientReaderWriter<Chain, Chain>(channel.new_stream({"/test.Raw/Bidi", true, true}, options));
}

inline Chain bytes(std::string_view text) { return Chain::copy(text); }
// `size` bytes that differ from their neighbours, so that a slice out of place is seen.
inline Chain pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 131 + (i >> 8)) & 0xff);
  return Chain::copy(text);
}
inline std::string text_of(const Result<Chain>& reply) {
  return reply.ok() ? reply->to_string() : reply.status().to_string();
}

// A RawService behind a Channel.
class ServedRaw : public Served {
 public:
  ServedRaw(Runtime& runtime, RawService& service, Options options = {})
      : Served(runtime, std::move(options), RawService::desc(), &service) {}

  Op<Chain> unary(const Chain& request, const CallOptions& options = {}) {
    return channel().invoke(kUnary, request, options);
  }
  ClientReader<Chain> reply_stream(const Chain& request, const CallOptions& options = {}) {
    return support::reply_stream(channel(), request, options);
  }
  ClientWriter<Chain, Chain> request_stream(const CallOptions& options = {}) {
    return support::request_stream(channel(), options);
  }
  ClientReaderWriter<Chain, Chain> bidi(const CallOptions& options = {}) {
    return support::bidi(channel(), options);
  }
};

}  // namespace sluice::support
