// What HTTP/2 itself asks of received fields (RFC 9113 sections 8.2 and 8.3): names and values of one field,
// and the order of a block. Whether a request or response makes sense is for the layers above.
#pragma once

#include <cstdint>
#include <string_view>

#include "http2/field.h"
#include "http2/settings.h"

namespace sluice::http2 {

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
  kContentLength,
  kMalformed,
};

struct FieldCheck {
  FieldKind kind = FieldKind::kRegular;
  std::string_view what = {};  // static text, when malformed
  std::uint64_t length = 0;    // of a content-length
};

// Looks at one field alone.
FieldCheck check_field(const Field& field);

// Follows the fields of one block received by `self`.
class BlockCheck {
 public:
  BlockCheck(Role self, bool trailers) : self_(self), trailers_(trailers) {}

  // The reason why a field of this kind may not come here, or nothing.
  std::string_view admit(FieldKind kind) {
    if (kind == FieldKind::kRegular) {
      regular_ = true;
      return {};
    }
    return admit_special(kind);
  }
  // The same at the block's end, for what should have come and did not.
  std::string_view missing() const;
  bool informational() const { return saw(FieldKind::kInformationalStatus); }
  // A content-length is there, and is that of DATA to come.
  bool counts_content() const {
    return saw(FieldKind::kContentLength) && !informational() && !saw(FieldKind::kNoContentStatus);
  }

 private:
  static constexpr std::uint32_t bit(FieldKind kind) { return 1u << static_cast<int>(kind); }
  // Kinds that are one field.
  static constexpr std::uint32_t kMethods =
      1u << static_cast<int>(FieldKind::kMethod) | 1u << static_cast<int>(FieldKind::kConnect);
  static constexpr std::uint32_t kStatuses = 1u << static_cast<int>(FieldKind::kStatus) |
                                             1u << static_cast<int>(FieldKind::kInformationalStatus) |
                                             1u << static_cast<int>(FieldKind::kNoContentStatus);
  bool saw(FieldKind kind) const { return (seen_ & bit(kind)) != 0; }
  std::string_view admit_special(FieldKind kind);

  const Role self_;
  const bool trailers_;
  bool regular_ = false;
  std::uint32_t seen_ = 0;
};

}  // namespace sluice::http2
