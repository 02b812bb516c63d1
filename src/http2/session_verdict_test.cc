// Our session beside nghttp2's, in the same place: random scripts of legal and illegal frames are fed to
// both, and after each frame both must have judged it alike. Where they may differ stands in kDifferences,
// with the reason.
#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <array>
#include <cstdlib>
#include <random>
#include <set>
#include <sstream>
#include <string>

#include "http2/session.h"
#include "http2/session_test_util.h"

namespace sluice::inline v0::http2 {
namespace {

using namespace testing;  // NOLINT

constexpr std::uint32_t kWindow = 1000;  // of each stream, in both

// What was done about one frame.
struct Verdict {
  Scope scope = Scope::kNone;
  ErrorCode code = ErrorCode::kNoError;
  StreamId stream = 0;

  bool operator==(const Verdict&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Verdict& v) {
  if (v.scope == Scope::kNone) return out << "accepted";
  out << (v.scope == Scope::kStream ? "RST_STREAM " : "GOAWAY ") << static_cast<int>(v.code);
  return v.scope == Scope::kStream ? out << " on " << v.stream : out;
}

// The verdict as the peer sees it.
Verdict judge(std::string_view wire) {
  if (wire.starts_with(kClientPreface)) wire.remove_prefix(kClientPreface.size());
  Verdict verdict;
  while (wire.size() >= kFrameHeaderSize) {
    const FrameHeader h = FrameHeader::parse(as_bytes(wire).data());
    const std::byte* payload = as_bytes(wire).data() + kFrameHeaderSize;
    if (h.type == FrameType::kRstStream && verdict.scope == Scope::kNone) {
      verdict = {Scope::kStream, static_cast<ErrorCode>(load_u32(payload)), h.stream};
    } else if (h.type == FrameType::kGoaway && load_u32(payload + 4) != 0) {
      verdict = {Scope::kConnection, static_cast<ErrorCode>(load_u32(payload + 4)), 0};
    }
    wire.remove_prefix(kFrameHeaderSize + h.length);
  }
  return verdict;
}

// Both ends answer a request that has ended with headers alone; a client has four requests under way.
class Ours {
 public:
  explicit Ours(Role role)
      : bench_({.role = role,
                .local = {.max_concurrent_streams = 8, .initial_window_size = kWindow},
                .limits = &kUnguarded}) {
    bench_.sink.then = [this, role](std::string_view what, Stream& s) {
      if (role == Role::kServer && (what == "end" || what == "data") && s.remote_closed() &&
          !s.local_closed()) {
        bench_.headers(s, kResponse, EndStream::kYes);
      }
    };
    if (role == Role::kServer) (void)bench_.feed(kClientPreface);
  }
  void request(EndStream end) { bench_.open(kRequest, end); }
  Verdict feed(std::string_view frame) {
    (void)bench_.feed(frame);
    return judge(bench_.take());
  }

 private:
  Bench bench_;
};

class Theirs {
 public:
  explicit Theirs(Role role) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, 1);
    if (role == Role::kServer) {
      nghttp2_session_server_new2(&session_, callbacks, this, option);
    } else {
      nghttp2_session_client_new2(&session_, callbacks, this, option);
    }
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow},
                                               {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 8},
                                               {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
    nghttp2_submit_settings(session_, 0, settings, role == Role::kClient ? 3 : 2);
    if (role == Role::kServer) (void)feed(kClientPreface);
  }
  ~Theirs() { nghttp2_session_del(session_); }
  Theirs(const Theirs&) = delete;

  void request(EndStream end) {
    const std::vector<nghttp2_nv> fields = to_nv(kRequest);
    nghttp2_data_provider later = {.source = {.ptr = nullptr}, .read_callback = defer};
    nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                           end == EndStream::kYes ? nullptr : &later, nullptr);
    (void)take();
  }
  bool reads() const { return nghttp2_session_want_read(session_) != 0; }
  Verdict feed(std::string_view frame) {
    const auto n =
        nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(frame.data()), frame.size());
    EXPECT_EQ(n, static_cast<ssize_t>(frame.size()));
    return judge(take());
  }

 private:
  std::string take() {
    std::string all;
    const std::uint8_t* data = nullptr;
    for (ssize_t n; (n = nghttp2_session_mem_send(session_, &data)) > 0;) {
      all.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(n));
    }
    return all;
  }
  static ssize_t defer(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t, std::uint32_t*,
                       nghttp2_data_source*, void*) {
    return NGHTTP2_ERR_DEFERRED;
  }
  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void*) {
    const auto& hd = frame->hd;
    const bool message = hd.type == NGHTTP2_DATA || hd.type == NGHTTP2_HEADERS;
    if (message && (hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
        nghttp2_session_check_server_session(session)) {
      const std::vector<nghttp2_nv> fields = to_nv(kResponse);
      nghttp2_submit_response(session, hd.stream_id, fields.data(), fields.size(), nullptr);
    }
    return 0;
  }
  static std::vector<nghttp2_nv> to_nv(const Headers& headers) {
    const auto bytes = [](const std::string& s) {
      return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(s.data()));
    };
    std::vector<nghttp2_nv> fields;
    for (const Header& h : headers)
      fields.push_back({bytes(h.name), bytes(h.value), h.name.size(), h.value.size(), 0});
    return fields;
  }

  nghttp2_session* session_ = nullptr;
};

// One step of a script: a frame, or a header block in its frames, with a name for it.
struct Step {
  std::string what;
  Wire wire;
};

class Script {
 public:
  Script(Role role, unsigned seed) : role_(role), random_(seed) {}

  Step next() {
    if (role_ == Role::kClient && !opened_) {
      // Most scripts begin with the responses' headers, or hardly any would get behind them.
      opened_ = below(4) == 0 || next_ > 7;
      if (!opened_) return {"headers", Wire().headers(std::exchange(next_, next_ + 2), kResponse, end())};
    }
    const std::uint32_t kind = below(100);
    if (kind < 30) return headers();
    if (kind < 55) return data();
    if (kind < 80) return control();
    if (kind < 90) return malformed();
    return broken();
  }

 private:
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  std::uint8_t end() { return below(3) == 0 ? kEnd : 0; }
  // Mostly of a stream that was used, now and then of one that was not or cannot be.
  StreamId id() {
    if (below(40) == 0) return below(3) == 0 ? 0 : 2 * below(8);
    const StreamId most = role_ == Role::kClient ? 7 : std::max<StreamId>(next_, 3) - 2;
    return below(30) == 0 ? most + 2 + 2 * below(5) : 1 + 2 * below((most + 1) / 2);
  }
  const Headers& first() const { return role_ == Role::kServer ? kRequest : kResponse; }

  Step headers() {
    const std::uint32_t kind = below(10);
    if (kind < 2) return {"trailers", Wire().headers(id(), kTrailers, below(6) == 0 ? 0 : kEnd)};
    if (kind < 3 && role_ == Role::kClient)
      return {"1xx", Wire().headers(id(), {{":status", "103"}}, below(6) == 0 ? kEnd : 0)};
    StreamId on = id();
    if (role_ == Role::kServer && below(8) != 0) on = std::exchange(next_, next_ + 2 + 2 * (below(5) == 0));
    const std::string block = plain(first());
    if (kind < 5) {
      const std::size_t cut = below(static_cast<std::uint32_t>(block.size()));
      return {
          "headers in two",
          Wire().headers(on, block.substr(0, cut), end()).continuation(on, block.substr(cut), kEndHeaders)};
    }
    if (kind < 7)
      return {"headers padded", Wire().headers(on, Wire::pad(block, static_cast<std::uint8_t>(below(9))),
                                               end() | kEndHeaders | flag::kPadded)};
    return {"headers", Wire().headers(on, first(), end())};
  }
  Step data() {
    const std::uint32_t size = below(12) == 0 ? kWindow - 20 + below(40) : below(60);
    if (below(4) == 0)
      return {size == 0 ? "data padded empty" : "data padded",
              Wire().padded_data(id(), std::string(size, 'p'), static_cast<std::uint8_t>(below(30)), end())};
    return {size == 0 ? "data empty" : "data", Wire().data(id(), std::string(size, 'd'), end())};
  }
  Step control() {
    switch (below(9)) {
      case 0:
        return {"rst", Wire().rst(id(), ErrorCode::kCancel)};
      case 1:
        return {"ping", Wire().ping("12345678", below(2) == 0 ? flag::kAck : 0)};
      case 2:
        return {"settings", Wire().settings({{SettingId::kInitialWindowSize, below(100000)},
                                             {SettingId::kHeaderTableSize, below(5000)}})};
      case 3:
        return {"priority", Wire().frame(FrameType::kPriority, 0, id(), Wire::u32(id() + 100) + "x")};
      case 4:
        return {"unknown", Wire().frame(static_cast<FrameType>(0x40 + below(5)),
                                        static_cast<std::uint8_t>(below(256)), id(), "unknown")};
      case 5:
        return {"connection's window",
                Wire().window_update(0, below(12) == 0 ? 0x7fffffff : 1 + below(1000))};
      case 6:
        if (below(4) == 0)
          return {"goaway", Wire().goaway(role_ == Role::kClient ? 7 : 0, ErrorCode::kNoError)};
        [[fallthrough]];
      default:
        return {"window", Wire().window_update(id(), below(8) == 0 ? 0x7fffffff : 1 + below(1000))};
    }
  }
  // Well-formed frames, whose fields are not.
  Step malformed() {
    if (below(4) == 0) return incomplete();
    static const std::array<Header, 11> kBad = {{{"Upper", "x"},
                                                 {"connection", "close"},
                                                 {"te", "gzip"},
                                                 {"a b", "x"},
                                                 {":unknown", "x"},
                                                 {":path", "/again"},
                                                 {":status", "200"},
                                                 {"", "x"},
                                                 {"host", "x "},
                                                 {":authority", "user@host"},
                                                 {"content-length", "1x"}}};
    Headers headers = first();
    const Header& bad = kBad[below(kBad.size())];
    if (bad.name == ":authority")
      std::erase_if(headers, [](const Header& h) { return h.name == ":authority"; });
    headers.insert(bad.name.starts_with(":") ? headers.begin() : headers.end(), bad);
    const StreamId on = role_ == Role::kServer ? std::exchange(next_, next_ + 2) : id();
    return {"malformed " + bad.name, Wire().headers(on, headers, end())};
  }
  // A pseudo-header less, CONNECT, or a content-length that DATA to come will break, mostly.
  Step incomplete() {
    Headers headers = first();
    const std::uint32_t kind = below(3);
    if (kind == 0) {
      headers.erase(headers.begin() + below(role_ == Role::kServer ? 3 : 1));
    } else if (kind == 1 && role_ == Role::kServer) {
      headers = {{":method", "CONNECT"}, {":authority", "x"}};
      if (below(2) == 0) headers.push_back({":path", "/"});
    } else {
      headers.push_back({"content-length", std::to_string(below(60))});
    }
    const StreamId on = role_ == Role::kServer ? std::exchange(next_, next_ + 2) : id();
    return {kind == 2 ? "counted" : "incomplete", Wire().headers(on, headers, end())};
  }
  // What must end the connection, mostly.
  Step broken() {
    switch (below(16)) {
      case 0:
        return {"push promise",
                Wire().frame(FrameType::kPushPromise, kEndHeaders, id(), Wire::u32(2) + plain(kRequest))};
      case 1:
        return {"rst of three bytes", Wire().frame(FrameType::kRstStream, 0, id(), "123")};
      case 2:
        return {"window of three bytes", Wire().frame(FrameType::kWindowUpdate, 0, id(), "123")};
      case 3:
        return {"window of zero", Wire().window_update(id(), 0)};
      case 4:
        return {"priority of four bytes", Wire().frame(FrameType::kPriority, 0, id(), "1234")};
      case 5:
        return {"ping of seven bytes", Wire().frame(FrameType::kPing, 0, 0, "1234567")};
      case 6:
        return {"ping on a stream", Wire().frame(FrameType::kPing, 0, 1, "12345678")};
      case 7:
        return {"settings of five bytes", Wire().frame(FrameType::kSettings, 0, 0, "12345")};
      case 8:
        return {"settings on a stream", Wire().frame(FrameType::kSettings, 0, 1, "")};
      case 9:
        return {"settings ack with payload", Wire().frame(FrameType::kSettings, flag::kAck, 0, "123456")};
      case 10:
        return bad_setting();
      case 11:
        return {"goaway of four bytes", Wire().frame(FrameType::kGoaway, 0, 0, "1234")};
      case 12:
        return {"continuation alone", Wire().continuation(id(), "", kEndHeaders)};
      case 13:
        return {"block interrupted",
                Wire().headers(role_ == Role::kServer ? next_ : 1, "", 0).ping("12345678")};
      case 14:
        return {"padding too long", Wire().frame(FrameType::kData, flag::kPadded, id(),
                                                 "\x09"
                                                 "abc")};
      default:
        return {"block garbage",
                Wire().headers(role_ == Role::kServer ? next_ : 1, "\xff\xff\xff\xff\xff\xff\xff")};
    }
  }
  Step bad_setting() {
    switch (below(4)) {
      case 0:
        return {"settings push 2", Wire().settings({{SettingId::kEnablePush, 2}})};
      case 1:
        return {"settings push 1", Wire().settings({{SettingId::kEnablePush, 1}})};
      case 2:
        return {"settings window", Wire().settings({{SettingId::kInitialWindowSize, 0x80000000}})};
      default:
        return {"settings frame size", Wire().settings({{SettingId::kMaxFrameSize, 16383}})};
    }
  }

  const Role role_;
  std::mt19937 random_;
  StreamId next_ = 1;  // server: of the client's next stream; client: of the next response
  bool opened_ = false;
};

// A frame, and what both made of it.
struct Judged {
  Role role;
  const std::string& what;
  Verdict ours;
  Verdict theirs;
  bool theirs_reads;  // nghttp2 wants more bytes
  bool skipped;       // the stream was not opened when a later one was

  bool are(Scope our_scope, ErrorCode our_code, Scope their_scope, ErrorCode their_code) const {
    return ours.scope == our_scope && ours.code == our_code && theirs.scope == their_scope &&
           theirs.code == their_code;
  }
};

// Verdicts that may stand beside each other. The script ends there: the two are in different states.
struct Difference {
  const char* why;
  bool (*is)(const Judged&);
};

constexpr Scope kAccepted = Scope::kNone;
constexpr Scope kStream = Scope::kStream;
constexpr Scope kConnection = Scope::kConnection;
using enum ErrorCode;

constexpr Difference kDifferences[] = {
    {"nghttp2 takes no frame any more when GOAWAY has come and no stream is left; we judge what comes",
     [](const Judged& j) { return j.theirs.scope == kAccepted && !j.theirs_reads; }},
    {"DATA before the response headers is a malformed response, an error of its stream (8.1.1); nghttp2 ends "
     "the "
     "connection, sees first that the window is exceeded, or lets an empty one pass",
     [](const Judged& j) {
       return j.role == Role::kClient && j.what.starts_with("data") &&
              (j.are(kStream, kProtocolError, kConnection, kProtocolError) ||
               j.are(kStream, kProtocolError, kStream, kFlowControlError) ||
               (j.what.ends_with("empty") && j.are(kStream, kProtocolError, kAccepted, kNoError)));
     }},
    {"a frame on a stream that has ended is an error of that stream (5.1, half-closed remote); nghttp2 ends "
     "the "
     "connection",
     [](const Judged& j) { return j.are(kStream, kStreamClosed, kConnection, kStreamClosed); }},
    {"a frame on a closed stream gets RST_STREAM (5.1, closed); nghttp2 passes over it",
     [](const Judged& j) { return j.are(kStream, kStreamClosed, kAccepted, kNoError); }},
    {"what crosses our RST_STREAM is passed over (5.1), also behind END_STREAM; nghttp2 ends the connection",
     [](const Judged& j) { return j.are(kAccepted, kNoError, kConnection, kStreamClosed); }},
    {"userinfo in :authority is an error (8.3.1); nghttp2 lets it pass",
     [](const Judged& j) {
       return j.what == "malformed :authority" && j.are(kStream, kProtocolError, kAccepted, kNoError);
     }},
    {"WINDOW_UPDATE of zero on a stream is an error of the stream (6.9); nghttp2 ends the connection",
     [](const Judged& j) {
       return j.what == "window of zero" && j.are(kStream, kProtocolError, kConnection, kProtocolError);
     }},
    {"PRIORITY of another length is an error of the stream (6.3); nghttp2 ends the connection",
     [](const Judged& j) {
       return j.what == "priority of four bytes" &&
              j.are(kStream, kFrameSizeError, kConnection, kFrameSizeError);
     }},
    {"padding that exceeds its frame ends the connection (6.1), whatever the stream; nghttp2 passes over "
     "closed ones",
     [](const Judged& j) {
       return j.what == "padding too long" && j.are(kConnection, kProtocolError, kAccepted, kNoError);
     }},
    {"a frame on a stream id that was skipped ends the connection (5.1.1); nghttp2 passes over it, as over "
     "closed ones",
     [](const Judged& j) { return j.skipped && j.are(kConnection, kProtocolError, kAccepted, kNoError); }},
    {"more streams than allowed: REFUSED_STREAM (5.1.2), so that they may be tried again; nghttp2 ends the "
     "connection",
     [](const Judged& j) { return j.are(kStream, kRefusedStream, kConnection, kProtocolError); }},
    {"a frame with two faults ends the connection for either",
     [](const Judged& j) { return j.ours.scope == kConnection && j.theirs.scope == kConnection; }},
};

std::size_t scripts() {
  const char* wanted = std::getenv("SLUICE_VERDICT_SCRIPTS");
  return wanted != nullptr ? std::strtoul(wanted, nullptr, 10) : 20000;
}

// Runs one script; what is told of the first verdict that differs without a reason.
class Duel {
 public:
  Duel(Role role, unsigned seed) : role_(role), script_(role, seed), ours_(role), theirs_(role) {
    const std::string shake = Wire().settings().settings_ack().str();
    EXPECT_EQ(ours_.feed(shake), Verdict{});
    EXPECT_EQ(theirs_.feed(shake), Verdict{});
    for (int i = 0; role == Role::kClient && i < 4; ++i) {
      const EndStream end = i % 2 == 0 ? EndStream::kNo : EndStream::kYes;
      ours_.request(end), theirs_.request(end);
    }
  }

  std::string run(std::set<std::string_view>& used, std::array<int, 3>& verdicts) {
    for (int i = 0; i < 30; ++i) {
      const Step step = script_.next();
      story_ += step.what + ": " + describe(step.wire);
      const bool reads = theirs_.reads();
      const Judged j{
          role_, step.what, ours_.feed(step.wire), theirs_.feed(step.wire), reads, is_skipped(step.wire)};
      ++verdicts[static_cast<std::size_t>(j.ours.scope)];
      if (!(j.ours == j.theirs)) return explain(j, used);
      if (j.ours.scope == kConnection) break;
    }
    return "";
  }

 private:
  bool is_skipped(std::string_view frame) {
    const FrameHeader h = FrameHeader::parse(as_bytes(frame).data());
    const bool skipped = role_ == Role::kServer && h.stream % 2 == 1 && !opened_.contains(h.stream) &&
                         !opened_.empty() && h.stream < *opened_.rbegin();
    if (h.type == FrameType::kHeaders) opened_.insert(h.stream);
    return skipped;
  }
  std::string explain(const Judged& j, std::set<std::string_view>& used) const {
    for (const Difference& d : kDifferences) {
      if (d.is(j)) return used.insert(d.why), "";
    }
    std::ostringstream text;
    text << story_ << "ours: " << j.ours << "\ntheirs: " << j.theirs << "\n";
    return text.str();
  }

  const Role role_;
  Script script_;
  Ours ours_;
  Theirs theirs_;
  std::set<StreamId> opened_;
  std::string story_;
};

TEST(SessionVerdict, IsThatOfNghttp2OrDiffersForAReason) {
  std::set<std::string_view> used;
  for (const Role role : {Role::kClient, Role::kServer}) {
    std::array<int, 3> verdicts{};  // by our scope
    const std::size_t count = scripts();
    for (unsigned seed = 0; seed < count; ++seed) {
      ASSERT_EQ(Duel(role, seed).run(used, verdicts), "")
          << "seed " << seed << " of role " << static_cast<int>(role);
    }
    for (const int n : verdicts) EXPECT_GT(n, 1000);  // or the scripts are too tame, or too wild
  }
  for (const Difference& d : kDifferences) EXPECT_TRUE(used.contains(d.why)) << "no longer so: " << d.why;
}

}  // namespace
}  // namespace sluice::inline v0::http2
