// The flags of every command that runs a model.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "image/image.h"

namespace holisafe::cli {

struct ModelFlags {
  std::string model;
  std::string guard;
  std::string adapter;
  std::string dtype = "float32";
  std::string device = "cpu";
  std::string prompt_template;
  std::string vision_tower;
  std::string image_aspect;
  int threads = 0;
};

/// --model, --guard, --adapter, --dtype, --device, --threads, --template, --vision-tower, --image-aspect.
/// Whether
/// --model is there is checked by open_engine(), so that a command may have commands of its own.
void add_model_flags(CLI::App* command, ModelFlags& flags);

/// Errors: usage (no --model, a bad dtype or device), those of Engine::open.
Result<engine::Engine> open_engine(const ModelFlags& flags);

/// The images of one prompt, decoded and processed. Errors: those of image::load and Engine::process, naming
/// the file.
Result<std::vector<models::ProcessedImage>> load_images(const engine::Engine& engine,
                                                        const std::vector<std::string>& files,
                                                        const image::DecodeOptions& options);

/// Says on stderr, in a line, what computes: model, hardware, dtype.
void say_hardware(const engine::Engine& engine);

}  // namespace holisafe::cli
