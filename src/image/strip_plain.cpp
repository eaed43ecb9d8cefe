#include "image/lanes.h"
#include "image/strip_loops.h"

namespace holisafe::image {
namespace {

/// For any processor: four floats, and real divisions.
struct Plain {
  static constexpr int lanes = 4;
  static constexpr int luma_bytes = 3 * lanes;
  using Register = Lanes;

  static Register luma(const std::uint8_t* rgb) {
    const auto thousands = [](const std::uint8_t* pixel) {
      return static_cast<float>(299 * pixel[0] + 587 * pixel[1] + 114 * pixel[2]);
    };
    return Register{thousands(rgb), thousands(rgb + 3), thousands(rgb + 6), thousands(rgb + 9)} / 1000.F;
  }
  static Register quotient(const Register& sums, const Divisor& divisor) { return sums / divisor.size; }
  static void transpose(Register (&block)[lanes]) {
    const Register upper = __builtin_shufflevector(block[0], block[1], 0, 4, 1, 5);
    const Register upper_right = __builtin_shufflevector(block[0], block[1], 2, 6, 3, 7);
    const Register lower = __builtin_shufflevector(block[2], block[3], 0, 4, 1, 5);
    const Register lower_right = __builtin_shufflevector(block[2], block[3], 2, 6, 3, 7);
    block[0] = __builtin_shufflevector(upper, lower, 0, 1, 4, 5);
    block[1] = __builtin_shufflevector(upper, lower, 2, 3, 6, 7);
    block[2] = __builtin_shufflevector(upper_right, lower_right, 0, 1, 4, 5);
    block[3] = __builtin_shufflevector(upper_right, lower_right, 2, 3, 6, 7);
  }
};

}  // namespace

constexpr StripFilter plain_strip_filter = strip_filter_of<Plain>("plain");

}  // namespace holisafe::image
