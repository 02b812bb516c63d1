// The generator against its golden files, and what it refuses.
//
// After a change that is meant, write them anew, and read the difference:
//   cd plugin/golden
//   for f in $(find * -name '*.proto'); do
//     protoc -I. --plugin=../../build/dev/bin/protoc-gen-sluice --sluice_out=. $f
//   done
#include "generator.h"

#include <google/protobuf/compiler/importer.h>
#include <google/protobuf/compiler/plugin.pb.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "editions.h"
#include "names.h"

namespace sluice_plugin {
namespace {

namespace pb = google::protobuf;
namespace fs = std::filesystem;

const fs::path kGolden = SLUICE_GOLDEN;

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Keeps what is written.
class MemoryContext final : public pb::compiler::GeneratorContext {
 public:
  pb::io::ZeroCopyOutputStream* Open(const std::string& name) override {
    return new pb::io::StringOutputStream(&files[name]);
  }
  std::map<std::string, std::string> files;
};

class FailOnError final : public pb::compiler::MultiFileErrorCollector {
 public:
  // Which of the two is called, and overrides something, depends on protobuf's version.
  void AddError(const std::string& file, int line, int column, const std::string& message) {
    RecordError(file, line, column, message);
  }
  void RecordError(std::string_view file, int line, int, std::string_view message) {
    ADD_FAILURE() << file << ":" << line + 1 << ": " << message;
  }
};

struct Generated {
  bool ok = false;
  std::string error;
  std::map<std::string, std::string> files;
};

Generated generate(const fs::path& root, const std::string& proto, const std::string& parameter = "") {
  pb::compiler::DiskSourceTree tree;
  tree.MapPath("", root.string());
  tree.MapPath("", "/usr/include");
  FailOnError errors;
  pb::compiler::Importer importer(&tree, &errors);
  const pb::FileDescriptor* file = importer.Import(proto);
  Generated out;
  if (file == nullptr) return out;
  MemoryContext context;
  out.ok = Generator().Generate(file, parameter, &context, &out.error);
  out.files = std::move(context.files);
  return out;
}

// The text of a .proto file, generated.
Generated generate_text(const std::string& text, const std::string& parameter = "") {
  const fs::path root =
      fs::path(::testing::TempDir()) /
      (std::string("sluice_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
  fs::create_directories(root);
  std::ofstream(root / "x.proto") << text;
  Generated out = generate(root, "x.proto", parameter);
  fs::remove_all(root);
  return out;
}

std::vector<std::string> golden_protos() {
  std::vector<std::string> protos;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(kGolden)) {
    if (entry.path().extension() == ".proto") protos.push_back(entry.path().lexically_relative(kGolden));
  }
  std::sort(protos.begin(), protos.end());
  return protos;
}

class Golden : public ::testing::TestWithParam<std::string> {};

TEST_P(Golden, IsWhatIsGenerated) {
  const Generated out = generate(kGolden, GetParam());
  ASSERT_TRUE(out.ok) << out.error;
  const std::string base = without_proto(GetParam());
  ASSERT_EQ(out.files.size(), 2u);
  for (const char* suffix : {".sluice.h", ".sluice.cc"}) {
    ASSERT_EQ(out.files.count(base + suffix), 1u) << base << suffix;
    EXPECT_EQ(out.files.at(base + suffix), read(kGolden / (base + suffix))) << base << suffix;
  }
}

INSTANTIATE_TEST_SUITE_P(Protos, Golden, ::testing::ValuesIn(golden_protos()), [](const auto& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name;
});

TEST(Generator, HasNoFileOfAProtoThatIsGone) {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(kGolden)) {
    if (!entry.is_regular_file() || entry.path().extension() == ".proto") continue;
    fs::path proto = entry.path();
    proto.replace_extension().replace_extension(".proto");
    EXPECT_TRUE(fs::exists(proto)) << entry.path();
  }
}

TEST(Generator, RefusesParameters) {
  const Generated out = generate_text("syntax = \"proto3\";", "lite=yes");
  EXPECT_FALSE(out.ok);
  EXPECT_EQ(out.error, "there are no options, got: lite=yes");
  EXPECT_TRUE(out.files.empty());
}

TEST(Generator, RefusesGenericServicesWhichWouldTakeItsNames) {
  const Generated out = generate_text(
      "syntax = \"proto3\"; option cc_generic_services = true; message M {} service S { rpc R(M) returns "
      "(M); }");
  EXPECT_FALSE(out.ok);
  EXPECT_EQ(out.error,
            "x.proto: with the option cc_generic_services protobuf makes a class S of its own; take the "
            "option out");
  EXPECT_TRUE(out.files.empty());
}

TEST(Generator, TakesGenericServicesOfAFileWithoutAny) {
  EXPECT_TRUE(generate_text("syntax = \"proto3\"; option cc_generic_services = true;").ok);
}

TEST(Generator, SaysThatItKnowsOptionalFields) {
  EXPECT_TRUE(Generator().GetSupportedFeatures() & pb::compiler::CodeGenerator::FEATURE_PROTO3_OPTIONAL);
}

// The same text under any root, by any way to it, beside any other files.
TEST(Generator, DependsOnTheImportPathAlone) {
  const fs::path root = fs::path(::testing::TempDir()) / "sluice_elsewhere";
  fs::create_directories(root / "imported");
  for (const char* proto : {"names.proto", "imported/same_package.proto"}) {
    fs::copy_file(kGolden / proto, root / proto, fs::copy_options::overwrite_existing);
  }
  const Generated here = generate(kGolden, "names.proto");
  const Generated there = generate(root / "imported" / "..", "names.proto");
  EXPECT_TRUE(here.ok && there.ok) << here.error << there.error;
  EXPECT_EQ(here.files, there.files);
  fs::remove_all(root);
}

// What protoc, which knows editions, asks a plugin that may be older.
pb::compiler::CodeGeneratorRequest request_of(const std::string& syntax) {
  pb::compiler::CodeGeneratorRequest request;
  request.add_file_to_generate("e.proto");
  request.add_proto_file()->set_name("other.proto");
  pb::FileDescriptorProto& file = *request.add_proto_file();
  file.set_name("e.proto");
  file.set_syntax(syntax);
  return request;
}

TEST(Editions, AreRefusedWhereProtobufKnowsNone) {
  EXPECT_EQ(refusal_of(request_of("proto3")), "");
  const std::string refusal = refusal_of(request_of("editions"));
  if (kKnowsEditions) {
    EXPECT_EQ(refusal, "");
  } else {
    EXPECT_EQ(
        refusal.rfind("e.proto: has an edition, and this protoc-gen-sluice was built with protobuf ", 0), 0u)
        << refusal;
    EXPECT_NE(refusal.find(", which knows none: build it with protobuf 27 or later"), std::string::npos)
        << refusal;
  }
}

#ifdef SLUICE_PLUGIN_EDITIONS
TEST(Editions, AreKnownWhereProtobufKnowsThem) {
  const Generator generator;
  EXPECT_TRUE(generator.GetSupportedFeatures() & pb::compiler::CodeGenerator::FEATURE_SUPPORTS_EDITIONS);
  EXPECT_EQ(generator.GetMinimumEdition(), pb::EDITION_PROTO2);
  EXPECT_GE(generator.GetMaximumEdition(), pb::EDITION_2023);
  const std::string body =
      "package e; message M { int32 a = 1 [features.field_presence = IMPLICIT]; } "
      "service S { rpc R(M) returns (stream M); }";
  const Generated edition = generate_text("edition = \"2023\"; " + body);
  ASSERT_TRUE(edition.ok) << edition.error;
  EXPECT_EQ(edition.files, generate_text("syntax = \"proto3\"; package e; message M { int32 a = 1; } "
                                         "service S { rpc R(M) returns (stream M); }")
                               .files);
}
#endif

}  // namespace
}  // namespace sluice_plugin
