// A server with many connections and streams on which nothing happens any more, and what they hold.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "helloworld.sluice.h"
#include "sluice/sluice.h"
#include "support/live_bytes.h"

namespace sluice::memory {

using helloworld::HelloReply;
using helloworld::HelloRequest;
using support::live_heap;
using support::LiveHeap;
constexpr std::size_t kLarge = 1 << 20;  // bytes of a large message
using Chat = ClientReaderWriter<HelloRequest, HelloReply>;

// Answers with what came.
class Mirror final : public helloworld::Greeter::Service {
  Task<Result<HelloReply>> SayHello(ServerContext&, const HelloRequest& request) override {
    HelloReply reply;
    reply.set_message(request.name());
    co_return reply;
  }
  // The messages live while one is answered: what an idle stream holds is the stream's.
  Task<Status> SayHelloBiStream(ServerContext&,
                                ServerReaderWriter<HelloReply, HelloRequest>& stream) override {
    for (;;) {
      Read<HelloRequest> request = co_await stream.read();
      if (!request) co_return Status();
      HelloReply reply;
      reply.set_message(std::move(*request->mutable_name()));
      request = Read<HelloRequest>();
      Status written = co_await stream.write(reply);
      if (!written.ok()) co_return written;
    }
  }
};

// One Runtime without threads holds both ends, so each figure of one end is half of what was counted.
class IdleWorld {
 public:
  explicit IdleWorld(const std::string& listen_on = "pipe:idle");
  ~IdleWorld();
  IdleWorld(const IdleWorld&) = delete;
  IdleWorld& operator=(const IdleWorld&) = delete;

  // Channels that have made no call and thus are not connected.
  void add_channels(std::size_t n);
  // One unary call with `bytes` there and back on each channel, which connects it; false: a wrong answer.
  bool call_on_all(std::size_t bytes);
  // `each` streams on every channel, one message of `bytes` there and back on each.
  bool open_streams(std::size_t each, std::size_t bytes);
  // A message on every stream that is open.
  bool write_on_all(std::size_t bytes);

  // On every stream `n` messages, and only then the answers.
  bool write_then_read(std::size_t n, std::size_t bytes);
  // `n` calls with a deadline at once on the first channel, none of which is waited for.
  void start_and_cancel_calls(std::size_t n);

  void drop_streams();
  void drop_channels();  // and with them their connections

  std::int64_t live_bytes();  // once nothing is left to be done
  // The same without the blocks that the loop keeps for the next calls: half a mebibyte, give or take a
  // block.
  std::int64_t live_bytes_outside_the_pool();
  std::size_t channels() const { return channels_.size(); }
  std::size_t streams() const { return chats_.size(); }
  Runtime& runtime() { return runtime_; }

 private:
  bool exchange(Chat& chat, std::size_t bytes);
  std::string text(std::size_t bytes);

  Runtime runtime_;
  Mirror mirror_;
  Server server_{runtime_, {.max_concurrent_streams = 1000}};
  std::string target_;
  std::vector<Channel> channels_;
  std::vector<Chat> chats_;
  char next_ = 'a';
};

}  // namespace sluice::memory
