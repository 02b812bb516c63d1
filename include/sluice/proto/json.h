// The JSON codec: protobuf messages as protobuf's own JSON mapping has them, under "application/grpc+json"
// (https://protobuf.dev/programming-guides/json/). Names no header of protobuf's.
#pragma once

#include <memory>

#include "sluice/rpc/codec.h"

namespace sluice {

// The names are protobuf's.
struct JsonOptions {
  bool preserve_proto_field_names = false;  // "user_id" instead of "userId"; both are read
  // Also those that have their default value. Before protobuf 26, which calls it
  // always_print_primitive_fields then, those with presence too.
  bool always_print_fields_with_no_presence = false;
  bool always_print_enums_as_ints = false;  // their names else; both are read
  bool ignore_unknown_fields = false;       // when reading; else they are an error
};

// "json", for `ServerOptions{.codecs = {json_codec()}}` and ChannelOptions.
//
// Costs up to a microsecond a byte, on the loop of the call: max_receive_message_size limits what a peer can
// have it do. Where a type may have an Any in it, at any depth, at most 100,000 values are read, and 64 KiB
// in front of "@type": protobuf keeps them in many times the memory until that comes. Errors: INTERNAL for
// messages that are not protobuf's or are of its lite runtime, for required fields that are missing, an Any
// whose type is not linked in, what is nested more than 100 deep (fewer where one level of JSON is several of
// protobuf's), and what is no JSON of the type; the text has the reason, cut to 160 bytes.
std::shared_ptr<const Codec> json_codec(JsonOptions options = {});

}  // namespace sluice
