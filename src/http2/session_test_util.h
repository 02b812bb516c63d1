// What the tests of the session share: a builder of frames, frames in words, a sink that writes down events,
// and a session with both. Tests only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http2/hpack_test_util.h"
#include "http2/session.h"

namespace sluice::inline v0::http2::testing {

inline std::string xs(std::size_t n) { return std::string(n, 'x'); }

inline std::string compressed(HpackEncoder& encoder, const Headers& headers) {
  return std::string(as_text(encode(encoder, headers)));
}

// A header block that leaves every table as it is.
inline std::string plain(Headers headers) {
  for (Header& h : headers) h.indexing = Indexing::kPlain;
  HpackEncoder encoder;
  return compressed(encoder, headers);
}

inline const Headers kRequest = {
    {":method", "POST"}, {":scheme", "http"}, {":path", "/s/m"}, {":authority", "x"}, {"te", "trailers"}};
// The least that a request may have, and more fields behind it.
inline Headers request_of(std::string path, Headers more = {}) {
  Headers headers = {{":method", "POST"}, {":scheme", "http"}, {":path", std::move(path)}};
  headers.insert(headers.end(), more.begin(), more.end());
  return headers;
}
inline const Headers kResponse = {{":status", "200"}, {"content-type", "application/grpc"}};
inline const Headers kTrailers = {{"grpc-status", "0"}};

inline constexpr std::uint8_t kEnd = flag::kEndStream;
inline constexpr std::uint8_t kEndHeaders = flag::kEndHeaders;

// Bytes as a peer would send them, frame by frame.
class Wire {
 public:
  const std::string& str() const { return bytes_; }
  operator std::string_view() const { return bytes_; }  // NOLINT

  Wire& raw(std::string_view bytes) { return bytes_ += bytes, *this; }
  Wire& preface() { return raw(kClientPreface); }
  // `length` may lie about the payload.
  Wire& header(std::size_t length, FrameType type, std::uint8_t flags, StreamId id) {
    std::byte h[kFrameHeaderSize];
    FrameHeader{static_cast<std::uint32_t>(length), type, flags, id}.write(h);
    return raw(as_text(h));
  }
  Wire& frame(FrameType type, std::uint8_t flags, StreamId id, std::string_view payload) {
    return header(payload.size(), type, flags, id).raw(payload);
  }
  Wire& data(StreamId id, std::string_view data, std::uint8_t flags = 0) {
    return frame(FrameType::kData, flags, id, data);
  }
  Wire& padded_data(StreamId id, std::string_view data, std::uint8_t padding, std::uint8_t flags = 0) {
    return frame(FrameType::kData, flags | flag::kPadded, id, pad(data, padding));
  }
  Wire& headers(StreamId id, std::string_view block, std::uint8_t flags = kEndHeaders) {
    return frame(FrameType::kHeaders, flags, id, block);
  }
  Wire& headers(StreamId id, const Headers& h, std::uint8_t flags = 0) {
    return headers(id, plain(h), flags | kEndHeaders);
  }
  Wire& continuation(StreamId id, std::string_view block, std::uint8_t flags = 0) {
    return frame(FrameType::kContinuation, flags, id, block);
  }
  Wire& rst(StreamId id, ErrorCode code) { return frame(FrameType::kRstStream, 0, id, u32(code)); }
  Wire& settings(std::vector<std::pair<SettingId, std::uint32_t>> entries = {}) {
    std::string payload;
    for (const auto& [id, value] : entries) {
      payload += u32(static_cast<std::uint32_t>(id)).substr(2) + u32(value);
    }
    return frame(FrameType::kSettings, 0, 0, payload);
  }
  Wire& settings_ack() { return frame(FrameType::kSettings, flag::kAck, 0, ""); }
  Wire& ping(std::string_view payload, std::uint8_t flags = 0) {
    return frame(FrameType::kPing, flags, 0, payload);
  }
  Wire& goaway(StreamId last, ErrorCode code, std::string_view debug = "") {
    return frame(FrameType::kGoaway, 0, 0, u32(last) + u32(code) + std::string(debug));
  }
  Wire& window_update(StreamId id, std::uint32_t n) { return frame(FrameType::kWindowUpdate, 0, id, u32(n)); }

  static std::string pad(std::string_view text, std::uint8_t padding) {
    return std::string(1, static_cast<char>(padding)) + std::string(text) + std::string(padding, '\0');
  }
  static std::string u32(std::uint32_t v) {
    std::byte b[4];
    store_u32(b, v);
    return std::string(as_text(b));
  }
  static std::string u32(ErrorCode v) { return u32(static_cast<std::uint32_t>(v)); }

 private:
  std::string bytes_;
};

// One line a frame, with every byte of it, so that a difference can be read.
inline std::string describe(std::string_view wire) {
  static constexpr const char* kNames[] = {"DATA",          "HEADERS",      "PRIORITY", "RST_STREAM",
                                           "SETTINGS",      "PUSH_PROMISE", "PING",     "GOAWAY",
                                           "WINDOW_UPDATE", "CONTINUATION"};
  std::string text;
  if (wire.starts_with(kClientPreface)) text += "preface\n", wire.remove_prefix(kClientPreface.size());
  while (wire.size() >= kFrameHeaderSize) {
    const FrameHeader h = FrameHeader::parse(as_bytes(wire).data());
    const auto type = static_cast<std::size_t>(h.type);
    const std::string_view payload = wire.substr(kFrameHeaderSize, h.length);
    text += (type < 10 ? kNames[type] : "?") + std::string(" ") + std::to_string(h.stream) + " flags " +
            std::to_string(h.flags) + " [" + std::to_string(h.length) + "] " + hex(as_bytes(payload));
    text += payload.size() < h.length ? " cut\n" : "\n";
    wire.remove_prefix(kFrameHeaderSize + payload.size());
  }
  if (!wire.empty()) text += "rest " + hex(as_bytes(wire)) + "\n";
  return text;
}

struct TestStream final : Stream {};

// Writes events down, one a line; pieces of DATA of one stream that follow each other become one line.
class Recorder final : public EventSink {
 public:
  std::vector<std::string> events;
  std::vector<Bytes> data;  // the slices as they came
  std::map<StreamId, std::unique_ptr<TestStream>> streams;
  // Null refuses.
  std::function<TestStream*(StreamId)> accept = [this](StreamId id) { return &make(id); };
  std::function<Tag(const Field&)> tag = [](const Field&) { return Tag{0}; };
  Tag block_tag = 0;
  // Called after the event was written down, with its first word.
  std::function<void(std::string_view, Stream&)> then = [](std::string_view, Stream&) {};

  TestStream& make(StreamId id) { return *(streams[id] = std::make_unique<TestStream>()); }
  TestStream& operator[](StreamId id) { return *streams.at(id); }

  std::vector<std::string> take() { return std::exchange(events, {}); }

  Stream* on_open(StreamId id) override {
    TestStream* stream = accept(id);
    events.push_back((stream ? "open " : "refuse ") + std::to_string(id));
    return stream;
  }
  Tag on_header(Stream& s, const Field& f) override {
    note("header", s, std::string(f.name) + ": " + std::string(f.value));
    return tag(f);
  }
  void on_header_tag(Stream& s, Tag t) override { note("tag", s, std::to_string(t)); }
  Tag on_headers_end(Stream& s, EndStream end, bool truncated) override {
    std::string how = end == EndStream::kYes ? "last" : "";
    if (truncated) how += how.empty() ? "truncated" : " truncated";
    note("end", s, how);
    return block_tag;
  }
  void on_repeated_block(Stream& s, Tag t, EndStream end) override {
    note("repeated", s, std::to_string(t) + (end == EndStream::kYes ? " last" : ""));
  }
  void on_data(Stream& s, Bytes bytes, EndStream end) override {
    const std::string start = "data " + std::to_string(s.id());
    if (events.empty() || !events.back().starts_with(start + " ") || events.back().ends_with(" last")) {
      events.push_back(start + " ");
    }
    events.back() += std::string(bytes.text()) + (end == EndStream::kYes ? " last" : "");
    data.push_back(std::move(bytes));
    then("data", s);
  }
  void on_writable(Stream& s) override { note("writable", s, ""); }
  void on_reset(Stream& s, ErrorCode code) override {
    note("reset", s, std::to_string(static_cast<int>(code)));
  }
  void on_stream_error(Stream& s, const Error& e) override {
    note("error", s, std::to_string(static_cast<int>(e.code)) + " " + std::string(e.what));
  }
  void on_closed(Stream& s) override { note("closed", s, ""); }
  void on_settings(const Settings&) override { events.push_back("settings"); }
  void on_settings_ack() override { events.push_back("settings ack"); }
  void on_ping_ack(std::uint64_t p) override { events.push_back("ping ack " + std::to_string(p)); }
  void on_goaway(StreamId last, ErrorCode code, std::string_view debug) override {
    events.push_back("goaway " + std::to_string(last) + " " + std::to_string(static_cast<int>(code)) + " " +
                     std::string(debug));
  }

 private:
  void note(const std::string& what, Stream& s, const std::string& rest) {
    events.push_back(what + " " + std::to_string(s.id()) + (rest.empty() ? "" : " " + rest));
    then(what, s);
  }
};

using Events = std::vector<std::string>;

// For tests of rules, in numbers that only an attacker would send.
inline constexpr Limits kUnguarded = {.resets = Limits::kOff,
                                      .provoked_resets = {Limits::kOff, 0},
                                      .pings = {Limits::kOff, 0},
                                      .control_frames = {Limits::kOff, 0},
                                      .window_updates_per_data = Limits::kOff,
                                      .mean_window_update = 0,
                                      .empty_frames = Limits::kOff,
                                      .header_list_breaches = Limits::kOff};

inline SessionOptions client_options() { return {.role = Role::kClient, .local = {}}; }
inline SessionOptions server_options() { return {.role = Role::kServer, .local = {}}; }

// A session, its sink and a peer made of bytes.
struct Bench {
  explicit Bench(SessionOptions options) : role(options.role), session(options) {}

  const Role role;
  Recorder sink;
  Session session;  // goes first: streams must outlive it

  Error feed(std::string_view bytes) { return session.feed(Bytes::copy(bytes), {}, sink); }
  std::string take() { return session.take_output(sink).to_string(); }
  // The output in words.
  std::string out() { return describe(take()); }

  // Through preface and SETTINGS; nothing is left of them.
  Bench& shake(std::vector<std::pair<SettingId, std::uint32_t>> settings = {}) {
    Wire wire;
    if (role == Role::kServer) wire.preface();
    (void)feed(wire.settings(std::move(settings)).settings_ack());
    (void)take();
    sink.take();
    return *this;
  }
  // Client: the next stream.
  TestStream& open(const Headers& headers = kRequest, EndStream end = EndStream::kNo) {
    auto stream = std::make_unique<TestStream>();
    TestStream& s = *stream;
    send(headers, [&](std::span<const HeaderPart> parts) { session.open(s, parts, end); });
    sink.streams[s.id()] = std::move(stream);
    return s;
  }
  void headers(Stream& s, const Headers& headers, EndStream end = EndStream::kNo) {
    send(headers, [&](std::span<const HeaderPart> parts) { session.submit_headers(s, parts, end); });
  }
  void data(Stream& s, std::string_view text, EndStream end = EndStream::kNo) {
    session.submit_data(s, Chain::copy(text), end);
  }

 private:
  template <class F>
  static void send(const Headers& headers, F f) {
    Headers all = headers;
    for (Header& h : all) h.indexing = Indexing::kPlain;
    const std::vector<Field> fields = to_fields(all);
    const HeaderPart part{fields, nullptr};
    f({&part, 1});
  }
};

// Feeds what must end the connection, and looks at all that this means. Gives what is wrong with it.
inline std::string fatal(Bench& bench, std::string_view wire, ErrorCode code, StreamId last = 0) {
  (void)bench.take();
  const Error error = bench.feed(wire);
  if (error.scope != Scope::kConnection || error.blame != Blame::kPeer || error.what.empty()) {
    return "not an error of the connection and the peer";
  }
  if (error.code != code) return "other code: " + std::string(error.what);
  const std::string out = bench.take();
  const std::string goaway = Wire().goaway(last, code, error.what).str();
  if (!out.ends_with(goaway)) return "wrote " + describe(out);
  bench.sink.take();
  if (bench.feed(Wire().ping("12345678")).code != code) return "takes more bytes";
  if (bench.session.has_output()) return "has more output";
  return bench.sink.events.empty() ? "" : "tells of events afterwards";
}

}  // namespace sluice::inline v0::http2::testing
