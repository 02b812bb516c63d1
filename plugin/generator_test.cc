// The generator against its golden files, and what it refuses.
//
// After a change that is meant, write them anew, and read the difference:
//   cd plugin/golden
//   protoc -I. --plugin=../../build/dev/bin/protoc-gen-sluice --sluice_out=. $(find . -name '*.proto')
#include "generator.h"

#include <google/protobuf/compiler/importer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

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
  void AddError(const std::string& file, int line, int, const std::string& message) override {
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
  EXPECT_EQ(Generator().GetSupportedFeatures(),
            static_cast<std::uint64_t>(pb::compiler::CodeGenerator::FEATURE_PROTO3_OPTIONAL));
}

TEST(Names, KnowKeywords) {
  for (const char* word : {"NULL", "alignas", "class", "co_await", "concept", "requires", "xor_eq"}) {
    EXPECT_TRUE(is_keyword(word)) << word;
  }
  for (const char* word : {"", "Class", "final", "override", "import", "module", "zzz", "a"}) {
    EXPECT_FALSE(is_keyword(word)) << word;
  }
}

TEST(Names, TakeTheEndingOff) {
  EXPECT_EQ(without_proto("a/b.c.proto"), "a/b.c");
  EXPECT_EQ(without_proto("x.protodevel"), "x");
  EXPECT_EQ(without_proto("x"), "x");
}

}  // namespace
}  // namespace sluice_plugin
