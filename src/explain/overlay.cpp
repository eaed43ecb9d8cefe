#include "explain/overlay.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace holisafe::explain {
namespace {

using Colour = std::array<float, 3>;

/// Far apart in brightness and between blue and yellow, which is what everybody sees.
constexpr std::array<Colour, 2> tints{{{255, 221, 0}, {20, 60, 255}}};
/// How far the strongest place moves towards the tint, summed over the channels: as far on every ground, so
/// that a place that is stronger looks stronger whatever lies under it.
constexpr float strongest_change = 300;
/// So much of the picture is seen through the tint at least.
constexpr float most_tint = 0.9F;
/// Below 1: weak places are seen too.
constexpr float strength_power = 0.75F;
/// Rows and columns that are looked at to choose the tint.
constexpr int samples_a_side = 128;

float luma(const Colour& colour) { return 0.299F * colour[0] + 0.587F * colour[1] + 0.114F * colour[2]; }

/// How different two colours are to people who cannot tell red from green.
float difference(const Colour& a, const Colour& b) {
  const auto blueness = [](const Colour& c) { return c[2] - (c[0] + c[1]) / 2; };
  return std::hypot(luma(a) - luma(b), blueness(a) - blueness(b));
}

Colour colour_at(const std::uint8_t* pixel) {
  return {static_cast<float>(pixel[0]), static_cast<float>(pixel[1]), static_cast<float>(pixel[2])};
}

float distance(const Colour& a, const Colour& b) {
  return std::abs(a[0] - b[0]) + std::abs(a[1] - b[1]) + std::abs(a[2] - b[2]);
}

/// Towards `other` by a share, in place.
void mix(std::uint8_t* pixel, const Colour& other, float share) {
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const auto own = static_cast<float>(pixel[channel]);
    pixel[channel] = static_cast<std::uint8_t>(std::lround(own + (other[channel] - own) * share));
  }
}

/// The one that the picture has less of where the map is strong.
Colour tint_for(const Strengths& strengths, const image::Image& picture) {
  std::array<double, tints.size()> apart{};
  std::vector<float> row(static_cast<std::size_t>(picture.width));
  const int down = std::max(1, picture.height / samples_a_side);
  const int across = std::max(1, picture.width / samples_a_side);
  for (int y = down / 2; y < picture.height; y += down) {
    strengths.row(y, row);
    for (int x = across / 2; x < picture.width; x += across) {
      const float strength = std::max(0.0F, row[static_cast<std::size_t>(x)]);
      for (std::size_t i = 0; i < tints.size(); ++i)
        apart[i] += static_cast<double>(strength * difference(tints[i], colour_at(picture.pixel(x, y))));
    }
  }
  return apart[0] >= apart[1] ? tints[0] : tints[1];
}

/// Greyed, with slanted stripes.
void mark_unseen(std::uint8_t* pixel, int x, int y, int stripe) {
  const float grey = (x + y) / stripe % 2 == 0 ? 96.0F : 160.0F;
  mix(pixel, {grey, grey, grey}, 0.6F);
}

/// Dashes of black and white along the inner edge.
void outline(image::Image& picture, const Box& box) {
  const int shorter = std::min(box.right - box.left, box.bottom - box.top);
  const int usual = std::max(1, std::max(picture.width, picture.height) / 160);
  const int thick = std::clamp(usual, 1, std::max(1, shorter / 4));
  const int dash = 3 * thick;
  const auto put = [&](int x, int y) {
    std::fill_n(picture.pixel(x, y), 3, static_cast<std::uint8_t>((x + y) / dash % 2 == 0 ? 0 : 255));
  };
  for (int y = box.top; y < box.bottom; ++y) {
    const bool across = y < box.top + thick || y >= box.bottom - thick;
    for (int x = box.left; x < box.right; ++x) {
      if (across || x < box.left + thick || x >= box.right - thick) {
        put(x, y);
      } else {
        x = box.right - thick - 1;  // on to the right edge
      }
    }
  }
}

}  // namespace

Strengths::Strengths(const Explanation& explanation) {
  double largest = 0;
  for (const Piece& piece : explanation.pieces) {
    for (const double value : piece.values) largest = std::max(largest, value);
  }
  for (const Piece& piece : explanation.pieces) {
    const image::Frame& frame = piece.frame;
    Layer layer{axis_of(frame.top, frame.cell_height(), frame.rows, explanation.height),
                axis_of(frame.left, frame.cell_width(), frame.columns, explanation.width),
                static_cast<std::size_t>(frame.columns),
                {}};
    for (const double value : piece.values)
      layer.values.push_back(largest > 0 ? static_cast<float>(std::max(value, 0.0) / largest) : 0.0F);
    layers_.push_back(std::move(layer));
  }
}

/// Between the centres of two cells, or the mean of those within the pixel where they are smaller than it.
Strengths::Axis Strengths::axis_of(double from, double cell, std::int64_t cells, int pixels) {
  Axis out;
  const auto last = static_cast<double>(cells - 1);
  for (int pixel = 0; pixel < pixels; ++pixel) {
    const double centre = (pixel + 0.5 - from) / cell;  // in cells
    Taps taps;
    taps.begin = out.weights.size();
    const double begin = std::max((pixel - from) / cell, 0.0);
    const double end = std::min((pixel + 1 - from) / cell, static_cast<double>(cells));
    if (cell >= 1 && centre >= 0 && centre < static_cast<double>(cells)) {
      const double place = std::clamp(centre - 0.5, 0.0, last);
      const double lower = std::min(std::floor(place), std::max(0.0, last - 1));
      taps.first = static_cast<std::size_t>(lower);
      out.weights.push_back(static_cast<float>(1 - (place - lower)));
      if (cells > 1) out.weights.push_back(static_cast<float>(place - lower));
    } else if (cell < 1 && end > begin) {
      taps.first = static_cast<std::size_t>(begin);
      for (std::size_t i = taps.first; static_cast<double>(i) < end; ++i) {
        const auto at = static_cast<double>(i);
        const double share = std::min(at + 1, end) - std::max(at, begin);
        out.weights.push_back(static_cast<float>(std::max(share, 0.0) / (end - begin)));
      }
    }
    taps.count = out.weights.size() - taps.begin;
    out.pixels.push_back(taps);
  }
  return out;
}

void Strengths::row(int y, std::vector<float>& out) const {
  std::fill(out.begin(), out.end(), -1.0F);
  std::vector<float> along;  // of each column of a grid, at this row
  for (const Layer& layer : layers_) {
    const Taps& down = layer.rows.pixels[static_cast<std::size_t>(y)];
    if (down.count == 0) continue;
    along.assign(layer.width, 0.0F);
    for (std::size_t i = 0; i < down.count; ++i) {
      const float* const values = layer.values.data() + (down.first + i) * layer.width;
      const float weight = layer.rows.weights[down.begin + i];
      for (std::size_t column = 0; column < layer.width; ++column) along[column] += weight * values[column];
    }
    for (std::size_t x = 0; x < out.size(); ++x) {
      const Taps& across = layer.columns.pixels[x];
      if (across.count == 0) continue;
      float strength = 0;
      for (std::size_t i = 0; i < across.count; ++i)
        strength += layer.columns.weights[across.begin + i] * along[across.first + i];
      out[x] = std::max(out[x], strength);
    }
  }
}

image::Image draw_overlay(const Explanation& explanation, const image::Image& picture) {
  image::Image out = picture;
  const Strengths strengths(explanation);
  const Colour tint = tint_for(strengths, picture);
  const int stripe = std::max(2, std::max(picture.width, picture.height) / 100);
  std::vector<float> row(static_cast<std::size_t>(picture.width));
  for (int y = 0; y < out.height; ++y) {
    strengths.row(y, row);
    for (int x = 0; x < out.width; ++x) {
      std::uint8_t* const pixel = out.pixel(x, y);
      const float strength = row[static_cast<std::size_t>(x)];
      if (strength < 0) {
        mark_unseen(pixel, x, y, stripe);
      } else if (strength > 0) {
        const float change = strongest_change * std::pow(strength, strength_power);
        mix(pixel, tint, std::min(most_tint, change / std::max(1.0F, distance(tint, colour_at(pixel)))));
      }
    }
  }
  if (explanation.box) outline(out, *explanation.box);
  return out;
}

}  // namespace holisafe::explain
