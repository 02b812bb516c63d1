// ScriptedPeer: one end of a connection in the hands of a test, with a real Server or Channel at the other.
// It sends what it is told to, byte for byte, and keeps what comes as frames, whose header blocks nghttp2
// reads.
#pragma once

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http2/session_test_util.h"
#include "sluice/runtime/runtime.h"
#include "support/tap_decoder.h"
#include "wire/error_map.h"

namespace sluice::support {

using http2::testing::Headers;
using http2::testing::kEnd;
using http2::testing::Wire;

// A gRPC message as DATA carries it. `size` may lie.
inline std::string message(std::string_view body, char flag = 0, std::optional<std::uint32_t> size = {}) {
  return flag + Wire::u32(size.value_or(static_cast<std::uint32_t>(body.size()))) + std::string(body);
}
// The head of a request, with more fields behind it.
inline Headers request_head(std::string_view path, const Headers& more = {}) {
  Headers head = {{":method", "POST"},          {":scheme", "http"}, {":path", std::string(path)},
                  {":authority", "the.server"}, {"te", "trailers"},  {"content-type", "application/grpc"}};
  head.insert(head.end(), more.begin(), more.end());
  return head;
}
inline const Headers kResponseHead = http2::testing::kResponse;
inline const Headers kOkTrailers = http2::testing::kTrailers;

inline std::string text_of(const HeaderList& fields) {
  std::string text;
  for (const auto& [name, value] : fields) text += (text.empty() ? "" : ", ") + name + " " + value;
  return "[" + text + "]";
}

// One stream of the other end, as far as it has come.
struct PeerStream {
  std::vector<HeaderList> blocks;
  std::string data;
  bool ended = false;
  std::optional<http2::ErrorCode> reset;

  // Of the last block; empty if it is not there.
  std::string field(std::string_view name) const {
    for (const auto& [n, value] : blocks.empty() ? HeaderList() : blocks.back()) {
      if (n == name) return value;
    }
    return "";
  }
  // How it ended for a client: ":status" where it is not 200, grpc-status and grpc-message as they came,
  // RST_STREAM.
  std::string outcome() const {
    std::string text;
    for (const HeaderList& block : blocks) {
      for (const auto& [name, value] : block) {
        if (name == ":status" && value != "200") text += "HTTP " + value + ", ";
      }
    }
    text += ended ? field("grpc-status") : "open";
    if (!field("grpc-message").empty()) text += " " + field("grpc-message");
    if (reset) text += ", RST_STREAM " + std::string(wire::error_code_name(*reset));
    return text;
  }
};

// Thread: the test's, which leads the loop whenever it waits; for Runtimes without threads. Lifetime: ends
// the connection, and what that makes ready has run when the destructor returns.
class ScriptedPeer {
 public:
  // `conn` belongs to the first loop.
  ScriptedPeer(Runtime& runtime, std::unique_ptr<net::Conn> conn)
      : runtime_(runtime), conn_(std::move(conn)), read_(*this), write_(*this) {
    nghttp2_hd_inflate_new(&inflater_);
    leading([this] { read_on(); });
    settle();
  }
  ~ScriptedPeer() {
    close();
    while (read_.active || write_.active) settle();
    leading([this] { conn_.reset(); });
    settle();
    nghttp2_hd_inflate_del(inflater_);
  }
  ScriptedPeer(const ScriptedPeer&) = delete;
  ScriptedPeer& operator=(const ScriptedPeer&) = delete;

  // Writes, and lets run what that makes ready; time stands still. What the pipe has no room for leaves
  // later.
  void send(std::string_view bytes) {
    send_later(bytes);
    settle();
  }
  // Writes, and runs nothing yet: what others do next has this beside it.
  void send_later(std::string_view bytes) {
    leading([&] {
      unsent_.append(Chain::copy(bytes));
      write_on();
    });
  }
  // Something is still to be written, or being written.
  bool has_unsent() const { return write_.active || !unsent_.empty(); }
  void half_close() {
    leading([this] { conn_->close_write(); });
    settle();
  }
  void close() {
    leading([this] { conn_->close(); });
    settle();
  }
  // The same, and runs nothing yet.
  void close_later() {
    leading([this] { conn_->close(); });
  }
  // Reads no more, from the next chunk on.
  void stop_reading() { reading_ = false; }
  void read_again() {
    reading_ = true;
    leading([this] { read_on(); });
    settle();
  }
  // Runs what is ready; time stands still.
  void settle() {
    while (runtime_.poll() > 0) {
    }
  }
  // Runs the loop, through time if it must, until `true_now` holds after something has come.
  void until(std::function<bool()> true_now) {
    waits_for_ = std::move(true_now);
    come_true_ = waits_for_();
    leading([this] {
      if (!runtime_.loop().run_until(come_true_)) ADD_FAILURE() << runtime_.loop().stuck();
    });
    waits_for_ = nullptr;
  }
  void until_closed() {
    until([this] { return closed(); });
  }

  // The other end has closed, politely or not.
  bool closed() const { return !end_.empty(); }
  const std::string& end() const { return end_; }  // "eof", or the failed read's status
  // Everything that came, and what of it was not looked at yet: a line a frame, such as
  // "HEADERS 1 END [grpc-status 0]", "DATA 1 5 bytes", "RST_STREAM 1 CANCEL".
  const std::vector<std::string>& frames() const { return frames_; }
  std::vector<std::string> take() {
    std::vector<std::string> news(frames_.begin() + static_cast<std::ptrdiff_t>(taken_), frames_.end());
    taken_ = frames_.size();
    return news;
  }
  // Those among them that begin so.
  std::vector<std::string> frames(std::string_view begin) const {
    std::vector<std::string> found;
    for (const std::string& f : frames_) {
      if (f.starts_with(begin)) found.push_back(f);
    }
    return found;
  }
  // A stream that nothing was said of is an empty one.
  const PeerStream& stream(http2::StreamId id) { return streams_[id]; }
  bool ended(http2::StreamId id) { return stream(id).ended || stream(id).reset; }
  std::string outcome(http2::StreamId id) { return stream(id).outcome(); }
  // As an endpoint that allows a table of so many bytes, once it has said so.
  void limit_table(std::size_t size) { nghttp2_hd_inflate_change_table_size(inflater_, size); }
  // The payload of the last PING, for its answer.
  const std::string& last_ping() const { return last_ping_; }
  Runtime& runtime() { return runtime_; }
  const Addr& local_addr() const { return conn_->local_addr(); }

 private:
  struct Read : net::ReadOp {
    explicit Read(ScriptedPeer& p) : ReadOp(&done), peer(p) {}
    static void done(Runnable& self) noexcept {
      ScriptedPeer& peer = static_cast<Read&>(self).peer;
      peer.take_read();
      peer.read_on();
    }
    ScriptedPeer& peer;
    bool active = false;
  };
  struct Write : net::WriteOp {
    explicit Write(ScriptedPeer& p) : WriteOp(&done), peer(p) {}
    static void done(Runnable& self) noexcept {
      ScriptedPeer& peer = static_cast<Write&>(self).peer;
      peer.write_.active = false;
      peer.write_on();
    }
    ScriptedPeer& peer;
    bool active = false;
  };

  template <class F>
  void leading(F f) {
    Loop& loop = runtime_.loop();
    ASSERT_TRUE(loop.try_enter()) << "somebody else leads the loop";
    f();
    loop.leave();
  }
  void read_on() {
    while (reading_ && !read_.active && !closed()) {
      read_.active = true;
      if (!conn_->start_read(read_)) return;
      take_read();
    }
  }
  void take_read() {
    read_.active = false;
    if (!read_.status.ok()) end_ = read_.status.to_string();
    if (read_.status.ok() && read_.result.eof) end_ = "eof";
    received_ += read_.result.data.to_string();
    read_.result.data.clear();
    while (parse_one()) {
    }
    if (waits_for_ && waits_for_()) come_true_ = true;
  }
  void write_on() {
    while (!write_.active && !unsent_.empty()) {
      write_.data = std::move(unsent_);
      unsent_.clear();
      write_.active = true;
      if (!conn_->start_write(write_)) return;
      write_.active = false;
    }
  }

  bool parse_one() {
    std::string_view rest = std::string_view(received_).substr(parsed_);
    if (parsed_ == 0 && rest.starts_with(http2::kClientPreface)) {
      parsed_ += http2::kClientPreface.size();
      frames_.push_back("preface");
      return true;
    }
    if (rest.size() < http2::kFrameHeaderSize) return false;
    const auto header = http2::FrameHeader::parse(as_bytes(rest).data());
    rest.remove_prefix(http2::kFrameHeaderSize);
    if (rest.size() < header.length || (parsed_ == 0 && received_[0] == 'P')) return false;
    parsed_ += http2::kFrameHeaderSize + header.length;
    take_frame(header, rest.substr(0, header.length));
    return true;
  }
  void take_frame(const http2::FrameHeader& h, std::string_view payload) {
    using http2::FrameType;
    const bool flag = h.has(1);  // END_STREAM and ACK
    const std::string id = " " + std::to_string(h.stream);
    const auto number = [&](std::size_t at) {
      return payload.size() < at + 4 ? 0u : http2::load_u32(as_bytes(payload).data() + at);
    };
    const auto code = [&](std::size_t at) {
      return " " + std::string(wire::error_code_name(static_cast<http2::ErrorCode>(number(at))));
    };
    switch (h.type) {
      case FrameType::kHeaders:
      case FrameType::kContinuation:
        if (h.type == FrameType::kHeaders) block_.clear(), block_ends_ = flag;
        block_ += payload;
        if (h.has(http2::flag::kEndHeaders)) take_block(h.stream);
        return;
      case FrameType::kData:
        streams_[h.stream].data += payload;
        if (flag) streams_[h.stream].ended = true;
        return frames_.push_back("DATA" + id + (flag ? " END " : " ") + std::to_string(payload.size()) +
                                 " bytes");
      case FrameType::kRstStream:
        streams_[h.stream].reset = static_cast<http2::ErrorCode>(number(0));
        return frames_.push_back("RST_STREAM" + id + code(0));
      case FrameType::kSettings:
        return frames_.push_back(flag ? "SETTINGS ACK" : "SETTINGS [" + settings_text(payload) + "]");
      case FrameType::kPing:
        last_ping_ = payload;
        return frames_.push_back(flag ? "PING ACK" : "PING");
      case FrameType::kGoaway:
        return frames_.push_back("GOAWAY " + std::to_string(number(0)) + code(4) + " " +
                                 std::string(payload.substr(std::min<std::size_t>(8, payload.size()))));
      case FrameType::kWindowUpdate:
        return frames_.push_back("WINDOW_UPDATE" + id + " " + std::to_string(number(0)));
      default:
        return frames_.push_back("frame of type " + std::to_string(static_cast<int>(h.type)));
    }
  }
  static std::string settings_text(std::string_view payload) {
    static constexpr const char* kNames[] = {"0",
                                             "HEADER_TABLE_SIZE",
                                             "ENABLE_PUSH",
                                             "MAX_CONCURRENT_STREAMS",
                                             "INITIAL_WINDOW_SIZE",
                                             "MAX_FRAME_SIZE",
                                             "MAX_HEADER_LIST_SIZE"};
    std::string text;
    for (; payload.size() >= http2::kSettingSize; payload.remove_prefix(http2::kSettingSize)) {
      const std::uint32_t id = http2::load_u16(as_bytes(payload).data());
      text += (text.empty() ? "" : ", ") + (id < 7 ? std::string(kNames[id]) : std::to_string(id)) + " " +
              std::to_string(http2::load_u32(as_bytes(payload).data() + 2));
    }
    return text;
  }
  void take_block(http2::StreamId id) {
    HeaderList fields;
    auto* at = reinterpret_cast<const std::uint8_t*>(block_.data());
    std::size_t left = block_.size();
    for (int flags = 0; (flags & NGHTTP2_HD_INFLATE_FINAL) == 0;) {
      nghttp2_nv nv;
      const auto n = nghttp2_hd_inflate_hd2(inflater_, &nv, &flags, at, left, 1);
      if (n < 0)
        return frames_.push_back(std::string("broken block: ") + nghttp2_strerror(static_cast<int>(n)));
      at += n, left -= static_cast<std::size_t>(n);
      if (flags & NGHTTP2_HD_INFLATE_EMIT) {
        fields.emplace_back(std::string(reinterpret_cast<char*>(nv.name), nv.namelen),
                            std::string(reinterpret_cast<char*>(nv.value), nv.valuelen));
      }
    }
    nghttp2_hd_inflate_end_headers(inflater_);
    frames_.push_back("HEADERS " + std::to_string(id) + (block_ends_ ? " END " : " ") + text_of(fields));
    PeerStream& stream = streams_[id];
    stream.blocks.push_back(std::move(fields));
    stream.ended = stream.ended || block_ends_;
  }

  static std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

  Runtime& runtime_;
  std::unique_ptr<net::Conn> conn_;
  Read read_;
  Write write_;
  Chain unsent_;
  bool reading_ = true;
  std::string end_;
  std::function<bool()> waits_for_;
  bool come_true_ = false;

  nghttp2_hd_inflater* inflater_ = nullptr;
  std::string received_;
  std::size_t parsed_ = 0;
  std::string block_;
  bool block_ends_ = false;
  std::string last_ping_;
  std::map<http2::StreamId, PeerStream> streams_;
  std::vector<std::string> frames_;
  std::size_t taken_ = 0;
};

// A client's end of a connection to a Server. Nothing is said before greet() or send().
class ScriptedClient final : public ScriptedPeer {
 public:
  ScriptedClient(Runtime& runtime, std::string_view address)
      : ScriptedPeer(runtime, runtime.run(dial(runtime, Addr::parse(address).value()))) {}

  // Preface and SETTINGS; what the server says to that is taken.
  ScriptedClient& greet(std::vector<std::pair<http2::SettingId, std::uint32_t>> settings = {}) {
    send(Wire().preface().settings(std::move(settings)).settings_ack());
    take();
    return *this;
  }

 private:
  static Task<std::unique_ptr<net::Conn>> dial(Runtime& runtime, Addr addr) {
    Result<std::unique_ptr<net::Conn>> conn = co_await runtime.network(addr.scheme)->dial(addr);
    co_return std::move(conn).value();
  }
};

// A server's end: what a Channel connects to.
class ScriptedListener {
 public:
  ScriptedListener(Runtime& runtime, std::string_view address)
      : runtime_(runtime), listener_(runtime.listen(address).value()) {}
  ~ScriptedListener() {
    (void)listener_->close();
    while (runtime_.poll() > 0) {
    }
  }
  // The next connection. Nothing is said on it yet but what its client says.
  std::unique_ptr<ScriptedPeer> accept() {
    return std::make_unique<ScriptedPeer>(runtime_, runtime_.run(accept_one(*listener_)));
  }
  const Addr& addr() const { return listener_->addr(); }

 private:
  static Task<std::unique_ptr<net::Conn>> accept_one(net::Listener& listener) {
    Result<std::unique_ptr<net::Conn>> conn = co_await listener.accept();
    co_return std::move(conn).value();
  }
  Runtime& runtime_;
  const std::unique_ptr<net::Listener> listener_;
};

}  // namespace sluice::support
