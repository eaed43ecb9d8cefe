#include "models/load_image.h"

#include <utility>

namespace holisafe::models {

Result<LoadedImage> load_image(const Model& model, const chat::Image& image,
                               const image::DecodeOptions& options) {
  const std::string name = image.file.empty() ? "image" : image.file.string();
  HOLISAFE_TRY(const image::Image picture, image::load(name, image.bytes.get(), options));
  auto processed = model.process_image(picture);
  if (processed) return LoadedImage{*std::move(processed), picture.width, picture.height};
  Error error = processed.error();
  error.where = error.where.empty() ? name : name + ": " + error.where;
  return fail(std::move(error));
}

}  // namespace holisafe::models
