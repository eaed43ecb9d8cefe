// What decoding a JPEG costs, from its markers alone. Internal to this layer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "image/codec.h"

namespace holisafe::image {

/// A progressive picture is decoded scan by scan, each of which passes all blocks of its components, however
/// few bytes it has.
struct ScanCost {
  std::uint64_t blocks = 0;        ///< of 8 x 8 samples, over all components
  std::uint64_t most_scans = 0;    ///< of the component that has the most
  std::uint64_t block_visits = 0;  ///< blocks that the scans pass, one scan after the other
};

/// Finds markers where libjpeg finds them. What it cannot read costs nothing: libjpeg says what is wrong.
ScanCost scan_cost(std::span<const std::byte> bytes);

/// Errors: too_large (more scans than a picture can need, more work than the largest picture takes, or, if
/// `buffered`, more memory for coefficients and pixels than limits.pixels allows).
Result<void> check_scans(const Source& source, const Limits& limits, std::uint64_t pixels, bool buffered);

}  // namespace holisafe::image
