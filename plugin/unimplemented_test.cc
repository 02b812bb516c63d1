// A generated service that nobody filled in, served and called over a pipe: each kind of method answers that
// it is not implemented, in real time and in the simulation.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "imported/parts.sluice.h"
#include "no_package.sluice.h"
#include "sluice/testing/client_of.h"
#include "types.sluice.h"
#include "words.sluice.h"

namespace {

using sluice::Status;
using sluice::StatusCode;

Status unimplemented(const std::string& method) {
  return {StatusCode::kUnimplemented, "method " + method + " is not implemented"};
}

class Unimplemented : public ::testing::TestWithParam<std::optional<std::uint64_t>> {
 protected:
  template <class S>
  auto client_of(typename S::Service& service) {
    typename sluice::testing::ClientOf<S>::Options options;
    options.runtime.simulation_seed = GetParam();
    return sluice::testing::client_of<S>(service, std::move(options));
  }
};

TEST_P(Unimplemented, UnaryMethodSaysSo) {
  golden::Types::Service service;
  auto types = client_of<golden::Types>(service);
  EXPECT_EQ(types->Optional(golden::Own()).get().status(), unimplemented("golden.Types/Optional"));
}

TEST_P(Unimplemented, ServerStreamSaysSo) {
  golden::Types::Service service;
  auto types = client_of<golden::Types>(service);
  golden::imported::Strict request;
  request.set_must("be there");
  auto stream = types->Imported(request);
  EXPECT_FALSE(stream.read().get().has_value());
  EXPECT_EQ(stream.finish().get(), unimplemented("golden.Types/Imported"));
}

TEST_P(Unimplemented, ClientStreamSaysSo) {
  golden::Types::Service service;
  auto types = client_of<golden::Types>(service);
  auto stream = types->NoPackage();
  EXPECT_EQ(stream.finish().get().status(), unimplemented("golden.Types/NoPackage"));
}

TEST_P(Unimplemented, BidiStreamSaysSo) {
  golden::Types::Service service;
  auto types = client_of<golden::Types>(service);
  auto stream = types->AnyStream();
  EXPECT_FALSE(stream.read().get().has_value());
  EXPECT_EQ(stream.finish().get(), unimplemented("golden.Types/AnyStream"));
}

TEST_P(Unimplemented, MethodsKeepTheirNamesOnTheWire) {
  golden::words::sluice::delete_::Service service;
  auto words = client_of<golden::words::sluice::delete_>(service);
  EXPECT_EQ(words->new_({}).get().status(), unimplemented("golden.words.sluice.delete/new"));
  EXPECT_EQ(words->NULL_({}).get().status(), unimplemented("golden.words.sluice.delete/NULL"));
}

TEST_P(Unimplemented, WithoutAPackageTheNameIsTheService) {
  Echo::Service service;
  auto echo = client_of<Echo>(service);
  EXPECT_EQ(echo->Send({}).get().status(), unimplemented("Echo/Send"));
}

TEST_P(Unimplemented, RequestWithoutRequiredFieldsIsNotEvenSent) {
  golden::imported::Importee::Service service;
  auto importee = client_of<golden::imported::Importee>(service);
  EXPECT_EQ(importee->Get({}).get().status(),
            Status(StatusCode::kInternal, "golden.imported.Strict lacks required fields: must"));
}

INSTANTIATE_TEST_SUITE_P(Time, Unimplemented, ::testing::Values(std::nullopt, std::uint64_t{1}),
                         [](const auto& info) { return info.param ? "Simulated" : "Real"; });

}  // namespace
