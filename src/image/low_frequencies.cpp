#include "image/low_frequencies.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "image/lanes.h"

namespace holisafe::image {
namespace {

constexpr std::size_t frequencies = 10;  ///< a side, 0 among them
constexpr float unit = 127;              ///< length of a picture's coefficients
constexpr float least_contrast = 1.0F;   ///< standard deviation of luma below which a picture is flat

using FrequencySquare = std::array<std::array<float, frequencies>, frequencies>;  ///< row: vertical

/// The pairs of frequencies that are kept, even horizontal ones first; the three highest corners are left
/// out.
struct KeptFrequency {
  std::size_t vertical = 0;
  std::size_t horizontal = 0;
  float weight = 0;
};
using KeptFrequencies = std::array<KeptFrequency, LowFrequencies::count>;

KeptFrequencies kept_frequencies() {
  KeptFrequencies out;
  std::size_t at = 0;
  for (std::size_t parity = 0; parity < 2; ++parity) {
    for (std::size_t u = parity; u < frequencies; u += 2) {
      for (std::size_t v = 0; v < frequencies; ++v) {
        if (u + v == 0 || u + v > 16) continue;
        const float radius = std::sqrt(static_cast<float>(u * u + v * v));
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

/// The mean of each cosine over each sample's share of what a cut leaves along one axis, times that share:
/// its product with a row of samples is a coefficient of what is left. What is cut off has no share.
using CutAxis = std::array<std::array<float, LumaGrid::side>, frequencies>;

CutAxis cut_axis(double before, double after) {
  const auto integral = [](std::size_t frequency, double end) {  // of the cosine, from 0
    const double turn = std::numbers::pi * static_cast<double>(frequency);
    return frequency == 0 ? end : std::numbers::sqrt2 * std::sin(turn * end) / turn;
  };
  const auto place = [&](std::size_t edge) {  // of a sample's edge, in what is left
    const double in_picture = static_cast<double>(edge) / static_cast<double>(LumaGrid::side);
    return std::clamp((in_picture - before) / (1 - before - after), 0.0, 1.0);
  };
  CutAxis out;
  for (std::size_t i = 0; i < frequencies; ++i) {
    for (std::size_t k = 0; k < LumaGrid::side; ++k)
      out[i][k] = static_cast<float>(integral(i, place(k + 1)) - integral(i, place(k)));
  }
  return out;
}

struct CutAxes {
  CutAxis across;
  CutAxis down;
};

const std::array<CutAxes, usual_cuts.size()>& cut_axes() {
  static const auto out = [] {
    std::array<CutAxes, usual_cuts.size()> axes;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const PictureCut& cut = usual_cuts[i];
      axes[i] = {cut_axis(cut.left, cut.right), cut_axis(cut.top, cut.bottom)};
    }
    return axes;
  }();
  return out;
}

/// Standard deviation squared of what a cut leaves.
float variance(const LumaGrid::Square& luma, const CutAxes& axes, float mean) {
  std::array<float, LumaGrid::side> rows;
  for (std::size_t y = 0; y < LumaGrid::side; ++y) {
    std::array<float, LumaGrid::side> squares;
    for (std::size_t x = 0; x < LumaGrid::side; ++x) {
      const float away = luma[y * LumaGrid::side + x] - mean;
      squares[x] = away * away;
    }
    rows[y] = dot(squares.data(), axes.across[0].data(), squares.size());
  }
  return dot(rows.data(), axes.down[0].data(), rows.size());
}

/// The weighted coefficients, brought to length `unit`; all zero where there is nothing.
LowFrequencies weighted(const FrequencySquare& square) {
  std::array<float, LowFrequencies::count> values{};
  float squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const KeptFrequency& frequency = kept()[i];
    values[i] = square[frequency.vertical][frequency.horizontal] * frequency.weight;
    squares += values[i] * values[i];
  }
  LowFrequencies out;
  if (squares <= 0) return out;
  const float scale = unit / std::sqrt(squares);
  for (std::size_t i = 0; i < values.size(); ++i)
    out.values[i] = static_cast<std::int8_t>(std::lround(values[i] * scale));
  return out;
}

LowFrequencies frequencies_of(const LumaGrid::Square& luma, const CutAxes& axes) {
  std::array<std::array<float, LumaGrid::side>, frequencies> halfway;
  for (std::size_t y = 0; y < LumaGrid::side; ++y) {
    const float* const row = luma.data() + y * LumaGrid::side;
    for (std::size_t j = 0; j < frequencies; ++j)
      halfway[j][y] = dot(row, axes.across[j].data(), LumaGrid::side);
  }
  FrequencySquare square;
  for (std::size_t i = 0; i < frequencies; ++i) {
    for (std::size_t j = 0; j < frequencies; ++j)
      square[i][j] = dot(axes.down[i].data(), halfway[j].data(), LumaGrid::side);
  }
  if (variance(luma, axes, square[0][0]) < least_contrast * least_contrast) return {};
  return weighted(square);
}

constexpr std::size_t side_by_side = 16;  ///< pictures
typedef std::int8_t Bytes16 __attribute__((vector_size(side_by_side)));
typedef std::int16_t Words16 __attribute__((vector_size(2 * side_by_side)));
using Cosines16 = std::array<std::int16_t, side_by_side>;  ///< x unit²

/// A picture's cuts, each coefficient 16 times side by side. No sum of products overflows 16 bits: it is at
/// most the product of both lengths.
struct CutQuery {
  Words16 values[LowFrequencies::count][usual_cuts.size()];
};

void fill_query(const SeenFrequencies& seen, CutQuery& query) {
  for (std::size_t i = 0; i < seen.size(); ++i) {
    for (std::size_t k = 0; k < LowFrequencies::count; ++k) {
      const std::int16_t value = seen[i].values[k];  // NOLINT(bugprone-signed-char-misuse): a number
      for (std::size_t lane = 0; lane < side_by_side; ++lane) query.values[k][i][lane] = value;
    }
  }
}

/// Products of the coefficients from `From` to `To`, added up by cut.
template <std::size_t From, std::size_t To>
[[gnu::always_inline]] inline void add_products(const CutQuery& query, const std::int8_t* pictures,
                                                Words16 (&sums)[usual_cuts.size()]) {
  for (std::size_t i = From; i < To; ++i) {
    Bytes16 bytes;
    std::memcpy(&bytes, pictures + i * side_by_side, sizeof bytes);
    const Words16 words = __builtin_convertvector(bytes, Words16);
    for (std::size_t cut = 0; cut < usual_cuts.size(); ++cut) sums[cut] += query.values[i][cut] * words;
  }
}

/// Cosines of 16 pictures with the query, the best over cuts and the mirror. `pictures`: coefficient by
/// coefficient.
[[gnu::always_inline]] inline void best_cosines(const CutQuery& query, const std::int8_t* pictures,
                                                Cosines16& out) {
  Words16 symmetric[usual_cuts.size()] = {};
  Words16 others[usual_cuts.size()] = {};
  add_products<0, LowFrequencies::symmetric>(query, pictures, symmetric);
  add_products<LowFrequencies::symmetric, LowFrequencies::count>(query, pictures, others);
  Words16 best = {};
  for (std::size_t cut = 0; cut < usual_cuts.size(); ++cut) {
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

constexpr float cosine_scale = unit * unit;

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

LowFrequencies low_frequencies(const LumaGrid::Square& luma) { return frequencies_of(luma, cut_axes()[0]); }

SeenFrequencies seen_frequencies(const LumaGrid::Square& luma) {
  SeenFrequencies out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = frequencies_of(luma, cut_axes()[i]);
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

std::vector<LowFrequencyTable::Near> LowFrequencyTable::nearest(const Wanted& wanted, std::size_t most,
                                                                float least) const {
  if (wanted.seen[0].flat() || most == 0) return {};
  CutQuery query;
  fill_query(wanted.seen, query);
  Nearest found(most, least_cosine(least));
  static const auto cosines_of = best_cosines_of_this_machine();
  std::uint32_t first = 0;
  for (const Block& block : blocks_) {
    Cosines16 cosines;
    cosines_of(query, block.values[0].data(), cosines);
    for (std::uint32_t lane = 0; lane < side_by_side; ++lane) {
      if (cosines[lane] >= found.least() && first + lane != wanted.number)
        found.add(first + lane, cosines[lane]);
    }
    first += side_by_side;
  }
  return in_order(found);
}

std::vector<LowFrequencyTable::Near> LowFrequencyTable::nearest_among(
    const Wanted& wanted, std::span<const std::uint32_t> candidates, std::size_t most, float least) const {
  if (wanted.seen[0].flat() || most == 0 || candidates.empty()) return {};
  CutQuery query;
  fill_query(wanted.seen, query);
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
    if (cosine >= found.least() && other != wanted.number) found.add(other, cosine);
  }
  return in_order(found);
}

}  // namespace holisafe::image
