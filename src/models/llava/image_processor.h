// Pictures as LLaVA's CLIP tower takes them: CLIPImageProcessor's steps, optionally after padding to a
// square.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "image/frame.h"
#include "image/image.h"
#include "models/config_fields.h"
#include "models/normalization.h"
#include "nn/tensor.h"

namespace holisafe::models::llava {

/// Immutable; thread-safe.
class ImageProcessor {
 public:
  /// `fields` are those of preprocessor_config.json; absent ones have CLIP's defaults at the tower's
  /// `image_size`. `aspect` is the config's image_aspect_ratio or what the user says: "pad" pads to a square
  /// of int(255 x mean), any other value crops, empty leaves it to the fields' do_pad. Errors: wrong_type,
  /// out_of_range, unsupported, mismatch (pictures of another size than the tower takes).
  static Result<ImageProcessor> make(const ConfigFields& fields, const std::string& aspect,
                                     std::int64_t image_size);

  /// f32 [1, 3, image_size, image_size]. Errors: too_large (a picture so narrow that padding it or resizing
  /// its short edge makes it enormous).
  [[nodiscard]] Result<torch::Tensor> pixel_values(const image::Image& image) const;

  /// Where the patches of `patch` x `patch` pixels that the tower cuts those into lie in a picture of this
  /// size, which pixel_values() takes.
  [[nodiscard]] image::Frame frame(int width, int height, std::int64_t patch) const;

 private:
  /// In pixels; signed, since what is cropped may begin outside.
  struct Size {
    std::int64_t width = 0;
    std::int64_t height = 0;
  };
  ImageProcessor() = default;
  [[nodiscard]] Size resized_size(std::int64_t width, std::int64_t height) const;
  /// What becomes of a picture resized to this: its left upper corner in it, and its size.
  [[nodiscard]] std::pair<Size, Size> cropped(Size resized) const;
  [[nodiscard]] Result<image::Image> resized(const image::Image& image) const;

  std::optional<std::array<std::uint8_t, 3>> pad_colour_;
  std::int64_t shortest_edge_ = 0;                             ///< 0: to exactly resize_to_
  std::pair<std::int64_t, std::int64_t> resize_to_{0, 0};      ///< height, width
  std::optional<std::pair<std::int64_t, std::int64_t>> crop_;  ///< height, width
  image::Filter filter_ = image::Filter::bicubic;
  Levels levels_{};
};

}  // namespace holisafe::models::llava
