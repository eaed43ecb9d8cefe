#include "image/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <utility>
#include <vector>

namespace holisafe::image {
namespace {

/// Coefficients are fixed-point with this many fraction bits: 32 minus 8 bits of a sample and 2 of headroom.
constexpr int precision_bits = 32 - 8 - 2;

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double weight(Filter filter, double x) {
  switch (filter) {
    case Filter::nearest:
      break;
    case Filter::box:
      return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
    case Filter::bilinear:
      x = std::abs(x);
      return x < 1.0 ? 1.0 - x : 0.0;
    case Filter::bicubic: {
      constexpr double a = -0.5;
      x = std::abs(x);
      if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
      if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
      return 0.0;
    }
    case Filter::lanczos:
      return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
  }
  return 0.0;
}

double support_of(Filter filter) {
  switch (filter) {
    case Filter::nearest:
      return 0.0;
    case Filter::box:
      return 0.5;
    case Filter::bilinear:
      return 1.0;
    case Filter::bicubic:
      return 2.0;
    case Filter::lanczos:
      return 3.0;
  }
  return 0.0;
}

/// For each output sample: the first input sample, how many, and their weights (row of `width` in `weights`).
struct Coefficients {
  struct Window {
    int first;
    int count;
  };
  std::vector<Window> windows;
  std::vector<std::int32_t> weights;
  std::size_t width;
};

Coefficients coefficients(int in_size, int out_size, Filter filter) {
  const double scale = static_cast<double>(in_size) / out_size;
  const double filter_scale = std::max(scale, 1.0);
  const double support = support_of(filter) * filter_scale;
  const int width = static_cast<int>(std::ceil(support)) * 2 + 1;

  Coefficients out;
  out.width = static_cast<std::size_t>(width);
  out.windows.resize(static_cast<std::size_t>(out_size));
  out.weights.assign(out.windows.size() * out.width, 0);
  std::vector<double> raw(out.width);
  for (int i = 0; i < out_size; ++i) {
    const double center = (i + 0.5) * scale;
    const double inverse = 1.0 / filter_scale;
    // NOLINTBEGIN(bugprone-incorrect-roundings): Pillow rounds so, below zero too
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int count = std::min(static_cast<int>(center + support + 0.5), in_size) - first;
    // NOLINTEND(bugprone-incorrect-roundings)
    double sum = 0.0;
    for (int k = 0; k < count; ++k) {
      raw[static_cast<std::size_t>(k)] = weight(filter, (k + first - center + 0.5) * inverse);
      sum += raw[static_cast<std::size_t>(k)];
    }
    out.windows[static_cast<std::size_t>(i)] = {first, count};
    std::int32_t* row = out.weights.data() + static_cast<std::size_t>(i) * out.width;
    for (int k = 0; k < count; ++k) {
      const double normal =
          sum == 0.0 ? raw[static_cast<std::size_t>(k)] : raw[static_cast<std::size_t>(k)] / sum;
      row[k] = static_cast<std::int32_t>((normal < 0 ? -0.5 : 0.5) + normal * (1 << precision_bits));
    }
  }
  return out;
}

std::uint8_t clip(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> precision_bits, 0, 255));
}

Image resize_rows(const Image& in, int width, Filter filter) {
  const Coefficients table = coefficients(in.width, width, filter);
  Image out{
      width, in.height,
      std::vector<std::uint8_t>(3 * static_cast<std::size_t>(width) * static_cast<std::size_t>(in.height))};
  for (int y = 0; y < in.height; ++y) {
    std::uint8_t* to = out.pixel(0, y);
    for (std::size_t x = 0; x < table.windows.size(); ++x) {
      const auto [first, count] = table.windows[x];
      const std::int32_t* row = table.weights.data() + x * table.width;
      const std::uint8_t* from = in.pixel(first, y);
      std::int32_t sums[3] = {1 << (precision_bits - 1), 1 << (precision_bits - 1),
                              1 << (precision_bits - 1)};
      for (int k = 0; k < count; ++k, from += 3) {
        for (int c = 0; c < 3; ++c) sums[c] += from[c] * row[k];
      }
      for (const std::int32_t sum : sums) *to++ = clip(sum);
    }
  }
  return out;
}

Image resize_columns(const Image& in, int height, Filter filter) {
  const Coefficients table = coefficients(in.height, height, filter);
  const std::size_t stride = 3 * static_cast<std::size_t>(in.width);
  Image out{in.width, height, std::vector<std::uint8_t>(stride * static_cast<std::size_t>(height))};
  std::vector<std::int32_t> sums(stride);
  for (int y = 0; y < height; ++y) {
    const auto [first, count] = table.windows[static_cast<std::size_t>(y)];
    const std::int32_t* row = table.weights.data() + static_cast<std::size_t>(y) * table.width;
    std::fill(sums.begin(), sums.end(), 1 << (precision_bits - 1));
    for (int k = 0; k < count; ++k) {
      const std::uint8_t* from = in.pixel(0, first + k);
      for (std::size_t i = 0; i < stride; ++i) sums[i] += from[i] * row[k];
    }
    std::transform(sums.begin(), sums.end(), out.pixel(0, y), clip);
  }
  return out;
}

/// Input sample of each output sample. The position is added up step by step, as Pillow does: it rounds the
/// same way.
std::vector<int> nearest_samples(int in_size, int out_size) {
  const double step = static_cast<double>(in_size) / out_size;
  std::vector<int> out(static_cast<std::size_t>(out_size));
  double position = step * 0.5;
  for (int& sample : out) {
    sample = std::min(static_cast<int>(position), in_size - 1);
    position += step;
  }
  return out;
}

Image resize_nearest(const Image& in, int width, int height) {
  const auto columns = nearest_samples(in.width, width);
  const auto rows = nearest_samples(in.height, height);
  Image out{width, height, {}};
  out.rgb.reserve(3 * columns.size() * rows.size());
  for (const int y : rows) {
    for (const int x : columns) out.rgb.insert(out.rgb.end(), in.pixel(x, y), in.pixel(x, y) + 3);
  }
  return out;
}

}  // namespace

Image resize(const Image& image, int width, int height, Filter filter) {
  if (image.width == width && image.height == height) return image;
  if (filter == Filter::nearest) return resize_nearest(image, width, height);
  if (image.width == width) return resize_columns(image, height, filter);
  if (image.height == height) return resize_rows(image, width, filter);
  // Each pass rounds to 8 bits, so their order shows. Pillow 13 begins with the columns where the height
  // shrinks by more than twice what the width does; before 13 it always began with the rows.
  const int shrinks_by = image.height - height;
  const bool columns_first = shrinks_by > 0 && shrinks_by > 2 * (image.width - width);
  return columns_first ? resize_rows(resize_columns(image, height, filter), width, filter)
                       : resize_columns(resize_rows(image, width, filter), height, filter);
}

Image crop(const Image& image, int left, int top, int width, int height) {
  Image out{
      width, height,
      std::vector<std::uint8_t>(3 * static_cast<std::size_t>(width) * static_cast<std::size_t>(height))};
  const int from = std::max(left, 0);
  const int to = std::min(left + width, image.width);
  for (int y = std::max(top, 0); y < std::min(top + height, image.height) && from < to; ++y) {
    std::memcpy(out.pixel(from - left, y - top), image.pixel(from, y),
                3 * static_cast<std::size_t>(to - from));
  }
  return out;
}

Image pad_to_square(const Image& image, std::array<std::uint8_t, 3> colour) {
  const int side = std::max(image.width, image.height);
  if (image.width == image.height) return image;
  Image out{side, side, {}};
  const std::size_t pixels = static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
  out.rgb.reserve(3 * pixels);
  for (std::size_t i = 0; i < pixels; ++i) out.rgb.insert(out.rgb.end(), colour.begin(), colour.end());
  const int left = offset_on_square(side, image.width);
  const int top = offset_on_square(side, image.height);
  for (int y = 0; y < image.height; ++y) {
    std::memcpy(out.pixel(left, top + y), image.pixel(0, y), 3 * static_cast<std::size_t>(image.width));
  }
  return out;
}

Image upright(Image image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  const bool swaps_axes = orientation >= 5;
  Image out{swaps_axes ? image.height : image.width, swaps_axes ? image.width : image.height, {}};
  out.rgb.resize(image.rgb.size());
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) {
      const int right = image.width - 1;
      const int bottom = image.height - 1;
      int from_x = x;
      int from_y = y;
      switch (orientation) {
        case 2:
          from_x = right - x;
          break;
        case 3:
          from_x = right - x;
          from_y = bottom - y;
          break;
        case 4:
          from_y = bottom - y;
          break;
        case 5:
          from_x = y;
          from_y = x;
          break;
        case 6:
          from_x = y;
          from_y = bottom - x;
          break;
        case 7:
          from_x = right - y;
          from_y = bottom - x;
          break;
        default:
          from_x = right - y;
          from_y = x;
          break;
      }
      std::memcpy(out.pixel(x, y), image.pixel(from_x, from_y), 3);
    }
  }
  return out;
}

}  // namespace holisafe::image
