// What the C++ programs of the interop matrix share, whichever gRPC they use: arguments, patterns, checks and
// the lines of a client. Names neither sluice nor grpc++.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "interop.pb.h"

namespace interop {

using sluice::interop::Plan;
using sluice::interop::Reply;
using sluice::interop::Request;
using sluice::interop::SeenReply;
using Seconds = std::chrono::duration<double>;

// --key value, or --key alone.
class Args {
 public:
  Args(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
      const std::string key = argv[i];
      const bool has_value = i + 1 < argc && std::string_view(argv[i + 1]).substr(0, 2) != "--";
      values_[key] = has_value ? argv[++i] : "";
    }
  }
  bool has(const std::string& key) const { return values_.count(key) != 0; }
  std::string get(const std::string& key, const std::string& otherwise = "") const {
    const auto found = values_.find(key);
    return found == values_.end() ? otherwise : found->second;
  }

 private:
  std::map<std::string, std::string> values_;
};

// Payload number `seed`: byte i is seed + 7 i.
inline std::string pattern(std::size_t size, std::size_t seed) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(seed + 7 * i);
  return bytes;
}

// CRC-32 as zlib has it, going on from `crc`. Eight bytes at a time: the loads send a gigabyte.
inline std::uint32_t crc32(std::string_view bytes, std::uint32_t crc = 0) {
  static constexpr auto kTables = [] {
    std::array<std::array<std::uint32_t, 256>, 8> tables{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t c = i;
      for (int k = 0; k < 8; ++k) c = (c & 1) != 0 ? (c >> 1) ^ 0xedb88320U : c >> 1;
      tables[0][i] = c;
    }
    // Table k: what a byte does that k zeros follow.
    for (std::size_t k = 1; k < 8; ++k) {
      for (std::size_t i = 0; i < 256; ++i)
        tables[k][i] = (tables[k - 1][i] >> 8) ^ tables[0][tables[k - 1][i] & 255];
    }
    return tables;
  }();
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* const end = at + bytes.size();
  crc = ~crc;
  for (; end - at >= 8; at += 8) {
    const std::uint32_t low =
        crc ^ (at[0] | at[1] << 8 | at[2] << 16 | static_cast<std::uint32_t>(at[3]) << 24);
    crc = kTables[7][low & 255] ^ kTables[6][low >> 8 & 255] ^ kTables[5][low >> 16 & 255] ^
          kTables[4][low >> 24] ^ kTables[3][at[4]] ^ kTables[2][at[5]] ^ kTables[1][at[6]] ^
          kTables[0][at[7]];
  }
  for (; at != end; ++at) crc = kTables[0][(crc ^ *at) & 255] ^ (crc >> 8);
  return ~crc;
}

// A check that did not hold.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class... Parts>
void check(bool ok, const Parts&... why) {
  if (ok) return;
  std::ostringstream text;
  (text << ... << why);
  throw Failure(text.str());
}

inline std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + '"';
}

// The calls of the case `steady`, and how those that failed did so.
class Tally {
 public:
  using Clock = std::chrono::steady_clock;
  explicit Tally(double seconds)
      : end_(Clock::now() + std::chrono::duration_cast<Clock::duration>(Seconds(seconds))) {}

  bool going_on() const { return Clock::now() < end_; }
  // A line for the runner after the first call with status OK, and then several times a second.
  void add(int code, const std::string& message) {
    ++calls_;
    if (code != 0 && ++failures_[code] == 1) whys_[code] = message;
    if (code != 0 || Clock::now() < next_) return;
    next_ = Clock::now() + std::chrono::milliseconds(300);
    std::printf("{\"progress\": %d}\n", calls_);
    std::fflush(stdout);
  }
  // The sum; UNAVAILABLE (14) is the only failure that may be. `last`: of the last call.
  void finish(int last) const {
    std::string failures, wrong;
    for (const auto& [code, count] : failures_) {
      failures += (failures.empty() ? "\"" : ", \"") + std::to_string(code) + "\": " + std::to_string(count);
      if (code != 14)
        wrong += std::to_string(count) + " calls ended with " + std::to_string(code) + ", " + whys_.at(code) +
                 "; ";
    }
    std::printf("{\"calls\": %d, \"failures\": {%s}}\n", calls_, failures.c_str());
    check(wrong.empty(), wrong);
    check(last == 0, "calls fail for good: ", last);
  }

 private:
  const Clock::time_point end_;
  Clock::time_point next_{};
  int calls_ = 0;
  std::map<int, int> failures_;
  std::map<int, std::string> whys_;  // of the first of each
};

// Runs the cases of the list "a,b,c" and prints a line for each.
inline void run_cases(const std::string& list, const std::map<std::string, std::function<void()>>& cases) {
  std::istringstream names(list);
  for (std::string name; std::getline(names, name, ',');) {
    const auto start = std::chrono::steady_clock::now();
    std::string why;
    try {
      const auto found = cases.find(name);
      check(found != cases.end(), "no such case");
      found->second();
    } catch (const std::exception& failure) {
      why = failure.what();
      if (why.empty()) why = "failed";
    }
    const double seconds = Seconds(std::chrono::steady_clock::now() - start).count();
    std::printf("{\"case\": %s, \"ok\": %s, \"why\": %s, \"seconds\": %.3f}\n", json_string(name).c_str(),
                why.empty() ? "true" : "false", json_string(why).c_str(), seconds);
    std::fflush(stdout);
  }
}

// Counters of a stream, as both ends keep them.
struct Totals {
  int count = 0;
  std::int64_t size = 0;
  std::uint32_t crc = 0;

  void add(std::string_view payload) {
    ++count;
    size += static_cast<std::int64_t>(payload.size());
    crc = crc32(payload, crc);
  }
};

inline void check_totals(const Reply& reply, const Totals& sent, std::string_view what) {
  check(reply.count() == sent.count && reply.size() == sent.size && reply.crc() == sent.crc, what, ": sent ",
        sent.count, " messages, ", sent.size, " bytes, crc ", sent.crc, "; the server counted ",
        reply.count(), ", ", reply.size(), ", ", reply.crc());
}

inline void check_echo(const Reply& reply, const Request& request, std::string_view what) {
  check(reply.payload() == request.payload(), what, ": ", request.payload().size(),
        " bytes of payload came back as ", reply.payload().size(), " others");
  check(reply.text() == request.text(), what, ": text ", request.text(), " came back as ", reply.text());
}

// A reply that has a count and nothing else.
inline void check_count(const Reply& reply, int count, std::string_view what) {
  Reply want;
  want.set_count(count);
  check(reply.SerializeAsString() == want.SerializeAsString(), what, ": ", reply.ShortDebugString());
}

// Reply number `i` of ServerStream.
inline void check_numbered(const Reply& reply, int i, int size, std::string_view text) {
  check(reply.count() == i && reply.text() == text &&
            reply.payload() == pattern(static_cast<std::size_t>(size), static_cast<std::size_t>(i)),
        "reply ", i, ": got number ", reply.count(), ", ", reply.payload().size(), " bytes");
}

inline Request request_of(std::string payload, std::string text = "") {
  Request request;
  request.set_payload(std::move(payload));
  request.set_text(std::move(text));
  return request;
}

inline Plan plan_of(int code, std::string message = "") {
  Plan plan;
  plan.set_code(code);
  plan.set_message(std::move(message));
  return plan;
}

inline Request request_of(const Plan& plan, std::string id = "") {
  Request request;
  *request.mutable_plan() = plan;
  request.set_id(std::move(id));
  return request;
}

inline Request wait_request(std::string id) {
  Plan plan;
  plan.set_wait(true);
  return request_of(plan, std::move(id));
}

inline Request replies_request(int replies, int size, std::string text = "") {
  Request request;
  request.set_text(std::move(text));
  request.mutable_plan()->set_replies(replies);
  request.mutable_plan()->set_reply_size(size);
  return request;
}

// The request for the cases load_*; the reply is 10 bytes.
inline Request load_request(std::size_t size) {
  Request request = request_of(pattern(size, 1));
  request.mutable_plan()->set_reply_size(10);
  return request;
}
inline void check_load(const Reply& reply, const Totals& sent) {
  check(reply.payload() == pattern(10, 0), "a wrong payload of ", reply.payload().size(), " bytes");
  check_totals(reply, sent, "Unary");
}

// Pairs in the order in which they are sent; those of one key stay together.
using Pairs = std::vector<std::pair<std::string, std::string>>;

inline std::vector<std::string> values_of(const Pairs& pairs, std::string_view key) {
  std::vector<std::string> values;
  for (const auto& [k, value] : pairs) {
    if (k == key) values.push_back(value);
  }
  return values;
}

inline std::string shown(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) {
    text += '[';
    for (const char c : value) {
      char hex[8];
      const bool plain = c >= ' ' && c <= '~';
      std::snprintf(hex, sizeof hex, plain ? "%c" : "\\x%02x", static_cast<unsigned char>(c));
      text += hex;
    }
    text += ']';
  }
  return text;
}

// Compares the values of one key. `joined`: the server gives several as one text with commas.
inline void check_values(std::vector<std::string> want, const Pairs& got, std::string_view key,
                         std::string_view where, bool joined) {
  const bool binary = key.size() > 4 && key.substr(key.size() - 4) == "-bin";
  if (joined && !binary && want.size() > 1) {
    std::string all = want[0];
    for (std::size_t i = 1; i < want.size(); ++i) all += ", " + want[i];
    want = {all};
  }
  const std::vector<std::string> values = values_of(got, key);
  check(values == want, key, " of the ", where, ": want ", shown(want), ", got ", shown(values));
}

inline bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

// What came back of metadata that a call sent, and what the server saw of it.
inline void check_exchange(const Pairs& sent, const Reply& reply, const Pairs& header, const Pairs& trailer,
                           const std::string& kind, bool joined) {
  Pairs seen;
  for (const auto& pair : reply.metadata()) seen.emplace_back(pair.key(), pair.value());
  for (const auto& [key, unused] : sent) {
    const std::vector<std::string> values = values_of(sent, key), none;
    check_values(values, seen, key, kind + " request", joined);
    check_values(starts_with(key, "x-header") ? values : none, header, key, kind + " header", joined);
    check_values(starts_with(key, "x-trailer") ? values : none, trailer, key, kind + " trailer", joined);
  }
  for (const auto& [key, unused] : seen) {
    check(!values_of(sent, key).empty(), kind, ": the server saw ", key, " that was not sent");
  }
}

// The metadata of the cases.
inline Pairs simple_metadata() {
  return {{"x-header", "one"},
          {"x-header-2", "two words, and a comma"},
          {"x-trailer", "!\"#$%&'()*+-./:;<=>?@[\\]^_`{|}~"},
          {"x-other", "only seen"}};
}
inline Pairs many_metadata() {
  return {{"x-header", "one"}, {"x-header", "two, three"}, {"x-header", "four"}, {"x-trailer", "b"},
          {"x-trailer", "a"},  {"x-trailer", "b"},         {"x-other", "1"},     {"x-other", "2"}};
}
inline Pairs binary_metadata() {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  return {{"x-header-bin", all},
          {"x-trailer-bin", std::string(1, '\0')},
          {"x-trailer-bin", "\xff\xfe"},
          {"x-trailer-bin", "abc"},
          {"x-other-bin", ""}};
}
inline Pairs big_metadata() {
  Pairs pairs;
  for (int i = 0; i < 20; ++i)
    pairs.emplace_back("x-header-" + std::to_string(i), std::string(150, static_cast<char>('a' + i)));
  pairs.emplace_back("x-trailer", std::string(3000, 't'));
  return pairs;
}
// Of call `i` of the case sequence.
inline Pairs sequence_metadata(int i) {
  return {{"x-header-" + std::to_string(i % 13),
           std::to_string(i) + std::string(static_cast<std::size_t>(i % 97), 'v')}};
}

// 60,000 bytes under keys with this prefix, of characters that Huffman's code does not make shorter.
inline Pairs long_metadata(const std::string& prefix) {
  Pairs pairs;
  for (std::size_t i = 0; i < 8; ++i) {
    std::string value = pattern(7500, i);
    for (char& c : value) c = static_cast<char>('!' + static_cast<unsigned char>(c) % 94);
    pairs.emplace_back(prefix + std::to_string(i), value);
  }
  return pairs;
}

inline std::vector<std::string> status_messages() {
  std::string long_one;
  for (int i = 0; i < 200; ++i) long_one += "long ";
  return {"grüße, 火, 🎈", "100% of %41 and %zz, %", "a\nb\tc\x7f", long_one + "end"};
}
inline std::vector<std::string> texts() {
  return {"grüße",         "日本語", "🎈\xf4\x8f\xbf\xbf", std::string("\0\x01\x7f\xc2\x80\xef\xbf\xbf", 8),
          "العربية\u200f", "e\u0301"};
}
inline std::string status_details() {
  sluice::interop::StatusDetails details;
  details.set_code(7);
  details.set_message("with details");
  auto* detail = details.add_details();
  detail->set_type_url("type.googleapis.com/sluice.interop.Pair");
  detail->set_value("\x0a\x01k\x12\x01v");
  return details.SerializeAsString();
}

}  // namespace interop
