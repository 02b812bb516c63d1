// See report.h.
#include "support/report.h"

#include <cstdio>
#include <string>

namespace bench {
namespace {

// Names here are plain ASCII of our own choosing; only what could end the string is escaped.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

}  // namespace

void Report::add(const Measurement& measurement, std::string_view metric, std::string_view unit,
                 double value) const {
  std::printf(
      "{\"row\": %d, \"name\": %s, \"subject\": %s, \"params\": %s, \"metric\": %s, \"unit\": %s, "
      "\"value\": %.9g, \"pinning\": %s, \"round\": %d}\n",
      measurement.row, quoted(measurement.name).c_str(), quoted(options_.subject).c_str(),
      quoted(measurement.params).c_str(), quoted(metric).c_str(), quoted(unit).c_str(), value,
      quoted(options_.pinning).c_str(), options_.round);
  std::fflush(stdout);
}

}  // namespace bench
