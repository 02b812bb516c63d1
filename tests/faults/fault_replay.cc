// Repeats one seed of tests/faults with a log of all that happens: ./dev replay SEED.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "faults/seed_run.h"

int main(int argc, char** argv) {
  char* end = nullptr;
  const unsigned long long seed = argc == 2 ? std::strtoull(argv[1], &end, 10) : 0;
  if (argc != 2 || end == argv[1] || *end != '\0') {
    std::fprintf(stderr, "usage: fault_replay SEED\n");
    return 2;
  }
  const sluice::faults::SeedReport report = sluice::faults::run_seed(seed, [](std::string_view line) {
    std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
    std::fflush(stdout);
  });
  std::printf("seed %llu: %d calls on %d connections, %d kinds of fault, trace %016llx, %zu wrong\n", seed,
              report.calls, report.connections, report.fault_kinds(),
              static_cast<unsigned long long>(report.trace), report.wrong.size());
  for (const std::string& wrong : report.wrong) std::printf("  %s\n", wrong.c_str());
  return report.wrong.empty() ? 0 : 1;
}
