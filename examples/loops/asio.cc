// A program on Asio: sluice's loop runs inside the io_context, and Asio's coroutines await sluice's calls.
#include <sluice/asio.h>

#include <asio.hpp>
#include <chrono>
#include <cstdio>
#include <exception>

#include "loops/greetings.h"

namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;

asio::awaitable<void> greet(sluice::Runtime& runtime, std::string addr) {
  const helloworld::HelloRequest request = loops::request_of("asio");
  const helloworld::Greeter::Stub stub(sluice::dial(runtime, addr).value());
  sluice::Result<helloworld::HelloReply> unary =
      co_await sluice::async_get(stub.SayHello(request, {.timeout = 10s}), asio::use_awaitable);
  loops::print(addr, unary.value());

  asio::steady_timer timer(co_await asio::this_coro::executor, 5ms);
  co_await timer.async_wait(asio::use_awaitable);

  auto stream = stub.SayHelloBiStream();
  for (int i = 0; i < 2; ++i) {
    loops::check(co_await sluice::async_get(stream.write(request), asio::use_awaitable));
    auto reply = co_await sluice::async_get(stream.read(), asio::use_awaitable);
    if (reply) loops::print(addr, *reply);
  }
  loops::check(co_await sluice::async_get(stream.finish(), asio::use_awaitable));
}

asio::awaitable<void> greet_all(sluice::Runtime& runtime, const std::vector<std::string>& addrs) {
  for (const std::string& addr : addrs) co_await greet(runtime, addr);
}

void run() {
  asio::io_context io;  // before the Runtime, so that it outlives it
  sluice::Runtime runtime;
  const loops::Served served(runtime);
  sluice::AsioLoop loop(io, runtime.loop());
  loops::check(loop.start());

  std::exception_ptr failed;
  asio::co_spawn(io, greet_all(runtime, served.addrs()), [&](std::exception_ptr error) {
    failed = error;
    loop.stop();
  });
  io.run();  // until there is nothing more to do
  if (failed) std::rethrow_exception(failed);
}

}  // namespace

int main() {
  try {
    run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "loop_asio: %s\n", error.what());
    return 1;
  }
  return 0;
}
