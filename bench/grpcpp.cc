// See grpcpp.h.
#include "grpcpp.h"

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  return bench::subject_main(argc, argv, [](const bench::Options& options) {
    if (options.api == "sync") return bench::make_grpcpp_sync();
    if (options.api == "callback") return bench::make_grpcpp_callback();
    if (options.api == "cq") return bench::make_grpcpp_cq();
    std::fprintf(stderr, "grpc++ has sync, callback and cq, not \"%s\"\n", options.api.c_str());
    std::exit(2);
  });
}
