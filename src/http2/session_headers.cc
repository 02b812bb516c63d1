// Received header blocks: HEADERS and CONTINUATION put together, streams accepted or refused, fields checked
// and delivered. Every block is decoded, wanted or not, since the HPACK table depends on all of them.
#include <algorithm>

#include "http2/field_check.h"
#include "http2/session.h"

namespace sluice::inline v0::http2 {

namespace {

// The upper bits of a table entry's tag: what the session knows of the field. The size is that of name and
// value and saturates, which the limit on the number of fields makes harmless.
constexpr int kSizeShift = kTagBits;
constexpr int kKindShift = kTagBits + 12;
constexpr std::size_t kMaxTagSize = 0xfff;

Tag mark(Tag tag, FieldKind kind, std::size_t size) {
  return tag | Tag{std::min(size, kMaxTagSize)} << kSizeShift | static_cast<Tag>(kind) << kKindShift;
}
FieldKind kind_of(Tag tag) { return static_cast<FieldKind>(tag >> kKindShift); }
std::size_t size_of(Tag tag) { return tag >> kSizeShift & kMaxTagSize; }

// The upper bits of a remembered block's tag: the content before it. The same bytes mean the same only in
// the same place, and nothing is remembered of where a content-length counts.
constexpr int kContentShift = 62;

// A block that decodes to so many times the hard limit is not decoded any further: what is a byte or two on
// the wire may be all of the table in the list, and as much to copy.
constexpr std::uint64_t kBomb = 64;

}  // namespace

// Takes one block's fields from the decoder to the sink, until something forbids to deliver more.
class Session::BlockReader final : public HpackDecoder::Visitor {
 public:
  BlockReader(Session& session, Stream* stream, bool trailers, EventSink& sink)
      : session_(session), sink_(sink), stream_(stream), check_(session.options_.role, trailers) {}

  Tag on_field(const Field& field) override {
    const std::size_t size = field.name.size() + field.value.size();
    if (!count(size)) return 0;
    const FieldCheck check = check_field(field);
    if (check.kind == FieldKind::kMalformed) return reject(check.what), 0;
    if (!admit(check.kind)) return 0;
    const Tag tag = sink_.on_header(*stream_, field);
    assert(tag <= kMaxTag);
    if (check.kind == FieldKind::kContentLength) [[unlikely]] {
      length_ = *parse_content_length(field.value);
      return 0;  // its value must be seen each time
    }
    return tag == 0 ? 0 : mark(tag & kMaxTag, check.kind, size);
  }

  void on_tag(Tag tag) override {
    if (count(size_of(tag)) && admit(kind_of(tag))) sink_.on_header_tag(*stream_, tag & kMaxTag);
  }

  void reject(std::string_view what) { malformed_ = what, stopped_ = true; }
  // What is wrong with the block, all of which has come.
  std::string_view malformed(bool end) const {
    if (!malformed_.empty()) return malformed_;
    if (end && informational()) return "1xx headers with END_STREAM";
    if (end && length_ != 0 && counts_content()) return "content-length without DATA";
    return truncated_ ? std::string_view() : check_.missing();
  }
  bool truncated() const { return truncated_; }
  bool bomb() const { return given_up_; }
  bool informational() const { return check_.informational(); }
  bool counts_content() const { return check_.counts_content(); }
  std::uint64_t content_length() const { return length_; }
  std::size_t list_size() const { return static_cast<std::size_t>(list_size_); }

 private:
  // True when a field of `size` is to be looked at. Those of streams that are gone are counted too.
  bool count(std::size_t size) {
    list_size_ += size + kEntryOverhead;
    if (++fields_ > session_.options_.max_headers || list_size_ > session_.options_.header_list_hard_limit)
        [[unlikely]] {
      truncated_ = stopped_ = true;
      given_up_ = list_size_ > kBomb * session_.options_.header_list_hard_limit;
    }
    return !stopped_ && stream_ != nullptr && stream_->state_ != State::kClosed;
  }

  bool admit(FieldKind kind) {
    const std::string_view what = check_.admit(kind);
    if (what.empty()) return true;
    reject(what);
    return false;
  }

  Session& session_;
  EventSink& sink_;
  Stream* const stream_;  // null: nothing is delivered
  BlockCheck check_;
  bool stopped_ = false;
  bool truncated_ = false;
  std::uint32_t fields_ = 0;
  std::uint64_t list_size_ = 0;
  std::uint64_t length_ = 0;
  std::string_view malformed_;
};

bool Session::handle_headers(const FrameHeader& header, std::span<const std::byte> payload, EventSink& sink) {
  if (header.stream == 0) return broken(ErrorCode::kProtocolError, "HEADERS on stream 0");
  bool on_itself = false;
  if (header.has(flag::kPadded | flag::kPriority)) [[unlikely]] {
    const std::size_t fixed =
        (header.has(flag::kPadded) ? 1 : 0) + (header.has(flag::kPriority) ? kPriorityFieldsSize : 0);
    if (payload.size() < fixed) return broken(ErrorCode::kFrameSizeError, "HEADERS too short");
    const std::size_t padding = header.has(flag::kPadded) ? load_u8(payload.data()) : 0;
    if (fixed + padding > payload.size())
      return broken(ErrorCode::kProtocolError, "padding exceeds its frame");
    on_itself = header.has(flag::kPriority) &&
                depends_on_itself(header.stream, payload.subspan(fixed - kPriorityFieldsSize));
    payload = payload.subspan(fixed, payload.size() - fixed - padding);
  }
  const bool end = header.has(flag::kEndStream);
  if (payload.empty() && !end && !admit_empty_frame()) return false;
  if (header.has(flag::kEndHeaders)) [[likely]]
    return handle_block(header.stream, payload, end, on_itself, sink);
  block_.stream = header.stream, block_.end = end, block_.on_itself = on_itself, block_.continuations = 0;
  block_.bytes.assign(payload.begin(), payload.end());
  return true;
}

bool Session::handle_continuation(const FrameHeader& header, std::span<const std::byte> payload,
                                  EventSink& sink) {
  if (block_.stream == 0) return broken(ErrorCode::kProtocolError, "CONTINUATION without HEADERS");
  if (++block_.continuations > options_.limits->continuation_frames)
    return exceeded(Limit::kContinuationFrames);
  peaks_.note(Limit::kContinuationFrames, block_.continuations, options_.limits->continuation_frames);
  if (payload.empty() && !admit_empty_frame()) return false;
  block_.bytes.insert(block_.bytes.end(), payload.begin(), payload.end());
  if (!header.has(flag::kEndHeaders)) return true;
  const Block block = std::exchange(block_, {});
  return handle_block(block.stream, block.bytes, block.end, block.on_itself, sink);
}

bool Session::handle_block(StreamId id, std::span<const std::byte> block, bool end, bool on_itself,
                           EventSink& sink) {
  Stream* stream = find(id);
  if (stream == nullptr) {
    if (!idle(id)) {
      if (skipped(id)) return broken(ErrorCode::kProtocolError, "HEADERS on a stream id that was skipped");
      on_closed_stream(id);
    } else if (!accept_stream(id, stream, sink)) {
      return false;
    }
  } else if (const Transition& to = transition(stream->state_, Event::kRecvHeaders); !to.ok()) {
    stream_error(*stream, to.code, "HEADERS on a stream that has ended", sink);
  }
  if (on_itself) [[unlikely]]
    return decode_block(stream, block, end, "stream depends on itself", sink);
  if (stream != nullptr && deliver_repeated(*stream, block, end, sink)) return true;
  return decode_block(stream, block, end, {}, sink);
}

// A stream that the peer opens. It stays null when the block is to be decoded and passed over.
bool Session::accept_stream(StreamId id, Stream*& stream, EventSink& sink) {
  if (id % 2 == 0 || options_.role == Role::kClient) {
    return broken(ErrorCode::kProtocolError, "HEADERS on a stream that the peer may not open");
  }
  if (id - ids_.highest_of_peer > 2 || gone_.skipped) [[unlikely]]
    skip_to(id);
  ids_.highest_of_peer = id;
  if (id > goaway_.sent) {
    mark_reset(id);  // it knows that we do not process it; its frames are passed over
    return true;
  }
  if (table_.size() < options_.local.max_concurrent_streams) stream = sink.on_open(id);
  if (stream != nullptr) {
    attach(*stream, id);
    advance(*stream, Event::kRecvHeaders);
    return true;
  }
  write_rst_stream(out_, id, ErrorCode::kRefusedStream);
  count_reply();
  if (greeting_.acked) admit_provoked_reset();  // it knows the limit
  mark_reset(id);
  return true;
}

// REQUIRES: HEADERS are legal on the stream, or it is closed.
bool Session::decode_block(Stream* stream, std::span<const std::byte> block, bool end,
                           std::string_view refused, EventSink& sink) {
  const bool trailers = stream != nullptr && stream->content_ != Stream::Content::kNone;
  BlockReader reader(*this, stream, trailers, sink);
  if (!refused.empty()) reader.reject(refused);
  if (trailers && !end) reader.reject("HEADERS after the headers without END_STREAM");
  if (trailers && !counts(*stream, 0, end)) [[unlikely]]
    reader.reject("content-length is more than the DATA");
  if (const Error error = decoder_.decode(block, reader); !error.ok()) return broken(error.code, error.what);
  if (reader.truncated() &&
      (reader.bomb() || ++guards_.header_list_breaches >= options_.limits->header_list_breaches)) {
    return exceeded(Limit::kHeaderList);
  }
  if (reader.truncated())
    peaks_.note(Limit::kHeaderList, guards_.header_list_breaches, options_.limits->header_list_breaches);
  if (stream == nullptr || stream->state_ == State::kClosed) return true;
  if (const std::string_view what = reader.malformed(end); !what.empty()) {
    stream_error(*stream, ErrorCode::kProtocolError, what, sink);
    return true;
  }
  if (reader.counts_content()) {
    stream->content_ = Stream::Content::kCounted;
    stream->content_left_ = reader.content_length();
  } else if (!trailers && !reader.informational()) {
    stream->content_ = Stream::Content::kAny;
  }
  if (end) {
    stream->remote_closed_ = true;
    advance(*stream, Event::kRecvEnd);
  }
  received_list_size_ = reader.list_size();
  const Tag tag = sink.on_headers_end(*stream, end ? EndStream::kYes : EndStream::kNo, reader.truncated());
  assert(tag <= kMaxTag);
  if (tag != 0 && !reader.truncated() && !reader.informational() && !reader.counts_content()) {
    const auto place = static_cast<Tag>(trailers ? Stream::Content::kAny : Stream::Content::kNone);
    decoder_.remember(block, (tag & kMaxTag) | place << kContentShift);
  }
  return true;
}

// True when the block was known and has been delivered.
bool Session::deliver_repeated(Stream& stream, std::span<const std::byte> block, bool end, EventSink& sink) {
  if (stream.state_ == State::kClosed || (stream.content_ != Stream::Content::kNone && !end)) return false;
  const std::optional<Tag> tag = decoder_.repeated(block);
  if (!tag.has_value() || *tag >> kContentShift != static_cast<Tag>(stream.content_)) return false;
  stream.content_ = Stream::Content::kAny;
  if (end) {
    stream.remote_closed_ = true;
    advance(stream, Event::kRecvEnd);
  }
  sink.on_repeated_block(stream, *tag & kMaxTag, end ? EndStream::kYes : EndStream::kNo);
  return true;
}

}  // namespace sluice::inline v0::http2
