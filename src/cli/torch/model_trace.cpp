// `holisafe model trace`: every stage of one prefill, for checking parity.
#include <memory>

#include "checkpoint/safetensors.h"
#include "cli/program.h"
#include "cli/torch/commands.h"
#include "cli/torch/model_flags.h"
#include "cli/torch/prompt_flags.h"
#include "models/weights.h"

namespace holisafe::cli {
namespace {

struct Flags {
  ModelFlags model;
  PromptFlags prompt;
  std::string out;
};

Result<void> trace(const Flags& flags) {
  HOLISAFE_TRY(const auto engine, open_engine(flags.model));
  HOLISAFE_TRY(const auto request, load_request(engine, flags.prompt));
  HOLISAFE_TRY(const auto trace, engine.trace(request));
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
  add_prompt_flags(command, flags->prompt);
  command->add_option("--out", flags->out, "safetensors file to write")->required();
  on_run(command, [flags] {
    const auto done = trace(*flags);
    return done ? exit_ok : report(done.error());
  });
}

}  // namespace holisafe::cli
