// protoc-gen-sluice's work: x.proto → x.sluice.h and x.sluice.cc, which stand beside protobuf's x.pb.h.
#pragma once

#include <google/protobuf/compiler/code_generator.h>

#include <cstdint>
#include <string>

#include "editions.h"

namespace sluice_plugin {

// For each service X of the file: X::kName, X::Service (to be derived from) and X::Stub (to be called).
// Errors: generate() says what it cannot do; nothing is then written.
class Generator final : public google::protobuf::compiler::CodeGenerator {
 public:
  bool Generate(const google::protobuf::FileDescriptor* file, const std::string& parameter,
                google::protobuf::compiler::GeneratorContext* context, std::string* error) const override;
#ifdef SLUICE_PLUGIN_EDITIONS
  std::uint64_t GetSupportedFeatures() const override {
    return FEATURE_PROTO3_OPTIONAL | FEATURE_SUPPORTS_EDITIONS;
  }
  google::protobuf::Edition GetMinimumEdition() const override { return google::protobuf::EDITION_PROTO2; }
  google::protobuf::Edition GetMaximumEdition() const override { return latest_edition(); }
#else
  std::uint64_t GetSupportedFeatures() const override { return FEATURE_PROTO3_OPTIONAL; }
#endif
};

}  // namespace sluice_plugin
