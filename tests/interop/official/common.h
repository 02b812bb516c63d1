// What the C++ programs of gRPC's interop service share, whichever gRPC they use: flags, checks, and the
// messages that its cases send and expect (gRPC's interop-test-descriptions.md). Names neither sluice nor
// grpc++.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "grpc/testing/empty.pb.h"
#include "grpc/testing/messages.pb.h"

namespace official {

using grpc::testing::Empty;
using grpc::testing::Payload;
using grpc::testing::SimpleRequest;
using grpc::testing::SimpleResponse;
using grpc::testing::StreamingInputCallRequest;
using grpc::testing::StreamingInputCallResponse;
using grpc::testing::StreamingOutputCallRequest;
using grpc::testing::StreamingOutputCallResponse;
using Millis = std::chrono::duration<double, std::milli>;

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

// --name=value, --name value, or --name alone for true; one dash will do, as Go's programs have it.
// Errors: a name that is not `known` is a Failure.
class Flags {
 public:
  Flags(int argc, const char* const* argv, std::span<const std::string_view> known) {
    for (int i = 1; i < argc; ++i) {
      const std::string_view arg = argv[i];
      const std::size_t begin = std::min(arg.find_first_not_of('-'), arg.size());
      const std::size_t equals = std::min(arg.find('='), arg.size());
      check(begin == 1 || begin == 2, "want --flag=value, got: ", arg);
      const std::string_view name = arg.substr(begin, equals - begin);
      check(std::find(known.begin(), known.end(), name) != known.end(), "no such flag: ", arg);
      std::string& value = values_[std::string(name)];
      if (equals < arg.size()) {
        value = arg.substr(equals + 1);
      } else if (i + 1 < argc && argv[i + 1][0] != '-') {
        value = argv[++i];
      } else {
        value = "true";
      }
    }
  }
  std::string get(const std::string& name, const std::string& otherwise = "") const {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : found->second;
  }
  bool is(const std::string& name) const {
    const std::string value = get(name, "false");
    check(value == "true" || value == "false", "--", name, ": want true or false, got: ", value);
    return value == "true";
  }
  double number(const std::string& name, double otherwise) const {
    const std::string text = get(name);
    if (text.empty()) return otherwise;
    std::size_t used = 0;
    double value = -1;
    try {
      value = std::stod(text, &used);
    } catch (const std::exception&) {
    }
    check(used == text.size() && value >= 0 && value <= 1e9, "--", name, ": want a number, got: ", text);
    return value;
  }
  int count(const std::string& name, int otherwise) const {
    return static_cast<int>(number(name, otherwise));
  }

 private:
  std::map<std::string, std::string> values_;
};

// What the soak cases and those without a number of their own are told.
struct Settings {
  int soak_iterations = 10;
  int soak_max_failures = 0;
  Millis soak_latency{1000};  // of one call; a slower one counts as a failure
  Millis soak_timeout{0};     // of all calls together; zero: what the latencies add up to
  Millis soak_min_time{0};    // from the start of a call to the start of the next one
  int soak_request_size = 271828;
  int soak_response_size = 314159;
  Millis iteration_interval{10'000};  // of long_lived_channel
  int concurrent_calls = 1000;        // of concurrent_large_unary

  Settings() = default;
  explicit Settings(const Flags& flags)
      : soak_iterations(flags.count("soak_iterations", 10)),
        soak_max_failures(flags.count("soak_max_failures", 0)),
        soak_latency(flags.number("soak_per_iteration_max_acceptable_latency_ms", 1000)),
        soak_timeout(1000 * flags.number("soak_overall_timeout_seconds", 0)),
        soak_min_time(flags.number("soak_min_time_ms_between_rpcs", 0)),
        soak_request_size(flags.count("soak_request_size", 271828)),
        soak_response_size(flags.count("soak_response_size", 314159)),
        iteration_interval(1000 * flags.number("iteration_interval", 10)),
        concurrent_calls(flags.count("concurrent_calls", 1000)) {}
};

// The flags of a client, ours behind the official ones. Those of TLS and credentials are taken for the sake
// of scripts that always give them.
inline constexpr std::string_view kClientFlags[] = {
    "server_host", "server_port", "server_host_override", "test_case", "use_tls", "use_test_ca",
    "default_service_account", "oauth_scope", "service_account_key_file", "soak_iterations",
    "soak_max_failures", "soak_per_iteration_max_acceptable_latency_ms", "soak_overall_timeout_seconds",
    "soak_min_time_ms_between_rpcs", "soak_request_size", "soak_response_size", "iteration_interval",
    // Ours.
    "concurrent_calls", "target", "threads", "version"};
inline constexpr std::string_view kServerFlags[] = {"port", "use_tls", "listen", "threads", "version"};

// The sizes of the streaming cases, in their order.
inline constexpr std::array<int, 4> kRequestSizes = {27182, 8, 1828, 45904};
inline constexpr std::array<int, 4> kReplySizes = {31415, 9, 2653, 58979};
inline constexpr int kLargeRequest = 271828, kLargeReply = 314159;
// What custom_metadata sends, and wants back in the header and in the trailer.
inline constexpr const char* kEchoInitial = "x-grpc-test-echo-initial";
inline constexpr const char* kEchoTrailing = "x-grpc-test-echo-trailing-bin";
inline constexpr const char* kInitialValue = "test_initial_metadata_value";
inline constexpr const char* kTrailingValue = "\xab\xab\xab";
inline constexpr const char* kStatusMessage = "test status message";
inline constexpr const char* kSpecialMessage =
    "\t\ntest with whitespace\r\nand Unicode BMP \xe2\x98\xba and non-BMP \xf0\x9f\x98\x88\t\n";

inline void fill(Payload& payload, int size) {
  payload.set_type(grpc::testing::COMPRESSABLE);
  payload.set_body(std::string(static_cast<std::size_t>(size), '\0'));
}
inline Payload payload_of(int size) {
  Payload payload;
  fill(payload, size);
  return payload;
}
inline void check_payload(const Payload& payload, int size, std::string_view what) {
  check(payload.type() == grpc::testing::COMPRESSABLE, what, ": payload of type ", payload.type());
  const std::string& body = payload.body();
  check(body.size() == static_cast<std::size_t>(size), what, ": want ", size, " bytes, got ", body.size());
  check(body.find_first_not_of('\0') == std::string::npos, what, ": not all bytes are zero");
}

inline SimpleRequest large_request(int request_size = kLargeRequest, int response_size = kLargeReply) {
  SimpleRequest request;
  request.set_response_size(response_size);
  fill(*request.mutable_payload(), request_size);
  return request;
}
inline SimpleRequest status_request(std::string_view message) {
  SimpleRequest request;
  request.mutable_response_status()->set_code(2);
  request.mutable_response_status()->set_message(std::string(message));
  return request;
}
inline StreamingInputCallRequest input_request(int size) {
  StreamingInputCallRequest request;
  fill(*request.mutable_payload(), size);
  return request;
}
inline StreamingInputCallRequest input_request(int size, bool expect_compressed) {
  StreamingInputCallRequest request = input_request(size);
  request.mutable_expect_compressed()->set_value(expect_compressed);
  return request;
}
// A turn of a FullDuplexCall: so many bytes there, so many back (none if negative).
inline StreamingOutputCallRequest turn_request(int request_size, int response_size) {
  StreamingOutputCallRequest request;
  if (response_size >= 0) request.add_response_parameters()->set_size(response_size);
  fill(*request.mutable_payload(), request_size);
  return request;
}
inline StreamingOutputCallRequest output_request() {
  StreamingOutputCallRequest request;
  for (const int size : kReplySizes) request.add_response_parameters()->set_size(size);
  return request;
}
// Two replies, compressed and not, as server_compressed_streaming wants them.
inline StreamingOutputCallRequest compressed_output_request() {
  StreamingOutputCallRequest request;
  for (const bool compressed : {true, false}) {
    auto* parameters = request.add_response_parameters();
    parameters->set_size(compressed ? 31415 : 92653);
    parameters->mutable_compressed()->set_value(compressed);
  }
  return request;
}

// rpc_soak and channel_soak: `one` makes one call and throws if it fails; `now` is a time in milliseconds,
// `pause` waits until one. Failures and latencies are judged when all is done.
template <class Now, class PauseUntil, class One>
void soak(const Settings& settings, Now now, PauseUntil pause_until, One one) {
  const Millis start = now();
  const Millis timeout = settings.soak_timeout.count() > 0 ? settings.soak_timeout
                                                           : settings.soak_iterations * settings.soak_latency;
  int done = 0, failed = 0;
  std::string last;
  for (; done < settings.soak_iterations && now() - start < timeout; ++done) {
    const Millis began = now();
    try {
      one();
      const Millis took = now() - began;
      check(took <= settings.soak_latency, "took ", took.count(), " ms");
    } catch (const std::exception& error) {
      ++failed;
      last = error.what();
      std::fprintf(stderr, "iteration %d: %s\n", done, error.what());
    }
    pause_until(began + settings.soak_min_time);
  }
  check(done == settings.soak_iterations, "only ", done, " of ", settings.soak_iterations, " calls within ",
        timeout.count(), " ms");
  check(failed <= settings.soak_max_failures, failed, " of ", done, " calls failed: ", last);
}

// The cases that --test_case names: one, several with commas between them, or all. `run` throws if one fails.
// The exit code of a client.
template <class Run>
int run_cases(const Flags& flags, const std::vector<std::string>& names, Run run) {
  std::string wanted = flags.get("test_case", "large_unary");
  if (wanted == "all") {
    wanted.clear();
    for (const std::string& name : names) wanted += name + ',';
  }
  int failed = 0;
  std::istringstream list(wanted);
  for (std::string name; std::getline(list, name, ',');) {
    try {
      check(std::find(names.begin(), names.end(), name) != names.end(), "no such case");
      run(name);
      std::printf("OK: %s\n", name.c_str());
    } catch (const std::exception& error) {
      std::printf("FAILED: %s: %s\n", name.c_str(), error.what());
      ++failed;
    }
    std::fflush(stdout);
  }
  return failed == 0 ? 0 : 1;
}

// "127.0.0.1:50051" of --server_host and --server_port.
inline std::string host_and_port(const Flags& flags) {
  std::string host = flags.get("server_host", "localhost");
  if (host == "localhost") host = "127.0.0.1";
  check(!flags.get("server_port").empty(), "want --server_port");
  if (host.find(':') != std::string::npos) host = '[' + host + ']';
  return host + ':' + flags.get("server_port");
}

inline void check_no_tls(const Flags& flags) {
  check(!flags.is("use_tls"), "--use_tls: there is no TLS here");
}

}  // namespace official
