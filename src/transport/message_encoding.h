// What servers, channels and single calls have to say about compression (gRPC's compression.md).
#pragma once

#include <memory>
#include <string>

#include "sluice/rpc/compressor.h"

namespace sluice::transport {

// Of a server or a channel. Constant after construction.
struct Compression {
  // REQUIRES that `algorithm`, if it is not empty, is known or "identity". Lifetime: `set` outlives it.
  Compression(const CompressorSet& set, std::string_view algorithm)
      : known(set), sends(set.mask_of(algorithm)) {}
  const CompressorSet& known;
  const CompressorSet::Mask sends;  // one; none: messages go as they are, unless a call says otherwise
};

// Of one call; calls that have nothing to do with compression have none.
struct MessageEncoding {
  // Shared: a client's stream may have messages to read when its channel has gone.
  std::shared_ptr<const Compressor> sends;     // what grpc-encoding says that we send; null: identity
  std::shared_ptr<const Compressor> receives;  // the same of the peer's
  std::string unknown;                         // the algorithm that was named, here or by the peer, in vain
};

}  // namespace sluice::transport
