// A mistake that debug builds find, also where the library was built without assertions: a loop's member is
// used on a thread that does not run the loop.
#include <sluice/sluice.h>

int main() {
  sluice::Runtime runtime({.threads = 1});
  return runtime.loop().now() == sluice::TimePoint();
}
