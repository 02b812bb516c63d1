// Which of protobuf's editions (`edition = "2023";` in place of `syntax`) this build of the plugin knows:
// those that the protobuf does which it was compiled with. There are none before protobuf 27.
#pragma once

#include <google/protobuf/compiler/plugin.pb.h>
#include <google/protobuf/descriptor.pb.h>

#include <string>

#if __has_include(<google/protobuf/runtime_version.h>)
#include <google/protobuf/runtime_version.h>
#if PROTOBUF_VERSION >= 5027000
#define SLUICE_PLUGIN_EDITIONS 1
#endif
#endif

namespace sluice_plugin {

#ifdef SLUICE_PLUGIN_EDITIONS
inline constexpr bool kKnowsEditions = true;
google::protobuf::Edition latest_edition();
#else
inline constexpr bool kKnowsEditions = false;
#endif

// Why a request of a later protoc is not for this plugin; empty: it may be. Without it protobuf would print a
// line about a syntax that it does not know, and protoc that the plugin failed.
std::string refusal_of(const google::protobuf::compiler::CodeGeneratorRequest& request);

}  // namespace sluice_plugin
