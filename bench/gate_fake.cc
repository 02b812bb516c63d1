// A program of known costs, for run_test.py: as many allocations, system calls and rounds of work a call as
// the environment says (FAKE_ALLOCATIONS, FAKE_SYSTEM_CALLS, FAKE_WORK), on top of a start-up that costs too.
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

long setting(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? 0 : std::atol(text);
}

}  // namespace

int main(int argc, char** argv) {
  long calls = 0;
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::strcmp(argv[i], "--calls") == 0) calls = std::atol(argv[i + 1]);
    if (std::strcmp(argv[i], "--scenario") == 0 && std::strcmp(argv[i + 1], "missing") == 0) return 3;
  }
  const long allocations = setting("FAKE_ALLOCATIONS"), system_calls = setting("FAKE_SYSTEM_CALLS"),
             work = setting("FAKE_WORK");
  volatile unsigned sink = 0;
  for (int k = 0; k < 100000; ++k) sink = sink + 1;
  for (long i = 0; i < calls; ++i) {
    for (long k = 0; k < system_calls; ++k) syscall(SYS_getppid);
    for (long k = 0; k < work; ++k) sink = sink * 31 + 7;
  }
  std::printf("{\"scenario\": \"\", \"calls\": %ld, \"allocations\": %ld, \"compiler\": \"fake 1\"}\n", calls,
              17 + calls * allocations);
  return 0;
}
