// User metadata as header fields, both ways: names checked, "-bin" values in base64 (gRPC PROTOCOL-HTTP2,
// "Custom-Metadata").
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http2/field.h"
#include "sluice/base/metadata.h"

namespace sluice::inline v0::wire {

// Fields with the memory they need beyond the metadata's own, which must outlive them.
class MetadataFields {
 public:
  // REQUIRES: check_metadata() has nothing against the pair, or it came like this.
  void add_checked(KV pair);
  void add_plain(std::string_view name, std::string_view value) {
    fields_.push_back({name, value, http2::Indexing::kPlain});
  }
  const std::vector<http2::Field>& fields() const { return fields_; }
  bool empty() const { return fields_.empty(); }
  // A copy that lives as long as this.
  std::string_view keep(std::string_view text);

  MetadataFields() = default;
  MetadataFields(const MetadataFields&) = delete;
  MetadataFields& operator=(const MetadataFields&) = delete;

 private:
  std::vector<http2::Field> fields_;
  // What fits lies in here, the rest in blocks of its own; nothing moves.
  std::array<char, 400> text_;
  std::size_t used_ = 0;
  std::vector<std::unique_ptr<char[]>> blocks_;
};

// Whether user code may see the field: no pseudo-header, nothing of gRPC's own or HTTP's.
bool visible_metadata(std::string_view name);

// Spaces and tabs around a value are no part of it (RFC 9110 section 5.5).
std::string_view without_blanks(std::string_view value);

// Adds a received field; a "-bin" value is split at commas and decoded. False: it is no base64.
bool add_received(Metadata& metadata, std::string_view name, std::string_view value);

}  // namespace sluice::inline v0::wire
