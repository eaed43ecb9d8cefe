// Qwen2-VL's image processor: the picture keeps its shape, its sides become multiples of a token's pixels.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/result.h"
#include "image/image.h"
#include "models/config_fields.h"
#include "models/model.h"
#include "models/normalization.h"
#include "models/qwen2_5_vl/config.h"

namespace holisafe::models::qwen2_5_vl {

/// Height and width in pixels.
struct Size {
  std::int64_t height = 0;
  std::int64_t width = 0;

  bool operator==(const Size&) const = default;
};

/// Sides rounded (half to even) to multiples of `factor`, then, where the area leaves [min_pixels,
/// max_pixels], scaled into it with the shape kept. Errors: unsupported (a side more than 200 times the
/// other).
Result<Size> smart_resize(Size size, std::int64_t factor, std::int64_t min_pixels, std::int64_t max_pixels);

struct ProcessorConfig {
  Normalization normalization;
  std::int64_t patch_size = 14;
  std::int64_t temporal_patch_size = 2;
  std::int64_t merge_size = 2;
  std::int64_t min_pixels = std::int64_t{56} * 56;
  std::int64_t max_pixels = std::int64_t{28} * 28 * 1280;
};

/// Reads the processor's fields: `min_pixels` and `max_pixels`, which win, or `size` with shortest_edge and
/// longest_edge (areas in pixels, for all their names). Errors: those of parse_normalization, wrong_type,
/// out_of_range, mismatch (patches other than the tower's).
Result<ProcessorConfig> parse_processor(const ConfigFields& fields, const VisionConfig& vision);

/// Thread-safe.
class Processor {
 public:
  explicit Processor(const ProcessorConfig& config);

  /// pixel_values f32 [patches, 3 x temporal x patch x patch]; the patches of one token follow each other
  /// (row by row), tokens row by row. Errors: those of smart_resize.
  [[nodiscard]] Result<ProcessedImage> process(const image::Image& image) const;

 private:
  void write_patch(const image::Image& image, int left, int top, float* out) const;

  ProcessorConfig config_;
  Levels levels_;
};

}  // namespace holisafe::models::qwen2_5_vl
