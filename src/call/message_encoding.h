// What servers, channels and single calls have to say about compression (gRPC's compression.md) and codecs.
#pragma once

#include <memory>
#include <string>

#include "sluice/rpc/codec.h"
#include "sluice/rpc/compressor.h"

namespace sluice::inline v0::call {

// Of a server or a channel. Constant after construction.
struct Compression {
  // REQUIRES that `algorithm`, if it is not empty, is known or "identity". Lifetime: `set` outlives it.
  Compression(const CompressorSet& set, std::string_view algorithm)
      : known(set), sends(set.mask_of(algorithm)) {}
  const CompressorSet& known;
  const CompressorSet::Mask sends;  // one; none: messages go as they are, unless a call says otherwise
};

// Of a channel. Constant after construction.
struct Codecs {
  // REQUIRES that `name`, if it is not empty, is known or "proto". Lifetime: `set` outlives it.
  Codecs(const CodecSet& set, std::string_view name) : known(set), usual(set.share(name)) {}
  // Null: the types' own encodings, or not known.
  std::shared_ptr<const Codec> find(std::string_view name) const {
    return name.empty() ? usual : known.share(name);
  }
  const CodecSet& known;
  const std::shared_ptr<const Codec> usual;  // shared: with the set and the calls
};

// Of one call; those that have nothing to do with compression or codecs have none.
struct MessageEncoding {
  // Shared: a client's stream may have messages to read when its channel has gone.
  std::shared_ptr<const Compressor> sends;     // what grpc-encoding says that we send; null: identity
  std::shared_ptr<const Compressor> receives;  // the same of the peer's
  std::string unknown;                         // the algorithm that was named, here or by the peer, in vain
  std::shared_ptr<const Codec> codec;          // null: the types' own encodings
  std::string unknown_codec;                   // the one that was named here in vain
};

}  // namespace sluice::inline v0::call
