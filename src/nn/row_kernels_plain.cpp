#include <cmath>
#include <cstdint>
#include <cstring>

#include "nn/row_loops.h"

namespace holisafe::nn {
namespace {

/// For any processor: what the compiler makes of loops over four floats.
struct Plain {
  static constexpr int lanes = 4;
  static constexpr int features_beside[] = {0, 4, 2, 1, 1, 1, 1, 1, 1};
  struct Register {
    float lane[lanes];
  };

  template <class Lane>
  static Register each(const Lane& lane) {
    Register out;
    for (int i = 0; i < lanes; ++i) out.lane[i] = lane(i);
    return out;
  }
  static Register all(float value) {
    return each([&](int) { return value; });
  }
  static Register load(const float* from) {
    return each([&](int i) { return from[i]; });
  }
  static Register load(const BFloat16* from) {
    return each([&](int i) { return of_bits(static_cast<std::uint32_t>(from[i].bits) << 16U); });
  }
  static Register load(const Float16* from) {
    return each([&](int i) { return widened(from[i].bits); });
  }
  static Register kept(Register value) { return value; }
  static void store(float* to, Register value) {
    for (int i = 0; i < lanes; ++i) to[i] = value.lane[i];
  }
  static Register multiply_add(Register a, Register b, Register c) {
    return each([&](int i) { return a.lane[i] * b.lane[i] + c.lane[i]; });
  }
  static Register most(Register a, Register b) {
    return each([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
  }
  static Register nearest(Register x) {
    return each([&](int i) { return std::nearbyint(x.lane[i]); });
  }
  static Register times_power(Register x, Register power) {
    return each([&](int i) { return std::ldexp(x.lane[i], static_cast<int>(power.lane[i])); });
  }
  static float sum(Register x) { return (x.lane[0] + x.lane[2]) + (x.lane[1] + x.lane[3]); }

 private:
  static float of_bits(std::uint32_t bits) {
    float out = 0;
    std::memcpy(&out, &bits, sizeof(out));
    return out;
  }
  static float widened(std::uint16_t half) {
    const std::uint32_t sign = (half & 0x8000U) << 16U;
    const std::uint32_t rest = half & 0x7fffU;
    if (rest >= 0x7c00U)
      return of_bits(sign | 0x7f800000U | (rest & 0x3ffU) << 13U);  // infinite, or no number
    if (rest < 0x400U) {  // below the least normal: a multiple of 2^-24
      const float value = static_cast<float>(rest) * 5.9604644775390625e-8F;
      return sign != 0 ? -value : value;
    }
    return of_bits(sign | ((rest << 13U) + 0x38000000U));
  }
};

}  // namespace

constexpr RowKernels plain_row_kernels = kernels_of<Plain>();

}  // namespace holisafe::nn
