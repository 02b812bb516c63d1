// A client by address: makes calls of all four kinds, and prints what it is answered.
#include <sluice/sluice.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include "flags.h"
#include "helloworld.sluice.h"

namespace {

using helloworld::HelloReply;
using helloworld::HelloRequest;

constexpr const char* kUsage =
    "usage: greeter_client --target ADDR [--name NAME] [--count N] [--timeout SECONDS] [--chat yes]\n"
    "  makes N calls of each of the four kinds (1), each with the timeout (10);\n"
    "  with --chat yes one call instead, which greets each line of stdin until it ends\n";

struct Options {
  std::string target;
  std::string name = "world";
  unsigned count = 1;
  unsigned timeout = 10;  // seconds
  bool chat = false;
};

bool parse(int argc, char** argv, Options& options) {
  const auto take = [&options](std::string_view name, std::string_view value) {
    if (name == "--target") return options.target = value, true;
    if (name == "--name") return options.name = value, true;
    if (name == "--count") return greeter::parse_number(value, options.count);
    if (name == "--timeout") return greeter::parse_number(value, options.timeout);
    if (name == "--chat") return options.chat = value == "yes", options.chat || value == "no";
    return false;
  };
  return greeter::parse_flags(argc, argv, take) && !options.target.empty();
}

void check(const sluice::Status& status) {
  if (!status.ok()) throw sluice::StatusError(status);
}

void print(const char* method, const HelloReply& reply) {
  std::printf("%s: %s\n", method, reply.message().c_str());
}

// One client; each member is one call, and blocks until it has ended.
class Client {
 public:
  Client(const sluice::Channel& channel, const Options& options)
      : stub_(channel), timeout_(std::chrono::seconds(options.timeout)) {
    first_.set_name(options.name);
    second_.set_name(options.name + "_dup");
  }

  void unary() const { print("SayHello", stub_.SayHello(first_, {.timeout = timeout_}).get().value()); }

  void reply_stream() const {
    auto stream = stub_.SayHelloReplyStream(first_, {.timeout = timeout_});
    while (auto reply = stream.read().get()) print("SayHelloReplyStream", *reply);
    check(stream.finish().get());
  }

  void request_stream() const {
    auto stream = stub_.SayHelloRequestStream({.timeout = timeout_});
    // A write fails when the call has ended; finish() tells why.
    if (stream.write(first_).get().ok()) (void)stream.write(second_).get();
    print("SayHelloRequestStream", stream.finish().get().value());
  }

  void bidi_stream() const {
    auto stream = stub_.SayHelloBiStream({.timeout = timeout_});
    for (const HelloRequest* request : {&first_, &second_}) {
      if (!stream.write(*request).get().ok()) break;
      if (auto reply = stream.read().get()) print("SayHelloBiStream", *reply);
    }
    check(stream.finish().get());
  }

  // A call that lasts as long as its user likes.
  void chat() const {
    auto stream = stub_.SayHelloBiStream();
    HelloRequest request;
    for (std::string line; std::getline(std::cin, line);) {
      request.set_name(line);
      if (!stream.write(request).get().ok()) break;
      auto reply = stream.read().get();
      if (!reply) break;
      print("SayHelloBiStream", *reply);
      std::fflush(stdout);
    }
    check(stream.finish().get());
  }

 private:
  const helloworld::Greeter::Stub stub_;
  const sluice::Duration timeout_;
  HelloRequest first_, second_;
};

void greet(const Options& options) {
  sluice::Runtime runtime;
  const Client client(sluice::dial(runtime, options.target).value(), options);
  if (options.chat) return client.chat();
  for (unsigned i = 0; i < options.count; ++i) {
    client.unary();
    client.reply_stream();
    client.request_stream();
    client.bidi_stream();
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  try {
    greet(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "greeter_client: %s\n", error.what());
    return 1;
  }
  return 0;
}
