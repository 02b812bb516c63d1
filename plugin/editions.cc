// What protobuf's headers say of editions.
#include "editions.h"

#include <google/protobuf/stubs/common.h>

#include <google/protobuf/port_def.inc>  // must come last, and ends below

namespace sluice_plugin {
namespace {

namespace pb = google::protobuf;

// As `protoc --version` has it: 3.21.12, and 25.1 from 22 on.
std::string version_of_protobuf() {
  constexpr int kMajor = GOOGLE_PROTOBUF_VERSION / 1'000'000;
  constexpr int kMinor = GOOGLE_PROTOBUF_VERSION / 1000 % 1000;
  constexpr int kPatch = GOOGLE_PROTOBUF_VERSION % 1000;
  const std::string text = std::to_string(kMinor) + "." + std::to_string(kPatch);
  return kMajor > 3 ? text : std::to_string(kMajor) + "." + text;
}

}  // namespace

#ifdef SLUICE_PLUGIN_EDITIONS
pb::Edition latest_edition() {
#ifdef PROTOBUF_MAXIMUM_EDITION
  return pb::PROTOBUF_MAXIMUM_EDITION;
#else
  return pb::EDITION_MAX;  // protoc itself refuses what it does not know
#endif
}
#endif

std::string refusal_of(const pb::compiler::CodeGeneratorRequest& request) {
  if (kKnowsEditions) return {};
  for (const pb::FileDescriptorProto& file : request.proto_file()) {
    if (file.syntax() != "editions") continue;
    return file.name() + ": has an edition, and this protoc-gen-sluice was built with protobuf " +
           version_of_protobuf() + ", which knows none: build it with protobuf 27 or later";
  }
  return {};
}

}  // namespace sluice_plugin

#include <google/protobuf/port_undef.inc>
