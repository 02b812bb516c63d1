// The second floor: what a general HTTP/2 library costs below a gRPC of no cost at all.
// Two nghttp2 sessions on one thread, protobuf included; see nghttp2_pair.h.
#include <memory>
#include <vector>

#include "helloworld.pb.h"
#include "nghttp2_pair.h"
#include "support/subject.h"

namespace {

using bench::Method;
using bench::Nghttp2Call;
using bench::Nghttp2Pair;
using bench::Timeout;

class FloorNghttp2 final : public bench::Subject {
 public:
  bool unary(std::uint64_t i) override { return say_hello(pair_, i, Timeout::kNone); }
  bool unary_deadline(std::uint64_t i) override { return say_hello(pair_, i, Timeout::kMinute); }

  bool unary_many(std::uint64_t calls, unsigned outstanding) override {
    while (many_.size() < outstanding) many_.push_back(std::make_unique<Nghttp2Call>());
    std::uint64_t started = 0;
    while (started < calls) {
      const std::uint64_t n = std::min<std::uint64_t>(outstanding, calls - started);
      for (std::uint64_t k = 0; k < n; ++k) start_hello(pair_, *many_[k], started + k, Timeout::kNone);
      pair_.pump();
      for (std::uint64_t k = 0; k < n; ++k)
        if (!answered(*many_[k], 1)) return false;
      started += n;
    }
    return true;
  }

  bool ping_pong(std::uint64_t i) override {
    if (!chat_) chat_ = std::make_unique<Nghttp2Call>();
    return chat(*chat_, i);
  }

  bool stream(std::uint64_t messages) override {
    echo::Order order;
    order.set_count(static_cast<std::uint32_t>(messages));
    call_.reset();
    call_.index = 0;
    bench::append_framed(call_.out, order);
    call_.out_last = true;
    pair_.start(call_, Method::kEchoStream);
    pair_.pump();
    return answered(call_, messages);
  }

  bool large(std::uint64_t i) override {
    if (large_.data().empty()) large_.set_data(bench::make_large());
    pair_.set_frame_limit(2 << 20);
    bench::stamp_large(*large_.mutable_data(), i);
    call_.reset();
    call_.index = i;
    call_.large = &large_.data();
    bench::append_framed(call_.out, large_);
    call_.out_last = true;
    pair_.start(call_, Method::kEchoUnary);
    pair_.pump();
    return answered(call_, 1);
  }

  void hold_connections(unsigned n) override {
    for (unsigned k = 0; k < n; ++k) {
      held_pairs_.push_back(std::make_unique<Nghttp2Pair>(payloads_));
      say_hello(*held_pairs_.back(), k, Timeout::kNone);
    }
  }

  void hold_streams(unsigned n) override {
    for (unsigned k = 0; k < n; ++k) {
      held_calls_.push_back(std::make_unique<Nghttp2Call>());
      chat(*held_calls_.back(), 0);
    }
  }

 private:
  static bool answered(const Nghttp2Call& call, std::uint64_t messages) {
    return call.closed && call.status_ok && !call.wrong && call.received == messages;
  }

  void start_hello(Nghttp2Pair& pair, Nghttp2Call& call, std::uint64_t i, Timeout timeout) {
    helloworld::HelloRequest request;
    request.set_name(payloads_.name(i));
    call.reset();
    call.index = i;
    bench::append_framed(call.out, request);
    call.out_last = true;
    pair.start(call, Method::kSayHello, timeout);
  }

  bool say_hello(Nghttp2Pair& pair, std::uint64_t i, Timeout timeout) {
    start_hello(pair, call_, i, timeout);
    pair.pump();
    return answered(call_, 1);
  }

  bool chat(Nghttp2Call& call, std::uint64_t i) {
    const bool first = call.id == 0;
    message_.set_data(payloads_.text(i));
    call.out.clear();
    call.out_sent = 0;
    bench::append_framed(call.out, message_);
    if (first) {
      pair_.start(call, Method::kEchoChat);
    } else {
      pair_.resume(call);
    }
    const std::uint64_t before = call.received;
    call.index = i - before;
    pair_.pump();
    return call.received == before + 1 && !call.wrong;
  }

  // Sessions keep pointers to calls and to payloads_, so these are destroyed after the pairs.
  const bench::Payloads payloads_;
  Nghttp2Call call_;
  std::vector<std::unique_ptr<Nghttp2Call>> many_, held_calls_;
  std::unique_ptr<Nghttp2Call> chat_;
  echo::Payload message_, large_;
  Nghttp2Pair pair_{payloads_};
  std::vector<std::unique_ptr<Nghttp2Pair>> held_pairs_;
};

}  // namespace

int main(int argc, char** argv) {
  return bench::subject_main(argc, argv,
                             [](const bench::Options&) { return std::make_unique<FloorNghttp2>(); });
}
