// See nghttp2_pair.h. Settings are the fastest nghttp2 has: no copies of header values, no closed streams
// kept, windows as large as they go, large DATA handed from the sender's buffer straight to the receiver.
#include "nghttp2_pair.h"

#include <array>
#include <cstring>
#include <stdexcept>
#include <string_view>

#include "helloworld.pb.h"

namespace bench {
namespace {

constexpr std::size_t kCopyBelow = 1024;  // smaller payloads are copied behind their frame header

void check(long result, const char* what) {
  if (result < 0)
    throw std::runtime_error(std::string(what) + ": " + nghttp2_strerror(static_cast<int>(result)));
}

nghttp2_nv field(std::string_view name, std::string_view value) {
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

constexpr std::array<std::string_view, 4> kPaths = {"/helloworld.Greeter/SayHello", "/echo.Echo/Unary",
                                                    "/echo.Echo/Stream", "/echo.Echo/Chat"};

std::string_view view(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Calls `deliver(data, size)` for each whole message in `in` + `chunk`; keeps the rest in `in`.
template <class Deliver>
void deframe(std::vector<char>& in, const std::uint8_t* chunk, std::size_t chunk_size, Deliver deliver) {
  const char* data = reinterpret_cast<const char*>(chunk);
  std::size_t size = chunk_size;
  const bool joined = !in.empty();
  if (joined) {
    in.insert(in.end(), data, data + size);
    data = in.data();
    size = in.size();
  }
  std::size_t at = 0;
  while (size - at >= 5) {
    std::size_t length = 0;
    for (int k = 1; k <= 4; ++k) length = length << 8 | static_cast<std::uint8_t>(data[at + k]);
    if (size - at - 5 < length) {
      if (!joined) in.reserve(length + 5);
      break;
    }
    deliver(data + at + 5, length);
    at += 5 + length;
  }
  if (joined) {
    in.erase(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(at));
  } else {
    in.assign(data + at, data + size);
  }
}

}  // namespace

void Nghttp2Stream::reset() {
  out.clear();
  in.clear();
  out_sent = 0;
  out_last = false;
}

// What nghttp2 calls; `user` is the pair. Client and server differ by which session calls.
struct Nghttp2Callbacks {
  static Nghttp2Pair& pair(void* user) { return *static_cast<Nghttp2Pair*>(user); }
  template <class Stream>
  static Stream* stream_of(nghttp2_session* session, std::int32_t id) {
    return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    if (session != pair(user).server_) return 0;
    Nghttp2ServerStream* stream = pair(user).open_server_stream(frame->hd.stream_id);
    return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
  }

  static int on_header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                       void* user) {
    if (session == pair(user).server_) {
      if (view(name, name_size) != ":path") return 0;
      auto* stream = stream_of<Nghttp2ServerStream>(session, frame->hd.stream_id);
      for (std::size_t k = 0; k < kPaths.size(); ++k)
        if (view(value, value_size) == kPaths[k]) stream->method = static_cast<Method>(k);
    } else if (view(name, name_size) == "grpc-status") {
      stream_of<Nghttp2Call>(session, frame->hd.stream_id)->status_ok = view(value, value_size) == "0";
    }
    return 0;
  }

  static int on_data_chunk(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                           std::size_t size, void* user) {
    Nghttp2Pair& self = pair(user);
    if (session == self.server_) {
      auto* stream = stream_of<Nghttp2ServerStream>(session, id);
      deframe(stream->in, data, size, [&](const char* m, std::size_t n) { self.serve(*stream, m, n); });
    } else {
      auto* call = stream_of<Nghttp2Call>(session, id);
      deframe(call->in, data, size, [&](const char* m, std::size_t n) { self.receive(*call, m, n); });
    }
    return 0;
  }

  static int on_stream_close(nghttp2_session* session, std::int32_t id, std::uint32_t, void* user) {
    if (session == pair(user).server_) {
      pair(user).close_server_stream(stream_of<Nghttp2ServerStream>(session, id));
    } else {
      stream_of<Nghttp2Call>(session, id)->closed = true;
    }
    return 0;
  }

  static ssize_t read_length(nghttp2_session*, std::uint8_t, std::int32_t, std::int32_t session_window,
                             std::int32_t stream_window, std::uint32_t max_frame, void* user) {
    std::size_t limit = pair(user).frame_limit_;
    for (std::size_t other : {static_cast<std::size_t>(session_window),
                              static_cast<std::size_t>(stream_window), static_cast<std::size_t>(max_frame)})
      limit = other < limit ? other : limit;
    return static_cast<ssize_t>(limit);
  }

  static ssize_t read_out(nghttp2_session* session, std::int32_t id, std::uint8_t* buffer, std::size_t size,
                          std::uint32_t* flags, nghttp2_data_source* source, void* user) {
    const bool server = session == pair(user).server_;
    auto& stream = *static_cast<Nghttp2Stream*>(source->ptr);
    std::size_t n = 0;
    if (server && stream.method == Method::kEchoStream) {
      auto& made = static_cast<Nghttp2ServerStream&>(stream);
      n = pair(user).make_messages(made, buffer, size);
      stream.out_last = made.to_send == 0;
    } else {
      n = std::min(size, stream.out.size() - stream.out_sent);
      if (n < kCopyBelow) {
        std::memcpy(buffer, stream.out.data() + stream.out_sent, n);
        stream.out_sent += n;
      } else {
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
      }
    }
    const bool sent = (*flags & NGHTTP2_DATA_FLAG_NO_COPY) != 0 ? stream.out_sent + n == stream.out.size()
                                                                : stream.all_sent();
    if (stream.out_last && sent) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (server) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const nghttp2_nv trailer = field("grpc-status", "0");
        check(nghttp2_submit_trailer(session, id, &trailer, 1), "submit_trailer");
      }
    } else if (n == 0) {
      return NGHTTP2_ERR_DEFERRED;
    }
    return static_cast<ssize_t>(n);
  }

  // A large payload: header and bytes go to the other session from where they lie.
  static int send_data(nghttp2_session* session, nghttp2_frame*, const std::uint8_t* header, std::size_t size,
                       nghttp2_data_source* source, void* user) {
    Nghttp2Pair& self = pair(user);
    auto& stream = *static_cast<Nghttp2Stream*>(source->ptr);
    nghttp2_session* to = session == self.server_ ? self.client_ : self.server_;
    check(nghttp2_session_mem_recv(to, header, 9), "mem_recv");
    const auto* data = reinterpret_cast<const std::uint8_t*>(stream.out.data()) + stream.out_sent;
    check(nghttp2_session_mem_recv(to, data, size), "mem_recv");
    stream.out_sent += size;
    return 0;
  }
};

Nghttp2Pair::Nghttp2Pair(const Payloads& payloads)
    : payloads_(payloads), client_(make_session(false)), server_(make_session(true)) {
  constexpr std::int32_t kWindow = INT32_MAX;
  const std::array<nghttp2_settings_entry, 3> settings = {{{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow},
                                                           {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, (1 << 24) - 1},
                                                           {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1024}}};
  for (nghttp2_session* session : {client_, server_}) {
    check(nghttp2_submit_settings(session, 0, settings.data(), settings.size()), "submit_settings");
    check(nghttp2_session_set_local_window_size(session, 0, 0, kWindow), "set_local_window_size");
  }
  pump();
}

Nghttp2Pair::~Nghttp2Pair() {
  nghttp2_session_del(client_);
  nghttp2_session_del(server_);
}

nghttp2_session* Nghttp2Pair::make_session(bool server) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  check(nghttp2_session_callbacks_new(&callbacks), "callbacks_new");
  check(nghttp2_option_new(&option), "option_new");
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Nghttp2Callbacks::on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Nghttp2Callbacks::on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Nghttp2Callbacks::on_data_chunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Nghttp2Callbacks::on_stream_close);
  nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, Nghttp2Callbacks::read_length);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, Nghttp2Callbacks::send_data);
  nghttp2_session* session = nullptr;
  check(server ? nghttp2_session_server_new2(&session, callbacks, this, option)
               : nghttp2_session_client_new2(&session, callbacks, this, option),
        "session_new");
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  return session;
}

void Nghttp2Pair::start(Nghttp2Call& call, Method method, Timeout timeout) {
  call.method = method;
  call.received = 0;
  call.wrong = call.status_ok = call.closed = false;
  std::array<nghttp2_nv, 8> headers = {field(":method", "POST"),
                                       field(":scheme", "http"),
                                       field(":path", kPaths[static_cast<std::size_t>(method)]),
                                       field(":authority", "greeter"),
                                       field("te", "trailers"),
                                       field("content-type", "application/grpc"),
                                       field("user-agent", "floor-nghttp2/1"),
                                       field("grpc-timeout", "60S")};
  nghttp2_data_provider provider{{.ptr = static_cast<Nghttp2Stream*>(&call)}, Nghttp2Callbacks::read_out};
  const std::size_t n = timeout == Timeout::kNone ? headers.size() - 1 : headers.size();
  call.id = nghttp2_submit_request(client_, nullptr, headers.data(), n, &provider, &call);
  check(call.id, "submit_request");
}

void Nghttp2Pair::resume(Nghttp2Call& call) {
  check(nghttp2_session_resume_data(client_, call.id), "resume_data");
}

void Nghttp2Pair::pump() {
  while (drain(client_, server_) || drain(server_, client_)) {
  }
}

bool Nghttp2Pair::drain(nghttp2_session* from, nghttp2_session* to) {
  bool any = false;
  while (true) {
    const std::uint8_t* data = nullptr;
    const ssize_t n = nghttp2_session_mem_send(from, &data);
    check(n, "mem_send");
    if (n == 0) return any;
    check(nghttp2_session_mem_recv(to, data, static_cast<std::size_t>(n)), "mem_recv");
    any = true;
  }
}

Nghttp2ServerStream* Nghttp2Pair::open_server_stream(std::int32_t id) {
  if (free_server_streams_.empty()) {
    server_streams_.push_back(std::make_unique<Nghttp2ServerStream>());
    free_server_streams_.push_back(server_streams_.back().get());
  }
  Nghttp2ServerStream* stream = free_server_streams_.back();
  free_server_streams_.pop_back();
  stream->reset();
  stream->id = id;
  stream->responded = false;
  return stream;
}

void Nghttp2Pair::close_server_stream(Nghttp2ServerStream* stream) { free_server_streams_.push_back(stream); }

void Nghttp2Pair::serve(Nghttp2ServerStream& stream, const char* message, std::size_t size) {
  const int n = static_cast<int>(size);
  bool ok = true;
  if (stream.method == Method::kSayHello) {
    helloworld::HelloRequest request;
    helloworld::HelloReply reply;
    ok = request.ParseFromArray(message, n);
    reply.set_message("Hello " + request.name());
    append_framed(stream.out, reply);
    stream.out_last = true;
  } else if (stream.method == Method::kEchoStream) {
    echo::Order order;
    ok = order.ParseFromArray(message, n);
    stream.to_send = order.count();
    stream.made = 0;
  } else {
    echo::Payload request, reply;
    ok = request.ParseFromArray(message, n);
    reply.set_data(request.data());
    if (stream.all_sent()) {
      stream.out.clear();
      stream.out_sent = 0;
    }
    append_framed(stream.out, reply);
    stream.out_last = stream.method == Method::kEchoUnary;
  }
  if (!ok) throw std::runtime_error("request does not parse");
  respond(stream);
}

void Nghttp2Pair::respond(Nghttp2ServerStream& stream) {
  if (stream.responded) return check(nghttp2_session_resume_data(server_, stream.id), "resume_data");
  stream.responded = true;
  const std::array<nghttp2_nv, 2> headers = {field(":status", "200"),
                                             field("content-type", "application/grpc")};
  nghttp2_data_provider provider{{.ptr = static_cast<Nghttp2Stream*>(&stream)}, Nghttp2Callbacks::read_out};
  check(nghttp2_submit_response(server_, stream.id, headers.data(), headers.size(), &provider),
        "submit_response");
}

std::size_t Nghttp2Pair::make_messages(Nghttp2ServerStream& stream, std::uint8_t* into, std::size_t size) {
  std::size_t at = 0;
  for (; stream.to_send > 0; --stream.to_send, ++stream.made) {
    made_.set_data(payloads_.text(stream.made));
    const std::size_t length = made_.ByteSizeLong();
    if (size - at < length + 5) break;
    into[at] = 0;
    for (int k = 0; k < 4; ++k) into[at + 1 + k] = static_cast<std::uint8_t>(length >> (24 - 8 * k));
    made_.SerializeWithCachedSizesToArray(into + at + 5);
    at += length + 5;
  }
  return at;
}

void Nghttp2Pair::receive(Nghttp2Call& call, const char* message, std::size_t size) {
  const int n = static_cast<int>(size);
  bool ok = false;
  if (call.method == Method::kSayHello) {
    helloworld::HelloReply reply;
    ok = reply.ParseFromArray(message, n) && reply.message() == payloads_.greeting(call.index);
  } else {
    echo::Payload reply;
    ok = reply.ParseFromArray(message, n) &&
         (call.method == Method::kEchoUnary ? same_large(*call.large, reply.data(), call.index)
                                            : reply.data() == payloads_.text(call.index + call.received));
  }
  call.wrong = call.wrong || !ok;
  ++call.received;
}

}  // namespace bench
