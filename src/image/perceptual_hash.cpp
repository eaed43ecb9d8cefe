// Sums are made in the order of the reference, in its types, since bits of symmetric pictures are rounding
// noise. CMakeLists.txt keeps the compiler from fusing products and sums.
#include "image/perceptual_hash.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <numbers>

#include <fmt/format.h>

namespace holisafe::image {
namespace {

/// Frequencies 1 to 16 of a cosine transform of 64 samples, frequency by frequency.
using Cosines = std::array<std::array<float, LumaGrid::side>, 16>;

Cosines make_cosines() {
  const float scale = static_cast<float>(std::sqrt(2.0 / 64.0));
  Cosines out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    for (std::size_t j = 0; j < LumaGrid::side; ++j) {
      const double angle =
          (std::numbers::pi / 2.0 / 64.0) * static_cast<double>(i + 1) * static_cast<double>(2 * j + 1);
      out[i][j] = static_cast<float>(scale * std::cos(angle));
    }
  }
  return out;
}

using Coefficients16 = std::array<float, 256>;  ///< row: vertical frequency - 1, column: horizontal - 1

/// Each sum goes from the first sample to the last; samples side by side make theirs together.
Coefficients16 transform(const LumaGrid::Square& samples) {
  static const Cosines cosines = make_cosines();
  std::array<std::array<float, LumaGrid::side>, 16> halfway{};
  for (std::size_t i = 0; i < 16; ++i) {
    for (std::size_t k = 0; k < LumaGrid::side; ++k) {
      const float factor = cosines[i][k];
      const float* const row = samples.data() + k * LumaGrid::side;
      for (std::size_t j = 0; j < LumaGrid::side; ++j) halfway[i][j] += factor * row[j];
    }
  }
  Coefficients16 out{};
  for (std::size_t i = 0; i < 16; ++i) {
    for (std::size_t j = 0; j < 16; ++j) {
      float sum = 0;
      for (std::size_t k = 0; k < LumaGrid::side; ++k) sum += halfway[i][k] * cosines[j][k];
      out[i * 16 + j] = sum;
    }
  }
  return out;
}

PerceptualHash bits_of(const Coefficients16& coefficients) {
  Coefficients16 sorted = coefficients;
  const auto middle = sorted.begin() + 127;  // the lower median of 256
  std::nth_element(sorted.begin(), middle, sorted.end());
  PerceptualHash out;
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    if (coefficients[i] > *middle) out.words[i / 64] |= std::uint64_t{1} << (i % 64);
  }
  return out;
}

/// Mirrored left to right, odd horizontal frequencies change their sign.
Coefficients16 mirrored(Coefficients16 coefficients) {
  for (std::size_t i = 0; i < coefficients.size(); i += 2) coefficients[i] = -coefficients[i];
  return coefficients;
}

/// Differences between neighbours, each in whole hundredths of the range.
int quality_of(const LumaGrid::Square& samples) {
  int sum = 0;
  const auto add = [&sum](float a, float b) {
    sum += std::abs(static_cast<int>(((a - b) * 100) / 255));  // cut, not rounded: only what is seen counts
  };
  for (std::size_t y = 0; y < LumaGrid::side; ++y) {
    for (std::size_t x = 0; x < LumaGrid::side; ++x) {
      const std::size_t at = y * LumaGrid::side + x;
      if (y + 1 < LumaGrid::side) add(samples[at], samples[at + LumaGrid::side]);
      if (x + 1 < LumaGrid::side) add(samples[at], samples[at + 1]);
    }
  }
  return std::min(sum / 90, 100);
}

std::optional<std::uint64_t> digit_value(char digit) {
  if (digit >= '0' && digit <= '9') return static_cast<std::uint64_t>(digit - '0');
  if (digit >= 'a' && digit <= 'f') return static_cast<std::uint64_t>(digit - 'a' + 10);
  if (digit >= 'A' && digit <= 'F') return static_cast<std::uint64_t>(digit - 'A' + 10);
  return std::nullopt;
}

}  // namespace

std::string hex(const PerceptualHash& hash) {
  return fmt::format("{:016x}{:016x}{:016x}{:016x}", hash.words[3], hash.words[2], hash.words[1],
                     hash.words[0]);
}

std::optional<PerceptualHash> parse_hash(std::string_view text) {
  if (text.size() != 64) return std::nullopt;
  PerceptualHash out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto value = digit_value(text[i]);
    if (!value) return std::nullopt;
    std::uint64_t& word = out.words[3 - i / 16];
    word = word << 4U | *value;
  }
  return out;
}

int distance(const PerceptualHash& a, const PerceptualHash& b) {
  int out = 0;
  for (std::size_t i = 0; i < a.words.size(); ++i) out += std::popcount(a.words[i] ^ b.words[i]);
  return out;
}

HashedPicture perceptual_hash(const LumaGrid& grid) {
  const Coefficients16 coefficients = transform(grid.tent);
  const bool as_it_is = grid.hashed != grid.tent;
  return {bits_of(as_it_is ? transform(grid.hashed) : coefficients), bits_of(mirrored(coefficients)),
          quality_of(grid.hashed)};
}

Result<HashedPicture> perceptual_hash(const Image& image) {
  HOLISAFE_TRY(const LumaGrid grid, luma_grid(image));
  return perceptual_hash(grid);
}

}  // namespace holisafe::image
