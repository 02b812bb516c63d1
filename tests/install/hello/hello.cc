// Somebody else's first program: a server and a client over a pipe.
#include <sluice/sluice.h>

#include <iostream>

#include "hello.sluice.h"

class Hello final : public hello::Hello::Service {
  sluice::Task<sluice::Result<hello::Greeting>> Say(sluice::ServerContext&,
                                                    const hello::Name& name) override {
    hello::Greeting greeting;
    greeting.set_text("Hello " + name.name());
    co_return greeting;
  }
};

int main() {
  sluice::Runtime runtime;
  Hello service;
  sluice::Server server(runtime);
  sluice::Status status = server.register_service(service);
  if (status.ok()) status = server.serve(runtime.listen("pipe:hello").value());

  const hello::Hello::Stub stub(sluice::dial(runtime, "pipe:hello").value());
  hello::Name name;
  name.set_name("world");
  const auto greeting = stub.Say(name).get();
  std::cout << (greeting.ok() ? greeting->text() : greeting.status().to_string()) << "\n";
  return status.ok() && greeting.ok() ? 0 : 1;
}
