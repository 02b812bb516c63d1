// gRPC's interop service (grpc.testing.TestService) as sluice serves it; interop-test-descriptions.md has
// what its methods must do.
#pragma once

#include <string>
#include <vector>

#include "common.h"
#include "grpc/testing/test.sluice.h"
#include "sluice/sluice.h"

namespace official {

// Without UnimplementedCall, which no server may have, and CacheableUnaryCall.
//
// Thread: any number of loops. Lifetime: longer than the server.
class TestService final : public grpc::testing::TestService::Service {
 public:
  // `id` is what replies have as their server_id.
  explicit TestService(std::string id);

  const sluice::ServiceDesc& service_desc() const override { return desc_; }

  sluice::Task<sluice::Result<Empty>> EmptyCall(sluice::ServerContext& context,
                                                const Empty& request) override;
  sluice::Task<sluice::Result<SimpleResponse>> UnaryCall(sluice::ServerContext& context,
                                                         const SimpleRequest& request) override;
  sluice::Task<sluice::Status> StreamingOutputCall(
      sluice::ServerContext& context, const StreamingOutputCallRequest& request,
      sluice::ServerWriter<StreamingOutputCallResponse>& writer) override;
  sluice::Task<sluice::Result<StreamingInputCallResponse>> StreamingInputCall(
      sluice::ServerContext& context, sluice::ServerReader<StreamingInputCallRequest>& reader) override;
  sluice::Task<sluice::Status> FullDuplexCall(
      sluice::ServerContext& context,
      sluice::ServerReaderWriter<StreamingOutputCallResponse, StreamingOutputCallRequest>& stream) override;
  sluice::Task<sluice::Status> HalfDuplexCall(
      sluice::ServerContext& context,
      sluice::ServerReaderWriter<StreamingOutputCallResponse, StreamingOutputCallRequest>& stream) override;

 private:
  const std::string id_;
  std::vector<sluice::MethodDesc> methods_;
  sluice::ServiceDesc desc_;
};

// What a server of it must be made with.
sluice::ServerOptions server_options();

}  // namespace official
