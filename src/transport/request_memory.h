// RequestMemory: what a connection remembers of the requests that it carries, so that equal ones cost little.
// Part of Connection.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "call/served_method.h"
#include "http2/session.h"
#include "sluice/rpc/compressor.h"

namespace sluice::inline v0::transport {

// A field that this connection's peer has put into its HPACK table and will send again.
struct KnownField {
  enum class Kind : std::uint8_t { kPath, kAuthority, kUserAgent, kEncoding, kAcceptEncoding };
  Kind kind = Kind::kPath;
  std::string name;
  std::string value;
  const call::ServedMethod* method = nullptr;  // of a path
  CompressorSet::Mask accepts = 0;             // of an accept-encoding
};

// Encoded blocks of the requests for one path.
struct RequestCache {
  http2::BlockCache whole = {};   // of a request with nothing of its own
  http2::BlockCache pseudo = {};  // its beginning, up to where a timeout goes
  std::size_t list_size = 0;      // of the whole one; 0: not known yet
  bool is_path = true;            // false: nothing is sent with what is no ":path"
};

// What a header block of a request says, if it says nothing but known fields: the same bytes say the same
// again.
struct RequestHead {
  const call::ServedMethod* method = nullptr;
  http2::Tag path = 0;
  http2::Tag authority = 0;
  http2::Tag user_agent = 0;
  bool encoded = false;             // says something about encodings: the next two
  CompressorSet::Mask accepts = 0;  // those of ours that the client knows
  http2::Tag encoding = 0;          // none if it is identity
};

// Loop-only. Lifetime: the connection's; streams point to the texts of known fields while they are attached.
class RequestMemory {
 public:
  static constexpr http2::Tag kFirstKnown = 64;

  // Client: cached header blocks of requests, by path.
  RequestCache& cache(std::string_view path) {
    if (last_path_ && *last_path_ == path) [[likely]]
      return *last_cache_;
    return find_cache(path);
  }
  http2::BlockCache common;    // what every request has after :authority, or every response header
  http2::BlockCache trailers;  // "grpc-status: 0"

  // Server: tags for fields that will come again; 0 when there are too many.
  http2::Tag know(KnownField field);
  const KnownField& known(http2::Tag tag) const { return *known_[tag - kFirstKnown]; }
  // Server: the same for whole request blocks.
  http2::Tag know_head(const RequestHead& head);
  const RequestHead& known_head(http2::Tag tag) const { return heads_[tag - 1]; }

 private:
  static constexpr std::size_t kMaxKnown = 256;
  static constexpr std::size_t kMaxHeads = 64;
  static constexpr std::size_t kMaxPaths = 1024;

  [[gnu::noinline]] RequestCache& find_cache(std::string_view path);

  std::unordered_map<std::string, RequestCache> caches_;
  const std::string* last_path_ = nullptr;
  RequestCache* last_cache_ = nullptr;
  std::unique_ptr<RequestCache> spare_cache_;
  std::vector<std::unique_ptr<const KnownField>> known_;
  std::vector<RequestHead> heads_;
};

}  // namespace sluice::inline v0::transport
