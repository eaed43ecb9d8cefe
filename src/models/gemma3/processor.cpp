#include "models/gemma3/processor.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "image/resize.h"

namespace holisafe::models::gemma3 {
namespace {

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// `size`: {"height", "width"}, or one number for both.
void parse_size(const ConfigFields& fields, Processor& out) {
  const auto side = [](std::int64_t value) { return static_cast<int>(value); };
  if (fields.value("size").is_number()) {
    out.width = out.height = side(fields.integer("size", out.width, 1, 1 << 14));
    return;
  }
  const ConfigFields size = fields.object("size");
  if (fields.has("size") && !(size.has("height") && size.has("width"))) {
    fields.reject(ErrorKind::unsupported, "size",
                  "expected height and width, found " + fields.value("size").dump());
    return;
  }
  out.height = side(size.integer("height", out.height, 1, 1 << 14));
  out.width = side(size.integer("width", out.width, 1, 1 << 14));
}

}  // namespace

std::vector<Crop> Processor::crops(int image_width, int image_height) const {
  if (!pan_and_scan) return {};
  const bool wide = image_width >= image_height;
  const std::int64_t along = wide ? image_width : image_height;
  const std::int64_t across = wide ? image_height : image_width;
  const double ratio = static_cast<double>(along) / static_cast<double>(across);
  if (ratio < min_ratio) return {};
  std::int64_t count = std::min(along / min_crop_size, static_cast<std::int64_t>(std::floor(ratio + 0.5)));
  count = std::min(max_num_crops, std::max<std::int64_t>(2, count));
  const std::int64_t step = divide_up(along, count);
  if (std::min(step, across) < min_crop_size) return {};
  std::vector<Crop> out;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto begin = static_cast<int>(step * i);
    const auto length = static_cast<int>(std::min(step, along - step * i));  // the last one is what is left
    out.push_back(wide ? Crop{begin, 0, length, image_height} : Crop{0, begin, image_width, length});
  }
  return out;
}

image::Frame Processor::frame(const Crop& part) const {
  const auto looked_at = static_cast<double>(tokens_per_side * token_size);
  return {static_cast<double>(part.left),
          static_cast<double>(part.top),
          part.left + part.width * looked_at / width,
          part.top + part.height * looked_at / height,
          tokens_per_side,
          tokens_per_side};
}

Result<ProcessedImage> Processor::process(const image::Image& image) const {
  const Levels table = levels(normalization);
  std::vector<torch::Tensor> pieces{
      to_tensor(image::resize(image, width, height, normalization.filter), table)};
  ProcessedImage out;
  out.frames.push_back(frame({0, 0, image.width, image.height}));
  for (const Crop& part : crops(image.width, image.height)) {
    if (part.width <= 0 || part.height <= 0) {
      return fail(ErrorKind::out_of_range, "cannot process image", "pan and scan",
                  "the picture is too small for " + std::to_string(max_num_crops) + " crops");
    }
    const auto cropped = image::crop(image, part.left, part.top, part.width, part.height);
    pieces.push_back(to_tensor(image::resize(cropped, width, height, normalization.filter), table));
    out.frames.push_back(frame(part));
  }
  out.pixel_values = at::stack(pieces);
  out.piece_tokens.assign(pieces.size(), tokens_per_image);
  return out;
}

Result<Processor> parse_processor(const ConfigFields& fields, const Config& config) {
  Processor out;
  Normalization fallback;
  fallback.mean = fallback.std = {0.5F, 0.5F, 0.5F};
  fallback.filter = image::Filter::bilinear;
  out.normalization = parse_normalization(fields, fallback);
  parse_size(fields, out);
  out.tokens_per_image = config.tokens_per_image;
  out.tokens_per_side = config.patches_per_side() / config.pooling_size();
  out.token_size = config.pooling_size() * config.vision.patch_size;
  out.pan_and_scan = fields.flag("do_pan_and_scan", out.pan_and_scan);
  out.min_crop_size = fields.integer("pan_and_scan_min_crop_size", out.min_crop_size, 1, 1 << 16);
  out.max_num_crops = fields.integer("pan_and_scan_max_num_crops", out.max_num_crops, 1, 1 << 10);
  out.min_ratio = fields.number("pan_and_scan_min_ratio_to_activate", out.min_ratio);
  if (out.width != config.vision.image_size || out.height != config.vision.image_size) {
    fields.reject(ErrorKind::mismatch, "size",
                  "expected vision_config.image_size " + std::to_string(config.vision.image_size) +
                      ", found " + std::to_string(out.height) + " x " + std::to_string(out.width));
  }
  HOLISAFE_CHECK(fields.check());
  return out;
}

}  // namespace holisafe::models::gemma3
