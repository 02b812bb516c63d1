// The one place that decides on names.
#include "names.h"

#include <google/protobuf/compiler/cpp/names.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <functional>
#include <string_view>

namespace sluice_plugin {
namespace {

namespace pb = google::protobuf;

// The members of the generated classes.
bool is_ours(std::string_view name) {
  static constexpr std::string_view kOurs[] = {"Service", "Stub",         "channel_",
                                               "kName",   "service_desc", "service_object"};
  return std::find(std::begin(kOurs), std::end(kOurs), name) != std::end(kOurs);
}

// A namespace that the library has classes in, which are more of them with each version.
bool is_of_sluice(std::string_view package) {
  static constexpr std::string_view kPackages[] = {"sluice", "sluice.detail", "sluice.net", "sluice.testing"};
  return std::find(std::begin(kPackages), std::end(kPackages), package) != std::end(kPackages);
}

// The rule of names.h, for names that are different and stand in one scope, which has those of `taken` too.
std::vector<std::string> settled(std::vector<std::string> names,
                                 const std::function<bool(const std::string&)>& is_no_name,
                                 std::set<std::string> taken) {
  std::vector<std::string*> others;
  for (std::string& name : names) {
    if (is_no_name(name) || !taken.insert(name).second) others.push_back(&name);
  }
  for (std::string* name : others) {
    do *name += '_';  // which is reserved for nothing
    while (!taken.insert(*name).second);
  }
  return names;
}

// `file` and what it imports, and what that imports.
void add_with_imports(const pb::FileDescriptor& file, std::set<const pb::FileDescriptor*>& files) {
  if (!files.insert(&file).second) return;
  for (int i = 0; i < file.dependency_count(); ++i) add_with_imports(*file.dependency(i), files);
}

void add_enum(const pb::EnumDescriptor& type, bool nested, std::set<std::string>& names) {
  const std::string name = pb::compiler::cpp::ClassName(&type);
  for (const char* behind :
       {"", "_Name", "_Parse", "_IsValid", "_MIN", "_MAX", "_ARRAYSIZE", "_descriptor", "_internal_data_"}) {
    names.insert(name + behind);
  }
  for (int i = 0; i < type.value_count(); ++i) {
    const std::string value = pb::compiler::cpp::EnumValueName(type.value(i));
    names.insert(nested ? name + "_" + value : value);
  }
}

// All of a message's types are classes of its namespace: Outer, Outer_Inner.
void add_message(const pb::Descriptor& type, std::set<std::string>& names) {
  const std::string name = pb::compiler::cpp::ClassName(&type);
  names.insert({name, name + "DefaultTypeInternal", "_" + name + "_default_instance_"});
  for (int i = 0; i < type.nested_type_count(); ++i) add_message(*type.nested_type(i), names);
  for (int i = 0; i < type.enum_type_count(); ++i) add_enum(*type.enum_type(i), true, names);
}

// What protobuf makes of a file in the namespace of its package, but for services.
void add_file(const pb::FileDescriptor& file, std::set<std::string>& names) {
  for (int i = 0; i < file.message_type_count(); ++i) add_message(*file.message_type(i), names);
  for (int i = 0; i < file.enum_type_count(); ++i) add_enum(*file.enum_type(i), false, names);
  for (int i = 0; i < file.extension_count(); ++i) {
    std::string camel(file.extension(i)->camelcase_name());
    if (!camel.empty() && camel[0] >= 'a' && camel[0] <= 'z') camel[0] -= 'a' - 'A';
    names.insert({std::string(file.extension(i)->name()), "k" + camel + "FieldNumber"});
  }
}

}  // namespace

// protobuf's rule for packages differs from version to version and is not callable: a message of the same
// package is asked for instead. Versions that do not know of keywords get their underscores here; what they
// make of the messages themselves does not compile then.
std::string Names::namespace_of(const pb::FileDescriptor& file) const {
  if (file.package().empty()) return "";
  pb::FileDescriptorProto proto;
  proto.set_name("namespace_of.proto");
  proto.set_package(std::string(file.package()));
  proto.add_message_type()->set_name("M");
  pb::DescriptorPool pool;
  const std::string message = pb::compiler::cpp::QualifiedClassName(pool.BuildFile(proto)->message_type(0));
  std::string name;
  for (std::size_t at = 2; at < message.size() - 1;) {  // "::a::b::M"
    const std::size_t end = message.find("::", at);
    const std::string part = message.substr(at, end - at);
    name += (name.empty() ? "" : "::") + part + (reserved_.is_keyword(part) ? "_" : "");
    at = end + 2;
  }
  return name;
}

std::string Names::type_of(const pb::Descriptor& message) const {
  const std::string scope = namespace_of(*message.file());
  return (scope.empty() ? "::" : "::" + scope + "::") + pb::compiler::cpp::ClassName(&message);
}

bool Names::is_no_class_name(const pb::FileDescriptor& file, const std::string& name) const {
  if (reserved_.is_word(name) || is_ours(name)) return true;
  if (file.package().empty()) return reserved_.is_global(name);
  return is_of_sluice(file.package()) && name.back() != '_';
}

bool Names::is_no_method_name(const std::string& name) const {
  return reserved_.is_word(name) || is_ours(name);
}

std::set<std::string> Names::taken_around(const pb::FileDescriptor& file) {
  std::set<const pb::FileDescriptor*> files;
  add_with_imports(file, files);
  const std::string inside = namespace_of(file);
  const std::string below = inside.empty() ? "" : inside + "::";
  std::set<std::string> taken;
  for (const pb::FileDescriptor* other : files) {
    const std::string name = namespace_of(*other);
    if (name == inside) {
      add_file(*other, taken);
      if (other == &file) continue;
      for (int i = 0; i < other->service_count(); ++i) taken.insert(class_name(*other->service(i)));
    } else if (name.starts_with(below)) {
      taken.insert(name.substr(below.size(), name.find("::", below.size()) - below.size()));
    }
  }
  return taken;
}

std::string Names::class_name(const pb::ServiceDescriptor& service) {
  const pb::FileDescriptor& file = *service.file();
  auto found = classes_.find(&file);
  if (found == classes_.end()) {
    std::vector<std::string> names;
    for (int i = 0; i < file.service_count(); ++i) names.emplace_back(file.service(i)->name());
    names = settled(
        std::move(names), [&](const std::string& name) { return is_no_class_name(file, name); },
        taken_around(file));
    found = classes_.emplace(&file, std::move(names)).first;
  }
  return found->second[static_cast<std::size_t>(service.index())];
}

std::vector<std::string> Names::method_names(const pb::ServiceDescriptor& service) const {
  std::vector<std::string> names;
  for (int i = 0; i < service.method_count(); ++i) names.emplace_back(service.method(i)->name());
  return settled(std::move(names), [&](const std::string& name) { return is_no_method_name(name); }, {});
}

std::string without_proto(const std::string& file) { return pb::compiler::cpp::StripProto(file); }

}  // namespace sluice_plugin
