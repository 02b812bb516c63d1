// The first floor: protobuf alone. Builds, serialises and parses both messages of a call, on one thread,
// with nothing between; whatever carries gRPC must cost at least this.
#include <cstdint>
#include <memory>
#include <vector>

#include "echo.pb.h"
#include "helloworld.pb.h"
#include "support/crew.h"
#include "support/payload.h"
#include "support/subject.h"

namespace {

// Sends a message to the other side by way of `wire`.
template <class Message>
bool carry(const Message& from, Message& to, std::vector<char>& wire) {
  const std::size_t size = from.ByteSizeLong();
  if (wire.size() < size) wire.resize(size);
  from.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(wire.data()));
  return to.ParseFromArray(wire.data(), static_cast<int>(size));
}

class FloorProtobuf : public bench::Subject {
 public:
  bool unary(std::uint64_t i) override {
    helloworld::HelloRequest request;
    request.set_name(payloads_.name(i));
    if (!carry(request, received_, wire_)) return false;
    helloworld::HelloReply reply;
    reply.set_message("Hello " + received_.name());
    helloworld::HelloReply answer;
    return carry(reply, answer, wire_) && answer.message() == payloads_.greeting(i);
  }

  bool unary_deadline(std::uint64_t i) override { return unary(i); }

  bool unary_many(std::uint64_t calls, unsigned) override {
    for (std::uint64_t i = 0; i < calls; ++i)
      if (!unary(i)) return false;
    return true;
  }

  bool ping_pong(std::uint64_t i) override {
    out_.set_data(payloads_.text(i));
    if (!carry(out_, there_, wire_)) return false;
    back_.set_data(there_.data());
    return carry(back_, in_, wire_) && in_.data() == payloads_.text(i);
  }

  bool stream(std::uint64_t messages) override {
    for (std::uint64_t i = 0; i < messages; ++i) {
      out_.set_data(payloads_.text(i));
      if (!carry(out_, in_, wire_) || in_.data() != payloads_.text(i)) return false;
    }
    return true;
  }

  bool large(std::uint64_t i) override {
    if (large_.data().empty()) large_.set_data(bench::make_large());
    bench::stamp_large(*large_.mutable_data(), i);
    if (!carry(large_, there_, wire_)) return false;
    echo::Payload reply;
    reply.set_data(there_.data());
    echo::Payload answer;
    return carry(reply, answer, wire_) && bench::same_large(large_.data(), answer.data(), i);
  }

 private:
  const bench::Payloads payloads_;
  std::vector<char> wire_;
  helloworld::HelloRequest received_;  // reused, as a server's pooled request is
  echo::Payload out_, there_, back_, in_, large_;
};

// The same work on threads that share nothing: what the machine itself gives for a second core (--api
// threads).
class FloorThreads final : public bench::Subject {
 public:
  bool unary_on_loops(std::uint64_t calls, unsigned, unsigned loops) override {
    return crew_.run([&](unsigned k) { return k >= loops || floors_[k].unary_many(calls / loops, 1); });
  }

 private:
  struct alignas(64) Floor : FloorProtobuf {};
  Floor floors_[2];
  bench::Crew crew_{2, true};
};

std::unique_ptr<bench::Subject> make(const bench::Options& options) {
  if (options.api == "threads") return std::make_unique<FloorThreads>();
  return std::make_unique<FloorProtobuf>();
}

}  // namespace

int main(int argc, char** argv) { return bench::subject_main(argc, argv, make); }
