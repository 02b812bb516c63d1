// grpc++ inside one process, by each of its three APIs; the peers of the in-memory rows.
// Each is used the fastest way its API offers for the row. See grpcpp.cc for which is which.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/subject.h"

namespace bench {

// What carries the calls: grpc++'s in-process transport, which hands over slices and speaks no HTTP/2, or its
// HTTP/2 transport over a socketpair, which is what a grpc++ without a network has.
enum class Carrier { kInProcess, kSocketpair };

// Blocking stub, handlers on grpc++'s own threads.
std::unique_ptr<Subject> make_grpcpp_sync(Carrier carrier);
// Callback stub and reactors, on grpc++'s own threads.
std::unique_ptr<Subject> make_grpcpp_callback(Carrier carrier);
// Client and server on one completion queue, polled by the calling thread: no hand-over between threads.
std::unique_ptr<Subject> make_grpcpp_cq(Carrier carrier);
// The same with a thread and a queue for each side; `placed`: each on a processor of its own.
std::unique_ptr<Subject> make_grpcpp_cq_threads(Carrier carrier, bool placed);

// Ready for 1 MiB messages, over a socketpair without waiting for windows to grow.
void prepare(grpc::ServerBuilder& builder);
// How the streaming handler writes message `i`: joined with the next ones, but for the first. With the hint
// on that one too, grpc++ 1.51 holds back the headers over a socketpair, and the stream stops for ever.
inline grpc::WriteOptions joined(std::uint32_t i) {
  return i == 0 ? grpc::WriteOptions() : grpc::WriteOptions().set_buffer_hint();
}

// A new connection to `server`.
std::shared_ptr<grpc::Channel> connect(grpc::Server& server, Carrier carrier);

}  // namespace bench
