// Places in a chain: what is owned, what is borrowed, and whose intercept() need not be called.
#include "sluice/rpc/interceptor.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>

namespace sluice::inline v0 {
namespace {

using Ref = InterceptorRef<ServerInterceptor>;

struct HeadersOnly : ServerInterceptor {
  Status on_headers(ServerContext&) override { return {}; }
};
struct Wrapping : ServerInterceptor {
  Task<Status> intercept(ServerInvocation&) override { return Task<Status>(); }
};
struct WrappingHeaders final : HeadersOnly {
  Task<Status> intercept(ServerInvocation&) override { return Task<Status>(); }
};
class Private final : public ServerInterceptor {
  Task<Status> intercept(ServerInvocation&) override { return Task<Status>(); }
};

TEST(InterceptorRef, KnowsWhichInterceptorsWrap) {
  EXPECT_FALSE(Ref(std::make_shared<HeadersOnly>()).wraps());
  EXPECT_TRUE(Ref(std::make_shared<Wrapping>()).wraps());
  EXPECT_TRUE(Ref(std::make_shared<WrappingHeaders>()).wraps());
  EXPECT_TRUE(Ref(std::make_shared<Private>()).wraps());
}

TEST(InterceptorRef, LooksAtTheObjectAndNotAtThePointer) {
  const std::shared_ptr<HeadersOnly> derived = std::make_shared<WrappingHeaders>();
  EXPECT_TRUE(Ref(derived).wraps());
  const std::shared_ptr<ServerInterceptor> base = std::make_shared<Wrapping>();
  EXPECT_TRUE(Ref(base).wraps());
}

TEST(InterceptorRef, SharesOrBorrows) {
  auto shared = std::make_shared<HeadersOnly>();
  HeadersOnly borrowed;
  {
    const InterceptorChain<ServerInterceptor> chain = {shared, borrowed};
    EXPECT_EQ(chain[0].get(), shared.get());
    EXPECT_EQ(chain[1].get(), &borrowed);
    EXPECT_EQ(shared.use_count(), 2);
  }
  EXPECT_EQ(shared.use_count(), 1);
}

TEST(InterceptorRef, OfNothingIsNone) {
  const Ref none = std::shared_ptr<Wrapping>();
  EXPECT_EQ(none.get(), nullptr);
  EXPECT_FALSE(none.wraps());
}

struct Adds : ClientInterceptor {
  explicit Adds(std::string_view k) : key(k) {}
  Status on_headers(OutgoingHeaders& headers) override {
    headers.metadata.add(key, "1");
    if (key == "refuses") return {StatusCode::kAborted, "refused"};
    if (key == "throws") throw std::runtime_error("thrown");
    return {};
  }
  const std::string_view key;
};

TEST(RunOnHeaders, EndsWithTheFirstThatRefuses) {
  LoopGroup group;
  Loop loop(group, nullptr);
  Adds a("a"), refuses("refuses"), throws("throws"), b("b");
  const MethodInfo method{"/test.Raw/Unary"};
  const Context context;
  Metadata metadata;
  OutgoingHeaders headers{method, metadata, context, kNever, loop};
  const InterceptorChain<ClientInterceptor> refusing = {a, refuses, b};
  EXPECT_EQ(detail::run_on_headers(refusing, headers), Status(StatusCode::kAborted, "refused"));
  EXPECT_EQ(metadata, (Metadata{{"a", "1"}, {"refuses", "1"}}));
  const InterceptorChain<ClientInterceptor> throwing = {throws, b};
  EXPECT_EQ(detail::run_on_headers(throwing, headers),
            Status(StatusCode::kUnknown, "interceptor threw: thrown"));
  const InterceptorChain<ClientInterceptor> fine = {b};
  EXPECT_EQ(detail::run_on_headers(fine, headers), Status());
  EXPECT_EQ(metadata.size(), 4u);
}

}  // namespace
}  // namespace sluice::inline v0
