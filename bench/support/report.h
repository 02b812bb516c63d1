// Prints results, one JSON object a line, in the shape that run.py --json collects.
#pragma once

#include <string_view>

#include "support/options.h"

namespace bench {

// What one line is about; the same for all metrics of a measurement.
struct Measurement {
  int row = 0;
  std::string_view name;
  std::string_view params;  // "outstanding=8"; empty when the row has none
};

class Report {
 public:
  explicit Report(const Options& options) : options_(options) {}

  void add(const Measurement& measurement, std::string_view metric, std::string_view unit,
           double value) const;

 private:
  const Options& options_;
};

}  // namespace bench
