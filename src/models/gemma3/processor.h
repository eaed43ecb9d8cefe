// Gemma 3's image processor: the whole picture squeezed to the tower's square, and, where the checkpoint
// turns on pan and scan, crops of long pictures beside it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "image/frame.h"
#include "image/image.h"
#include "models/config_fields.h"
#include "models/gemma3/config.h"
#include "models/model.h"
#include "models/normalization.h"

namespace holisafe::models::gemma3 {

/// A part of a picture, in pixels.
struct Crop {
  int left = 0;
  int top = 0;
  int width = 0;
  int height = 0;
};

struct Processor {
  Normalization normalization;
  int width = 224;  ///< of what the tower gets
  int height = 224;
  std::int64_t tokens_per_image = 256;
  std::int64_t tokens_per_side = 16;
  std::int64_t token_size = 14;  ///< pixels a side of what the tower gets that one token averages
  bool pan_and_scan = false;
  std::int64_t min_crop_size = 256;  ///< pixels; smaller crops are not made
  std::int64_t max_num_crops = 4;
  double min_ratio = 1.2;  ///< of the long to the short side, for crops to be made

  /// The crops of a picture, side by side along its long side; none where pan and scan does not apply.
  [[nodiscard]] std::vector<Crop> crops(int image_width, int image_height) const;

  /// Where the tokens of a part of a picture lie in it.
  [[nodiscard]] image::Frame frame(const Crop& part) const;

  /// pixel_values f32 [1 + crops, 3, height, width]. Errors: out_of_range (a picture too small for the crops
  /// that the checkpoint asks for).
  [[nodiscard]] Result<ProcessedImage> process(const image::Image& image) const;
};

/// Errors: wrong_type, out_of_range, unsupported (a size that is no height and width), mismatch (another size
/// than the tower's).
Result<Processor> parse_processor(const ConfigFields& fields, const Config& config);

}  // namespace holisafe::models::gemma3
