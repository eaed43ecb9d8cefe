#include "models/qwen2_5_vl/processor.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "image/resize.h"

namespace holisafe::models::qwen2_5_vl {
namespace {

constexpr double widest_shape = 200;

/// As OpenAI's CLIP was trained.
constexpr std::array<float, 3> clip_mean{0.48145466F, 0.4578275F, 0.40821073F};
constexpr std::array<float, 3> clip_std{0.26862954F, 0.26130258F, 0.27577711F};

std::int64_t half_to_even(double value) {
  const double floor = std::floor(value);
  const double rest = value - floor;
  const bool up = rest > 0.5 || (rest == 0.5 && std::fmod(floor, 2.0) != 0);
  return static_cast<std::int64_t>(floor) + (up ? 1 : 0);
}

void parse_area(const ConfigFields& fields, ProcessorConfig& out) {
  const ConfigFields size = fields.object("size");
  // The first files gave the bounds under these names in `size` too.
  out.min_pixels = size.integer("shortest_edge", size.integer("min_pixels", out.min_pixels));
  out.max_pixels = size.integer("longest_edge", size.integer("max_pixels", out.max_pixels));
  out.min_pixels = fields.integer("min_pixels", out.min_pixels);
  out.max_pixels = fields.integer("max_pixels", out.max_pixels);
}

void expect_same(const ConfigFields& fields, const std::string& key, std::int64_t ours, std::int64_t tower) {
  if (ours == tower) return;
  fields.reject(ErrorKind::mismatch, key,
                "expected the vision tower's " + std::to_string(tower) + ", found " + std::to_string(ours));
}

}  // namespace

Result<Size> smart_resize(Size size, std::int64_t factor, std::int64_t min_pixels, std::int64_t max_pixels) {
  const auto height = static_cast<double>(size.height);
  const auto width = static_cast<double>(size.width);
  if (std::max(height, width) / std::min(height, width) > widest_shape) {
    return fail(ErrorKind::unsupported, "cannot use image", "",
                "expected no side more than 200 times the other, found " + std::to_string(size.width) +
                    " x " + std::to_string(size.height));
  }
  const auto unit = static_cast<double>(factor);
  Size out{half_to_even(height / unit) * factor, half_to_even(width / unit) * factor};
  if (out.height * out.width > max_pixels) {
    const double shrink = std::sqrt(height * width / static_cast<double>(max_pixels));
    const auto fit = [&](double side) {
      return std::max(factor, static_cast<std::int64_t>(std::floor(side / shrink / unit)) * factor);
    };
    return Size{fit(height), fit(width)};
  }
  if (out.height * out.width < min_pixels) {
    const double grow = std::sqrt(static_cast<double>(min_pixels) / (height * width));
    const auto fit = [&](double side) {
      return static_cast<std::int64_t>(std::ceil(side * grow / unit)) * factor;
    };
    return Size{fit(height), fit(width)};
  }
  return out;
}

Result<ProcessorConfig> parse_processor(const ConfigFields& fields, const VisionConfig& vision) {
  ProcessorConfig out;
  out.normalization.mean = clip_mean;
  out.normalization.std = clip_std;
  out.normalization = parse_normalization(fields, out.normalization);
  out.patch_size = fields.integer("patch_size", out.patch_size, 1, 4096);
  out.temporal_patch_size = fields.integer("temporal_patch_size", out.temporal_patch_size, 1, 4096);
  out.merge_size = fields.integer("merge_size", out.merge_size, 1, 64);
  expect_same(fields, "patch_size", out.patch_size, vision.patch_size);
  expect_same(fields, "temporal_patch_size", out.temporal_patch_size, vision.temporal_patch_size);
  expect_same(fields, "merge_size", out.merge_size, vision.spatial_merge_size);
  parse_area(fields, out);
  HOLISAFE_CHECK(fields.check());
  return out;
}

Processor::Processor(const ProcessorConfig& config)
    : config_(config), levels_(levels(config.normalization)) {}

void Processor::write_patch(const image::Image& image, int left, int top, float* out) const {
  const auto side = static_cast<int>(config_.patch_size);
  const std::int64_t frame = config_.patch_size * config_.patch_size;
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const auto& level = levels_[channel];
    float* const first = out;
    for (int y = 0; y < side; ++y) {
      const std::uint8_t* pixel = image.pixel(left, top + y) + channel;
      for (int x = 0; x < side; ++x, pixel += 3) *out++ = level[*pixel];
    }
    // A still picture is every frame of the patch.
    for (std::int64_t i = 1; i < config_.temporal_patch_size; ++i) out = std::copy_n(first, frame, out);
  }
}

Result<ProcessedImage> Processor::process(const image::Image& image) const {
  const std::int64_t token = config_.patch_size * config_.merge_size;
  HOLISAFE_TRY(const Size size,
               smart_resize({image.height, image.width}, token, config_.min_pixels, config_.max_pixels));
  const bool same = size == Size{image.height, image.width};
  const auto resized = same ? image::Image{}
                            : image::resize(image, static_cast<int>(size.width),
                                            static_cast<int>(size.height), config_.normalization.filter);
  const image::Image& picture = same ? image : resized;

  const auto patch = static_cast<int>(config_.patch_size);
  const auto step = static_cast<int>(token);
  const std::int64_t rows = size.height / config_.patch_size;
  const std::int64_t columns = size.width / config_.patch_size;
  const std::int64_t values = 3 * config_.temporal_patch_size * config_.patch_size * config_.patch_size;
  ProcessedImage out;
  out.pixel_values = at::empty({rows * columns, values}, torch::kFloat32);
  float* next = out.pixel_values.data_ptr<float>();
  for (int top = 0; top < picture.height; top += step) {
    for (int left = 0; left < picture.width; left += step) {
      for (int y = top; y < top + step; y += patch) {
        for (int x = left; x < left + step; x += patch, next += values) write_patch(picture, x, y, next);
      }
    }
  }
  out.grid_thw = torch::tensor({std::int64_t{1}, rows, columns}, torch::kInt64).unsqueeze(0);
  out.piece_tokens = {rows * columns / (config_.merge_size * config_.merge_size)};
  out.frames = {{0, 0, static_cast<double>(image.width), static_cast<double>(image.height),
                 rows / config_.merge_size, columns / config_.merge_size}};
  return out;
}

}  // namespace holisafe::models::qwen2_5_vl
