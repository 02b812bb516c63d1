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
  kScheme,
  kAuthority,
  kPath,
  kStatus,
  kInformationalStatus,  // :status 1xx
  kMalformed,
};

struct FieldCheck {
  FieldKind kind = FieldKind::kRegular;
  std::string_view what = {};  // static text, when malformed
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
    return admit_pseudo(kind);
  }
  bool informational() const { return (seen_ & bit(FieldKind::kInformationalStatus)) != 0; }

 private:
  static constexpr std::uint32_t bit(FieldKind kind) { return 1u << static_cast<int>(kind); }
  std::string_view admit_pseudo(FieldKind kind);

  const Role self_;
  const bool trailers_;
  bool regular_ = false;
  std::uint32_t seen_ = 0;
};

}  // namespace sluice::http2
