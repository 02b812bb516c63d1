// The measurements, each for a whole row of docs/performance.md.
// subject_main.cc chooses among them; how a figure is taken is written here and nowhere else.
#pragma once

#include <stdexcept>

#include "support/report.h"
#include "support/subject.h"

namespace bench {

// An answer had the wrong length or content; nothing measured after it would mean anything.
struct WrongAnswer : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// All throw Unsupported when the subject lacks the operation and WrongAnswer when it answers wrongly.
void measure_unary(Subject& subject, const Options& options, const Report& report);
// Row 2. Which of them a pinning is for stands in subject_main.cc.
void measure_wakeups(Subject& subject, const Options& options, const Report& report);
void measure_callers(Subject& subject, const Options& options, const Report& report);
void measure_across(Subject& subject, const Options& options, const Report& report);
void measure_loops(Subject& subject, const Options& options, const Report& report);
void measure_throughput(Subject& subject, const Options& options, const Report& report);
void measure_ping_pong(Subject& subject, const Options& options, const Report& report);
void measure_stream(Subject& subject, const Options& options, const Report& report);
void measure_large(Subject& subject, const Options& options, const Report& report);

// Row 11, each counted exactly or, for the first reply, taken as the median of five processes.
void measure_allocations(Subject& subject, const Report& report);
void measure_idle_connection(Subject& subject, const Report& report);
void measure_idle_stream(Subject& subject, const Report& report);
void measure_crowd(Subject& subject, const Report& report);
void measure_first_reply(const Options& options, const Report& report);

}  // namespace bench
