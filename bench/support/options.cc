// See options.h.
#include "support/options.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace bench {
namespace {

[[noreturn]] void refuse(std::string_view flag, std::string_view value) {
  std::fprintf(stderr, "bad argument %.*s %.*s\n", static_cast<int>(flag.size()), flag.data(),
               static_cast<int>(value.size()), value.data());
  std::exit(2);
}

template <class Number>
Number to_number(std::string_view flag, std::string_view text) {
  Number number{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0) refuse(flag, text);
  return number;
}

std::vector<int> to_rows(std::string_view flag, std::string_view text) {
  std::vector<int> rows;
  while (true) {
    std::size_t comma = text.find(',');
    rows.push_back(to_number<int>(flag, text.substr(0, comma)));
    if (comma == std::string_view::npos) return rows;
    text.remove_prefix(comma + 1);
  }
}

// True when `flag` was one that stands alone.
bool set_switch(Options& options, std::string_view flag) {
  if (flag == "--count") return options.count_allocations = true;
  if (flag == "--first-reply") return options.first_reply = true;
  if (flag == "--peaks") return options.peaks = true;
  return false;
}

void set_value(Options& options, std::string_view flag, std::string_view value) {
  if (flag == "--rows") {
    options.rows = to_rows(flag, value);
  } else if (flag == "--api") {
    options.api = value;
  } else if (flag == "--subject") {
    options.subject = value;
  } else if (flag == "--pinning") {
    options.pinning = value;
  } else if (flag == "--round") {
    options.round = to_number<int>(flag, value);
  } else if (flag == "--seconds") {
    options.seconds = to_number<double>(flag, value);
  } else if (flag == "--warmup") {
    options.warmup_seconds = to_number<double>(flag, value);
  } else if (flag == "--scenario") {
    options.scenario = value;
  } else if (flag == "--calls") {
    options.calls = to_number<std::uint64_t>(flag, value);
  } else {
    refuse(flag, value);
  }
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    if (set_switch(options, argv[i])) continue;
    if (i + 1 == argc) refuse(argv[i], "");
    set_value(options, argv[i], argv[i + 1]);
    ++i;
  }
  return options;
}

}  // namespace bench
