// User metadata to header fields and back.
#include "wire/metadata_fields.h"

#include <cstring>

#include "wire/base64.h"

namespace sluice::inline v0::wire {
std::string_view without_blanks(std::string_view value) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!value.empty() && blank(value.front())) value.remove_prefix(1);
  while (!value.empty() && blank(value.back())) value.remove_suffix(1);
  return value;
}

void MetadataFields::add_checked(KV pair) {
  // What an application sends once it often sends again; what looks like a secret must not enter a table.
  const bool secret = pair.key == "authorization" || pair.key == "cookie";
  const auto indexing = secret ? http2::Indexing::kNever : http2::Indexing::kIndex;
  // HTTP/2 allows no blanks around a value, and gRPC that they are stripped.
  pair.value = pair.key.ends_with("-bin") ? keep(base64_encode(pair.value)) : without_blanks(pair.value);
  if (fields_.empty()) fields_.reserve(8);
  fields_.push_back({pair.key, pair.value, indexing});
}

std::string_view MetadataFields::keep(std::string_view text) {
  if (text.empty()) return {};
  char* at = text_.data() + used_;
  if (text.size() <= text_.size() - used_) {
    used_ += text.size();
  } else {
    at = blocks_.emplace_back(new char[text.size()]).get();
  }
  std::memcpy(at, text.data(), text.size());
  return {at, text.size()};
}

bool visible_metadata(std::string_view name) {
  if (name.empty() || name[0] == ':') return false;
  if (name.starts_with("grpc-"))
    return name == "grpc-previous-rpc-attempts" || name == "grpc-retry-pushback-ms";
  switch (name.size()) {
    case 2:
      return name != "te";
    case 12:
      return name != "content-type";
    case 14:
      return name != "content-length";
    default:
      return true;
  }
}

bool add_received(Metadata& metadata, std::string_view name, std::string_view value) {
  if (!name.ends_with("-bin")) {
    metadata.add(name, without_blanks(value));
    return true;
  }
  std::string decoded;
  for (;;) {
    const std::size_t comma = value.find(',');
    if (!base64_decode(without_blanks(value.substr(0, comma)), decoded)) return false;
    metadata.add(name, decoded);
    if (comma == std::string_view::npos) return true;
    value.remove_prefix(comma + 1);
  }
}

}  // namespace sluice::inline v0::wire
