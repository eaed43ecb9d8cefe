#include "image/hash_index.h"

#include <algorithm>
#include <array>
#include <bit>

#include "image/for_each.h"

namespace holisafe::image {
namespace {

constexpr int bands = 16;
constexpr std::size_t band_values = std::size_t{1} << 16U;
constexpr std::uint32_t values_a_task = 512;

std::uint16_t band_of(const PerceptualHash& hash, int band) {
  const auto at = static_cast<std::size_t>(band);
  return static_cast<std::uint16_t>(hash.words[at / 4] >> (16 * (at % 4)));
}

/// All hashes by the value of one band: those with value v stand from begin[v] to begin[v + 1].
struct Band {
  struct Entry {
    PerceptualHash hash;
    std::uint32_t number = 0;
  };
  int number = 0;
  std::vector<std::uint32_t> begin;
  std::vector<Entry> entries;
};

void fill(Band& band, int number, std::span<const PerceptualHash> hashes) {
  band.number = number;
  band.begin.assign(band_values + 1, 0);
  band.entries.resize(hashes.size());
  for (const PerceptualHash& hash : hashes) ++band.begin[std::size_t{band_of(hash, number)} + 1];
  for (std::size_t value = 0; value < band_values; ++value) band.begin[value + 1] += band.begin[value];
  std::vector<std::uint32_t> next(band.begin.begin(), band.begin.end() - 1);
  for (std::size_t i = 0; i < hashes.size(); ++i)
    band.entries[next[band_of(hashes[i], number)]++] = {hashes[i], static_cast<std::uint32_t>(i)};
}

/// Whether an earlier band has found this pair: by its differing bits.
[[gnu::always_inline]] inline bool found_before(const std::array<std::uint64_t, 4>& differ, int band) {
  for (int earlier = 0; earlier < band; ++earlier) {
    const auto at = static_cast<std::size_t>(earlier);
    const auto bits = static_cast<std::uint16_t>(differ[at / 4] >> (16 * (at % 4)));
    if ((bits & (bits - 1)) == 0) return true;
  }
  return false;
}

[[gnu::always_inline]] inline void compare(const Band& band, const Band::Entry& a, std::uint32_t from,
                                           std::uint32_t to, int radius, std::vector<HashPair>& out) {
  for (std::uint32_t i = from; i < to; ++i) {
    const Band::Entry& b = band.entries[i];
    const std::array<std::uint64_t, 4> differ{
        a.hash.words[0] ^ b.hash.words[0], a.hash.words[1] ^ b.hash.words[1],
        a.hash.words[2] ^ b.hash.words[2], a.hash.words[3] ^ b.hash.words[3]};
    int distance = std::popcount(differ[0]) + std::popcount(differ[1]);
    if (distance > radius) continue;  // half the bits tell strangers apart
    distance += std::popcount(differ[2]) + std::popcount(differ[3]);
    if (distance > radius || found_before(differ, band.number)) continue;
    out.push_back(
        {std::min(a.number, b.number), std::max(a.number, b.number), static_cast<std::uint16_t>(distance)});
  }
}

/// Pairs whose band has one of the values from `value` on, against the same value and those a bit away.
[[gnu::always_inline]] inline void search_values(const Band& band, std::uint32_t value, int radius,
                                                 std::vector<HashPair>& out) {
  const std::uint32_t end = value + values_a_task;
  for (; value < end; ++value) {
    for (std::uint32_t i = band.begin[value]; i < band.begin[value + 1]; ++i) {
      const Band::Entry& entry = band.entries[i];
      compare(band, entry, i + 1, band.begin[value + 1], radius, out);
      for (std::uint32_t bit = 1; bit < band_values; bit <<= 1U) {
        const std::uint32_t near = value ^ bit;
        if (near > value) compare(band, entry, band.begin[near], band.begin[near + 1], radius, out);
      }
    }
  }
}

void search_plainly(const Band& band, std::uint32_t value, int radius, std::vector<HashPair>& out) {
  search_values(band, value, radius, out);
}

#if defined(__x86_64__)
/// The instruction is on every processor of the last fifteen years, but not in the baseline.
[[gnu::target("popcnt")]] void search_with_popcnt(const Band& band, std::uint32_t value, int radius,
                                                  std::vector<HashPair>& out) {
  search_values(band, value, radius, out);
}
#endif

auto search_of_this_machine() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("popcnt")) return search_with_popcnt;
#endif
  return search_plainly;
}

}  // namespace

std::vector<HashPair> HashIndex::pairs(int radius, int threads) const {
  const auto search = search_of_this_machine();
  radius = std::clamp(radius, 0, usual_radius);
  std::vector<std::vector<HashPair>> found(band_values / values_a_task);
  Band band;
  for (int number = 0; number < bands; ++number) {
    fill(band, number, hashes_);
    for_each_on_threads(found.size(), threads, [&](std::size_t task) {
      search(band, static_cast<std::uint32_t>(task) * values_a_task, radius, found[task]);
    });
  }
  std::vector<HashPair> out;
  for (std::vector<HashPair>& some : found) {
    out.insert(out.end(), some.begin(), some.end());
    some = {};
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace holisafe::image
