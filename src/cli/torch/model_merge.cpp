// `holisafe model merge`: base, adapter and guard as one checkpoint.
#include <filesystem>
#include <memory>

#include "checkpoint/checkpoint.h"
#include "cli/program.h"
#include "cli/torch/commands.h"
#include "cli/torch/model_flags.h"
#include "engine/boundary.h"
#include "guard/write_checkpoint.h"
#include "models/adapter.h"
#include "models/weights.h"

namespace holisafe::cli {
namespace {

namespace fs = std::filesystem;

struct Flags {
  std::string model;
  std::string adapter;
  std::string guard;
  std::string vision_tower;
  std::string out;
};

/// What is merged is the adapter as it is stored, not as rounded to the model's type.
Result<void> keep_precision(const std::string& folder, models::Model& model) {
  HOLISAFE_TRY(const auto adapter, models::read_adapter(folder));
  nn::Visitor visitor;
  visitor.linear = [&adapter](const std::string& name, nn::Linear& linear, nn::Part) {
    if (linear.lora) linear.lora = adapter.modules.at(name);
  };
  model.visit(visitor);
  return {};
}

Result<void> merge(const Flags& flags) {
  if (flags.adapter.empty() && flags.guard.empty())
    return fail(ErrorKind::usage, "nothing to merge", "", "expected --adapter, --guard or both");
  std::error_code code;
  if (fs::exists(flags.out, code) && !(fs::is_directory(flags.out, code) && fs::is_empty(flags.out, code)))
    return fail(ErrorKind::usage, "cannot write checkpoint", flags.out,
                "expected no such folder, or an empty one");
  engine::OpenOptions options;
  options.model = flags.model;
  options.adapter = flags.adapter;
  options.guard = flags.guard;
  options.load.vision_tower = flags.vision_tower;
  {
    HOLISAFE_TRY(const auto base, checkpoint::Checkpoint::open(flags.model));
    HOLISAFE_TRY(options.load.dtype, models::stored_type(base.tensors()));
  }
  HOLISAFE_TRY(auto engine, engine::Engine::open(options));
  if (!flags.adapter.empty()) HOLISAFE_CHECK(keep_precision(flags.adapter, engine.model()));
  guard::CheckpointRequest request;
  request.base = flags.model;
  request.model = &engine.model();
  request.guard = flags.guard.empty() ? nullptr : engine.guard();
  request.out = flags.out;
  return engine::within_boundary("cannot write checkpoint", [&] { return guard::write_checkpoint(request); });
}

}  // namespace

void add_model_merge(CLI::App& model) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command =
      declare(model, "merge", "Fold a PEFT adapter and a guard into one checkpoint that transformers loads",
              {"holisafe model merge --model llava-1.5-7b-hf --adapter run/adapter --guard "
               "run/guard.safetensors --out safe"});
  command->add_option("--model", flags->model, "Checkpoint folder of the base model")->required();
  command->add_option("--adapter", flags->adapter, "PEFT adapter folder");
  command->add_option("--guard", flags->guard, "Guard plug-in file");
  command->add_option("--vision-tower", flags->vision_tower,
                      "CLIP checkpoint folder, where an original LLaVA checkpoint has no tower inside");
  command->add_option("--out", flags->out, "Folder to write")->required();
  on_run(command, [flags] {
    const auto done = merge(*flags);
    return done ? exit_ok : report(done.error());
  });
}

}  // namespace holisafe::cli
