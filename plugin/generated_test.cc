// What is generated, as a program sees it: types of methods, names and descriptors, and that methods which
// nobody wrote say so.
#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <vector>

#include "comments.sluice.h"
#include "imported/parts.sluice.h"
#include "no_package.sluice.h"
#include "public-parts.sluice.h"
#include "types.sluice.h"
#include "words.sluice.h"

namespace {

using sluice::CallOptions;
using sluice::Result;
using sluice::ServerContext;
using sluice::Status;
using sluice::Task;

// Each method's handler and stub have exactly the types that the four kinds promise.
namespace kinds {

using golden::Own;
using Any = google::protobuf::Any;
using Text = google::protobuf::StringValue;
using Strict = golden::imported::Strict;
using Innermost = golden::imported::Outer_Inner_Innermost;

static_assert(std::is_same_v<decltype(&golden::Types::Service::Optional),
                             Task<Result<Own>> (golden::Types::Service::*)(ServerContext&, const Own&)>);
static_assert(std::is_same_v<decltype(&golden::Types::Stub::Optional),
                             sluice::Op<Own> (golden::Types::Stub::*)(const Own&, const CallOptions&) const>);
static_assert(std::is_same_v<decltype(&golden::Types::Service::Imported),
                             Task<Status> (golden::Types::Service::*)(ServerContext&, const Strict&,
                                                                      sluice::ServerWriter<Innermost>&)>);
static_assert(std::is_same_v<decltype(&golden::Types::Stub::Imported),
                             sluice::ClientReader<Innermost> (golden::Types::Stub::*)(
                                 const Strict&, const CallOptions&) const>);
static_assert(std::is_same_v<decltype(&golden::Types::Service::NoPackage),
                             Task<Result<InNoPackage>> (golden::Types::Service::*)(
                                 ServerContext&, sluice::ServerReader<InNoPackage>&)>);
static_assert(std::is_same_v<decltype(&golden::Types::Stub::NoPackage),
                             sluice::ClientWriter<InNoPackage, InNoPackage> (golden::Types::Stub::*)(
                                 const CallOptions&) const>);
static_assert(std::is_same_v<decltype(&golden::Types::Service::AnyStream),
                             Task<Status> (golden::Types::Service::*)(
                                 ServerContext&, sluice::ServerReaderWriter<Text, Any>&)>);
static_assert(
    std::is_same_v<decltype(&golden::Types::Stub::AnyStream),
                   sluice::ClientReaderWriter<Any, Text> (golden::Types::Stub::*)(const CallOptions&) const>);

}  // namespace kinds

// Words that the generated code avoids; that these name something is the test.
namespace words {

namespace w = golden::words::sluice;
using Reply = Task<Result<w::Plain>>;
static_assert(std::is_same_v<decltype(&w::Members::Service::Stub_),
                             Reply (w::Members::Service::*)(ServerContext&, const w::Plain&)>);
static_assert(std::is_same_v<decltype(&w::Members::Service::kName_),
                             Reply (w::Members::Service::*)(ServerContext&, const w::Plain&)>);
static_assert(std::is_same_v<decltype(&w::Taken::Service::if___),
                             Reply (w::Taken::Service::*)(ServerContext&, const w::Plain&)>);
static_assert(std::is_member_function_pointer_v<decltype(&w::delete_::Service::new_)>);
static_assert(std::is_member_function_pointer_v<decltype(&w::delete_::Stub::co_await_)>);
static_assert(std::is_member_function_pointer_v<decltype(&w::Stub_::Stub::Stub_)>);
static_assert(std::is_member_function_pointer_v<decltype(&w::Service_::Service::Service_)>);

}  // namespace words

static_assert(!std::is_default_constructible_v<golden::Types>);
static_assert(golden::Types::kName == "golden.Types");
static_assert(golden::words::sluice::delete_::kName == "golden.words.sluice.delete");
static_assert(Echo::kName == "Echo");
static_assert(std::is_copy_constructible_v<Empty::Stub>);
// Nothing turns into a stub by chance.
static_assert(!std::is_convertible_v<sluice::Channel, Echo::Stub>);

struct Method {
  std::string name;
  bool server_streams;
  bool client_streams;
  friend bool operator==(const Method&, const Method&) = default;
};
void PrintTo(const Method& m, std::ostream* out) {
  *out << m.name << " server_streams=" << m.server_streams << " client_streams=" << m.client_streams;
}

std::vector<Method> methods(const sluice::ServiceDesc& desc) {
  std::vector<Method> out;
  for (const sluice::MethodDesc& m : desc.methods) out.push_back({std::string(m.name), false, false});
  for (const sluice::StreamDesc& m : desc.streams) {
    out.push_back({std::string(m.name), m.server_streams, m.client_streams});
  }
  return out;
}

TEST(GeneratedService, DescribesItsMethods) {
  golden::Types::Service service;
  const sluice::ServiceDesc& desc = service.service_desc();
  EXPECT_EQ(desc.name, "golden.Types");
  EXPECT_EQ(desc.file, "types.proto");
  EXPECT_EQ(methods(desc), (std::vector<Method>{{"WellKnown", false, false},
                                                {"Nested", false, false},
                                                {"Optional", false, false},
                                                {"AnyStream", true, true},
                                                {"Imported", true, false},
                                                {"NoPackage", false, true},
                                                {"SameTypes", true, true}}));
  EXPECT_EQ(&service.service_desc(), &desc);
}

TEST(GeneratedService, DescribesMethodsByTheNamesOfTheProto) {
  golden::words::sluice::delete_::Service service;
  EXPECT_EQ(service.service_desc().name, "golden.words.sluice.delete");
  EXPECT_EQ(methods(service.service_desc()), (std::vector<Method>{{"new", false, false},
                                                                  {"NULL", false, false},
                                                                  {"co_await", false, true},
                                                                  {"requires", true, false},
                                                                  {"xor", true, true}}));
}

TEST(GeneratedService, MayHaveNoMethods) {
  Empty::Service service;
  EXPECT_EQ(service.service_desc().name, "Empty");
  EXPECT_EQ(service.service_desc().file, "no_package.proto");
  EXPECT_TRUE(methods(service.service_desc()).empty());
}

// A service that is one base of several, so that the addresses differ.
struct Other {
  virtual ~Other() = default;
  int something = 0;
};
class Two final : public Other, public Echo::Service, public golden::Types::Service {};

TEST(GeneratedService, IsTheObjectThatItsHandlersCast) {
  Two two;
  EXPECT_EQ(static_cast<Echo::Service&>(two).service_object(), static_cast<Echo::Service*>(&two));
  EXPECT_EQ(static_cast<golden::Types::Service&>(two).service_object(),
            static_cast<golden::Types::Service*>(&two));
  EXPECT_NE(static_cast<Echo::Service&>(two).service_object(), static_cast<void*>(&two));
}

}  // namespace
