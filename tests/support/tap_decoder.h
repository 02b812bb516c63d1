// What a recorded HTTP/2 connection says, read by nghttp2, which knows nothing of our own engine.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::support {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

// One direction of one stream: its frames in order, such as "HEADERS", "DATA", "HEADERS+END_STREAM".
struct TappedHalf {
  std::vector<std::string> frames;
  std::vector<HeaderList> blocks;
  std::string data;
};
struct TappedStream {
  TappedHalf request, response;
};
struct TappedSettings {
  std::vector<nghttp2_settings_entry> entries;
  int frames = 0;  // without the acknowledgements
  int acks = 0;
};
struct TappedConnection {
  bool preface = false;
  TappedSettings client_settings, server_settings;
  std::vector<std::string> client_frames, server_frames;  // the kinds of all frames, in order
  std::map<std::int32_t, TappedStream> streams;
  std::string error;  // what nghttp2 found wrong
};

// An nghttp2 session that only reads: one direction of a connection, from the end it is the peer of.
class TapDecoder {
 public:
  enum class Side { kClientBytes, kServerBytes };

  TapDecoder(TappedConnection& out, Side side) : out_(out), side_(side) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, &header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, &invalid_frame);
    if (side == Side::kClientBytes) {
      nghttp2_session_server_new(&session_, callbacks, this);
    } else {
      nghttp2_session_client_new(&session_, callbacks, this);
    }
    nghttp2_session_callbacks_del(callbacks);
  }
  ~TapDecoder() { nghttp2_session_del(session_); }
  TapDecoder(const TapDecoder&) = delete;
  TapDecoder& operator=(const TapDecoder&) = delete;

  // What the other end of the session is said to have announced: its acknowledgement will come.
  void announce(const std::vector<nghttp2_settings_entry>& entries) {
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
    flush();
  }
  // Opens a stream on the client's side, for the response to come.
  void open_stream() {
    const auto field = [](const char* name, const char* value) {
      return nghttp2_nv{reinterpret_cast<std::uint8_t*>(const_cast<char*>(name)),
                        reinterpret_cast<std::uint8_t*>(const_cast<char*>(value)),
                        std::string_view(name).size(), std::string_view(value).size(), NGHTTP2_NV_FLAG_NONE};
    };
    const nghttp2_nv fields[] = {field(":method", "POST"), field(":scheme", "http"), field(":path", "/")};
    nghttp2_submit_request(session_, nullptr, fields, 3, nullptr, nullptr);
    flush();
  }
  void feed(const std::string& bytes) {
    const auto n =
        nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    if (n < 0) out_.error += std::string(nghttp2_strerror(static_cast<int>(n))) + "; ";
  }

 private:
  static TapDecoder& self(void* user) { return *static_cast<TapDecoder*>(user); }
  bool from_client() const { return side_ == Side::kClientBytes; }
  TappedHalf& half(std::int32_t id) {
    TappedStream& stream = out_.streams[id];
    return from_client() ? stream.request : stream.response;
  }
  void flush() {
    const std::uint8_t* ignored = nullptr;
    while (nghttp2_session_mem_send(session_, &ignored) > 0) {
    }
  }

  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    self(user).half(frame->hd.stream_id).blocks.emplace_back();
    return 0;
  }
  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                    void* user) {
    self(user)
        .half(frame->hd.stream_id)
        .blocks.back()
        .emplace_back(std::string(reinterpret_cast<const char*>(name), name_size),
                      std::string(reinterpret_cast<const char*>(value), value_size));
    return 0;
  }
  static int data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                  std::size_t size, void* user) {
    self(user).half(id).data.append(reinterpret_cast<const char*>(bytes), size);
    return 0;
  }
  static int frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    TapDecoder& decoder = self(user);
    const std::string kind = kind_of(frame->hd.type);
    TappedConnection& out = decoder.out_;
    (decoder.from_client() ? out.client_frames : out.server_frames).push_back(kind);
    if (frame->hd.type == NGHTTP2_SETTINGS) {
      TappedSettings& settings = decoder.from_client() ? out.client_settings : out.server_settings;
      if (frame->hd.flags & NGHTTP2_FLAG_ACK) {
        ++settings.acks;
      } else {
        ++settings.frames;
        settings.entries.assign(frame->settings.iv, frame->settings.iv + frame->settings.niv);
      }
    }
    if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA ||
        frame->hd.type == NGHTTP2_RST_STREAM) {
      const bool end = frame->hd.type != NGHTTP2_RST_STREAM && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
      decoder.half(frame->hd.stream_id).frames.push_back(kind + (end ? "+END_STREAM" : ""));
    }
    return 0;
  }
  static int invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int error, void* user) {
    self(user).out_.error += kind_of(frame->hd.type) + ": " + nghttp2_strerror(error) + "; ";
    return 0;
  }
  static std::string kind_of(std::uint8_t type) {
    static constexpr const char* kKinds[] = {"DATA",          "HEADERS",      "PRIORITY", "RST_STREAM",
                                             "SETTINGS",      "PUSH_PROMISE", "PING",     "GOAWAY",
                                             "WINDOW_UPDATE", "CONTINUATION"};
    return type < 10 ? kKinds[type] : "type " + std::to_string(type);
  }

  TappedConnection& out_;
  const Side side_;
  nghttp2_session* session_ = nullptr;
};

// Both directions of one connection, whole.
inline TappedConnection decode_tap(const std::string& client_bytes, const std::string& server_bytes) {
  TappedConnection out;
  out.preface = client_bytes.starts_with("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  {
    TapDecoder requests(out, TapDecoder::Side::kClientBytes);
    requests.announce({});
    requests.feed(client_bytes);
  }
  TapDecoder responses(out, TapDecoder::Side::kServerBytes);
  responses.announce(out.client_settings.entries);
  for (std::size_t i = 0; i < out.streams.size(); ++i) responses.open_stream();
  responses.feed(server_bytes);
  return out;
}

}  // namespace sluice::support
