// From an image's file or bytes to what a model takes.
#pragma once

#include "base/result.h"
#include "chat/chat.h"
#include "image/image.h"
#include "models/model.h"

namespace holisafe::models {

struct LoadedImage {
  ProcessedImage image;
  int width = 0;  ///< of the picture in pixels, upright, before it was processed
  int height = 0;
};

/// Decodes and processes. Thread-safe. Errors: those of image::load, image::decode and Model::process_image,
/// naming the file.
Result<LoadedImage> load_image(const Model& model, const chat::Image& image,
                               const image::DecodeOptions& options);

}  // namespace holisafe::models
