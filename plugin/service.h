// One service of a .proto file, printed as declarations and as definitions.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/printer.h>

#include "names.h"

namespace sluice_plugin {

// What the file's services use, which is what its header includes.
struct Uses {
  bool services = false;
  bool client_streams = false;  // methods with a stream in either direction, as clients see them
};
Uses uses_of(const google::protobuf::FileDescriptor& file);

// Both print inside the file's namespace.
void print_declaration(const google::protobuf::ServiceDescriptor& service, Names& names,
                       google::protobuf::io::Printer& out);
void print_definition(const google::protobuf::ServiceDescriptor& service, Names& names,
                      google::protobuf::io::Printer& out);

}  // namespace sluice_plugin
