// The rules for names, and C++'s list of words that nothing may be called.
#include "names.h"

#include <google/protobuf/compiler/cpp/names.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <array>
#include <set>

namespace sluice_plugin {
namespace {

namespace pb = google::protobuf;

// C++20's keywords and alternative tokens, and the macro that every program has. Sorted.
constexpr std::array<std::string_view, 93> kKeywords = {
    "NULL",         "alignas",   "alignof",       "and",
    "and_eq",       "asm",       "auto",          "bitand",
    "bitor",        "bool",      "break",         "case",
    "catch",        "char",      "char16_t",      "char32_t",
    "char8_t",      "class",     "co_await",      "co_return",
    "co_yield",     "compl",     "concept",       "const",
    "const_cast",   "consteval", "constexpr",     "constinit",
    "continue",     "decltype",  "default",       "delete",
    "do",           "double",    "dynamic_cast",  "else",
    "enum",         "explicit",  "export",        "extern",
    "false",        "float",     "for",           "friend",
    "goto",         "if",        "inline",        "int",
    "long",         "mutable",   "namespace",     "new",
    "noexcept",     "not",       "not_eq",        "nullptr",
    "operator",     "or",        "or_eq",         "private",
    "protected",    "public",    "register",      "reinterpret_cast",
    "requires",     "return",    "short",         "signed",
    "sizeof",       "static",    "static_assert", "static_cast",
    "struct",       "switch",    "template",      "this",
    "thread_local", "throw",     "true",          "try",
    "typedef",      "typeid",    "typename",      "union",
    "unsigned",     "using",     "virtual",       "void",
    "volatile",     "wchar_t",   "while",         "xor",
    "xor_eq",
};
static_assert(std::is_sorted(kKeywords.begin(), kKeywords.end()));

// The members and parameters of the generated classes.
bool is_ours(std::string_view name) {
  static constexpr std::string_view kOurs[] = {"Service", "Stub",         "channel_",
                                               "kName",   "service_desc", "service_object"};
  return std::find(std::begin(kOurs), std::end(kOurs), name) != std::end(kOurs);
}

}  // namespace

bool is_keyword(std::string_view name) {
  return std::binary_search(kKeywords.begin(), kKeywords.end(), name);
}

// protobuf's rule for packages differs from version to version and is not callable: a message of the same
// package is asked for instead. Versions that do not know of keywords get their underscores here; what they
// make of the messages themselves does not compile then.
std::string namespace_of(const pb::FileDescriptor& file) {
  if (file.package().empty()) return "";
  pb::FileDescriptorProto proto;
  proto.set_name("namespace_of.proto");
  proto.set_package(file.package());
  proto.add_message_type()->set_name("M");
  pb::DescriptorPool pool;
  const std::string message = pb::compiler::cpp::QualifiedClassName(pool.BuildFile(proto)->message_type(0));
  std::string name;
  for (std::size_t at = 2; at < message.size() - 1;) {  // "::a::b::M"
    const std::size_t end = message.find("::", at);
    const std::string part = message.substr(at, end - at);
    name += (name.empty() ? "" : "::") + part + (is_keyword(part) ? "_" : "");
    at = end + 2;
  }
  return name;
}

std::string class_name(const pb::ServiceDescriptor& service) {
  const std::string& name = service.name();
  return is_keyword(name) || is_ours(name) ? name + "_" : name;
}

std::vector<std::string> method_names(const pb::ServiceDescriptor& service) {
  std::set<std::string> taken;
  for (int i = 0; i < service.method_count(); ++i) taken.insert(service.method(i)->name());
  std::vector<std::string> names;
  for (int i = 0; i < service.method_count(); ++i) {
    std::string name = service.method(i)->name();
    if (is_keyword(name) || is_ours(name)) {
      do name += '_';
      while (!taken.insert(name).second);
    }
    names.push_back(std::move(name));
  }
  return names;
}

std::string without_proto(const std::string& file) { return pb::compiler::cpp::StripProto(file); }

}  // namespace sluice_plugin
