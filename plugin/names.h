// What things of a .proto file are called in the C++ that protoc-gen-sluice writes.
#pragma once

#include <google/protobuf/descriptor.h>

#include <string>
#include <string_view>
#include <vector>

namespace sluice_plugin {

// True for what C++20 keeps for itself.
bool is_keyword(std::string_view name);

// "helloworld" or "a::class_::b", as protobuf's own generator has it for the messages; empty without a
// package.
std::string namespace_of(const google::protobuf::FileDescriptor& file);

// The class of a service. A trailing underscore keeps it from being a keyword or one of its own members.
std::string class_name(const google::protobuf::ServiceDescriptor& service);

// The function of each method, in the order of the methods: a trailing underscore for keywords and what the
// generated classes use themselves, and more of them while another method has that name.
std::vector<std::string> method_names(const google::protobuf::ServiceDescriptor& service);

// "dir/x.proto" → "dir/x".
std::string without_proto(const std::string& file);

}  // namespace sluice_plugin
