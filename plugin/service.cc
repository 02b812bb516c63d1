// The text of X::Service and X::Stub, for the header and for the source.
#include "service.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "names.h"
#include "text.h"

namespace sluice_plugin {
namespace {

namespace pb = google::protobuf;
using pb::io::Printer;
using Variables = std::map<std::string, std::string>;

enum class Kind { kUnary, kServerStream, kClientStream, kBidiStream };

Kind kind_of(const pb::MethodDescriptor& method) {
  if (method.client_streaming()) return method.server_streaming() ? Kind::kBidiStream : Kind::kClientStream;
  return method.server_streaming() ? Kind::kServerStream : Kind::kUnary;
}

// What the texts below need of one method.
struct Method {
  const pb::MethodDescriptor* descriptor;
  Kind kind;
  Variables variables;
};

// The types that depend on the kind: what a handler and a stub's method are given and return.
struct Shape {
  const char* result;      // of the handler's Task
  const char* parameters;  // of the handler, behind the context
  const char* types;       // the same without names
  const char* call;        // what the stub returns
  const char* adapter;     // which makes a descriptor's handler of the method
};

Shape shape_of(Kind kind) {
  switch (kind) {
    case Kind::kUnary:
      return {"::sluice::Result<$reply$>", "const $request$& request", "const $request$&",
              "::sluice::Op<$reply$>", "unary_method"};
    case Kind::kServerStream:
      return {"::sluice::Status", "const $request$& request, ::sluice::ServerWriter<$reply$>& writer",
              "const $request$&, ::sluice::ServerWriter<$reply$>&", "::sluice::ClientReader<$reply$>",
              "server_stream_method"};
    case Kind::kClientStream:
      return {"::sluice::Result<$reply$>", "::sluice::ServerReader<$request$>& reader",
              "::sluice::ServerReader<$request$>&", "::sluice::ClientWriter<$request$, $reply$>",
              "client_stream_method"};
    case Kind::kBidiStream:
      return {"::sluice::Status", "::sluice::ServerReaderWriter<$reply$, $request$>& stream",
              "::sluice::ServerReaderWriter<$reply$, $request$>&",
              "::sluice::ClientReaderWriter<$request$, $reply$>", "bidi_stream_method"};
  }
  return {};
}

// Replaces $request$ and $reply$.
std::string with_types(std::string text, const Variables& variables) {
  for (const char* name : {"request", "reply"}) {
    const std::string key = std::string("$") + name + "$";
    for (std::size_t at; (at = text.find(key)) != std::string::npos;) {
      text.replace(at, key.size(), variables.at(name));
    }
  }
  return text;
}

std::vector<Method> methods_of(const pb::ServiceDescriptor& service, Names& names) {
  const std::vector<std::string> functions = names.method_names(service);
  std::vector<Method> methods;
  for (int i = 0; i < service.method_count(); ++i) {
    const pb::MethodDescriptor& descriptor = *service.method(i);
    const Kind kind = kind_of(descriptor);
    const Shape shape = shape_of(kind);
    Variables v = {{"class", names.class_name(service)},
                   {"service", std::string(service.full_name())},
                   {"name", std::string(descriptor.name())},
                   {"method", functions[static_cast<std::size_t>(i)]},
                   {"request", names.type_of(*descriptor.input_type())},
                   {"reply", names.type_of(*descriptor.output_type())},
                   {"adapter", shape.adapter},
                   {"client_streams", descriptor.client_streaming() ? "true" : "false"},
                   {"server_streams", descriptor.server_streaming() ? "true" : "false"}};
    v["result"] = with_types(shape.result, v);
    v["parameters"] = with_types(shape.parameters, v);
    v["types"] = with_types(shape.types, v);
    v["call"] = with_types(shape.call, v);
    v["argument"] = descriptor.client_streaming() ? "" : "const " + v["request"] + "& request, ";
    methods.push_back({&descriptor, kind, std::move(v)});
  }
  return methods;
}

// The comment in front of a service or method, or else the one behind it.
template <class Descriptor>
void print_comment(const Descriptor& descriptor, Printer& out) {
  pb::SourceLocation location;
  if (!descriptor.GetSourceLocation(&location)) return;
  const std::string& comment =
      location.leading_comments.empty() ? location.trailing_comments : location.leading_comments;
  print_comment_lines(comment, out);
}

void print_service_class(const std::vector<Method>& methods, Printer& out) {
  out.Print(
      "// To be derived from: what is not overridden answers UNIMPLEMENTED.\n"
      "class Service : public ::sluice::Service {\n"
      " public:\n");
  out.Indent();
  for (const Method& method : methods) {
    print_comment(*method.descriptor, out);
    out.Print(method.variables,
              "virtual ::sluice::Task<$result$> $method$(\n"
              "    ::sluice::ServerContext& context, $parameters$);\n");
  }
  if (!methods.empty()) out.Print("\n");
  out.Print(
      "const ::sluice::ServiceDesc& service_desc() const override;\n"
      "void* service_object() override;\n");
  out.Outdent();
  out.Print("};\n");
}

void print_stub_class(const std::vector<Method>& methods, Printer& out) {
  out.Print(
      "// The methods as clients call them, on any thread.\n"
      "class Stub final {\n"
      " public:\n");
  out.Indent();
  out.Print("explicit Stub(::sluice::Channel channel) : channel_(::std::move(channel)) {}\n");
  if (!methods.empty()) out.Print("\n");
  for (const Method& method : methods) {
    print_comment(*method.descriptor, out);
    out.Print(method.variables,
              "$call$ $method$(\n"
              "    $argument$const ::sluice::CallOptions& options = {}) const;\n");
  }
  out.Outdent();
  out.Print(
      "\n"
      " private:\n"
      "  ::sluice::Channel channel_;\n"
      "};\n");
}

void print_descriptors(const pb::ServiceDescriptor& service, const std::vector<Method>& methods, Names& names,
                       Printer& out) {
  std::string unary, streams;
  for (const Method& method : methods) {
    Variables v = method.variables;
    const std::string handler = "&::sluice::" + v["adapter"] + "<Service, " + v["request"] + ", " +
                                v["reply"] + ",\n           &Service::" + v["method"] + ">";
    if (method.kind == Kind::kUnary) {
      unary += "      {\"" + v["name"] + "\",\n       " + handler + "},\n";
    } else {
      streams += "      {\"" + v["name"] + "\", " + v["server_streams"] + ", " + v["client_streams"] +
                 ",\n       " + handler + "},\n";
    }
  }
  const Variables v = {{"class", names.class_name(service)},
                       {"file", literal_of(std::string(service.file()->name()))}};
  out.Print(v, "const ::sluice::ServiceDesc& $class$::Service::service_desc() const {\n");
  if (!unary.empty()) {
    out.Print("  static constexpr ::sluice::MethodDesc kMethods[] = {\n");
    out.PrintRaw(unary);
    out.Print("  };\n");
  }
  if (!streams.empty()) {
    out.Print(
        "  static constexpr ::sluice::StreamDesc kStreams[] = {  // name, server streams, client streams\n");
    out.PrintRaw(streams);
    out.Print("  };\n");
  }
  out.Print("  static constexpr ::sluice::ServiceDesc kDesc{kName, $methods$, $streams$,\n", "methods",
            unary.empty() ? "{}" : "kMethods", "streams", streams.empty() ? "{}" : "kStreams");
  out.Print(v,
            "                                               $file$};\n"
            "  return kDesc;\n"
            "}\n"
            "\n"
            "void* $class$::Service::service_object() { return this; }\n");
}

void print_default_handler(const Method& method, Printer& out) {
  out.Print(method.variables,
            "\n"
            "::sluice::Task<$result$> $class$::Service::$method$(\n"
            "    ::sluice::ServerContext&, $types$) {\n"
            "  return ::sluice::unimplemented<$result$>(\"$service$/$name$\");\n"
            "}\n");
}

void print_stub_method(const Method& method, Printer& out) {
  const Variables& v = method.variables;
  out.Print(v,
            "\n"
            "$call$ $class$::Stub::$method$(\n"
            "    $argument$const ::sluice::CallOptions& options) const {\n");
  if (method.kind == Kind::kUnary) {
    out.Print(v,
              "  static constexpr ::sluice::UnaryMethod<$request$, $reply$> kMethod(\n"
              "      \"/$service$/$name$\");\n"
              "  return kMethod(channel_.base(), request, options);\n"
              "}\n");
    return;
  }
  out.Print(v,
            "  static constexpr ::sluice::MethodInfo kMethod{\"/$service$/$name$\", $client_streams$, "
            "$server_streams$};\n");
  if (method.kind == Kind::kServerStream) {
    out.Print(v,
              "  const ::sluice::Message first(&request, ::sluice::MessageTraits<$request$>::ops());\n"
              "  return $call$(channel_.new_stream(kMethod, options, &first));\n"
              "}\n");
  } else {
    out.Print(v,
              "  return $call$(channel_.new_stream(kMethod, options));\n"
              "}\n");
  }
}

}  // namespace

Uses uses_of(const pb::FileDescriptor& file) {
  Uses uses{.services = file.service_count() > 0};
  for (int i = 0; i < file.service_count(); ++i) {
    for (int j = 0; j < file.service(i)->method_count(); ++j) {
      uses.client_streams |= kind_of(*file.service(i)->method(j)) != Kind::kUnary;
    }
  }
  return uses;
}

void print_declaration(const pb::ServiceDescriptor& service, Names& names, Printer& out) {
  const std::vector<Method> methods = methods_of(service, names);
  out.Print("\n");
  print_comment(service, out);
  out.Print(
      "class $class$ final {\n"
      " public:\n"
      "  $class$() = delete;\n"
      "  static constexpr ::std::string_view kName = \"$name$\";\n"
      "\n",
      "class", names.class_name(service), "name", std::string(service.full_name()));
  out.Indent();
  print_service_class(methods, out);
  out.Print("\n");
  print_stub_class(methods, out);
  out.Outdent();
  out.Print("};\n");
}

void print_definition(const pb::ServiceDescriptor& service, Names& names, Printer& out) {
  const std::vector<Method> methods = methods_of(service, names);
  out.Print("\n");
  print_descriptors(service, methods, names, out);
  for (const Method& method : methods) print_default_handler(method, out);
  for (const Method& method : methods) print_stub_method(method, out);
}

}  // namespace sluice_plugin
