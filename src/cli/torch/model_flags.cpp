#include "cli/torch/model_flags.h"

#include <utility>

#include <fmt/format.h>

#include "cli/program.h"
#include "engine/device.h"

namespace holisafe::cli {

Result<engine::Engine> open_engine(const ModelFlags& flags) {
  if (flags.model.empty()) return fail(ErrorKind::usage, "bad command line", "", "--model is required");
  engine::OpenOptions options;
  options.model = flags.model;
  options.guard = flags.guard;
  options.adapter = flags.adapter;
  HOLISAFE_TRY(options.load.dtype, engine::parse_dtype(flags.dtype));
  HOLISAFE_TRY(options.load.device, engine::parse_device(flags.device));
  options.load.vision_tower = flags.vision_tower;
  options.load.prompt_template = flags.prompt_template;
  options.load.image_aspect = flags.image_aspect;
  engine::set_threads(flags.threads);
  return engine::Engine::open(options);
}

Result<std::vector<models::ProcessedImage>> load_images(const engine::Engine& engine,
                                                        const std::vector<std::string>& files,
                                                        const image::DecodeOptions& options) {
  std::vector<models::ProcessedImage> out;
  for (const std::string& file : files) {
    HOLISAFE_TRY(const auto picture, image::load(file, options));
    auto processed = engine.process(picture);
    if (!processed) {
      Error error = processed.error();
      error.where = error.where.empty() ? file : file + ": " + error.where;
      return fail(std::move(error));
    }
    out.push_back(*std::move(processed));
  }
  return out;
}

void say_hardware(const engine::Engine& engine) {
  const models::Model& model = engine.model();
  fmt::print(stderr, "holisafe: {} in {} on {}\n", model.info().family, engine::name(model.dtype()),
             engine::hardware(model.device()));
}

}  // namespace holisafe::cli
