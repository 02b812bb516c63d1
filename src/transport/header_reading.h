// RequestReading, ResponseReading: what a header block has said so far, while it is read. Part of Connection:
// the blocks of a connection come one after the other (RFC 9113 section 4.3), so that one of each is enough
// for all its streams.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "sluice/base/metadata.h"
#include "sluice/base/time.h"

namespace sluice::inline v0::transport {

// The head of a request, but for what its stream keeps: method, path, metadata and encodings.
struct RequestReading {
  bool plain = true;  // nothing but known fields
  bool method_post = false;
  bool content_ok = false;
  bool bad_timeout = false;
  bool bad_metadata = false;
  bool has_timeout = false;
  std::uint16_t hosts = 0;
  std::uint16_t authorities = 0;
  Duration timeout{};
};

// Header or trailers of a response.
struct ResponseReading {
  // What a failed response says besides its code. Names and encodings are there if they are bad, a
  // content-type if it is not gRPC's.
  struct Texts {
    std::string code, message, details, encoding, bad_name, content_type;
  };

  int http_status = 0;  // 0: none was given
  bool content_is_grpc = false;
  bool has_code = false;
  bool has_message = false;
  bool has_details = false;
  bool bad_metadata = false;
  bool encoded = false;  // by what is known
  bool bad_encoding = false;
  bool code_ok = false;  // "0", without a text to parse
  std::unique_ptr<Texts> some_texts = {};
  Metadata metadata = {};

  Texts& texts() {
    if (!some_texts) some_texts = std::make_unique<Texts>();
    return *some_texts;
  }
  // For the next block.
  void clear() {
    metadata.clear();
    *this = ResponseReading{.metadata = std::move(metadata)};
  }
};

}  // namespace sluice::inline v0::transport
