// Our session against nghttp2's, both ways round: every request is echoed with trailers, and both ends must
// agree on every byte, whatever windows, settings, resets and cuts come between.
#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>

#include "http2/session.h"
#include "http2/session_test_util.h"

namespace sluice::inline v0::http2 {
namespace {

using namespace testing;  // NOLINT

struct Random {
  std::mt19937 engine;
  std::uint32_t operator()() { return static_cast<std::uint32_t>(engine()); }
};

// What one end received on one stream.
struct Received {
  Headers headers;
  std::string body;
  Headers trailers;
  bool ended = false;
  bool closed = false;
  std::uint32_t code = 0;  // of the reset, if there was one
};

// What both ends do alike: keep what comes, and echo requests as servers.
struct End {
  std::map<StreamId, Received> received;
  std::set<std::uint64_t> ping_acks;
  std::size_t settings = 0;
  std::optional<StreamId> goaway;

  void header(StreamId id, bool trailers, std::string_view name, std::string_view value) {
    Received& r = received[id];
    (trailers ? r.trailers : r.headers).push_back({std::string(name), std::string(value)});
  }
};

Headers request_headers(std::uint32_t n) {
  return {{":method", "POST"},
          {":scheme", "http"},
          {":path", "/service/method" + std::to_string(n % 3)},
          {":authority", "host"},
          {"te", "trailers"},
          {"number", std::to_string(n), n % 2 == 0 ? Indexing::kIndex : Indexing::kNever},
          {"long", std::string(n % 7 == 0 ? 20000 : n % 40, 'l'), Indexing::kPlain}};
}

class OurEnd final : public End, public EventSink {
 public:
  explicit OurEnd(SessionOptions options) : role_(options.role), session(options) {}
  ~OurEnd() {
    for (auto& [id, stream] : streams_) session.release(*stream);
  }

  StreamId request(std::uint32_t n, const std::string& body) {
    auto stream = std::make_unique<TestStream>();
    const Headers headers = request_headers(n);
    submit(headers, [&](auto parts) { session.open(*stream, parts, EndStream::kNo); });
    session.submit_data(*stream, Chain::copy(body), EndStream::kYes);
    const StreamId id = stream->id();
    streams_[id] = std::move(stream);
    return id;
  }
  void reset(StreamId id, ErrorCode code) {
    if (const auto found = streams_.find(id); found != streams_.end()) session.reset(*found->second, code);
  }

 private:
  Stream* on_open(StreamId id) override { return (streams_[id] = std::make_unique<TestStream>()).get(); }
  Tag on_header(Stream& s, const Field& f) override {
    header(s.id(), in_trailers(s), f.name, f.value);
    return remember({std::string(f.name), std::string(f.value)});
  }
  void on_header_tag(Stream& s, Tag tag) override {
    const Header& h = tagged_.at(tag - 1);
    header(s.id(), in_trailers(s), h.name, h.value);
  }
  Tag on_headers_end(Stream& s, EndStream end, bool truncated) override {
    EXPECT_FALSE(truncated);
    const Received& r = received[s.id()];
    blocks_.push_back(in_trailers(s) ? r.trailers : r.headers);
    finish_block(s, end);
    return blocks_.size();
  }
  void on_repeated_block(Stream& s, Tag tag, EndStream end) override {
    Received& r = received[s.id()];
    (in_trailers(s) ? r.trailers : r.headers) = blocks_.at(tag - 1);
    finish_block(s, end);
  }
  void on_data(Stream& s, Bytes data, EndStream end) override {
    received[s.id()].body += data.text();
    session.credit(s, data.size());
    if (end == EndStream::kYes) finish(s);
  }
  void on_writable(Stream&) override {}
  void on_reset(Stream& s, ErrorCode code) override {
    received[s.id()].code = static_cast<std::uint32_t>(code);
  }
  void on_stream_error(Stream&, const Error& e) override { ADD_FAILURE() << e.what; }
  void on_closed(Stream& s) override {
    received[s.id()].closed = true;
    headers_done_.erase(s.id());
    streams_.erase(s.id());
  }
  void on_settings(const Settings&) override { ++settings; }
  void on_settings_ack() override {}
  void on_ping_ack(std::uint64_t payload) override { ping_acks.insert(payload); }
  void on_goaway(StreamId last, ErrorCode, std::string_view) override { goaway = last; }

  bool in_trailers(Stream& s) const { return headers_done_.count(s.id()) != 0; }
  Tag remember(Header h) {
    tagged_.push_back(std::move(h));
    return tagged_.size();
  }
  void finish_block(Stream& s, EndStream end) {
    headers_done_.insert(s.id());
    if (end == EndStream::kYes) finish(s);
  }
  void finish(Stream& s) {
    Received& r = received[s.id()];
    r.ended = true;
    if (role_ == Role::kClient) return;
    submit(kResponse, [&](auto parts) { session.submit_headers(s, parts, EndStream::kNo); });
    session.submit_data(s, Chain::copy(r.body), EndStream::kNo);
    submit(kTrailers, [&](auto parts) { session.submit_headers(s, parts, EndStream::kYes); });
  }
  template <class F>
  static void submit(const Headers& headers, F f) {
    const std::vector<Field> fields = to_fields(headers);
    const HeaderPart part{fields, nullptr};
    f(std::span<const HeaderPart>(&part, 1));
  }

  const Role role_;
  std::map<StreamId, std::unique_ptr<TestStream>> streams_;
  std::set<StreamId> headers_done_;
  std::vector<Header> tagged_;
  std::vector<Headers> blocks_;

 public:
  Session session;
};

class TheirEnd final : public End {
 public:
  TheirEnd(Role role, const std::vector<nghttp2_settings_entry>& settings) : role_(role) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid);
    if (role == Role::kServer) {
      nghttp2_session_server_new(&session, callbacks, this);
    } else {
      nghttp2_session_client_new(&session, callbacks, this);
    }
    nghttp2_session_callbacks_del(callbacks);
    EXPECT_EQ(nghttp2_submit_settings(session, 0, settings.data(), settings.size()), 0);
  }
  ~TheirEnd() { nghttp2_session_del(session); }
  TheirEnd(const TheirEnd&) = delete;

  StreamId request(std::uint32_t n, const std::string& body) {
    const Headers headers = request_headers(n);
    const std::vector<nghttp2_nv> fields = to_nv(headers);
    nghttp2_data_provider provider = provide();
    const std::int32_t id =
        nghttp2_submit_request(session, nullptr, fields.data(), fields.size(), &provider, nullptr);
    EXPECT_GT(id, 0);
    outgoing_[static_cast<StreamId>(id)] = {body, 0};
    return static_cast<StreamId>(id);
  }
  void reset(StreamId id, ErrorCode code) {
    nghttp2_submit_rst_stream(session, 0, static_cast<std::int32_t>(id), static_cast<std::uint32_t>(code));
  }
  void feed(std::string_view bytes) {
    const auto n =
        nghttp2_session_mem_recv(session, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    ASSERT_EQ(n, static_cast<ssize_t>(bytes.size()));
  }
  std::string take() {
    std::string all;
    const std::uint8_t* data = nullptr;
    for (ssize_t n; (n = nghttp2_session_mem_send(session, &data)) > 0;) {
      all.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(n));
    }
    return all;
  }

  nghttp2_session* session = nullptr;
  std::size_t invalid_frames = 0;

 private:
  struct Outgoing {
    std::string body;
    std::size_t at = 0;
  };

  static TheirEnd& self(void* p) { return *static_cast<TheirEnd*>(p); }
  static StreamId to_id(std::int32_t id) { return static_cast<StreamId>(id); }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                       void* p) {
    self(p).header(to_id(frame->hd.stream_id), frame->headers.cat == NGHTTP2_HCAT_HEADERS,
                   {reinterpret_cast<const char*>(name), name_size},
                   {reinterpret_cast<const char*>(value), value_size});
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                     std::size_t size, void* p) {
    self(p).received[to_id(id)].body.append(reinterpret_cast<const char*>(data), size);
    return 0;
  }
  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* p) {
    TheirEnd& end = self(p);
    const auto& hd = frame->hd;
    if (hd.type == NGHTTP2_SETTINGS && (hd.flags & NGHTTP2_FLAG_ACK) == 0) ++end.settings;
    if (hd.type == NGHTTP2_GOAWAY) end.goaway = to_id(frame->goaway.last_stream_id);
    if (hd.type == NGHTTP2_PING && (hd.flags & NGHTTP2_FLAG_ACK) != 0) {
      end.ping_acks.insert(load_u64(reinterpret_cast<const std::byte*>(frame->ping.opaque_data)));
    }
    const bool message = hd.type == NGHTTP2_DATA || hd.type == NGHTTP2_HEADERS;
    if (message && (hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      Received& r = end.received[to_id(hd.stream_id)];
      r.ended = true;
      if (end.role_ == Role::kServer) {
        end.outgoing_[to_id(hd.stream_id)] = {r.body, 0};
        const std::vector<nghttp2_nv> fields = to_nv(kResponse);
        nghttp2_data_provider provider = end.provide();
        EXPECT_EQ(nghttp2_submit_response(session, hd.stream_id, fields.data(), fields.size(), &provider), 0);
      }
    }
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* p) {
    Received& r = self(p).received[to_id(id)];
    r.closed = true;
    r.code = code;
    return 0;
  }
  static int on_invalid(nghttp2_session*, const nghttp2_frame* frame, int code, void* p) {
    ++self(p).invalid_frames;
    ADD_FAILURE() << "frame type " << int{frame->hd.type} << " on " << frame->hd.stream_id << ": "
                  << nghttp2_strerror(code);
    return 0;
  }
  nghttp2_data_provider provide() { return {.source = {.ptr = this}, .read_callback = read}; }
  static ssize_t read(nghttp2_session* session, std::int32_t id, std::uint8_t* out, std::size_t size,
                      std::uint32_t* flags, nghttp2_data_source* source, void*) {
    TheirEnd& end = self(source->ptr);
    Outgoing& from = end.outgoing_.at(to_id(id));
    const std::size_t n = from.body.copy(reinterpret_cast<char*>(out), size, from.at);
    from.at += n;
    if (from.at == from.body.size()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (end.role_ == Role::kServer) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const std::vector<nghttp2_nv> fields = to_nv(kTrailers);
        EXPECT_EQ(nghttp2_submit_trailer(session, id, fields.data(), fields.size()), 0);
      }
    }
    return static_cast<ssize_t>(n);
  }
  static std::vector<nghttp2_nv> to_nv(const Headers& headers) {
    const auto bytes = [](const std::string& s) {
      return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(s.data()));
    };
    std::vector<nghttp2_nv> fields;
    for (const Header& h : headers) {
      const std::uint8_t flags = h.indexing == Indexing::kNever ? NGHTTP2_NV_FLAG_NO_INDEX : 0;
      fields.push_back({bytes(h.name), bytes(h.value), h.name.size(), h.value.size(), flags});
    }
    return fields;
  }

  const Role role_;
  std::map<StreamId, Outgoing> outgoing_;
};

// Moves bytes until both ends are silent. Our end gets them in random pieces.
void pump(OurEnd& ours, TheirEnd& theirs, Random& random) {
  for (;;) {
    const std::string to_them = ours.session.take_output(ours).to_string();
    theirs.feed(to_them);
    std::string to_us = theirs.take();
    std::string_view left = to_us;
    while (!left.empty()) {
      const std::size_t n = std::min<std::size_t>(left.size(), 1 + random() % 20000);
      const Error error = ours.session.feed(Bytes::copy(left.substr(0, n)), {}, ours);
      ASSERT_TRUE(error.ok()) << error.what;
      left.remove_prefix(n);
    }
    if (to_them.empty() && to_us.empty()) return;
  }
}

std::string random_body(Random& random) {
  std::string body(random() % 3 == 0 ? random() % 200000 : random() % 300, '\0');
  for (char& c : body) c = static_cast<char>(random());
  return body;
}

// Without the order in which a client's headers were sent there is nothing to compare.
void expect_echo(const Received& request, const Received& response, std::uint32_t n,
                 const std::string& body) {
  EXPECT_EQ(request.headers, request_headers(n));
  EXPECT_TRUE(request.trailers.empty());
  EXPECT_TRUE(request.body == body);
  EXPECT_TRUE(request.ended && response.ended && response.closed);
  EXPECT_EQ(response.headers, kResponse);
  EXPECT_TRUE(response.body == body);
  EXPECT_EQ(response.trailers, kTrailers);
}

struct Case {
  const char* name;
  Role ours;
  Settings settings;
  std::uint32_t connection_window;
  std::vector<nghttp2_settings_entry> theirs;
};

class SessionOracle : public ::testing::TestWithParam<Case> {
 protected:
  const Case& c = GetParam();
  Random random{std::mt19937(17)};
  OurEnd ours{{.role = c.ours,
               .local = c.settings,
               .connection_window = c.connection_window,
               .header_list_hard_limit = 64 << 10}};
  TheirEnd theirs{c.ours == Role::kClient ? Role::kServer : Role::kClient, c.theirs};
  End& server = c.ours == Role::kServer ? static_cast<End&>(ours) : theirs;
  End& client = c.ours == Role::kClient ? static_cast<End&>(ours) : theirs;

  StreamId request(std::uint32_t n, const std::string& body) {
    return c.ours == Role::kClient ? ours.request(n, body) : theirs.request(n, body);
  }
};

TEST_P(SessionOracle, EchoesOneAfterTheOther) {
  for (std::uint32_t n = 0; n < 30; ++n) {
    const std::string body = random_body(random);
    const StreamId id = request(n, body);
    pump(ours, theirs, random);
    expect_echo(server.received[id], client.received[id], n, body);
  }
  EXPECT_EQ(ours.session.open_streams(), 0u);
}

TEST_P(SessionOracle, EchoesManyAtOnceWithPingsAndSettingsBetween) {
  pump(ours, theirs, random);
  std::map<StreamId, std::pair<std::uint32_t, std::string>> sent;
  for (std::uint32_t n = 0; n < 60; ++n) {
    std::string body = random_body(random);
    const StreamId id = request(n, body);
    sent[id] = {n, std::move(body)};
    if (n % 10 == 0) {
      const nghttp2_settings_entry changed[] = {
          {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1000 + random() % 100000},
          {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, random() % 5000},
          {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 16384 + random() % 50000}};
      EXPECT_EQ(nghttp2_submit_settings(theirs.session, 0, changed, 3), 0);
      ours.session.submit_ping(n + 1);
      const std::uint8_t payload[8] = {0, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(n + 1)};
      EXPECT_EQ(nghttp2_submit_ping(theirs.session, 0, payload), 0);
      // Half a turn, so that the settings land amid running streams.
      theirs.feed(ours.session.take_output(ours).to_string());
      ASSERT_TRUE(ours.session.feed(Bytes::copy(theirs.take()), {}, ours).ok());
    }
  }
  pump(ours, theirs, random);
  for (const auto& [id, what] : sent) {
    SCOPED_TRACE(id);
    expect_echo(server.received[id], client.received[id], what.first, what.second);
  }
  EXPECT_EQ(ours.ping_acks, (std::set<std::uint64_t>{1, 11, 21, 31, 41, 51}));
  EXPECT_EQ(theirs.ping_acks, ours.ping_acks);
  EXPECT_EQ(ours.settings, 7u);
  EXPECT_EQ(theirs.settings, 1u);
  EXPECT_EQ(ours.session.open_streams(), 0u);
}

TEST_P(SessionOracle, OthersGoOnWhenStreamsAreReset) {
  pump(ours, theirs, random);
  std::map<StreamId, std::pair<std::uint32_t, std::string>> sent;
  std::set<StreamId> reset;
  for (std::uint32_t n = 0; n < 60; ++n) {
    std::string body = random_body(random);
    const StreamId id = request(n, body);
    sent[id] = {n, std::move(body)};
    theirs.feed(ours.session.take_output(ours).to_string());
    ASSERT_TRUE(ours.session.feed(Bytes::copy(theirs.take()), {}, ours).ok());
    if (n % 3 == 0) {
      ours.reset(id, ErrorCode::kCancel);
      reset.insert(id);
    } else if (n % 3 == 1) {
      theirs.reset(id, ErrorCode::kCancel);
      reset.insert(id);
    }
  }
  pump(ours, theirs, random);
  for (const auto& [id, what] : sent) {
    SCOPED_TRACE(id);
    EXPECT_TRUE(ours.received[id].closed || theirs.received[id].closed);
    if (reset.count(id) == 0) expect_echo(server.received[id], client.received[id], what.first, what.second);
  }
  EXPECT_EQ(ours.session.open_streams(), 0u);
  // No window has leaked: a large body still passes.
  const std::string large(500000, 'x');
  const StreamId id = request(100, large);
  pump(ours, theirs, random);
  expect_echo(server.received[id], client.received[id], 100, large);
}

TEST_P(SessionOracle, GoawayLetsRunningStreamsEnd) {
  pump(ours, theirs, random);
  const std::string body(100000, 'g');
  const StreamId id = request(1, body);
  theirs.feed(ours.session.take_output(ours).to_string());
  ASSERT_TRUE(ours.session.feed(Bytes::copy(theirs.take()), {}, ours).ok());
  theirs.feed(ours.session.take_output(ours).to_string());
  if (c.ours == Role::kServer) {
    ours.session.submit_goaway(ours.session.last_peer_stream(), ErrorCode::kNoError, "drain");
  } else {
    const std::int32_t last = nghttp2_session_get_last_proc_stream_id(theirs.session);
    EXPECT_EQ(nghttp2_submit_goaway(theirs.session, 0, last, 0, nullptr, 0), 0);
  }
  pump(ours, theirs, random);
  EXPECT_EQ(client.goaway, id);
  expect_echo(server.received[id], client.received[id], 1, body);
  EXPECT_EQ(ours.session.can_open(), false);
}

const Case kCases[] = {
    {"ClientDefault", Role::kClient, {}, 65535, {}},
    {"ServerDefault", Role::kServer, {}, 65535, {}},
    {"ClientSmallWindows",
     Role::kClient,
     {.initial_window_size = 100},
     65535,
     {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 999}}},
    {"ServerSmallWindows",
     Role::kServer,
     {.initial_window_size = 100},
     65535,
     {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 999}}},
    {"ClientLarge",
     Role::kClient,
     {.header_table_size = 8192, .initial_window_size = 1 << 20, .max_frame_size = 1 << 20},
     1 << 22,
     {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20}, {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 1 << 18}}},
    {"ServerLarge",
     Role::kServer,
     {.header_table_size = 8192, .initial_window_size = 1 << 20, .max_frame_size = 1 << 20},
     1 << 22,
     {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20}, {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 1 << 18}}},
    {"ClientNoTable",
     Role::kClient,
     {.header_table_size = 0},
     65535,
     {{NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0}}},
    {"ServerNoTable",
     Role::kServer,
     {.header_table_size = 0},
     65535,
     {{NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0}}},
};

INSTANTIATE_TEST_SUITE_P(, SessionOracle, ::testing::ValuesIn(kCases),
                         [](const auto& c) { return c.param.name; });

}  // namespace
}  // namespace sluice::inline v0::http2
