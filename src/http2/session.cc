// A session's beginning and end, and its connection-wide answers.
#include "http2/session.h"

#include <algorithm>
#include <cstring>

namespace sluice::inline v0::http2 {

namespace {

// Room for HEADERS and the CONTINUATION frames allowed, of the usual size, and for any block within the hard
// limit, at a Huffman code's worst of 30 bits a byte.
std::size_t max_block(const SessionOptions& options) {
  return std::max<std::size_t>((std::size_t{options.limits->continuation_frames} + 1) * kMinMaxFrameSize,
                               std::size_t{options.header_list_hard_limit} * 4);
}

}  // namespace

Session::Session(const SessionOptions& options)
    : options_(options),
      max_block_(max_block(options)),
      unquestioned_length_(
          static_cast<std::uint32_t>(std::min<std::size_t>(options.local.max_frame_size, max_block_))),
      conn_credit_at_(static_cast<std::uint32_t>(connection_window(options)) / 2),
      ids_{.next = options.role == Role::kClient ? options.first_stream_id : 2},
      partial_{.preface_left = options.role == Role::kServer ? kClientPreface.size() : 1, .bytes = {}},
      window_{.receive = connection_window(options)},
      encoder_(options.encoder_table_size) {
  assert(options.local.max_frame_size >= kMinMaxFrameSize &&
         options.local.max_frame_size <= kMaxMaxFrameSize);
  assert(options.local.initial_window_size <= kMaxWindow);
  if (options.role == Role::kClient) {
    std::memcpy(out_.append(kClientPreface.size()), kClientPreface.data(), kClientPreface.size());
  }
  write_settings(out_, options.role, options.local);
  const auto more = static_cast<std::uint32_t>(window_.receive - kInitialWindow);
  if (more > 0) write_window_update(out_, 0, more);
}

Session::~Session() {
  table_.for_each([](Stream& stream) {
    stream.attached_ = false;
    stream.list_ = Stream::List::kNone;
    stream.prev_ = stream.next_ = nullptr;
  });
}

void Session::submit_ping(std::uint64_t payload) {
  ++guards_.pings_in_flight;
  write_ping(out_, 0, payload);
}

void Session::submit_goaway(StreamId last, ErrorCode code, std::string_view debug) {
  goaway_.sent = std::min(goaway_.sent, last);
  write_goaway(out_, goaway_.sent, code, debug);
}

StreamId Session::last_peer_stream() const { return std::min(ids_.highest_of_peer, goaway_.sent); }

std::string_view Session::unfinished() const {
  if (options_.role == Role::kServer && partial_.preface_left > 0) {
    return partial_.preface_left < kClientPreface.size() ? "the preface" : "";
  }
  if (block_.stream != 0) return "a header block";
  return partial_.bytes.empty() && !body_.active ? "" : "a frame";
}

// REQUIRES: something has come in part.
bool Session::header_block_begun() const {
  if (block_.stream != 0) return true;
  constexpr std::size_t kTypeAt = 3;
  return partial_.bytes.size() > kTypeAt &&
         static_cast<FrameType>(partial_.bytes[kTypeAt]) == FrameType::kHeaders;
}

const Settings& Session::peer_settings() const { return peer_; }

std::size_t Session::open_streams() const { return table_.size(); }

std::size_t Session::list_size(std::span<const HeaderPart> parts) {
  std::size_t size = 0;
  for (const HeaderPart& part : parts) {
    for (const Field& field : part.fields) size += field.name.size() + field.value.size() + kEntryOverhead;
  }
  return size;
}

// Notes an error of the connection; feed ends there.
bool Session::broken(ErrorCode code, std::string_view what) {
  error_ = Error::connection(code, what);
  return false;
}

// The end of the connection: GOAWAY says why, and nothing else is done from now on.
Error Session::fail() {
  partial_.bytes = {}, block_ = {};
  // The other implementations look for these very words, to send PINGs less often (gRPC A8).
  const bool pings = error_.limit == Limit::kPings;
  write_goaway(out_, last_peer_stream(), error_.code, pings ? "too_many_pings" : error_.what);
  return error_;
}

}  // namespace sluice::inline v0::http2
