// The service of the interop matrix, as sluice serves it: by sluice_server.cc to peers, and by
// sluice_client.cc to itself over a pipe.
#pragma once

#include <csignal>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "common.h"
#include "interop.sluice.h"
#include "sluice/sluice.h"

namespace interop {

// How near connections came to their limits; guards.py gathers the lines.
inline void tell_peaks(const sluice::LimitPeaks& peaks) {
  std::fprintf(stderr, "limit peaks: %s\n", to_string(peaks).c_str());
}

// Thread: any number of loops. Lifetime: longer than the server.
class SluiceService final : public sluice::interop::Interop::Service {
 public:
  // `drain` is called on a loop when a client asks for it.
  explicit SluiceService(std::function<void()> drain) : drain_(std::move(drain)) {}

  sluice::Task<sluice::Result<Reply>> Unary(sluice::ServerContext& context, const Request& request) override;
  sluice::Task<sluice::Status> ServerStream(sluice::ServerContext& context, const Request& request,
                                            sluice::ServerWriter<Reply>& writer) override;
  sluice::Task<sluice::Result<Reply>> ClientStream(sluice::ServerContext& context,
                                                   sluice::ServerReader<Request>& reader) override;
  sluice::Task<sluice::Status> Bidi(sluice::ServerContext& context,
                                    sluice::ServerReaderWriter<Reply, Request>& stream) override;
  sluice::Task<sluice::Result<SeenReply>> Seen(sluice::ServerContext& context,
                                               const sluice::interop::SeenRequest& request) override;
  sluice::Task<sluice::Result<sluice::interop::DrainReply>> Drain(
      sluice::ServerContext& context, const sluice::interop::DrainRequest& request) override;

 private:
  // What was seen of the calls with one id.
  struct Record {
    Record() { seen.set_timeout_ms(-1); }
    SeenReply seen;
    sluice::Context gathered = sluice::Context().with_cancel();  // cancelled when enough calls are here
  };
  class Call;

  std::shared_ptr<Record> record(const std::string& id);

  const std::function<void()> drain_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Record>> calls_;  // shared: with the calls that note in it
};

}  // namespace interop
