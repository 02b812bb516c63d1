// However a wire is cut, the session tells and writes the same. Input: role, behaviour, a seed for the cuts,
// the wire.
#include <random>

#include "drive.h"

using namespace sluice::http2;        // NOLINT
using namespace sluice::http2::fuzz;  // NOLINT

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(data, size);
  const Role role = in.u8() % 2 == 0 ? Role::kServer : Role::kClient;
  // When credit is given for DATA depends on its pieces; so does what a full output holds back.
  const std::uint32_t how = in.u8() | how::kKeepCredit;
  std::minstd_rand cuts(in.u16() + 1);
  const std::string_view wire = in.rest();
  // A stranger is named by as much as has come of its first words.
  const std::string_view first = role == Role::kServer ? kClientPreface : std::string_view("\0", 1);
  if ((how & how::kNoHandshake) != 0 && !wire.starts_with(first)) return 0;
  const Outcome whole = drive(
      role, how, wire, [] { return std::size_t{0}; }, Take::kAtEnd);
  const Outcome bytes = drive(
      role, how, wire, [] { return std::size_t{1}; }, Take::kAtEnd);
  const Outcome random = drive(
      role, how, wire, [&] { return 1 + cuts() % 40; }, Take::kAtEnd);
  expect(whole.code == bytes.code && whole.code == random.code, "the cuts make another error");
  expect(whole.events == bytes.events && whole.events == random.events, "the cuts make other events");
  expect(whole.output == bytes.output && whole.output == random.output, "the cuts make other output");
  return 0;
}
