#include "models/llava/image_processor.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "image/resize.h"

namespace holisafe::models::llava {
namespace {

constexpr std::int64_t most_edge = 16384;
/// Pixels of a picture on its way, which a narrow one multiplies: to a square of its long edge when padded,
/// to a long edge of short-edge scale when cropped.
constexpr std::int64_t most_pixels = std::int64_t{178'956'970};

// The mean and deviation of CLIP's training data.
constexpr std::array<float, 3> clip_mean{0.48145466F, 0.4578275F, 0.40821073F};
constexpr std::array<float, 3> clip_std{0.26862954F, 0.26130258F, 0.27577711F};

/// A pair {"height", "width"}, or one number for both.
std::pair<std::int64_t, std::int64_t> sides(const ConfigFields& fields, const std::string& key,
                                            std::int64_t fallback) {
  if (fields.value(key).is_number()) {
    const std::int64_t side = fields.integer(key, fallback, 1, most_edge);
    return {side, side};
  }
  const ConfigFields size = fields.object(key);
  return {size.integer("height", fallback, 1, most_edge), size.integer("width", fallback, 1, most_edge)};
}

/// int(255 x mean), in Python's float64.
std::array<std::uint8_t, 3> mean_colour(const ConfigFields& fields) {
  std::array<std::uint8_t, 3> colour{};
  const auto means = fields.value("image_mean");
  for (std::size_t i = 0; i < 3; ++i) {
    const bool given = means.is_array() && means.size() == 3 && means[i].is_number();
    const double mean = given ? means[i].get<double>() : static_cast<double>(clip_mean[i]);
    colour[i] = static_cast<std::uint8_t>(std::clamp(mean * 255, 0.0, 255.0));
  }
  return colour;
}

/// numpy's // 2.
std::int64_t floor_half(std::int64_t value) { return (value - (value < 0 ? 1 : 0)) / 2; }

Result<void> check_size(const char* what, const image::Image& image, std::int64_t width,
                        std::int64_t height) {
  if (height * width <= most_pixels) return {};
  return fail(ErrorKind::too_large, what, std::to_string(image.width) + " x " + std::to_string(image.height),
              "expected at most " + std::to_string(most_pixels) + " pixels, found " + std::to_string(width) +
                  " x " + std::to_string(height));
}

}  // namespace

Result<ImageProcessor> ImageProcessor::make(const ConfigFields& fields, const std::string& aspect,
                                            std::int64_t image_size) {
  ImageProcessor out;
  const auto size = fields.value("size");
  const bool exact = size.is_object() && !size.contains("shortest_edge") && size.contains("height");
  if (exact) {
    out.resize_to_ = sides(fields, "size", image_size);
  } else if (size.is_number()) {
    out.shortest_edge_ = fields.integer("size", image_size, 1, most_edge);
  } else {
    out.shortest_edge_ = fields.object("size").integer("shortest_edge", image_size, 1, most_edge);
  }
  if (fields.flag("do_center_crop", true)) out.crop_ = sides(fields, "crop_size", image_size);
  const bool pads = aspect.empty() ? fields.flag("do_pad", false) : aspect == "pad";
  if (pads) out.pad_colour_ = mean_colour(fields);
  Normalization clip;
  clip.mean = clip_mean;
  clip.std = clip_std;
  const Normalization normalization = parse_normalization(fields, clip);
  out.filter_ = normalization.filter;
  out.levels_ = levels(normalization);
  const auto made = out.crop_ ? *out.crop_
                    : exact   ? out.resize_to_
                    : pads    ? std::pair(out.shortest_edge_, out.shortest_edge_)
                              : std::pair<std::int64_t, std::int64_t>(0, 0);
  if (made != std::pair(image_size, image_size)) {
    fields.reject(ErrorKind::mismatch, out.crop_ ? "crop_size" : "size",
                  "expected pictures of " + std::to_string(image_size) + " x " + std::to_string(image_size) +
                      " as the vision tower takes them, found " +
                      (made.first == 0 ? "any width"
                                       : std::to_string(made.first) + " x " + std::to_string(made.second)));
  }
  HOLISAFE_CHECK(fields.check());
  return out;
}

ImageProcessor::Size ImageProcessor::resized_size(std::int64_t width, std::int64_t height) const {
  if (shortest_edge_ == 0) return {resize_to_.second, resize_to_.first};
  // The long edge is truncated: int(size * long / short).
  const std::int64_t other = shortest_edge_ * std::max(width, height) / std::min(width, height);
  return width <= height ? Size{shortest_edge_, other} : Size{other, shortest_edge_};
}

std::pair<ImageProcessor::Size, ImageProcessor::Size> ImageProcessor::cropped(Size resized) const {
  if (!crop_) return {{0, 0}, resized};
  const auto [height, width] = *crop_;
  return {{floor_half(resized.width - width), floor_half(resized.height - height)}, {width, height}};
}

Result<image::Image> ImageProcessor::resized(const image::Image& image) const {
  const Size size = resized_size(image.width, image.height);
  HOLISAFE_CHECK(check_size("cannot resize image", image, size.width, size.height));
  return image::resize(image, static_cast<int>(size.width), static_cast<int>(size.height), filter_);
}

Result<torch::Tensor> ImageProcessor::pixel_values(const image::Image& image) const {
  image::Image picture;
  if (pad_colour_) {
    const std::int64_t side = std::max(image.width, image.height);
    HOLISAFE_CHECK(check_size("cannot pad image", image, side, side));
    HOLISAFE_TRY(picture, resized(image::pad_to_square(image, *pad_colour_)));
  } else {
    HOLISAFE_TRY(picture, resized(image));
  }
  if (crop_) {
    const auto [corner, size] = cropped({picture.width, picture.height});
    picture = image::crop(picture, static_cast<int>(corner.width), static_cast<int>(corner.height),
                          static_cast<int>(size.width), static_cast<int>(size.height));
  }
  return to_tensor(picture, levels_).unsqueeze(0);
}

image::Frame ImageProcessor::frame(int width, int height, std::int64_t patch) const {
  int left = 0;  // of what is resized, in pixels of the picture
  int top = 0;
  int across = width;
  int down = height;
  if (pad_colour_) {
    across = down = std::max(width, height);
    left = -image::offset_on_square(across, width);
    top = -image::offset_on_square(down, height);
  }
  const Size resized = resized_size(across, down);
  const auto [corner, size] = cropped(resized);
  const std::int64_t columns = size.width / patch;
  const std::int64_t rows = size.height / patch;
  const auto x = [&](std::int64_t pixel) {
    return left + static_cast<double>(pixel * across) / static_cast<double>(resized.width);
  };
  const auto y = [&](std::int64_t pixel) {
    return top + static_cast<double>(pixel * down) / static_cast<double>(resized.height);
  };
  return {x(corner.width),
          y(corner.height),
          x(corner.width + columns * patch),
          y(corner.height + rows * patch),
          rows,
          columns};
}

}  // namespace holisafe::models::llava
