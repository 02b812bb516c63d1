// The session's part of a stream, from which transport's stream derives, and the intrusive lists and the
// table that a session keeps its streams in.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "http2/error.h"
#include "http2/field.h"
#include "http2/state.h"
#include "sluice/base/bytes.h"
#include "sluice/base/time.h"

namespace sluice::inline v0::http2 {

struct DeferredHeaders;

// The session's part of a stream; transport's stream derives from it, so that a call is one object.
//
// Lifetime: must not be destroyed while attached(); it is attached from open() or on_open until on_closed,
// release() or the session's end.
class Stream {
 public:
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  StreamId id() const { return id_; }
  bool attached() const { return attached_; }
  bool local_closed() const { return local_closed_; }    // END_STREAM or RST_STREAM accepted for sending
  bool remote_closed() const { return remote_closed_; }  // END_STREAM or RST_STREAM received
  // DATA bytes accepted by submit_data and not yet framed.
  std::size_t queued() const { return queue_.size(); }

 protected:
  Stream();
  ~Stream();  // asserts !attached()

 private:
  friend class Session;
  friend class StreamList;
  enum class List : std::uint8_t { kNone, kReady, kClosing };
  // What is received behind the final headers, those that are no 1xx; before them there is none.
  enum class Content : std::uint8_t { kNone, kAny, kCounted };

  StreamId id_ = 0;
  State state_ = State::kIdle;  // of the frames seen and made; END_STREAM behind queued DATA is not in it yet
  List list_ = List::kNone;
  bool attached_ = false;
  bool local_closed_ = false;
  bool remote_closed_ = false;
  Content content_ = Content::kNone;
  bool headers_sent_ = false;
  bool end_queued_ = false;  // END_STREAM goes with the last queued DATA
  bool above_write_ahead_ = false;
  Stream* prev_;  // in the list `list_` names
  Stream* next_;
  // Once attached.
  std::int64_t send_window_;    // negative after the peer lowered its initial window
  std::int64_t recv_window_;    // what the peer may still send
  TimePoint opened_;            // by the peer
  std::uint64_t gathered_ = 0;  // credit given and not yet announced
  std::uint64_t content_left_;  // what is still to come of a content-length, where it is counted
  Chain queue_;
  std::unique_ptr<DeferredHeaders> trailers_;  // wait behind queue_
};

// A copy of fields that wait behind queued DATA; they are encoded when they leave, since HPACK depends on
// the order of blocks.
struct DeferredHeaders {
  explicit DeferredHeaders(std::span<const HeaderPart> parts);

  std::vector<Field> fields;

 private:
  std::unique_ptr<char[]> text_;
};

// Streams in order of arrival; a stream is in at most one list.
class StreamList {
 public:
  explicit StreamList(Stream::List name) : name_(name) {}

  bool empty() const { return head_ == nullptr; }
  Stream& front() { return *head_; }
  // REQUIRES: in no list.
  void push_back(Stream& stream) {
    assert(stream.list_ == Stream::List::kNone);
    stream.list_ = name_, stream.prev_ = tail_, stream.next_ = nullptr;
    (tail_ ? tail_->next_ : head_) = &stream;
    tail_ = &stream;
  }
  // REQUIRES: in this list.
  void remove(Stream& stream) {
    assert(stream.list_ == name_);
    (stream.prev_ ? stream.prev_->next_ : head_) = stream.next_;
    (stream.next_ ? stream.next_->prev_ : tail_) = stream.prev_;
    stream.list_ = Stream::List::kNone, stream.prev_ = stream.next_ = nullptr;
  }

 private:
  const Stream::List name_;
  Stream* head_ = nullptr;
  Stream* tail_ = nullptr;
};

// Stream ids to streams: open addressing with linear probing, at most half full. Neighbouring ids lie side
// by side. It shrinks again when few are left of many.
class StreamTable {
 public:
  std::size_t size() const { return size_; }

  Stream* find(StreamId id) const {
    if (slots_.empty()) return nullptr;
    for (std::size_t i = home(id);; i = (i + 1) & mask()) {
      if (slots_[i].id == id) return slots_[i].stream;
      if (slots_[i].id == 0) return nullptr;
    }
  }
  // REQUIRES: `id` is not 0 and not in the table.
  void insert(StreamId id, Stream& stream);
  // REQUIRES: `id` is in the table.
  void erase(StreamId id);

  // Calls `f(Stream&)` for each; `f` must not change the table.
  template <class F>
  void for_each(F f) const {
    for (const Slot& slot : slots_) {
      if (slot.id != 0) f(*slot.stream);
    }
  }

 private:
  struct Slot {
    StreamId id = 0;  // 0: free
    Stream* stream = nullptr;
  };

  void resize(std::size_t slots);
  std::size_t mask() const { return slots_.size() - 1; }
  std::size_t home(StreamId id) const { return (id >> 1) & mask(); }

  static constexpr std::size_t kKeptSlots = 32;  // so many stay

  std::vector<Slot> slots_;  // a power of two, or none
  std::size_t size_ = 0;
};

}  // namespace sluice::inline v0::http2
