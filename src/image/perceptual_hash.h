// PDQ, the perceptual hash that trust-and-safety teams exchange (Meta, 2018): pictures that look alike have
// hashes of small Hamming distance, of which 31 is the usual bound.
//
//   Result<HashedPicture> hashed = perceptual_hash(*image);
//   if (distance(hashed->hash, other) <= 31) …
//
// Equal to the reference (ThreatExchange, pdq/cpp, as the Python package pdqhash binds it) bit for bit where
// pixels are equal.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "image/image.h"
#include "image/luma_grid.h"

namespace holisafe::image {

/// PDQ: 256 bits; bit 255 is the first of the hex text, bit 0 the lowest of words[0].
struct PerceptualHash {
  std::array<std::uint64_t, 4> words{};
  bool operator==(const PerceptualHash&) const = default;
};

std::string hex(const PerceptualHash& hash);  ///< 64 lower-case hex digits, bit 255 first
/// Nothing where the text is not 64 hex digits.
std::optional<PerceptualHash> parse_hash(std::string_view text);
/// Bits that differ, 0 to 256.
int distance(const PerceptualHash& a, const PerceptualHash& b);

struct HashedPicture {
  PerceptualHash hash;
  PerceptualHash mirror;  ///< of the picture mirrored left to right, from the same coefficients
  int quality = 0;        ///< 0 to 100, of how much there is to see; below 50 a match says little
};

/// Thread-safe.
HashedPicture perceptual_hash(const LumaGrid& grid);
/// Both in one. Errors: those of luma_grid().
Result<HashedPicture> perceptual_hash(const Image& image);

}  // namespace holisafe::image
