// protoc with C++'s generator and plugins alone: the other languages take half of the time to build it.
#include <google/protobuf/compiler/command_line_interface.h>
#include <google/protobuf/compiler/cpp/generator.h>

int main(int argc, char* argv[]) {
  google::protobuf::compiler::CommandLineInterface protoc;
  protoc.AllowPlugins("protoc-");
  google::protobuf::compiler::cpp::CppGenerator generator;
  protoc.RegisterGenerator("--cpp_out", &generator, "C++ header and source");
  return protoc.Run(argc, argv);
}
