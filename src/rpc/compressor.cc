// CompressorSet: names, and the header fields made of them.
#include "sluice/rpc/compressor.h"

#include <bit>

#include "rpc/encoding_name.h"

namespace sluice::inline v0 {
namespace {

std::string_view trimmed(std::string_view token) {
  while (!token.empty() && (token.front() == ' ' || token.front() == '\t')) token.remove_prefix(1);
  while (!token.empty() && (token.back() == ' ' || token.back() == '\t')) token.remove_suffix(1);
  return token;
}

}  // namespace

CompressorSet::CompressorSet(std::initializer_list<std::shared_ptr<const Compressor>> compressors) {
  for (const auto& compressor : compressors) add(compressor);
}

// Into a copy: other sets may share what there is.
void CompressorSet::add(std::shared_ptr<const Compressor> compressor) {
  auto content = content_ ? std::make_shared<Content>(*content_) : std::make_shared<Content>();
  content_ = content;
  const auto refuse = [&](std::string why) {
    if (content->problem.ok()) content->problem = Status(StatusCode::kInvalidArgument, std::move(why));
  };
  if (!compressor) return refuse("a compressor is null");
  const std::string_view name = compressor->name();
  if (!is_encoding_name(name))
    return refuse("compressor name \"" + std::string(name) + "\" is no encoding's name");
  if (name == "identity") return refuse("compressor name \"identity\" stands for no compression");
  for (auto& entry : content->entries) {
    if (entry->name() == name) return void(entry = std::move(compressor));
  }
  if (content->entries.size() == kMaxSize)
    return refuse("compressor \"" + std::string(name) + "\" is one more than " + std::to_string(kMaxSize));
  content->accept_encoding.append(",").append(name);
  content->entries.push_back(std::move(compressor));
}

Status CompressorSet::check(std::string_view algorithm) const {
  Status problem = check();
  if (!problem.ok() || algorithm.empty() || algorithm == "identity" || find(algorithm)) return problem;
  return {StatusCode::kInvalidArgument, "compression algorithm \"" + std::string(algorithm) +
                                            "\" is not among " + std::string(accept_encoding())};
}

const std::shared_ptr<const Compressor>* CompressorSet::find_entry(std::string_view name) const {
  if (!content_) return nullptr;
  for (const auto& entry : content_->entries) {
    if (entry->name() == name) return &entry;
  }
  return nullptr;
}

const Compressor* CompressorSet::find(std::string_view name) const {
  const auto* entry = find_entry(name);
  return entry ? entry->get() : nullptr;
}

std::shared_ptr<const Compressor> CompressorSet::share(std::string_view name) const {
  const auto* entry = find_entry(name);
  return entry ? *entry : nullptr;
}

std::shared_ptr<const Compressor> CompressorSet::share(Mask one) const {
  if (one == 0) return nullptr;
  return content_->entries[static_cast<std::size_t>(std::countr_zero(one))];
}

CompressorSet::Mask CompressorSet::mask_of(std::string_view name) const {
  const auto* entry = find_entry(name);
  return entry ? Mask{1} << (entry - content_->entries.data()) : 0;
}

CompressorSet::Mask CompressorSet::named_in(std::string_view accept_encoding) const {
  Mask mask = 0;
  for (;;) {
    const std::size_t comma = accept_encoding.find(',');
    mask |= mask_of(trimmed(accept_encoding.substr(0, comma)));
    if (comma == std::string_view::npos) return mask;
    accept_encoding.remove_prefix(comma + 1);
  }
}

}  // namespace sluice::inline v0
