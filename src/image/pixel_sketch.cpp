#include "image/pixel_sketch.h"

#include <algorithm>
#include <cmath>

namespace holisafe::image {
namespace {

/// Rows and columns of a cell that are looked at: enough for a mean.
constexpr int samples_a_cell = 8;

struct CellSpan {
  int first;
  int end;
  int step;
};

CellSpan cell_span(std::size_t cell, int length) {
  const auto edge = [length](std::size_t i) {
    return static_cast<int>(i * static_cast<std::size_t>(length) / PixelSketch::chroma_side);
  };
  const int first = edge(cell);
  const int end = std::max(first + 1, edge(cell + 1));
  return {first, end, std::max(1, (end - first) / samples_a_cell)};
}

std::int8_t half_difference(double colour, double luma) {
  return static_cast<std::int8_t>(std::lround((colour - luma) / 2));
}

void sketch_chroma(const Image& image, PixelSketch& out) {
  for (std::size_t row = 0; row < PixelSketch::chroma_side; ++row) {
    const CellSpan rows = cell_span(row, image.height);
    for (std::size_t column = 0; column < PixelSketch::chroma_side; ++column) {
      const CellSpan columns = cell_span(column, image.width);
      std::array<std::uint32_t, 3> sums{};
      std::uint32_t count = 0;
      for (int y = rows.first; y < rows.end; y += rows.step) {
        for (int x = columns.first; x < columns.end; x += columns.step, ++count) {
          const std::uint8_t* const pixel = image.pixel(x, y);
          for (std::size_t c = 0; c < sums.size(); ++c) sums[c] += pixel[c];
        }
      }
      const double red = static_cast<double>(sums[0]) / count;
      const double green = static_cast<double>(sums[1]) / count;
      const double blue = static_cast<double>(sums[2]) / count;
      const double luma = 0.299 * red + 0.587 * green + 0.114 * blue;
      const std::size_t cell = row * PixelSketch::chroma_side + column;
      out.blue[cell] = half_difference(blue, luma);
      out.red[cell] = half_difference(red, luma);
    }
  }
}

void sketch_luma(const LumaGrid::Square& means, PixelSketch& out) {
  const auto [darkest, brightest] = std::minmax_element(means.begin(), means.end());
  out.darkest = *darkest;
  out.luma_step = (*brightest - *darkest) / 255;
  if (out.luma_step <= 0) return;
  for (std::size_t i = 0; i < means.size(); ++i)
    out.luma[i] = static_cast<std::uint8_t>(std::lround((means[i] - out.darkest) / out.luma_step));
}

}  // namespace

LumaGrid::Square luma_of(const PixelSketch& sketch) {
  LumaGrid::Square out;
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = sketch.darkest + sketch.luma_step * static_cast<float>(sketch.luma[i]);
  return out;
}

Result<DescribedPicture> describe(const Image& image) {
  HOLISAFE_TRY(const LumaGrid grid, luma_grid(image));
  DescribedPicture out{perceptual_hash(grid), low_frequencies(grid.area), {}};
  out.sketch.aspect = static_cast<float>(image.width) / static_cast<float>(image.height);
  sketch_luma(grid.area, out.sketch);
  sketch_chroma(image, out.sketch);
  return out;
}

}  // namespace holisafe::image
