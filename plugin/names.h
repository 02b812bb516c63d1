// What things of a .proto file are called in the C++ that protoc-gen-sluice writes.
//
// The rule, for classes of services and for functions of methods: the name of the .proto file, and
// underscores behind it while the name is reserved or somebody else's. A name that can stay as it is stays,
// whatever is called like it.
#pragma once

#include <google/protobuf/descriptor.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "reserved.h"

namespace sluice_plugin {

// The names of the services of a file and of those it imports. They depend on these files alone.
class Names {
 public:
  // "helloworld" or "a::class_::b", as protobuf's own generator has it for the messages; empty without a
  // package.
  std::string namespace_of(const google::protobuf::FileDescriptor& file) const;

  // "::a::class_::b::Outer_Inner". Not as protobuf's QualifiedClassName() has it, which forgets of keywords
  // in packages in some versions.
  std::string type_of(const google::protobuf::Descriptor& message) const;

  // The class of a service: neither a member of its own, nor a class that protobuf makes of the file and its
  // imports, nor another service's, nor, in a namespace of sluice's, possibly one of sluice's.
  std::string class_name(const google::protobuf::ServiceDescriptor& service);

  // The function of each method, in the order of the methods.
  std::vector<std::string> method_names(const google::protobuf::ServiceDescriptor& service) const;

  const Reserved& reserved() const { return reserved_; }

 private:
  // What is in the namespace of `file` without its own services.
  std::set<std::string> taken_around(const google::protobuf::FileDescriptor& file);
  bool is_no_class_name(const google::protobuf::FileDescriptor& file, const std::string& name) const;
  bool is_no_method_name(const std::string& name) const;

  const Reserved reserved_;
  // The classes of each file that was asked for, in the order of its services.
  std::map<const google::protobuf::FileDescriptor*, std::vector<std::string>> classes_;
};

// "dir/x.proto" → "dir/x".
std::string without_proto(const std::string& file);

}  // namespace sluice_plugin
