// The cases of gRPC's interop service as sluice's client runs them: one after the other, blocking, on one
// channel (interop-test-descriptions.md).
#pragma once

#include <string>
#include <vector>

#include "common.h"
#include "grpc/testing/test.sluice.h"
#include "sluice/sluice.h"

namespace official {

// Thread: one, an ordinary one. Lifetime: the runtime must outlive it.
class Cases {
 public:
  // `authority`: ":authority" of the calls if it is not empty.
  Cases(sluice::Runtime& runtime, std::string target, std::string authority, const Settings& settings);

  static std::vector<std::string> names();
  // REQUIRES one of names(). Errors: a Failure tells what was not as it must be.
  void run(const std::string& name);

 private:
  using Stub = grpc::testing::TestService::Stub;

  sluice::Channel dial() const;
  sluice::Result<SimpleResponse> call(const SimpleRequest& request, std::string_view algorithm = {}) const;

  void empty_unary();
  void large_unary();
  void client_compressed_unary();
  void server_compressed_unary();
  void client_streaming();
  void client_compressed_streaming();
  void server_streaming();
  void server_compressed_streaming();
  void ping_pong();
  void empty_stream();
  void custom_metadata();
  void status_code_and_message();
  void special_status_message();
  void unimplemented_method();
  void unimplemented_service();
  void cancel_after_begin();
  void cancel_after_first_response();
  void timeout_on_sleeping_server();
  void concurrent_large_unary();
  void rpc_soak();
  void channel_soak();
  void long_lived_channel();

  struct Case;
  static const std::vector<Case>& all();
  Millis now() const;
  void pause_until(Millis time);
  void soak_call(const sluice::Channel& channel) const;

  sluice::Runtime& runtime_;
  const std::string target_, authority_;
  const Settings settings_;
  const sluice::Channel channel_;
  const Stub stub_;
};

}  // namespace official
