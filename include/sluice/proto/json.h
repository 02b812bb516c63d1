// The JSON codec: protobuf's JSON mapping for protobuf messages
// (https://protobuf.dev/programming-guides/json/), under "application/grpc+json". Includes no header of
// protobuf.
#pragma once

#include <memory>

#include "sluice/rpc/codec.h"

namespace sluice::inline v0 {

// Named as in protobuf.
struct JsonOptions {
  bool preserve_proto_field_names = false;  // "user_id" instead of "userId"; both are read
  // Prints fields that have their default value. Before protobuf 26, which names this option
  // always_print_primitive_fields, fields with presence too.
  bool always_print_fields_with_no_presence = false;
  bool always_print_enums_as_ints = false;  // instead of their names; both are read
  bool ignore_unknown_fields = false;       // when reading; otherwise they are an error
};

// "json", for `ServerOptions{.codecs = {json_codec()}}` and ChannelOptions.
// Takes up to a microsecond a byte, on the loop of the call: bound the work that a peer can cause by
// max_receive_message_size. Messages of types that contain an Any, at any depth, may have at most 100,000
// values, and 64 KiB before an "@type": until then protobuf keeps them in many times the memory.
// Errors: INTERNAL, with a reason of at most 160 bytes, for messages that are not protobuf's or are of its
// lite runtime, missing required fields, an Any whose type is not linked in, more than 100 levels of nesting
// (fewer if a level of JSON is several of protobuf's), and text that is not JSON of the type.
std::shared_ptr<const Codec> json_codec(JsonOptions options = {});

}  // namespace sluice::inline v0
