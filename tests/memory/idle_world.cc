// See idle_world.h.
#include "memory/idle_world.h"

namespace sluice::memory {

IdleWorld::IdleWorld(const std::string& listen_on) {
  Status registered = server_.register_service(mirror_);
  if (!registered.ok()) throw StatusError(std::move(registered));
  Status serving = server_.serve(runtime_.listen(listen_on).value());
  if (!serving.ok()) throw StatusError(std::move(serving));
  target_ = server_.addrs().front().to_string();
}

IdleWorld::~IdleWorld() = default;

void IdleWorld::add_channels(std::size_t n) {
  channels_.reserve(channels_.size() + n);
  for (std::size_t i = 0; i < n; ++i) channels_.push_back(dial(runtime_, target_).value());
}

bool IdleWorld::call_on_all(std::size_t bytes) {
  bool right = true;
  for (Channel& channel : channels_) {
    HelloRequest request;
    request.set_name(text(bytes));
    helloworld::Greeter::Stub stub(channel);
    Result<HelloReply> reply = stub.SayHello(request).get();
    right = right && reply.ok() && reply->message() == request.name();
  }
  return right;
}

bool IdleWorld::open_streams(std::size_t each, std::size_t bytes) {
  bool right = true;
  chats_.reserve(chats_.size() + each * channels_.size());
  for (Channel& channel : channels_) {
    helloworld::Greeter::Stub stub(channel);
    for (std::size_t i = 0; i < each; ++i) {
      chats_.push_back(stub.SayHelloBiStream());
      right = exchange(chats_.back(), bytes) && right;
    }
  }
  return right;
}

bool IdleWorld::write_on_all(std::size_t bytes) {
  bool right = true;
  for (Chat& chat : chats_) right = exchange(chat, bytes) && right;
  return right;
}

bool IdleWorld::exchange(Chat& chat, std::size_t bytes) {
  HelloRequest request;
  request.set_name(text(bytes));
  if (!chat.write(request).get().ok()) return false;
  Read<HelloReply> reply = chat.read().get();
  return reply && reply->message() == request.name();
}

bool IdleWorld::write_then_read(std::size_t n, std::size_t bytes) {
  bool right = true;
  HelloRequest request;
  request.set_name(text(bytes));
  for (Chat& chat : chats_) {
    for (std::size_t i = 0; i < n; ++i) right = chat.write(request).get().ok() && right;
    for (std::size_t i = 0; i < n; ++i) {
      Read<HelloReply> reply = chat.read().get();
      right = reply && reply->message() == request.name() && right;
    }
  }
  return right;
}

void IdleWorld::start_and_cancel_calls(std::size_t n) {
  HelloRequest request;
  helloworld::Greeter::Stub stub(channels_.front());
  std::vector<Call<HelloReply>> calls;
  for (std::size_t i = 0; i < n; ++i) {
    calls.push_back(stub.SayHello(request, {.timeout = std::chrono::minutes(1)}).start());
  }
}

std::string IdleWorld::text(std::size_t bytes) {
  next_ = next_ == 'z' ? 'a' : static_cast<char>(next_ + 1);
  return std::string(bytes, next_);
}

void IdleWorld::drop_streams() {
  std::vector<Chat>().swap(chats_);
  live_bytes();
}

void IdleWorld::drop_channels() {
  std::vector<Channel>().swap(channels_);
  live_bytes();
}

std::int64_t IdleWorld::live_bytes() {
  while (runtime_.poll() > 0) {
  }
  return live_heap().bytes;
}

std::int64_t IdleWorld::live_bytes_outside_the_pool() {
  live_bytes();
  runtime_.loop().blocks().trim();
  return live_heap().bytes;
}

}  // namespace sluice::memory
