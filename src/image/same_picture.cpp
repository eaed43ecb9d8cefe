#include "image/same_picture.h"

#include <algorithm>
#include <cmath>

#include "image/lanes.h"
#include "image/luma_fit.h"
#include "image/picture_cut.h"

namespace holisafe::image {
namespace {

// Each lies between the worst that true pairs have there and the best of look-alikes, as measured on the
// pictures of tests/changed_pictures.py.
constexpr float least_coarse = 0.70F;  ///< correlation at 24 x 24 worth a closer look
/// By so much a cut must correlate better than the uncut picture: where luma varies along one axis alone,
/// cuts across it change nothing in luma, but they do in colour.
constexpr float least_gain_of_cut = 0.001F;
constexpr float least_correlation = 0.985F;
constexpr float most_gain = 1.8F;  ///< and its inverse

// What may be left unexplained. A picture made brighter may lose whole tiles to white, at a few places; what
// is another picture differs at some more, if only a little at each: hence the fourth tile, and the sum.
constexpr float most_of_a_tile = 0.68F;
constexpr float most_of_fourth_tile = 0.12F;
constexpr float most_unexplained = 0.023F;
// Of colour, in one tile: what has the luma of its ground may be seen by its colour alone.
constexpr float most_of_a_colour_tile = 0.75F;
constexpr float colour_noise = 9;           ///< variance of chroma (as PixelSketch has it) in a tile
constexpr float least_tile_variance = 4;    ///< of luma, of a tile, below which it is noise
constexpr float least_tile_share = 0.001F;  ///< and of the picture's variance

constexpr float most_recoloured = 0.01F;
constexpr float most_chroma_gain = 1.5F;   ///< and its inverse
constexpr float most_grey_difference = 4;  ///< of luma, where colour cannot tell
constexpr float most_flat_difference = 4;  ///< of luma where there is nothing else to see
constexpr float most_aspect = 1.6F;
constexpr float least_deviation = 1.0F;  ///< of luma, below which there is nothing to see

constexpr std::size_t colour_side = 12;
constexpr std::size_t tile_side = 6;

/// Each row turned around.
void mirror_rows(float* samples, std::size_t side) {
  for (std::size_t y = 0; y < side; ++y) std::reverse(samples + y * side, samples + (y + 1) * side);
}

/// Mean 0 and length 1; all zero where there is nothing to see.
void normalise(float* samples, std::size_t count) {
  const float mean = mean_of(samples, count);
  for (std::size_t i = 0; i < count; ++i) samples[i] -= mean;
  const float length = std::sqrt(dot(samples, samples, count));
  for (std::size_t i = 0; i < count; ++i) samples[i] = length > 0 ? samples[i] / length : 0;
}

/// A quarter, a half, a quarter of neighbours in both directions; the border stands for what is beyond it.
std::vector<float> blurred(const LumaGrid::Square& in, std::size_t side) {
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

  /// `x` and `y`: the tile's first samples, in rows of `side`.
  TileMoments(const float* x, const float* y, std::size_t side) {
    float sum_x = 0;
    float sum_y = 0;
    for (std::size_t i = 0; i < tile_side * tile_side; ++i) {
      const std::size_t at = i / tile_side * side + i % tile_side;
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

/// What of a tile's variation is not one picture's times a gain, as a share of what is to be seen there
/// beside so much noise (all sums over the tile).
float unexplained_share(float square_x, float square_y, float product, float noise) {
  const float seen = std::max(square_x, square_y);
  const float both = square_x * square_y;
  const float explained = product > 0 && both > 0 ? product * product / both : 0;
  return seen * (1 - explained) / (seen + noise);
}

/// What one of the pictures does not explain of the other in a tile, as a share of what is to be seen there:
/// of the tile where it is worst, of the one where it is worst but for three, and of all of them together.
/// Near white there may have been more before it was made brighter.
struct UnexplainedTiles {
  float worst = 0;
  float fourth = 0;
  float share = 0;

  UnexplainedTiles(const Fine& x, const Fine& y, const Moments& moments) {
    constexpr float count = tile_side * tile_side;
    constexpr float near_white = 225;
    const float gain = moments.gain();
    const float floor = count * (least_tile_variance + least_tile_share * moments.variance_y);
    std::array<float, 4> most{};
    float all = 0;
    float to_be_seen = 1;  // a picture of less has no share worth speaking of
    for (std::size_t top = 0; top < fine_side; top += tile_side) {
      for (std::size_t left = 0; left < fine_side; left += tile_side) {
        const std::size_t first = top * fine_side + left;
        const TileMoments tile(x.data() + first, y.data() + first, fine_side);
        if (tile.least > near_white) continue;
        const float seen = std::max(gain * gain * tile.square_x, tile.square_y);
        const float unexplained =
            unexplained_share(gain * gain * tile.square_x, tile.square_y, gain * tile.product, floor);
        all += unexplained;
        to_be_seen += seen / (seen + floor);
        if (unexplained <= most[0]) continue;
        most[0] = unexplained;  // the least of the four
        std::sort(most.begin(), most.end());
      }
    }
    worst = most[3];
    fourth = most[0];
    share = all / to_be_seen;
  }
};

}  // namespace

ComparablePicture::ComparablePicture(const PixelSketch& sketch)
    : aspect_(sketch.aspect),
      grey_(without_colour(sketch)),
      luma_(blurred(luma_of(sketch), PixelSketch::luma_side)),
      blue_(sketch.blue.begin(), sketch.blue.end()),
      red_(sketch.red.begin(), sketch.red.end()),
      cuts_(usual_cuts.size()) {
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
          const bool uncut_found = found && best.cut == 0;
          if (correlation <= best.correlation + (uncut_found ? least_gain_of_cut : 0)) continue;
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
    const UnexplainedTiles tiles(seen, target, moments);
    out.worst_tile = tiles.worst;
    out.fourth_tile = tiles.fourth;
    out.unexplained = tiles.share;
    float squares = 0;
    for (std::size_t i = 0; i < fine_count; ++i) squares += (target[i] - seen[i]) * (target[i] - seen[i]);
    out.luma_difference = std::sqrt(squares / fine_count);
    out.recoloured = recoloured(candidate, cut, {8, 0.18F});
    if (out.worst_tile > most_of_a_tile || out.fourth_tile > most_of_fourth_tile ||
        out.unexplained > most_unexplained)
      return out;
    if (out.recoloured <= most_recoloured) {
      out.same = worst_colour_tile(candidate, cut) <= most_of_a_colour_tile;
    } else if (candidate.whole->grey_ != candidate.part->grey_) {
      out.across_grey = out.luma_difference <= most_grey_difference;
      out.same = out.across_grey;
    }
    return out;
  }

  /// The chroma of both pictures in `side` x `side` samples, the one as it is cut, the other as it is turned.
  template <std::size_t side>
  struct BothChromas {
    using Plane = std::array<float, side * side>;
    Plane blue;
    Plane red;
    Plane target_blue;
    Plane target_red;

    BothChromas(const Candidate& candidate, const PictureCut& cut)
        : blue(plane_of(candidate.whole->blue_, cut, false)),
          red(plane_of(candidate.whole->red_, cut, false)),
          target_blue(plane_of(candidate.part->blue_, {}, candidate.mirrored)),
          target_red(plane_of(candidate.part->red_, {}, candidate.mirrored)) {}

    static Plane plane_of(const std::vector<float>& plane, const PictureCut& cut, bool mirrored) {
      Plane out;
      resample(plane.data(), PixelSketch::chroma_side, cut, side, out.data());
      if (mirrored) mirror_rows(out.data(), side);
      return out;
    }
  };

  /// Of colour, what one does not explain of the other in the tile where that is most.
  [[nodiscard]] static float worst_colour_tile(const Candidate& candidate, const PictureCut& cut) {
    constexpr std::size_t side = PixelSketch::chroma_side;
    const auto& [blue, red, target_blue, target_red] = BothChromas<side>(candidate, cut);
    float out = 0;
    for (std::size_t top = 0; top < side; top += tile_side) {
      for (std::size_t left = 0; left < side; left += tile_side) {
        const std::size_t first = top * side + left;
        const TileMoments of_blue(blue.data() + first, target_blue.data() + first, side);
        const TileMoments of_red(red.data() + first, target_red.data() + first, side);
        out = std::max(
            out, unexplained_share(of_blue.square_x + of_red.square_x, of_blue.square_y + of_red.square_y,
                                   of_blue.product + of_red.product, tile_side * tile_side * colour_noise));
      }
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
    const auto& [blue, red, target_blue, target_red] = BothChromas<colour_side>(candidate, cut);
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
