#include "image/low_frequencies.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

namespace holisafe::image {
namespace {

constexpr std::size_t frequencies = 10;  ///< a side, 0 among them
constexpr double unit = 127;             ///< length of a picture's coefficients
constexpr double least_contrast = 1.0;   ///< standard deviation of luma below which a picture is flat

using FrequencySquare = std::array<std::array<double, frequencies>, frequencies>;  ///< row: vertical

/// The pairs of frequencies that are kept, even horizontal ones first; the three highest corners are left
/// out.
struct KeptFrequency {
  std::size_t vertical = 0;
  std::size_t horizontal = 0;
  double weight = 0;
};
using KeptFrequencies = std::array<KeptFrequency, LowFrequencies::count>;

KeptFrequencies kept_frequencies() {
  KeptFrequencies out;
  std::size_t at = 0;
  for (std::size_t parity = 0; parity < 2; ++parity) {
    for (std::size_t u = parity; u < frequencies; u += 2) {
      for (std::size_t v = 0; v < frequencies; ++v) {
        if (u + v == 0 || u + v > 16) continue;
        const double radius = std::sqrt(static_cast<double>(u * u + v * v));
        out[at++] = {v, u, std::sqrt(radius)};
      }
    }
  }
  return out;
}

const KeptFrequencies& kept() {
  static const KeptFrequencies out = kept_frequencies();
  return out;
}

double cosine(std::size_t frequency, double place) {
  const double scale = frequency == 0 ? 1 : std::numbers::sqrt2;
  return scale * std::cos(std::numbers::pi * static_cast<double>(frequency) * place);
}

/// How much of each side is cut off.
struct SideCut {
  double left = 0;
  double right = 0;
  double top = 0;
  double bottom = 0;
};

constexpr std::array<SideCut, low_frequency_cuts> cuts{
    {{}, {0.04, 0, 0, 0}, {0, 0.04, 0, 0}, {0, 0, 0.04, 0}, {0, 0, 0, 0.04}, {0.03, 0.03, 0.03, 0.03}}};

/// What a cut along one axis makes of each frequency: coefficient i of the cut is the sum over j of
/// [i][j] x coefficient j.
FrequencySquare cut_axis(double before, double after) {
  constexpr int steps = 64;
  FrequencySquare out{};
  for (std::size_t i = 0; i < frequencies; ++i) {
    for (std::size_t j = 0; j < frequencies; ++j) {
      double sum = 0;
      for (int k = 0; k < steps; ++k) {
        const double place = (k + 0.5) / steps;
        sum += cosine(i, place) * cosine(j, before + (1 - before - after) * place);
      }
      out[i][j] = sum / steps;
    }
  }
  return out;
}

struct CutAxes {
  FrequencySquare across;
  FrequencySquare down;
};

const std::array<CutAxes, cuts.size()>& cut_axes() {
  static const std::array<CutAxes, cuts.size()> out = [] {
    std::array<CutAxes, cuts.size()> axes;
    for (std::size_t i = 0; i < cuts.size(); ++i)
      axes[i] = {cut_axis(cuts[i].left, cuts[i].right), cut_axis(cuts[i].top, cuts[i].bottom)};
    return axes;
  }();
  return out;
}

/// The weighted coefficients, brought to length `unit`; all zero where there is nothing.
std::array<double, LowFrequencies::count> weighted(const FrequencySquare& square) {
  std::array<double, LowFrequencies::count> out{};
  double length = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const KeptFrequency& frequency = kept()[i];
    out[i] = square[frequency.vertical][frequency.horizontal] * frequency.weight;
    length += out[i] * out[i];
  }
  if (length <= 0) return out;
  for (double& value : out) value *= unit / std::sqrt(length);
  return out;
}

FrequencySquare multiply(const FrequencySquare& down, const FrequencySquare& square,
                         const FrequencySquare& across) {
  FrequencySquare halfway{};
  for (std::size_t i = 0; i < frequencies; ++i) {
    for (std::size_t k = 0; k < frequencies; ++k) {
      for (std::size_t j = 0; j < frequencies; ++j) halfway[i][j] += down[i][k] * square[k][j];
    }
  }
  FrequencySquare out{};
  for (std::size_t i = 0; i < frequencies; ++i) {
    for (std::size_t j = 0; j < frequencies; ++j) {
      for (std::size_t k = 0; k < frequencies; ++k) out[i][j] += halfway[i][k] * across[j][k];
    }
  }
  return out;
}

constexpr std::size_t side_by_side = 16;  ///< pictures
typedef std::int8_t Bytes16 __attribute__((vector_size(side_by_side)));
typedef std::int16_t Words16 __attribute__((vector_size(2 * side_by_side)));
using Cosines16 = std::array<std::int16_t, side_by_side>;  ///< x unit²

/// A picture's cuts, each coefficient 16 times side by side. No sum of products overflows 16 bits: it is at
/// most the product of both lengths.
struct CutQuery {
  Words16 values[LowFrequencies::count][cuts.size()];
};

void fill_query(const LowFrequencies& picture, CutQuery& query) {
  const auto cut = cut_usually(picture);
  for (std::size_t i = 0; i < cut.size(); ++i) {
    for (std::size_t k = 0; k < LowFrequencies::count; ++k) {
      const std::int16_t value = cut[i].values[k];  // NOLINT(bugprone-signed-char-misuse): a number
      for (std::size_t lane = 0; lane < side_by_side; ++lane) query.values[k][i][lane] = value;
    }
  }
}

/// Products of the coefficients from `From` to `To`, added up by cut.
template <std::size_t From, std::size_t To>
[[gnu::always_inline]] inline void add_products(const CutQuery& query, const std::int8_t* pictures,
                                                Words16 (&sums)[cuts.size()]) {
  for (std::size_t i = From; i < To; ++i) {
    Bytes16 bytes;
    std::memcpy(&bytes, pictures + i * side_by_side, sizeof bytes);
    const Words16 words = __builtin_convertvector(bytes, Words16);
    for (std::size_t cut = 0; cut < cuts.size(); ++cut) sums[cut] += query.values[i][cut] * words;
  }
}

/// Cosines of 16 pictures with the query, the best over cuts and the mirror. `pictures`: coefficient by
/// coefficient.
[[gnu::always_inline]] inline void best_cosines(const CutQuery& query, const std::int8_t* pictures,
                                                Cosines16& out) {
  Words16 symmetric[cuts.size()] = {};
  Words16 others[cuts.size()] = {};
  add_products<0, LowFrequencies::symmetric>(query, pictures, symmetric);
  add_products<LowFrequencies::symmetric, LowFrequencies::count>(query, pictures, others);
  Words16 best = {};
  for (std::size_t cut = 0; cut < cuts.size(); ++cut) {
    const Words16 sum = symmetric[cut] + (others[cut] > 0 ? others[cut] : -others[cut]);
    best = sum > best ? sum : best;
  }
  std::memcpy(out.data(), &best, sizeof best);
}

void best_cosines_plainly(const CutQuery& query, const std::int8_t* pictures, Cosines16& out) {
  best_cosines(query, pictures, out);
}

#if defined(__x86_64__)
[[gnu::target("avx2")]] void best_cosines_with_avx2(const CutQuery& query, const std::int8_t* pictures,
                                                    Cosines16& out) {
  best_cosines(query, pictures, out);
}
#endif

auto best_cosines_of_this_machine() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return best_cosines_with_avx2;
#endif
  return best_cosines_plainly;
}

/// The best of what it is given; ties go to the lower number.
class Nearest {
 public:
  struct Found {
    std::uint32_t number = 0;
    std::int16_t cosine = 0;  ///< x unit²
  };

  Nearest(std::size_t most, std::int16_t least) : most_(most), least_(least) {}

  /// What is below it need not be added.
  [[nodiscard]] std::int16_t least() const { return least_; }

  void add(std::uint32_t number, std::int16_t cosine) {
    found_.push_back({number, cosine});
    if (found_.size() == 2 * most_) halve();
  }

  const std::vector<Found>& sorted() {
    std::sort(found_.begin(), found_.end(), nearer);
    if (found_.size() > most_) found_.resize(most_);
    return found_;
  }

 private:
  static bool nearer(const Found& a, const Found& b) {
    return a.cosine > b.cosine || (a.cosine == b.cosine && a.number < b.number);
  }

  void halve() {
    const auto last = found_.begin() + static_cast<std::ptrdiff_t>(most_) - 1;
    std::nth_element(found_.begin(), last, found_.end(), nearer);
    least_ = std::max(least_, last->cosine);
    found_.resize(most_);
  }

  std::size_t most_;
  std::int16_t least_;
  std::vector<Found> found_;
};

constexpr auto cosine_scale = static_cast<float>(unit * unit);

std::int16_t least_cosine(float least) {
  return static_cast<std::int16_t>(std::clamp(least, 0.01F, 1.0F) * cosine_scale);
}

std::vector<LowFrequencyTable::Near> in_order(Nearest& found) {
  std::vector<LowFrequencyTable::Near> out;
  for (const Nearest::Found& near : found.sorted())
    out.push_back({near.number, static_cast<float>(near.cosine) / cosine_scale});
  return out;
}

}  // namespace

std::array<LowFrequencies, low_frequency_cuts> cut_usually(const LowFrequencies& picture) {
  FrequencySquare square{};
  for (std::size_t i = 0; i < picture.values.size(); ++i) {
    const KeptFrequency& frequency = kept()[i];
    square[frequency.vertical][frequency.horizontal] = picture.values[i] / frequency.weight;
  }
  std::array<LowFrequencies, low_frequency_cuts> out;
  for (std::size_t cut = 0; cut < cuts.size(); ++cut) {
    const auto values = weighted(multiply(cut_axes()[cut].down, square, cut_axes()[cut].across));
    for (std::size_t i = 0; i < values.size(); ++i)
      out[cut].values[i] = static_cast<std::int8_t>(std::lround(values[i]));
  }
  return out;
}

LowFrequencies low_frequencies(const LumaGrid& grid) {
  static const auto cosines = [] {
    std::array<std::array<double, LumaGrid::side>, frequencies> out;
    for (std::size_t i = 0; i < frequencies; ++i) {
      for (std::size_t k = 0; k < LumaGrid::side; ++k)
        out[i][k] =
            cosine(i, (static_cast<double>(k) + 0.5) / static_cast<double>(LumaGrid::side)) / LumaGrid::side;
    }
    return out;
  }();
  std::array<std::array<double, LumaGrid::side>, frequencies> halfway{};
  double squares = 0;
  for (std::size_t y = 0; y < LumaGrid::side; ++y) {
    for (std::size_t x = 0; x < LumaGrid::side; ++x) {
      const double luma = grid.area[y * LumaGrid::side + x];
      squares += luma * luma;
      for (std::size_t i = 0; i < frequencies; ++i) halfway[i][x] += cosines[i][y] * luma;
    }
  }
  FrequencySquare square{};
  for (std::size_t i = 0; i < frequencies; ++i) {
    for (std::size_t j = 0; j < frequencies; ++j) {
      for (std::size_t x = 0; x < LumaGrid::side; ++x) square[i][j] += halfway[i][x] * cosines[j][x];
    }
  }
  const double variance = squares / static_cast<double>(grid.area.size()) - square[0][0] * square[0][0];
  LowFrequencies out;
  if (variance < least_contrast * least_contrast) return out;
  const auto values = weighted(square);
  for (std::size_t i = 0; i < values.size(); ++i)
    out.values[i] = static_cast<std::int8_t>(std::lround(values[i]));
  return out;
}

void LowFrequencyTable::add(const LowFrequencies& picture) {
  if (size_ % block_size == 0) blocks_.emplace_back();
  for (std::size_t k = 0; k < LowFrequencies::count; ++k)
    blocks_.back().values[k][size_ % block_size] = picture.values[k];
  ++size_;
}

LowFrequencies LowFrequencyTable::at(std::size_t number) const {
  LowFrequencies out;
  for (std::size_t k = 0; k < LowFrequencies::count; ++k)
    out.values[k] = blocks_[number / block_size].values[k][number % block_size];
  return out;
}

std::vector<LowFrequencyTable::Near> LowFrequencyTable::nearest(std::uint32_t number, std::size_t most,
                                                                float least) const {
  const LowFrequencies picture = at(number);
  if (picture.flat() || most == 0) return {};
  CutQuery query;
  fill_query(picture, query);
  Nearest found(most, least_cosine(least));
  static const auto cosines_of = best_cosines_of_this_machine();
  std::uint32_t first = 0;
  for (const Block& block : blocks_) {
    Cosines16 cosines;
    cosines_of(query, block.values[0].data(), cosines);
    for (std::uint32_t lane = 0; lane < side_by_side; ++lane) {
      if (cosines[lane] >= found.least() && first + lane != number) found.add(first + lane, cosines[lane]);
    }
    first += side_by_side;
  }
  return in_order(found);
}

std::vector<LowFrequencyTable::Near> LowFrequencyTable::nearest_among(
    std::uint32_t number, std::span<const std::uint32_t> candidates, std::size_t most, float least) const {
  const LowFrequencies picture = at(number);
  if (picture.flat() || most == 0 || candidates.empty()) return {};
  CutQuery query;
  fill_query(picture, query);
  Nearest found(most, least_cosine(least));
  static const auto cosines_of = best_cosines_of_this_machine();
  Cosines16 cosines{};
  std::size_t computed = blocks_.size();  // the block whose cosines they are
  for (const std::uint32_t other : candidates) {
    if (other / block_size != computed) {
      computed = other / block_size;
      cosines_of(query, blocks_[computed].values[0].data(), cosines);
    }
    const std::int16_t cosine = cosines[other % block_size];
    if (cosine >= found.least() && other != number) found.add(other, cosine);
  }
  return in_order(found);
}

}  // namespace holisafe::image
