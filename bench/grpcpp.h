// grpc++ in process, by each of its three APIs; the peers of the in-memory rows.
// Each is used the fastest way its API offers for the row. See grpcpp.cc for which is which.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "support/subject.h"

namespace bench {

// Blocking stub, handlers on grpc++'s own threads.
std::unique_ptr<Subject> make_grpcpp_sync();
// Callback stub and reactors, on grpc++'s own threads.
std::unique_ptr<Subject> make_grpcpp_callback();
// Client and server on one completion queue, polled by the calling thread: no hand-over between threads.
std::unique_ptr<Subject> make_grpcpp_cq();
// The same with a thread and a queue for each side; `placed`: each on a processor of its own.
std::unique_ptr<Subject> make_grpcpp_cq_threads(bool placed);

// A new in-process transport to `server`, ready for 1 MiB messages.
inline std::shared_ptr<grpc::Channel> in_process(grpc::Server& server) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  return server.InProcessChannel(arguments);
}

}  // namespace bench
