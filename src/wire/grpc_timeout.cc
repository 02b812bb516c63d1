// Encoding counts in the smallest unit whose count fits eight digits; decoding multiplies and clamps.
#include "wire/grpc_timeout.h"

#include <limits>

namespace sluice::inline v0::wire {

namespace {

constexpr std::int64_t kMaxCount = 99'999'999;
constexpr std::size_t kMaxDigits = 8;

constexpr std::int64_t kMicro = 1'000;
constexpr std::int64_t kMilli = 1'000 * kMicro;
constexpr std::int64_t kSecond = 1'000 * kMilli;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;

struct Count {
  std::int64_t count;
  char unit;
};

// A division by a constant is a multiplication, so each unit is a case of its own.
template <std::int64_t kUnit>
constexpr std::int64_t round_up(std::int64_t ns) {
  return ns / kUnit + (ns % kUnit != 0);
}

Count count_of(std::int64_t ns) {
  if (ns <= 0) return {0, 'n'};
  if (ns <= kMaxCount) return {ns, 'n'};
  if (ns <= kMaxCount * kMicro) return {round_up<kMicro>(ns), 'u'};
  if (ns <= kMaxCount * kMilli) return {round_up<kMilli>(ns), 'm'};
  if (ns <= kMaxCount * kSecond) return {round_up<kSecond>(ns), 'S'};
  if (ns <= kMaxCount * kMinute) return {round_up<kMinute>(ns), 'M'};
  return {round_up<kHour>(ns), 'H'};  // 2^63 ns are 2,562,048 hours
}

// 0 for what is no unit.
std::int64_t unit_of(char c) {
  switch (c) {
    case 'n':
      return 1;
    case 'u':
      return kMicro;
    case 'm':
      return kMilli;
    case 'S':
      return kSecond;
    case 'M':
      return kMinute;
    case 'H':
      return kHour;
    default:
      return 0;
  }
}

}  // namespace

TimeoutText::TimeoutText(Duration timeout) {
  const Count c = count_of(timeout.count());
  std::size_t at = text_.size();
  text_[--at] = c.unit;
  auto left = static_cast<std::uint32_t>(c.count);
  do {
    text_[--at] = static_cast<char>('0' + left % 10);
    left /= 10;
  } while (left != 0);
  begin_ = static_cast<std::uint8_t>(at);
}

std::optional<Duration> parse_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > kMaxDigits + 1) return std::nullopt;
  const std::int64_t unit = unit_of(text.back());
  if (unit == 0) return std::nullopt;
  text.remove_suffix(1);
  std::int64_t count = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    count = count * 10 + (c - '0');
  }
  if (count > std::numeric_limits<std::int64_t>::max() / unit) return Duration::max();
  return Duration(count * unit);
}

}  // namespace sluice::inline v0::wire
