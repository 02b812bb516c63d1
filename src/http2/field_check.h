// What HTTP/2 itself asks of received fields (RFC 9113 sections 8.2 and 8.3): names and values of one field,
// and the order of a block. Whether a request or response makes sense is for the layers above.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http2/field.h"
#include "http2/settings.h"

namespace sluice::inline v0::http2 {

// At most 15, so that it fits beside a tag.
enum class FieldKind : std::uint8_t {
  kRegular,
  kMethod,
  kConnect,  // :method CONNECT
  kScheme,
  kAuthority,
  kPath,
  kStatus,
  kInformationalStatus,  // :status 1xx
  kNoContentStatus,      // :status 204 and 304
  kContentLength,        // it and what follows are rare
  kMalformed,
};

struct FieldCheck {
  FieldKind kind = FieldKind::kRegular;
  std::string_view what = {};  // static text, when malformed
};

// Looks at one field alone.
FieldCheck check_field(const Field& field);
// RFC 9110 section 8.6, without the lists that it lets a recipient refuse. Nothing for what is no number.
std::optional<std::uint64_t> parse_content_length(std::string_view value);

constexpr std::uint32_t bit(FieldKind kind) { return 1u << static_cast<int>(kind); }

// Follows the fields of one block received by `self`.
class BlockCheck {
 public:
  BlockCheck(Role self, bool trailers)
      : self_(self),
        trailers_(trailers),
        allowed_(trailers ? 0 : bit(FieldKind::kRegular) | (self == Role::kClient ? kStatuses : kRequest)) {}

  // The reason why a field of this kind may not come here, or nothing.
  std::string_view admit(FieldKind kind) {
    if (kind == FieldKind::kRegular) {
      allowed_ = 0;
      return {};
    }
    const std::uint32_t one = bit(kind);
    if ((allowed_ & one) == 0) [[unlikely]]
      return admit_special(kind);
    // A second :authority is for gRPC to answer with its own error (proposal A41).
    if (one != bit(FieldKind::kAuthority)) allowed_ &= ~same_as(one);
    seen_ |= one;
    return {};
  }
  // The same at the block's end, for what should have come and did not.
  std::string_view missing() const {
    constexpr std::uint32_t kNeeded =
        bit(FieldKind::kMethod) | bit(FieldKind::kScheme) | bit(FieldKind::kPath);
    const bool whole = self_ == Role::kClient ? (seen_ & kStatuses) != 0 : (seen_ & kNeeded) == kNeeded;
    return whole || trailers_ ? std::string_view() : what_is_missing();
  }
  bool informational() const { return saw(FieldKind::kInformationalStatus); }
  // A content-length is there, and is that of DATA to come.
  bool counts_content() const {
    return saw(FieldKind::kContentLength) && !informational() && !saw(FieldKind::kNoContentStatus);
  }

 private:
  static constexpr std::uint32_t kMethods = bit(FieldKind::kMethod) | bit(FieldKind::kConnect);
  static constexpr std::uint32_t kStatuses =
      bit(FieldKind::kStatus) | bit(FieldKind::kInformationalStatus) | bit(FieldKind::kNoContentStatus);
  static constexpr std::uint32_t kRequest =
      kMethods | bit(FieldKind::kScheme) | bit(FieldKind::kAuthority) | bit(FieldKind::kPath);
  // The kinds of the same field.
  static constexpr std::uint32_t same_as(std::uint32_t one) {
    return (one & kMethods) != 0 ? kMethods : (one & kStatuses) != 0 ? kStatuses : one;
  }
  bool saw(FieldKind kind) const { return (seen_ & bit(kind)) != 0; }
  [[gnu::cold]] std::string_view admit_special(FieldKind kind);
  [[gnu::cold]] std::string_view what_is_missing() const;

  const Role self_;
  const bool trailers_;
  std::uint32_t allowed_;  // pseudo-headers that may still come, and kRegular; 0 behind regular fields
  std::uint32_t seen_ = 0;
};

}  // namespace sluice::inline v0::http2
