// The kinds of Op of the typed streams, for both sides.
#pragma once

#include <cstdint>
#include <utility>

#include "sluice/async/detail/participant.h"
#include "sluice/rpc/channel_base.h"
#include "sluice/rpc/message_traits.h"
#include "sluice/rpc/stream.h"
#include "sluice/stub/read.h"

namespace sluice::inline v0::detail {

// An outcome that says itself how it failed.
template <class T>
struct OpOutcome<Read<T>> {
  using type = Read<T>;
  static type failed(Status status) { return type(std::move(status), OnCut::kSays); }
};
template <class T>
inline constexpr bool kIsRead<Op<Read<T>>> = true;

inline RpcStream& stream_of(const OpArgs& args) { return *static_cast<RpcStream*>(args.object); }
inline ClientStream& client_of(const OpArgs& args) { return static_cast<ClientStream&>(stream_of(args)); }
inline Loop& loop_of_stream(const OpArgs& args) { return stream_of(args).loop(); }

// Cancelling one operation cancels the whole call: half a stream is of no use to either side.
inline void cancel_stream(OpRecord* r) { static_cast<StreamRecord*>(r)->stream->cancel(); }
inline void release_stream_record(OpRecord* r) { static_cast<StreamRecord*>(r)->stream->release(*r); }

template <class T>
constexpr OpKindOf<T> stream_kind(OpRecord* (*start)(const OpArgs&), OpResult<T> (*take)(OpRecord*)) {
  OpKindOf<T> kind{};
  kind.loop = &loop_of_stream;
  kind.start = start;
  kind.cancel = &cancel_stream;
  kind.release = &release_stream_record;
  kind.take = take;
  return kind;
}

inline Status take_status(OpRecord* r) { return std::move(static_cast<StatusRecord*>(r)->status); }

// Decodes the message of a read into `out`. False: there is none, and `why` says why if it is not the end. A
// message that does not decode ends the call.
template <class M>
bool decode_recv(OpRecord* record, M& out, Status& why) {
  auto& recv = static_cast<RecvRecord&>(*record);
  if (!recv.has_message) return why = recv.status, false;
  recv.has_message = false;  // taken
  Status status = decode(recv.codec, recv.message, out);
  recv.message.clear();  // a Call may be kept for long
  if (status.ok()) [[likely]]
    return true;
  recv.stream->fail(status);
  why = std::move(status);
  return false;
}

inline OpRecord* start_read(const OpArgs& args) { return stream_of(args).start_recv(); }
// The object, and where its status goes: null if nobody wants it.
inline Status* status_of(const OpArgs& args) { return static_cast<Status*>(const_cast<void*>(args.options)); }
inline OpRecord* start_read_into(const OpArgs& args) {
  OpRecord* record = stream_of(args).start_recv();
  if (record->failed()) {
    if (args.options) *status_of(args) = static_cast<FailedRecord*>(record)->status;
    return record;
  }
  static_cast<RecvRecord*>(record)->into = const_cast<void*>(args.argument);
  static_cast<RecvRecord*>(record)->status_out = status_of(args);
  return record;
}
template <class M, OnCut on_cut>
Read<M> take_read(OpRecord* record) {
  Read<M> read{M()};
  Status why;
  if (decode_recv(record, *read, why)) [[likely]]
    return read;
  return why.ok() ? Read<M>() : Read<M>(std::move(why), on_cut);
}
template <class M, OnCut on_cut>
bool take_into(OpRecord* record) {
  auto& recv = static_cast<RecvRecord&>(*record);
  Status why;
  if (decode_recv(record, *static_cast<M*>(recv.into), why)) [[likely]]
    return true;
  if (recv.status_out) {
    *recv.status_out = std::move(why);
  } else if (on_cut == OnCut::kThrows && !why.ok()) {
    throw_cut(why);
  }
  return false;
}
template <class M, OnCut on_cut>
Read<M> failed_read(Status why) {
  return Read<M>(std::move(why), on_cut);
}
template <OnCut on_cut>
bool failed_read_into(Status why) {
  if (on_cut == OnCut::kThrows) throw_cut(why);
  return false;
}
inline void keep_stream_record(OpRecord* r) { static_cast<StreamRecord*>(r)->stream->keep(*r); }

// In the OpArgs of a write, the pointer `options` holds the WriteOptions, one bit each.
inline const void* write_bits(WriteOptions options) {
  return reinterpret_cast<const void*>((options.last ? std::uintptr_t{1} : 0) |
                                       (options.no_compression ? std::uintptr_t{2} : 0));
}
inline WriteOptions write_options(const OpArgs& args) {
  const auto bits = reinterpret_cast<std::uintptr_t>(args.options);
  return {.last = (bits & 1) != 0, .no_compression = (bits & 2) != 0};
}

// A write that waits until the loop's leader starts it: keeps the encoded message.
template <class M>
struct CapturedWrite : OpKindOf<Status> {
  CapturedWrite(const OpArgs& args) : OpKindOf<Status>(static_cast<const OpKindOf<Status>&>(*args.kind)) {
    this->start = [](const OpArgs& a) -> OpRecord* {
      auto& self = *static_cast<CapturedWrite*>(const_cast<void*>(a.argument));
      if (!self.status.ok()) return new FailedRecord(std::move(self.status));
      return stream_of(a).start_send(Message(std::move(self.bytes)), write_options(a));
    };
    this->drop_captured = [](OpArgs& a) {
      delete static_cast<CapturedWrite*>(const_cast<void*>(a.argument));
    };
    status = encode(stream_of(args).codec(), MessageTraits<M>::ops(), args.argument, bytes);
  }
  Chain bytes;
  Status status;
};
template <class M>
OpRecord* start_write(const OpArgs& args) {
  return stream_of(args).start_send(Message(args.argument, MessageTraits<M>::ops()), write_options(args));
}
template <class M>
void capture_write(OpArgs& args) {
  auto* captured = new CapturedWrite<M>(args);
  args.kind = captured;
  args.argument = captured;
}
template <class M>
constexpr OpKindOf<Status> write_kind() {
  OpKindOf<Status> kind = stream_kind<Status>(&start_write<M>, &take_status);
  kind.capture = &capture_write<M>;
  return kind;
}

// A client's refused read ends the call, and finish() has the reason.
inline void refuse_read(const OpArgs& args, const Status& why) { stream_of(args).misused(why); }
inline void refuse_read_into(const OpArgs& args, const Status& why) {
  if (args.options) *status_of(args) = why;
  refuse_read(args, why);
}
template <class T>
constexpr OpKindOf<T> read_kind(OpRecord* (*start)(const OpArgs&), OpResult<T> (*take)(OpRecord*),
                                OpResult<T> (*failed)(Status), decltype(OpKind::refused) refused) {
  OpKindOf<T> kind = stream_kind<T>(start, take);
  kind.refused = refused;
  kind.keep = &keep_stream_record;
  kind.failed = failed;
  return kind;
}

template <class M, OnCut on_cut>
inline constexpr OpKindOf<Read<M>> kRead = read_kind<Read<M>>(&start_read, &take_read<M, on_cut>,
                                                              &failed_read<M, on_cut>, &refuse_read);
template <class M, OnCut on_cut>
inline constexpr OpKindOf<bool> kReadInto = read_kind<bool>(&start_read_into, &take_into<M, on_cut>,
                                                            &failed_read_into<on_cut>, &refuse_read_into);
template <class M>
inline constexpr OpKindOf<Status> kWrite = write_kind<M>();

inline OpRecord* start_close_write(const OpArgs& args) { return client_of(args).start_close_write(); }
inline OpRecord* start_header(const OpArgs& args) { return client_of(args).start_header(); }
inline OpRecord* start_finish(const OpArgs& args) { return client_of(args).start_finish(); }
inline constexpr OpKindOf<Status> kCloseWrite = stream_kind<Status>(&start_close_write, &take_status);
inline constexpr OpKindOf<Status> kHeader = stream_kind<Status>(&start_header, &take_status);
inline constexpr OpKindOf<Status> kFinish = stream_kind<Status>(&start_finish, &take_status);

inline OpRecord* start_finish_unary(const OpArgs& args) { return client_of(args).start_finish_unary(); }
inline void release_unary(OpRecord* r) { static_cast<UnaryRecord*>(r)->release(); }
inline void cancel_unary(OpRecord* r) { static_cast<UnaryRecord*>(r)->cancel(); }
template <class Rep>
Result<Rep> take_unary(OpRecord* r) {
  auto& record = static_cast<UnaryRecord&>(*r);
  if (record.header_out) *record.header_out = record.header();
  if (record.trailer_out) *record.trailer_out = record.trailer();
  if (record.peer_out) *record.peer_out = record.peer();
  if (record.reply_compressed_out) *record.reply_compressed_out = record.reply_compressed;
  if (!record.status.ok()) return std::move(record.status);
  Result<Rep> result{Rep()};
  Status status = decode(record.codec, record.reply, *result);
  record.reply.clear();  // a Call may be kept for long
  if (!status.ok()) return status;
  return result;
}
template <class Rep>
constexpr OpKindOf<Rep> finish_unary_kind() {
  OpKindOf<Rep> kind = stream_kind<Rep>(&start_finish_unary, &take_unary<Rep>);
  kind.cancel = &cancel_unary;
  kind.release = &release_unary;
  return kind;
}
template <class Rep>
inline constexpr OpKindOf<Rep> kFinishUnary = finish_unary_kind<Rep>();

}  // namespace sluice::inline v0::detail
