// The application that the fuzz targets put on a session.
#include "fuzz.h"

#include <algorithm>

namespace sluice::inline v0::http2::fuzz {

namespace {

constexpr Field kRequest[] = {
    {":method", "POST"}, {":scheme", "http"}, {":path", "/s/m"}, {":authority", "x"}, {"te", "trailers"}};
constexpr Field kResponse[] = {{":status", "200"}, {"content-type", "application/grpc"}};
constexpr Field kTrailers[] = {{"grpc-status", "0"}, {"grpc-message", "", Indexing::kPlain}};

Chain body(std::size_t from, std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = pattern(from + i);
  return Chain::copy(text);
}

// Windows of a few bytes mean credit of a few bytes.
constexpr Limits kForTightOnes = {.mean_window_update = 0, .header_list_breaches = Limits::kOff};

}  // namespace

bool damage(std::string& wire, Input& in) {
  if (wire.empty()) return false;
  const std::size_t at = in.u16() % wire.size();
  const std::uint32_t kind = in.u8();
  if (kind % 4 == 0) wire[at] = static_cast<char>(in.u8());
  if (kind % 4 == 1) wire[at] = static_cast<char>(wire[at] ^ 1 << kind / 4 % 8);
  if (kind % 4 == 2) wire.erase(at, kind / 4);
  if (kind % 4 == 3) wire.insert(at, wire.substr(at, kind / 4));
  return true;
}

SessionOptions options_of(Role role, std::uint32_t how) {
  SessionOptions options{.role = role, .local = {}};
  if ((how & how::kTight) != 0) {
    options.local = {.header_table_size = 100, .max_concurrent_streams = 3, .initial_window_size = 50};
    options.max_headers = 8;
    options.header_list_hard_limit = 1000;
    options.encoder_table_size = 200;
    options.output_limit = 4000;
    options.peer_streams_before_settings = 2;
    options.limits = &kForTightOnes;
  } else if ((how & how::kLarge) != 0) {
    options.local.initial_window_size = 1 << 20;
    options.local.max_frame_size = 1 << 17;
    options.connection_window = 1 << 20;
  }
  return options;
}

Error App::feed(Bytes bytes) {
  const Error error = session.feed(std::move(bytes), {}, *this);
  if (!error_.ok()) expect(error.code == error_.code, "an error of the connection has changed");
  error_ = error;
  expect(error.ok() || (error.scope == Scope::kConnection && !error.what.empty()),
         "feed gave a strange error");
  expect(!intact || error.ok(), error.what);
  if (role_ == Role::kServer) {
    expect(session.open_streams() <= options_of(role_, how_).local.max_concurrent_streams,
           "too many streams");
  }
  return error;
}

std::string App::take() {
  std::string wire = session.take_output(*this).to_string();
  check_frames(wire);
  return wire;
}

void App::check_frames(std::string_view wire) {
  if (!greeted_ && role_ == Role::kClient) {
    expect(wire.starts_with(kClientPreface), "no preface was written");
    wire.remove_prefix(kClientPreface.size());
  }
  FrameHeader h;
  while (!wire.empty()) {
    expect(wire.size() >= kFrameHeaderSize, "half a frame header was written");
    h = FrameHeader::parse(as_bytes(wire).data());
    expect(wire.size() >= kFrameHeaderSize + h.length, "half a frame was written");
    wire.remove_prefix(kFrameHeaderSize + h.length);
    expect(greeted_ || h.type == FrameType::kSettings, "the first frame written is not SETTINGS");
    greeted_ = true;
    expect(h.length <= max_frame_, "frame too long");
    const bool block = h.type == FrameType::kHeaders || h.type == FrameType::kContinuation;
    expect((h.type == FrameType::kContinuation) == (in_block_ != 0), "a header block was interrupted");
    expect(in_block_ == 0 || in_block_ == h.stream, "a header block went on on another stream");
    if (block) in_block_ = h.has(flag::kEndHeaders) ? 0 : h.stream;
  }
  expect(in_block_ == 0, "a header block has no end");
}

StreamId App::open(std::size_t size, EndStream end) {
  if (!session.can_open()) return 0;
  auto stream = std::make_unique<Life>();
  const HeaderPart part{kRequest, &request_cache_};
  expect(Session::list_size({&part, 1}) == 7 + 4 + 7 + 4 + 5 + 4 + 10 + 1 + 2 + 8 + 5 * 32,
         "another list size");
  if ((how_ & how::kCached) == 0 || !session.open_cached(*stream, request_cache_)) {
    session.open(*stream, {&part, 1}, EndStream::kNo);
  }
  Life& life = *(streams_[stream->id()] = std::move(stream));
  if (size > 0 || end == EndStream::kYes) send(life, size, end);
  return life.id();
}

Stream* App::nth(std::size_t n) {
  if (streams_.empty()) return nullptr;
  return std::next(streams_.begin(), static_cast<std::ptrdiff_t>(n % streams_.size()))->second.get();
}

void App::send(Stream& stream, std::size_t size, EndStream end) {
  if (stream.local_closed()) return;
  Life& l = static_cast<Life&>(stream);
  session.submit_data(stream, body(l.sent, size), end);
  l.sent += size;
}

void App::reset(Stream& stream, ErrorCode code) {
  static_cast<Life&>(stream).phase = Phase::kOver;
  session.reset(stream, code);
}

void App::release(Stream& stream) {
  const StreamId id = stream.id();
  session.release(stream);
  expect(!stream.attached(), "a released stream is attached");
  streams_.erase(id);
}

App::Life& App::life(Stream& stream) {
  const auto it = streams_.find(stream.id());
  expect(it != streams_.end() && it->second.get() == &stream, "an event for a stream that is not there");
  return *it->second;
}

void App::note(std::string_view what, StreamId id, std::string_view more) {
  data_line_ = 0;
  events.append(what).append(" ").append(std::to_string(id)).append(" ").append(more).append("\n");
}

Stream* App::on_open(StreamId id) {
  note("open", id);
  expect(role_ == Role::kServer && id % 2 == 1 && !streams_.contains(id), "a stream was opened wrongly");
  if ((how_ & how::kRefuse) != 0 && id % 8 == 7) return nullptr;
  return (streams_[id] = std::make_unique<Life>()).get();
}

void App::begin_block(Life& l) {
  block_.clear();
  l.informational = l.regular = false;
}

void App::field(Stream& stream, const std::string& text) {
  Life& l = life(stream);
  expect(l.phase == Phase::kHeaders || l.phase == Phase::kBody, "a field after the end");
  if (!l.in_block) begin_block(l);
  l.in_block = true;
  if (text.starts_with(":status: 1")) l.informational = true;
  const bool pseudo = text.starts_with(':');
  expect(!pseudo || (l.phase == Phase::kHeaders && !l.regular), "a pseudo field out of its place");
  l.regular = !pseudo;
  block_ += text + "\n";
}

Tag App::on_header(Stream& stream, const Field& f) {
  const std::string text = std::string(f.name) + ": " + std::string(f.value);
  field(stream, text);
  if ((how_ & how::kTags) == 0) return 0;
  tagged_.push_back(text);
  return tagged_.size();
}

void App::on_header_tag(Stream& stream, Tag tag) {
  expect(tag > 0 && tag <= tagged_.size(), "a tag that was never given");
  field(stream, tagged_[tag - 1]);
}

Tag App::on_headers_end(Stream& stream, EndStream end, bool truncated) {
  Life& l = life(stream);
  if (!l.in_block) begin_block(l);
  note(truncated ? "truncated" : "headers", stream.id(), block_);
  const std::string block = block_;
  end_block(l, end);
  if ((how_ & how::kTags) == 0) return 0;
  blocks_.push_back(block);
  return blocks_.size();
}

void App::on_repeated_block(Stream& stream, Tag tag, EndStream end) {
  expect(tag > 0 && tag <= blocks_.size(), "a block's tag that was never given");
  Life& l = life(stream);
  l.informational = false;
  note("headers", stream.id(), blocks_[tag - 1]);
  end_block(l, end);
}

void App::end_block(Life& l, EndStream end) {
  l.in_block = false;
  expect(l.phase == Phase::kHeaders || l.phase == Phase::kBody, "a block after the end");
  expect(l.phase == Phase::kHeaders || end == EndStream::kYes, "trailers that do not end the stream");
  expect(!l.informational || end == EndStream::kNo, "a 1xx block that ends the stream");
  if (!l.informational) l.phase = Phase::kBody;
  if ((how_ & how::kKeepCredit) == 0) session.credit(l, 16000);
  if ((how_ & how::kReset) != 0 && l.id() % 6 == 5) return reset(l, ErrorCode::kCancel);
  if (end == EndStream::kYes) end_stream(l);
}

void App::on_data(Stream& stream, Bytes data, EndStream end) {
  Life& l = life(stream);
  expect(l.phase == Phase::kBody && !l.in_block, "DATA at the wrong time");
  if (data_line_ != stream.id()) note("data", stream.id());
  data_line_ = stream.id();
  events.insert(events.size() - 1, data.text());
  if (intact) {
    const std::string_view text = data.text();
    bool same = true;
    for (std::size_t i = 0; i < text.size(); ++i) same &= text[i] == pattern(l.received + i);
    expect(same, "a body has changed on its way");
  }
  l.received += data.size();
  if ((how_ & how::kKeepCredit) == 0) session.credit(stream, data.size());
  if (end == EndStream::kYes) end_stream(l);
}

void App::end_stream(Life& l) {
  note("end", l.id());
  l.phase = Phase::kEnded;
  if (role_ == Role::kServer) answer(l);
}

void App::answer(Life& l) {
  const HeaderPart response{kResponse, &response_cache_};
  if ((how_ & how::kCached) == 0 || !session.submit_cached(l, response_cache_, EndStream::kNo)) {
    session.submit_headers(l, {&response, 1}, EndStream::kNo);
  }
  send(l, (how_ & how::kLarge) != 0 ? 90000 : 10, EndStream::kNo);
  const HeaderPart trailers{kTrailers};
  session.submit_headers(l, {&trailers, 1}, EndStream::kYes);
}

void App::on_writable(Stream& stream) {
  note("writable", stream.id());
  expect(life(stream).queued() <= Session::kWriteAhead, "writable, and yet full");
}

void App::on_reset(Stream& stream, ErrorCode code) {
  expect(std::exchange(life(stream).phase, Phase::kOver) != Phase::kOver, "reset twice");
  note("reset", stream.id(), std::to_string(static_cast<std::uint32_t>(code)));
}

void App::on_stream_error(Stream& stream, const Error& error) {
  expect(!intact, error.what);
  expect(std::exchange(life(stream).phase, Phase::kOver) != Phase::kOver, "reset twice");
  expect(error.scope == Scope::kStream && error.stream == stream.id(), "an error of another stream");
  note("error", stream.id(), error.what);
}

void App::on_closed(Stream& stream) {
  Life& l = life(stream);
  note("closed", stream.id());
  expect(!stream.attached(), "closed, and yet attached");
  const bool done = l.phase == Phase::kEnded && stream.local_closed() && stream.queued() == 0;
  expect(done || l.phase == Phase::kOver, "closed before its end");
  streams_.erase(stream.id());
}

void App::on_settings(const Settings& peer) {
  max_frame_ = std::max(max_frame_, peer.max_frame_size);
  note("settings", peer.max_frame_size, std::to_string(peer.initial_window_size));
}
void App::on_settings_ack() { note("settings ack", 0); }
void App::on_ping_ack(std::uint64_t payload) { note("ping ack", 0, std::to_string(payload)); }
void App::on_goaway(StreamId last, ErrorCode code, std::string_view debug) {
  note("goaway " + std::to_string(static_cast<std::uint32_t>(code)), last, debug);
  // A server that is told to drain does.
  if (role_ == Role::kServer) session.submit_goaway(session.last_peer_stream(), ErrorCode::kNoError, "drain");
}

}  // namespace sluice::inline v0::http2::fuzz
