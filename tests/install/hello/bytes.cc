// The same with messages that are bytes and a service written by hand: no protobuf anywhere.
#include <sluice/sluice.h>
#include <sluice/stub/handlers.h>
#include <sluice/stub/unary.h>

#include <iostream>

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
  Hello service;
  sluice::Server server(runtime);
  sluice::Status status = server.register_service(kHello, &service);
  if (status.ok()) status = server.serve(runtime.listen("pipe:hello").value());

  const sluice::Channel channel = sluice::dial(runtime, "pipe:hello").value();
  const auto greeting = channel.invoke(kSay, sluice::Chain::copy("world")).get();
  std::cout << (greeting.ok() ? greeting->to_string() : greeting.status().to_string()) << "\n";
  return status.ok() && greeting.ok() ? 0 : 1;
}
