// What is generated, as a program sees it: types of methods, names and descriptors, and that methods which
// nobody wrote say so.
#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <vector>

#include "bare.sluice.h"
#include "comments.sluice.h"
#include "imported/parts.sluice.h"
#include "imported/same_package.sluice.h"
#include "library.sluice.h"
#include "line_ends.sluice.h"
#include "macros.sluice.h"
#include "names.sluice.h"
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

// Names that somebody else has.
namespace names {

using namespace golden::names;
static_assert(Outer_Inner__::kName == "golden.names.Outer_Inner");
static_assert(Outer_Inner_::kName == "golden.names.Outer_Inner_");
static_assert(Outer_AllEntry_DoNotUse_::kName == "golden.names.Outer_AllEntry_DoNotUse");
static_assert(Outer_Inner_Kind_::kName == "golden.names.Outer_Inner_Kind");
static_assert(Color_Name_::kName == "golden.names.Color_Name");
static_assert(delete__::kName == "golden.names.delete");
static_assert(Stub__::kName == "golden.names.Stub");
static_assert(Stub_::kName == "golden.names.Stub_");
static_assert(Service_::kName == "golden.names.Service");
static_assert(Service__::kName == "golden.names.Service_");

static_assert(::sluice_::kName == "sluice");
static_assert(::std_::kName == "std");
static_assert(::stat_::kName == "stat");
static_assert(::size_t_::kName == "size_t");
static_assert(::time::kName == "time");
static_assert(::Bare_sluice_::kName == "Bare_sluice");

static_assert(::sluice::Channel_::kName == "sluice.Channel");
static_assert(::sluice::Task_::kName == "sluice.Task");
static_assert(::sluice::Golden_::kName == "sluice.Golden");

using golden::macros::EOF_;
static_assert(golden::macros::errno_::kName == "golden.macros.errno");
template <auto... kMethods>
inline constexpr bool kAreMethods = (std::is_member_function_pointer_v<decltype(kMethods)> && ...);
using M = golden::macros::Macros::Stub;
static_assert(
    kAreMethods<&EOF_::Stub::EOF_, &M::EOF__, &M::EOF_, &M::NULL_, &M::errno_, &M::assert_, &M::linux_,
                &M::unix_, &M::stdin_, &M::stdout_, &M::stderr_, &M::major_, &M::minor_, &M::makedev_,
                &M::htons_, &M::offsetof_, &M::setjmp_, &M::va_start_, &M::st_mtime_, &M::sa_handler_,
                &M::SIGINT_, &M::EINVAL_, &M::INT_MAX_, &M::NAN_, &M::PATH_MAX_, &M::AF_UNIX_, &M::__FILE___,
                &M::_GNU_SOURCE_, &M::Major, &M::time, &M::_, &M::GET>);

}  // namespace names

// What comments must not become.
template <class T>
concept HasInjected = requires(T t) {
  t.of_a_service;
}
|| requires(T t) { t.of_a_method; }
|| requires(T t) { t.in_a_block; }
|| requires(T t) { t.a; }
|| requires(T t) { t.b; }
|| requires(T t) { t.c; };
static_assert(!HasInjected<golden::line_ends::LineEnds::Service>);
static_assert(!HasInjected<golden::line_ends::LineEnds::Stub>);

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

TEST(GeneratedService, DescribesMacrosByTheNamesOfTheProto) {
  golden::macros::EOF_::Service service;
  EXPECT_EQ(service.service_desc().name, "golden.macros.EOF");
  EXPECT_EQ(methods(service.service_desc()), (std::vector<Method>{{"EOF", false, false}}));
}

TEST(GeneratedService, HasAllMethodsWhateverTheCommentsSay) {
  golden::line_ends::LineEnds::Service service;
  EXPECT_EQ(service.service_desc().methods.size() + service.service_desc().streams.size(), 8u);
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
