// Random numbers that are the same on every machine and compiler, which <random> does not promise.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace holisafe {

/// xoshiro256++ (Blackman and Vigna, 2019), seeded through SplitMix64.
class Random {
 public:
  explicit Random(std::uint64_t seed) {
    for (auto& word : state_) {
      seed += 0x9e3779b97f4a7c15U;
      std::uint64_t mixed = seed;
      mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
      mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
      word = mixed ^ (mixed >> 31U);
    }
  }

  std::uint64_t next() {
    const std::uint64_t out = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return out;
  }

 private:
  std::array<std::uint64_t, 4> state_{};
};

/// 32 random bits scaled to an index below `size`, which must be below 2^32.
inline std::size_t scale(std::uint32_t bits, std::size_t size) {
  return static_cast<std::size_t>((static_cast<std::uint64_t>(bits) * size) >> 32U);
}

}  // namespace holisafe
