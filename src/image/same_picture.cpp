#include "image/same_picture.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "image/lanes.h"
#include "image/picture_cut.h"

namespace holisafe::image {
namespace {

// Each lies between the worst that true pairs have there and the best of look-alikes, as measured on the
// pictures of tests/changed_pictures.py.
constexpr float least_coarse = 0.70F;  ///< correlation at 24 x 24 worth a closer look
constexpr float least_correlation = 0.965F;
constexpr float most_gain = 1.8F;  ///< and its inverse

/// What may be left unexplained: in any tile, and in any but two.
struct TileBound {
  float first = 0;
  float third = 0;
};
constexpr TileBound usual_tiles{0.68F, 0.40F};
constexpr float doubtful_correlation = 0.985F;  ///< below it tiles must be better
constexpr TileBound doubtful_tiles{0.45F, 0.20F};
constexpr float least_tile_variance = 4;    ///< of luma, of a tile, below which it is noise
constexpr float least_tile_share = 0.001F;  ///< and of the picture's variance

constexpr float most_recoloured = 0.01F;
constexpr float most_chroma_gain = 1.5F;   ///< and its inverse
constexpr float most_grey_difference = 6;  ///< of luma, where colour cannot tell
constexpr float most_flat_difference = 4;  ///< of luma where there is nothing else to see
constexpr float most_aspect = 1.6F;
constexpr float least_deviation = 1.0F;  ///< of luma, below which there is nothing to see

constexpr float longest_cut = 0.07F;  ///< of one side
constexpr std::array<PictureCut, 6> usual_cuts{{{0, 0, 0, 0},
                                                {0.04F, 0, 0, 0},
                                                {0, 0.04F, 0, 0},
                                                {0, 0, 0.04F, 0},
                                                {0, 0, 0, 0.04F},
                                                {0.03F, 0.03F, 0.03F, 0.03F}}};

constexpr std::size_t fine_side = 48;
constexpr std::size_t fine_count = fine_side * fine_side;
constexpr std::size_t colour_side = 12;
constexpr std::size_t tile_side = 6;
using Fine = std::array<float, fine_count>;

/// Each row turned around.
void mirror_rows(float* samples, std::size_t side) {
  for (std::size_t y = 0; y < side; ++y) std::reverse(samples + y * side, samples + (y + 1) * side);
}

float mean_of(const float* samples, std::size_t count) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += static_cast<double>(samples[i]);
  return static_cast<float>(sum / static_cast<double>(count));
}

/// Mean 0 and length 1; all zero where there is nothing to see.
void normalise(float* samples, std::size_t count) {
  const float mean = mean_of(samples, count);
  for (std::size_t i = 0; i < count; ++i) samples[i] -= mean;
  const float length = std::sqrt(dot(samples, samples, count));
  for (std::size_t i = 0; i < count; ++i) samples[i] = length > 0 ? samples[i] / length : 0;
}

/// A quarter, a half, a quarter of neighbours in both directions; the border stands for what is beyond it.
std::vector<float> blurred(const std::vector<float>& in, std::size_t side) {
  std::vector<float> across(in.size());
  for (std::size_t y = 0; y < side; ++y) {
    const float* const row = in.data() + y * side;
    for (std::size_t x = 0; x < side; ++x)
      across[y * side + x] = (row[x > 0 ? x - 1 : 0] + 2 * row[x] + row[std::min(x + 1, side - 1)]) / 4;
  }
  std::vector<float> out(in.size());
  for (std::size_t y = 0; y < side; ++y) {
    const float* const above = across.data() + (y > 0 ? y - 1 : 0) * side;
    const float* const row = across.data() + y * side;
    const float* const below = across.data() + std::min(y + 1, side - 1) * side;
    for (std::size_t x = 0; x < side; ++x) out[y * side + x] = (above[x] + 2 * row[x] + below[x]) / 4;
  }
  return out;
}

bool without_colour(const PixelSketch& sketch) {
  std::size_t tinted = 0;
  for (std::size_t i = 0; i < PixelSketch::chroma_cells; ++i) {
    const int most = std::max(std::abs(int{sketch.blue[i]}), std::abs(int{sketch.red[i]}));
    if (most > 6) return false;
    if (most > 3) ++tinted;
  }
  return tinted * 100 <= PixelSketch::chroma_cells;
}

/// Sums over all samples of one picture, `x`, against another, `y`.
struct Moments {
  float mean_x = 0;
  float mean_y = 0;
  float variance_x = 0;
  float variance_y = 0;
  float covariance = 0;

  Moments(const Fine& x, const Fine& y)
      : mean_x(mean_of(x.data(), x.size())), mean_y(mean_of(y.data(), y.size())) {
    constexpr auto count = static_cast<float>(fine_count);
    variance_x = dot(x.data(), x.data(), x.size()) / count - mean_x * mean_x;
    variance_y = dot(y.data(), y.data(), y.size()) / count - mean_y * mean_y;
    covariance = dot(x.data(), y.data(), x.size()) / count - mean_x * mean_y;
  }
  [[nodiscard]] float correlation() const {
    const float product = variance_x * variance_y;
    return product > 0 ? covariance / std::sqrt(product) : 0;
  }
  [[nodiscard]] float gain() const { return variance_x > 0 ? covariance / variance_x : 0; }
};

/// Least squares in six unknowns: gain, offset, and what to add to each side's cut.
class CutStep {
 public:
  static constexpr std::size_t unknowns = 6;

  /// `cut_picture`: what `cut` leaves of a picture, to become like `target`.
  CutStep(const Fine& cut_picture, const Fine& target, const PictureCut& cut) {
    const float across = 0.5F * fine_side / (1 - cut.left - cut.right);
    const float down = 0.5F * fine_side / (1 - cut.top - cut.bottom);
    for (std::size_t y = 0; y < fine_side; ++y) {
      std::array<std::array<float, fine_side>, unknowns + 1> rows;
      const float* const row = cut_picture.data() + y * fine_side;
      const float* const above = cut_picture.data() + (y > 0 ? y - 1 : 0) * fine_side;
      const float* const below = cut_picture.data() + std::min(y + 1, fine_side - 1) * fine_side;
      const float low = (static_cast<float>(y) + 0.5F) / fine_side;
      for (std::size_t x = 0; x < fine_side; ++x) {
        const float far = (static_cast<float>(x) + 0.5F) / fine_side;
        const float slope_x = (row[std::min(x + 1, fine_side - 1)] - row[x > 0 ? x - 1 : 0]) * across;
        const float slope_y = (below[x] - above[x]) * down;
        rows[0][x] = row[x];
        rows[1][x] = 1;
        rows[2][x] = slope_x * (1 - far);
        rows[3][x] = -slope_x * far;
        rows[4][x] = slope_y * (1 - low);
        rows[5][x] = -slope_y * low;
        rows[6][x] = target[y * fine_side + x];
      }
      for (std::size_t i = 0; i < unknowns; ++i) {
        for (std::size_t j = i; j <= unknowns; ++j)
          sums_[i][j] += static_cast<double>(dot(rows[i].data(), rows[j].data(), fine_side));
      }
    }
    variance_ = sums_[0][0] / fine_count - std::pow(sums_[0][1] / fine_count, 2);
  }

  /// The next cut, within what is a cut at all; nothing where the picture does not say.
  std::optional<PictureCut> next(const PictureCut& cut) {
    // A side whose place nothing in the picture tells stays where it is.
    for (std::size_t i = 2; i < unknowns; ++i) sums_[i][i] += variance_ * fine_count;
    std::array<double, unknowns> solution{};
    if (!solve(solution) || solution[0] <= 0) return std::nullopt;
    const auto moved = [&solution](float side, std::size_t unknown) {
      return std::clamp(side + static_cast<float>(solution[unknown] / solution[0]), 0.0F, longest_cut);
    };
    return PictureCut{moved(cut.left, 2), moved(cut.right, 3), moved(cut.top, 4), moved(cut.bottom, 5)};
  }

 private:
  /// Gauss's elimination on the upper triangle: the matrix is symmetric and its pivots positive.
  bool solve(std::array<double, unknowns>& out) {
    for (std::size_t i = 0; i < unknowns; ++i) {
      if (sums_[i][i] <= 1e-9) return false;
      for (std::size_t row = i + 1; row < unknowns; ++row) {
        const double factor = sums_[i][row] / sums_[i][i];
        for (std::size_t column = row; column <= unknowns; ++column)
          sums_[row][column] -= factor * sums_[i][column];
      }
    }
    for (std::size_t i = unknowns; i-- > 0;) {
      double rest = sums_[i][unknowns];
      for (std::size_t j = i + 1; j < unknowns; ++j) rest -= sums_[i][j] * out[j];
      out[i] = rest / sums_[i][i];
    }
    return true;
  }

  std::array<std::array<double, unknowns + 1>, unknowns> sums_{};
  double variance_ = 0;
};

using Colours = std::array<float, colour_side * colour_side>;

/// Of a place and the eight around it: an edge may lie a little beside its place.
float strongest_around(const Colours& strength, std::size_t place) {
  const std::size_t row = place / colour_side;
  const std::size_t column = place % colour_side;
  float out = 0;
  for (std::size_t y = row - std::min<std::size_t>(row, 1); y <= std::min(row + 1, colour_side - 1); ++y) {
    for (std::size_t x = column - std::min<std::size_t>(column, 1);
         x <= std::min(column + 1, colour_side - 1); ++x)
      out = std::max(out, strength[y * colour_side + x]);
  }
  return out;
}

/// Sums over a tile of two pictures, their means there taken out.
struct TileMoments {
  float square_x = 0;
  float square_y = 0;
  float product = 0;
  float least = 255;  ///< of both

  TileMoments(const Fine& x, const Fine& y, std::size_t top, std::size_t left) {
    float sum_x = 0;
    float sum_y = 0;
    for (std::size_t i = 0; i < tile_side * tile_side; ++i) {
      const std::size_t at = (top + i / tile_side) * fine_side + left + i % tile_side;
      sum_x += x[at];
      sum_y += y[at];
      square_x += x[at] * x[at];
      square_y += y[at] * y[at];
      product += x[at] * y[at];
      least = std::min({least, x[at], y[at]});
    }
    constexpr float count = tile_side * tile_side;
    square_x -= sum_x * sum_x / count;
    square_y -= sum_y * sum_y / count;
    product -= sum_x * sum_y / count;
  }
};

/// What one of the pictures does not explain of the other in a tile, as a share of what is to be seen there,
/// of the tile where it is worst, and of the one where it is worst but for two. Near white there may have
/// been more before it was made brighter.
struct WorstTiles {
  float first = 0;
  float third = 0;

  WorstTiles(const Fine& x, const Fine& y, const Moments& moments) {
    constexpr float count = tile_side * tile_side;
    constexpr float near_white = 225;
    const float gain = moments.gain();
    const float floor = count * (least_tile_variance + least_tile_share * moments.variance_y);
    std::array<float, 3> worst{};
    for (std::size_t top = 0; top < fine_side; top += tile_side) {
      for (std::size_t left = 0; left < fine_side; left += tile_side) {
        const TileMoments tile(x, y, top, left);
        if (tile.least > near_white) continue;
        const float seen = std::max(gain * gain * tile.square_x, tile.square_y);
        const float product = tile.square_x * tile.square_y;
        const float explained = tile.product > 0 && product > 0 ? tile.product * tile.product / product : 0;
        const float unexplained = seen * (1 - explained) / (seen + floor);
        if (unexplained <= worst[0]) continue;
        worst[0] = unexplained;  // the least of the three
        std::sort(worst.begin(), worst.end());
      }
    }
    first = worst[2];
    third = worst[0];
  }
};

}  // namespace

ComparablePicture::ComparablePicture(const PixelSketch& sketch)
    : aspect_(sketch.aspect),
      grey_(without_colour(sketch)),
      luma_(sketch.luma.size()),
      blue_(sketch.blue.begin(), sketch.blue.end()),
      red_(sketch.red.begin(), sketch.red.end()),
      cuts_(usual_cuts.size()) {
  for (std::size_t i = 0; i < luma_.size(); ++i)
    luma_[i] = sketch.darkest + sketch.luma_step * static_cast<float>(sketch.luma[i]);
  luma_ = blurred(luma_, PixelSketch::luma_side);
  mean_luma_ = mean_of(luma_.data(), luma_.size());
  float squares = 0;
  for (const float luma : luma_) squares += (luma - mean_luma_) * (luma - mean_luma_);
  one_luma_ = squares < least_deviation * least_deviation * static_cast<float>(luma_.size());
  for (std::size_t i = 0; i < cuts_.size(); ++i) {
    resample(luma_.data(), PixelSketch::luma_side, usual_cuts[i], coarse_side, cuts_[i].data());
    normalise(cuts_[i].data(), cuts_[i].size());
  }
  mirrored_ = cuts_[0];
  mirror_rows(mirrored_.data(), coarse_side);
}

/// Two pictures of which one may be a part of the other.
class Comparison {
 public:
  Comparison(const ComparablePicture& a, const ComparablePicture& b) : a_(a), b_(b) {}

  [[nodiscard]] Agreement run() const {
    const float aspects = a_.aspect_ / b_.aspect_;
    if (std::max(aspects, 1 / aspects) > most_aspect) return {};
    if (a_.one_luma_ || b_.one_luma_) return by_colour();
    Agreement best;
    for (const Candidate& candidate : candidates()) {
      const Agreement found = judge(candidate);
      if (found.same) return found;
      if (found.correlation > best.correlation) best = found;
    }
    return best;
  }

 private:
  /// One picture, cut, against the other, which may be mirrored.
  struct Candidate {
    const ComparablePicture* whole = nullptr;
    const ComparablePicture* part = nullptr;
    bool mirrored = false;
    std::size_t cut = 0;
    float correlation = 0;
  };

  /// The best cut of each way to see the two, those worth a closer look, the best first.
  [[nodiscard]] std::vector<Candidate> candidates() const {
    std::vector<Candidate> out;
    for (const bool swapped : {false, true}) {
      for (const bool mirrored : {false, true}) {
        Candidate best{swapped ? &b_ : &a_, swapped ? &a_ : &b_, mirrored, 0, least_coarse};
        const auto& part = mirrored ? best.part->mirrored_ : best.part->cuts_[0];
        bool found = false;
        for (std::size_t cut = swapped ? 1 : 0; cut < usual_cuts.size();
             ++cut) {  // uncut, they are the same two
          const float correlation = dot(best.whole->cuts_[cut].data(), part.data(), part.size());
          if (correlation <= best.correlation) continue;
          best.correlation = correlation;
          best.cut = cut;
          found = true;
        }
        if (found) out.push_back(best);
      }
    }
    std::stable_sort(out.begin(), out.end(),
                     [](const Candidate& a, const Candidate& b) { return a.correlation > b.correlation; });
    return out;
  }

  [[nodiscard]] static Agreement judge(const Candidate& candidate) {
    PictureCut cut = usual_cuts[candidate.cut];
    Fine target;
    Fine seen;
    resample(candidate.part->luma_.data(), PixelSketch::luma_side, {}, fine_side, target.data());
    if (candidate.mirrored) mirror_rows(target.data(), fine_side);
    resample(candidate.whole->luma_.data(), PixelSketch::luma_side, cut, fine_side, seen.data());
    Moments moments(seen, target);
    constexpr int most_steps = 6;
    for (int step = 0; step < most_steps && moments.correlation() < 0.998F; ++step) {
      const auto next = CutStep(seen, target, cut).next(cut);
      if (!next) break;
      Fine better;
      resample(candidate.whole->luma_.data(), PixelSketch::luma_side, *next, fine_side, better.data());
      const Moments now(better, target);
      if (now.correlation() <= moments.correlation() + 1e-5F) break;
      cut = *next;
      seen = better;
      moments = now;
    }
    return decide(candidate, cut, seen, target, moments);
  }

  [[nodiscard]] static Agreement decide(const Candidate& candidate, const PictureCut& cut, const Fine& seen,
                                        const Fine& target, const Moments& moments) {
    Agreement out;
    out.mirrored = candidate.mirrored;
    out.correlation = moments.correlation();
    out.gain = moments.gain();
    if (out.correlation < least_correlation || out.gain > most_gain || out.gain * most_gain < 1) return out;
    const WorstTiles tiles(seen, target, moments);
    out.worst_tile = tiles.first;
    out.third_tile = tiles.third;
    float squares = 0;
    for (std::size_t i = 0; i < fine_count; ++i) squares += (target[i] - seen[i]) * (target[i] - seen[i]);
    out.luma_difference = std::sqrt(squares / fine_count);
    out.recoloured = recoloured(candidate, cut, {8, 0.18F});
    const TileBound& bound = out.correlation < doubtful_correlation ? doubtful_tiles : usual_tiles;
    if (out.worst_tile > bound.first || out.third_tile > bound.third) return out;
    if (out.recoloured <= most_recoloured) {
      out.same = true;
    } else if (candidate.whole->grey_ != candidate.part->grey_) {
      out.across_grey = out.luma_difference <= most_grey_difference;
      out.same = out.across_grey;
    }
    return out;
  }

  /// How far colours may differ: so much, and so much of what colour there is.
  struct ColourBound {
    float noise = 0;
    float share = 0;
  };

  /// Share of the area whose chroma differs by more. Colours may be stronger or weaker throughout.
  [[nodiscard]] static float recoloured(const Candidate& candidate, const PictureCut& cut,
                                        const ColourBound& bound) {
    const auto part_of = [](const std::vector<float>& plane, const PictureCut& of, bool mirrored) {
      Colours out;
      resample(plane.data(), PixelSketch::chroma_side, of, colour_side, out.data());
      if (mirrored) mirror_rows(out.data(), colour_side);
      return out;
    };
    const Colours blue = part_of(candidate.whole->blue_, cut, false);
    const Colours red = part_of(candidate.whole->red_, cut, false);
    const Colours target_blue = part_of(candidate.part->blue_, {}, candidate.mirrored);
    const Colours target_red = part_of(candidate.part->red_, {}, candidate.mirrored);
    const float product =
        dot(blue.data(), target_blue.data(), blue.size()) + dot(red.data(), target_red.data(), red.size());
    const float square = dot(blue.data(), blue.data(), blue.size()) + dot(red.data(), red.data(), red.size());
    const float gain = bound.share > 0 && square > 0
                           ? std::clamp(product / square, 1 / most_chroma_gain, most_chroma_gain)
                           : 1;
    Colours strength;
    for (std::size_t i = 0; i < blue.size(); ++i)
      strength[i] = std::max(std::hypot(target_blue[i], target_red[i]), gain * std::hypot(blue[i], red[i]));
    int differ = 0;
    for (std::size_t i = 0; i < blue.size(); ++i) {
      const float difference = std::hypot(target_blue[i] - gain * blue[i], target_red[i] - gain * red[i]);
      if (difference > bound.noise + bound.share * strongest_around(strength, i)) ++differ;
    }
    return static_cast<float>(differ) / static_cast<float>(blue.size());
  }

  [[nodiscard]] static bool varied(const ComparablePicture& picture) {
    const auto spread = [](const std::vector<float>& plane) {
      const auto [least, most] = std::minmax_element(plane.begin(), plane.end());
      return *most - *least;
    };
    return std::max(spread(picture.blue_), spread(picture.red_)) > 8;
  }

  /// Where luma says nothing, its mean and the colours must be the same.
  [[nodiscard]] Agreement by_colour() const {
    Agreement out;
    out.luma_difference = std::abs(a_.mean_luma_ - b_.mean_luma_);
    if (!a_.one_luma_ || !b_.one_luma_ || out.luma_difference > most_flat_difference) return out;
    // Edges may lie a little beside their place, where there are any.
    const ColourBound bound{3, varied(a_) && varied(b_) ? 0.18F : 0};
    for (const bool mirrored : {false, true}) {
      out.recoloured = recoloured({&a_, &b_, mirrored, 0, 0}, {}, bound);
      out.mirrored = mirrored;
      out.same = out.recoloured <= most_recoloured;
      if (out.same) break;
    }
    return out;
  }

  const ComparablePicture& a_;
  const ComparablePicture& b_;
};

Agreement compare(const ComparablePicture& a, const ComparablePicture& b) { return Comparison(a, b).run(); }

bool same_picture(const PixelSketch& a, const PixelSketch& b) {
  return compare(ComparablePicture(a), ComparablePicture(b)).same;
}

}  // namespace holisafe::image
