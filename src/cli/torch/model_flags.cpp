#include "cli/torch/model_flags.h"

#include <utility>

#include <fmt/format.h>

#include "cli/program.h"
#include "engine/device.h"

namespace holisafe::cli {

void add_model_flags(CLI::App* command, ModelFlags& flags) {
  command->add_option("--model", flags.model,
                      "Checkpoint folder (config.json, safetensors, tokenizer); required");
  command->add_option("--guard", flags.guard, "Guard plug-in file; default: the checkpoint's own guard");
  command->add_option("--adapter", flags.adapter, "PEFT adapter folder to run on top of the model");
  command->add_option("--dtype", flags.dtype, "What the model computes in")
      ->check(CLI::IsMember({"float32", "bfloat16", "float16"}));
  command->add_option("--device", flags.device, "cpu, cuda or cuda:N");
  command->add_option("--threads", flags.threads, "CPU threads; 0: as many as LibTorch chooses")
      ->check(CLI::Range(0, 4096));
  command->add_option("--template", flags.prompt_template, "Prompt template, of families with several");
  command->add_option("--vision-tower", flags.vision_tower,
                      "CLIP checkpoint folder, where an original LLaVA checkpoint has no tower inside");
  command
      ->add_option("--image-aspect", flags.image_aspect,
                   "LLaVA: pad pictures to a square or crop them; default: as the checkpoint says")
      ->check(CLI::IsMember({"pad", "crop"}));
}

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
