// protoc-gen-sluice: run by protoc, which speaks to it over stdin and stdout.
#include <google/protobuf/compiler/plugin.h>
#include <google/protobuf/compiler/plugin.pb.h>

#include <iostream>

#include "editions.h"
#include "generator.h"

// As protobuf's PluginMain does it, but asks refusal_of() before protobuf looks at the files.
int main(int argc, char* argv[]) {
  namespace compiler = google::protobuf::compiler;
  if (argc > 1) {
    std::cerr << argv[0] << ": protoc runs it, without options: " << argv[1] << "\n";
    return 1;
  }
  compiler::CodeGeneratorRequest request;
  compiler::CodeGeneratorResponse response;
  if (!request.ParseFromIstream(&std::cin)) {
    std::cerr << argv[0] << ": what comes from protoc is no request\n";
    return 1;
  }
  std::string error = sluice_plugin::refusal_of(request);
  if (!error.empty()) {
    response.set_error(error);
  } else if (!compiler::GenerateCode(request, sluice_plugin::Generator(), &response, &error)) {
    if (!error.empty()) std::cerr << argv[0] << ": " << error << "\n";  // else protobuf has said it
    return 1;
  }
  if (response.SerializeToOstream(&std::cout) && std::cout.flush()) return 0;
  std::cerr << argv[0] << ": cannot write to protoc\n";
  return 1;
}
