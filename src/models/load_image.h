// From an image's file or bytes to what a model takes.
#pragma once

#include "base/result.h"
#include "chat/chat.h"
#include "image/image.h"
#include "models/model.h"

namespace holisafe::models {

/// Decodes and processes. Thread-safe. Errors: those of image::load, image::decode and Model::process_image,
/// naming the file.
Result<ProcessedImage> load_image(const Model& model, const chat::Image& image,
                                  const image::DecodeOptions& options);

}  // namespace holisafe::models
