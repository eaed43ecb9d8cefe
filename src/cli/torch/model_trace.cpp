// `holisafe model trace`: every stage of one prefill, for checking parity.
#include <memory>

#include "checkpoint/safetensors.h"
#include "cli/image_flags.h"
#include "cli/program.h"
#include "cli/torch/commands.h"
#include "cli/torch/model_flags.h"
#include "models/weights.h"

namespace holisafe::cli {
namespace {

struct Flags {
  ModelFlags model;
  image::DecodeOptions decode;
  std::vector<std::string> images;
  std::string prompt;
  std::optional<std::string> system;
  std::string out;
};

Result<void> trace(const Flags& flags) {
  HOLISAFE_TRY(const auto engine, open_engine(flags.model));
  HOLISAFE_TRY(auto images, load_images(engine, flags.images, flags.decode));
  HOLISAFE_TRY(const auto trace,
               engine.trace({{flags.system, {{models::Role::user, flags.prompt}}}, std::move(images)}));
  std::vector<checkpoint::TensorSource> sources;
  const auto add = [&sources](const std::string& name, const torch::Tensor& tensor) {
    if (tensor.defined()) sources.push_back(models::source_of(name, tensor));
  };
  add("input_ids", trace.input_ids);
  add("pixel_values", trace.pixel_values);
  add("image_grid_thw", trace.image_grid_thw);
  add("image_features", trace.image_features);
  add("hidden_states", trace.hidden_states);
  add("logits", trace.logits);
  add("guard_logits", trace.guard_logits);
  return checkpoint::write_safetensors(flags.out, std::move(sources), {{"format", "pt"}});
}

}  // namespace

void add_model_trace(CLI::App& model) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = declare(model, "trace", "Write every stage of one prefill, from token ids to logits",
                              {"holisafe model trace --model llava-1.5-7b-hf --image photo.jpg --prompt "
                               "Hello --out trace.safetensors"});
  add_model_flags(command, flags->model);
  command->add_option("--image", flags->images, "Image file; again for each further image")
      ->allow_extra_args(false);
  command->add_option("--prompt", flags->prompt, "What to ask")->required();
  command->add_option("--system", flags->system, "System text in place of the template's");
  command->add_option("--out", flags->out, "safetensors file to write")->required();
  add_image_flags(command, flags->decode);
  on_run(command, [flags] {
    const auto done = trace(*flags);
    return done ? exit_ok : report(done.error());
  });
}

}  // namespace holisafe::cli
