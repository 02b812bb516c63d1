// What handlers and interceptors ask of a ServedCall, and add to its response.
#include "call/served_call.h"

namespace sluice::inline v0::call {
namespace {

std::string lower_case(std::string_view key) {
  std::string lower(key);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace

const Context& ServedCall::shared_context() {
  if (!context_) {
    context_ = Context().with_deadline(deadline_);
    if (cancelled_) context_.cancel("the call is over");
  }
  return context_;
}

void ServedCall::set_context(Context context) {
  if (!first_context_) first_context_ = std::make_unique<Context>(shared_context());
  context_ = std::move(context);
}

Status ServedCall::CallContext::add_header(std::string_view key, std::string_view value) {
  if (call.header_sent_) return Status(StatusCode::kFailedPrecondition, "the header has been sent");
  return call.add(call.header_, {key, value});
}

Status ServedCall::CallContext::add_trailer(std::string_view key, std::string_view value) {
  return call.add(call.trailer_, {key, value});
}

Status ServedCall::add(Metadata& fields, KV pair) {
  std::string lower;
  if (std::string why = check_metadata(pair); !why.empty()) {
    lower = lower_case(pair.key);
    pair.key = lower;
    why = check_metadata(pair);
    if (!why.empty() && !was_received(pair)) return Status(StatusCode::kInternal, std::move(why));
    // A handler may send back what it was sent, whatever its client may say and it may not (gRPC
    // PROTOCOL-HTTP2, "Custom-Metadata"): an odd value goes as it came, what is the request's own is left
    // out.
    if (!why.empty() && !check_metadata({pair.key, ""}).empty()) return {};
  }
  fields.add(pair.key, pair.value);
  return {};
}

bool ServedCall::was_received(KV pair) const {
  for (const KV received : request_metadata()) {
    if (received == pair) return true;
  }
  return false;
}

Status ServedCall::set_compression_algorithm(std::string_view name) {
  if (header_sent_) return Status(StatusCode::kFailedPrecondition, "the header has been sent");
  if (encoding_) encoding_->sends = nullptr;
  if (name.empty() || name == "identity") return {};
  const CompressorSet& known = methods_.compression().known;
  if (Status s = known.check(name); !s.ok()) return Status(StatusCode::kInternal, std::string(s.message()));
  if ((accepted_ & known.mask_of(name)) == 0) {
    return Status(StatusCode::kFailedPrecondition,
                  "the client does not accept the encoding \"" + std::string(name) + "\"");
  }
  encoding().sends = known.share(name);
  return {};
}

const Metadata& ServedCall::request_metadata() const {
  if (!metadata_complete_) {
    metadata_complete_ = true;
    if (held_by_transport_) transport_stream()->complete(metadata_);
  }
  return metadata_;
}

void ServedCall::keep_origin() {
  request_metadata();
  const ServerTransportStream& stream = *transport_stream();
  origin_.reset(new Origin{std::string(path_), stream.peer(), stream.local(), stream.peer_credentials()});
  path_ = origin_->path;
}

}  // namespace sluice::inline v0::call
