// A program on Boost.Asio, with two threads and callbacks: handlers on a strand, and a future for the thread
// that waits.
#include <sluice/asio.h>

#include <boost/asio.hpp>
#include <cstdio>
#include <exception>
#include <future>
#include <thread>

#include "loops/greetings.h"

namespace {

namespace asio = boost::asio;
using Reply = sluice::Result<helloworld::HelloReply>;

// Greets three times, one after another: each callback starts the next call. All of them run on the strand.
class Greetings {
 public:
  Greetings(asio::io_context& io, sluice::Runtime& runtime, std::string addr)
      : strand_(asio::make_strand(io)), addr_(std::move(addr)), stub_(sluice::dial(runtime, addr_).value()) {}

  std::future<void> start() {
    asio::post(strand_, [this] { next(); });
    return done_.get_future();
  }

 private:
  void next() {
    sluice::async_get(stub_.SayHello(request_, {.timeout = std::chrono::seconds(10)}),
                      asio::bind_executor(strand_, [this](Reply reply) { greeted(std::move(reply)); }));
  }
  void greeted(Reply reply) {
    if (!reply.ok()) return done_.set_exception(std::make_exception_ptr(sluice::StatusError(reply.status())));
    loops::print(addr_, *reply);
    if (++greeted_ == 3) return done_.set_value();
    next();
  }

  const asio::strand<asio::io_context::executor_type> strand_;
  const std::string addr_;
  const helloworld::Greeter::Stub stub_;
  const helloworld::HelloRequest request_ = loops::request_of("boost");
  int greeted_ = 0;
  std::promise<void> done_;
};

void run() {
  asio::io_context io;  // before the Runtime, so that it outlives it
  sluice::Runtime runtime;
  const loops::Served served(runtime);
  sluice::AsioLoop loop(io, runtime.loop());
  loops::check(loop.start());
  std::thread threads[] = {std::thread([&io] { io.run(); }), std::thread([&io] { io.run(); })};
  // The threads end when nothing is left to do.
  struct Join {
    sluice::AsioLoop& loop;
    std::thread (&threads)[2];
    ~Join() {
      loop.stop();
      for (std::thread& thread : threads) thread.join();
    }
  } join{loop, threads};

  for (const std::string& addr : served.addrs()) {
    Greetings greetings(io, runtime, addr);
    greetings.start().get();
  }
}

}  // namespace

int main() {
  try {
    run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "loop_boost_asio: %s\n", error.what());
    return 1;
  }
  return 0;
}
