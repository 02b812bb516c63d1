// protoc-gen-sluice: run by protoc, which speaks to it over stdin and stdout.
#include <google/protobuf/compiler/plugin.h>

#include "generator.h"

int main(int argc, char* argv[]) {
  const sluice_plugin::Generator generator;
  return google::protobuf::compiler::PluginMain(argc, argv, &generator);
}
