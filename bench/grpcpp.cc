// See grpcpp.h.
#include "grpcpp.h"

#include <cstdio>
#include <cstdlib>

#include "support/crew.h"

int main(int argc, char** argv) {
  return bench::subject_main(argc, argv, [](const bench::Options& options) {
    if (options.api == "sync") return bench::make_grpcpp_sync();
    if (options.api == "callback") return bench::make_grpcpp_callback();
    if (options.api == "cq") return bench::make_grpcpp_cq();
    if (options.api == "cq-threads")
      return bench::make_grpcpp_cq_threads(options.pinning == bench::kTwoCores);
    std::fprintf(stderr, "grpc++ has sync, callback, cq and cq-threads, not \"%s\"\n", options.api.c_str());
    std::exit(2);
  });
}
