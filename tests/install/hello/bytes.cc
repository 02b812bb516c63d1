// The same with messages that are bytes and a service written by hand: no protobuf anywhere. Over a
// connection with faults, which brings them byte by byte.
#include <sluice/sluice.h>
#include <sluice/stub/handlers.h>
#include <sluice/testing/fault_network.h>

#include <iostream>
#include <memory>

class Hello {
 public:
  sluice::Task<sluice::Result<sluice::Chain>> say(sluice::ServerContext&, const sluice::Chain& name) {
    co_return sluice::Chain::copy("Hello " + name.to_string());
  }
};

constexpr sluice::MethodDesc kMethods[] = {
    {"Say", &sluice::unary_method<Hello, sluice::Chain, sluice::Chain, &Hello::say>}};
constexpr sluice::ServiceDesc kHello{"hello.Hello", kMethods};
constexpr sluice::UnaryMethod<sluice::Chain, sluice::Chain> kSay("/hello.Hello/Say");

int main() {
  sluice::Runtime runtime;
  const auto byte_by_byte = [](const sluice::testing::FaultEnd&) {
    sluice::testing::FaultOptions options;
    options.reads.max_piece = 1;
    return options;
  };
  const auto pipes = std::make_shared<sluice::net::MemoryNetwork>();
  runtime.add_network("fault", std::make_shared<sluice::testing::FaultNetwork>(pipes, byte_by_byte, "pipe"));
  Hello service;
  sluice::Server server(runtime);
  sluice::Status status = server.register_service(kHello, &service);
  if (status.ok()) status = server.serve(runtime.listen("fault:hello").value());

  const sluice::Channel channel = sluice::dial(runtime, "fault:hello").value();
  const auto greeting = channel.invoke(kSay, sluice::Chain::copy("world")).get();
  std::cout << (greeting.ok() ? greeting->to_string() : greeting.status().to_string()) << "\n";
  return status.ok() && greeting.ok() ? 0 : 1;
}
