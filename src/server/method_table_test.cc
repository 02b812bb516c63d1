// Which function serves a path, and what is said of paths that none serves.
#include "server/method_table.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace sluice::inline v0 {
namespace {

void serve_one(void*, ServerCall&) {}
void serve_other(void*, ServerCall&) {}
void serve_unknown(void*, ServerCall&) {}

constexpr MethodDesc kMethods[] = {{"One", &serve_one}};
constexpr StreamDesc kStreams[] = {{"Other", true, false, &serve_other}};
constexpr ServiceDesc kDesc{"test.Table", kMethods, kStreams};

TEST(MethodTable, FindsMethodsByTheirPathsWithTheObjectOfTheirService) {
  const ServerOptions options;
  MethodTable table(options);
  int object = 0;
  ASSERT_EQ(table.add(kDesc, &object, nullptr), Status());
  const call::ServedMethod* one = table.find("/test.Table/One");
  ASSERT_NE(one, nullptr);
  EXPECT_EQ(one->handler, &serve_one);
  EXPECT_EQ(one->object, &object);
  ASSERT_NE(table.find("/test.Table/Other"), nullptr);
  EXPECT_EQ(table.find("/test.Table/Other")->handler, &serve_other);
  EXPECT_EQ(table.find("/test.Table/one"), nullptr);
  EXPECT_EQ(table.find("/test.Table/"), nullptr);
}

TEST(MethodTable, TellsAnUnknownMethodFromAnUnknownService) {
  const ServerOptions options;
  MethodTable table(options);
  ASSERT_EQ(table.add(kDesc, nullptr, nullptr), Status());
  EXPECT_EQ(table.not_found("/test.Table/Two"),
            Status(StatusCode::kUnimplemented, "unknown method Two for service test.Table"));
  EXPECT_EQ(table.not_found("/test.Chair/One"),
            Status(StatusCode::kUnimplemented, "unknown service test.Chair"));
}

TEST(MethodTable, GivesWhatNobodyServesToTheHandlerOfUnknownServices) {
  ServerOptions options;
  options.unknown_service = &serve_unknown;
  MethodTable table(options);
  ASSERT_EQ(table.add(kDesc, nullptr, nullptr), Status());
  EXPECT_EQ(table.find("/test.Table/One")->handler, &serve_one);
  EXPECT_EQ(table.find("/test.Table/Two")->handler, &serve_unknown);
}

TEST(MethodTable, IsConstantOnceFrozen) {
  const ServerOptions options;
  MethodTable table(options);
  table.freeze();
  EXPECT_EQ(table.add(kDesc, nullptr, nullptr),
            Status(StatusCode::kFailedPrecondition, "service test.Table is registered after serve()"));
  EXPECT_EQ(table.find("/test.Table/One"), nullptr);
}

TEST(MethodTable, BorrowsWhatItDoesNotKeep) {
  const ServerOptions options;
  MethodTable table(options);
  auto service = std::make_shared<int>();
  ASSERT_EQ(table.add(kDesc, service.get(), service), Status());
  EXPECT_FALSE(table.borrows());
  EXPECT_EQ(service.use_count(), 2);
  table.drop_services();
  EXPECT_EQ(service.use_count(), 1);
  const ServiceDesc borrowed{"test.Borrowed"};
  ASSERT_EQ(table.add(borrowed, nullptr, nullptr), Status());
  EXPECT_TRUE(table.borrows());
}

}  // namespace
}  // namespace sluice::inline v0
