// `holisafe train`.
#include <memory>

#include <malloc.h>

#include "base/input_file.h"
#include "cli/config_file.h"
#include "cli/layout_flags.h"
#include "cli/program.h"
#include "cli/terminal.h"
#include "cli/torch/commands.h"
#include "cli/type_names.h"
#include "engine/device.h"
#include "train/trainer.h"

namespace holisafe::cli {
namespace {

/// What CLI11 parses, in its own types, beside what goes straight into the settings.
struct TrainFlags {
  train::Settings settings;
  chat::ModelSettings layout;  // --threads, --template, --vision-tower, --image-aspect
  std::string config, model, data, images, out, freeze, init_adapter, init_guard;
  std::string schedule = "cosine";
  std::string objective = "joint";
  std::vector<std::string> mixes, without_types;
  std::optional<InputFile> input;  ///< --data, held open while it is read
};

void add_paths(CLI::App& command, TrainFlags& flags) {
  command.add_option("--config", flags.config,
                     "TOML file of flags (names without --); the command line wins");
  command.add_option("--model", flags.model, "Base checkpoint (required)")->type_name(folder_type);
  command.add_option("--data", flags.data, "Conversations in LLaVA's format (required)");
  command.add_option("--images", flags.images, "Folder that the data's image paths start from (required)")
      ->type_name(folder_type);
  command.add_option("--out", flags.out, "Run folder to make (required)")->type_name(folder_type);
  command.add_option("--mix", flags.mixes,
                     "FILE:N: adds the first N conversations of FILE (FILE: all); repeatable");
  command
      .add_option("--without-types", flags.without_types,
                  "Combinations whose samples are left out (SSU,USU,…), to see what each is for")
      ->delimiter(',');
  command
      .add_option("--init-adapter", flags.init_adapter, "PEFT adapter to start from; must be as --lora-* say")
      ->type_name(folder_type);
  command.add_option("--init-guard", flags.init_guard, "Guard to start from");
  command.add_flag("--resume", flags.settings.resume, "Go on from the newest whole checkpoint of --out");
}

void add_steps(CLI::App& command, train::Settings& settings) {
  command.add_option("--epochs", settings.epochs, "Passes over the data");
  command.add_option("--max-steps", settings.max_steps,
                     "Optimizer steps, whatever --epochs says (0: as it says)");
  command.add_option("--batch-size", settings.batch_size, "Samples of a micro-batch");
  command.add_option("--grad-accum", settings.grad_accum, "Micro-batches of a step in each process");
  command.add_option("--max-length", settings.max_length,
                     "Tokens of a sample, its images' included; the rest is cut");
  command.add_option("--seed", settings.seed, "Of fresh weights, order and dropout");
  command.add_flag("--shuffle,!--no-shuffle", settings.shuffle, "A new order each epoch, or file order");
  command.add_option("--save-every", settings.save_every, "Steps between checkpoints (0: at the end only)");
  command.add_option("--keep", settings.keep, "Newest checkpoints kept");
}

void add_optimizer(CLI::App& command, TrainFlags& flags) {
  train::Settings& settings = flags.settings;
  command.add_option("--lr", settings.lr, "Rate of the adapter (with --full of the language model)");
  command.add_option("--projector-lr", settings.projector_lr, "Rate of the projector");
  command.add_option("--vision-lr", settings.vision_lr, "Rate of the vision tower");
  command.add_option("--guard-lr", settings.guard_lr, "Rate of the guard");
  command.add_option("--schedule", flags.schedule, "Of all rates, after warm-up")
      ->check(CLI::IsMember({"cosine", "constant"}));
  command.add_option("--warmup-ratio", settings.warmup_ratio,
                     "Share of the steps in which rates rise from 0");
  command.add_option("--weight-decay", settings.weight_decay, "On tensors of two or more dimensions");
  command.add_option("--max-grad-norm", settings.max_grad_norm,
                     "Global norm that gradients are clipped to (0: none)");
}

void add_parts(CLI::App& command, TrainFlags& flags) {
  train::Settings& settings = flags.settings;
  command.add_option("--lora-rank", settings.lora_rank, "Rank of the adapter");
  command.add_option("--lora-alpha", settings.lora_alpha, "Its scale is alpha / rank");
  command.add_option("--lora-dropout", settings.lora_dropout, "Dropout of its input");
  command.add_option("--lora-targets", settings.lora_targets, "Linear layers that get one, comma-separated")
      ->delimiter(',');
  command.add_flag("--full", settings.full, "Train every weight, without adapter");
  command.add_option("--freeze", flags.freeze,
                     "Parts that stay: vision, projector, language, or all (guard alone)");
  command.add_flag("--guard,!--no-guard", settings.with_guard, "Train a guard with it, or a plain model");
  command
      .add_option(
          "--objective", flags.objective,
          "joint: lm_loss and guard_loss; guard: guard_loss alone, which teaches a vision tower to see")
      ->check(CLI::IsMember({"joint", "guard"}));
  command.add_option("--guard-lambda", settings.guard_lambda, "Weight of guard_loss");
  command.add_option("--guard-dropout", settings.guard_dropout, "Dropout inside the guard");
  command
      .add_option("--guard-pooling", settings.guard_pooling,
                  "What the guard sees (default: as the base's family)")
      ->check(CLI::IsMember({"last_hidden", "projector"}));
  command.add_flag("--guard-detach", settings.guard_detach, "Keep the guard's gradient out of the model");
  command.add_flag("--checkpoint-activations", settings.checkpoint_activations,
                   "Compute layers again in the backward pass: less memory, more time");
  command.add_option("--device", settings.device, "cpu, cuda or cuda:N");
  command.add_option("--dtype", settings.dtype, "float32, or bfloat16 autocast")
      ->check(CLI::IsMember({"float32", "bfloat16"}));
}

Result<void> finish_settings(CLI::App& command, TrainFlags& flags) {
  if (!flags.config.empty()) HOLISAFE_CHECK(apply_config(command, flags.config));
  for (const auto& [flag, value] : {std::pair{"--model", &flags.model},
                                    {"--data", &flags.data},
                                    {"--images", &flags.images},
                                    {"--out", &flags.out}}) {
    if (value->empty()) return fail(ErrorKind::usage, "cannot train", flag, "is required");
  }
  train::Settings& settings = flags.settings;
  settings.model = flags.model;
  HOLISAFE_TRY(flags.input, InputFile::open(flags.data));
  settings.data = flags.input->open_path();
  settings.images = flags.images;
  settings.out = flags.out;
  settings.vision_tower = flags.layout.vision_tower;
  settings.prompt_template = flags.layout.prompt_template;
  settings.image_aspect = flags.layout.image_aspect;
  settings.init_adapter = flags.init_adapter;
  settings.init_guard = flags.init_guard;
  settings.guard_loss_alone = flags.objective == "guard";
  settings.schedule = flags.schedule == "cosine" ? train::Decay::cosine : train::Decay::constant;
  HOLISAFE_CHECK(settings.freeze(flags.freeze));
  for (const std::string& text : flags.without_types) {
    const auto type = taxonomy::parse_combination(text);
    if (!type) {
      return fail(ErrorKind::usage, "cannot train", "--without-types",
                  "expected combinations out of SSS, SSU, SUU, USU, UUU, found " + text);
    }
    settings.without_types.push_back(*type);
  }
  for (const std::string& text : flags.mixes) {
    HOLISAFE_TRY(train::Mix mix, train::Mix::parse(text));
    settings.mixes.push_back(std::move(mix));
  }
  return settings.check();
}

/// A step's tensors are as large as those of the step before. By default glibc gives their pages back in
/// between, and clearing them again took a fifth of the time. 32 MiB is the most that it lets one keep.
void keep_freed_pages() {
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

int run_train(CLI::App& command, TrainFlags& flags, Context& context) {
  if (const auto ready = finish_settings(command, flags); !ready) return report(ready.error());
  const engine::ThreadScope threads(flags.layout.threads);
  keep_freed_pages();
  TerminalProgress progress("train", "steps");
  const auto done = train::train(flags.settings, {&progress, context.stop(), warn});
  if (done) return exit_ok;
  report(done.error());
  return done.error().kind == ErrorKind::interrupted ? exit_interrupted : exit_error;
}

}  // namespace

void add_train(CLI::App& app) {
  auto flags = std::make_shared<TrainFlags>();
  CLI::App* command = declare(app, "train", "Train a vision-language model into a Safe-VLM",
                              {"holisafe train --model llava-1.5-7b-hf --data train.json --images images "
                               "--mix helpful.json:10000 --out run",
                               "holisafe train --config run.toml --resume",
                               "holisafe train --model llava-1.5-7b-hf --data train.json --images images "
                               "--freeze all --out guard-only",
                               "torchrun --nproc-per-node 2 --no-python holisafe train --config run.toml"});
  add_paths(*command, *flags);
  add_steps(*command, flags->settings);
  add_optimizer(*command, *flags);
  add_parts(*command, *flags);
  add_layout_flags(command, flags->layout);
  on_run(command, [command, flags](Context& context) { return run_train(*command, *flags, context); });
}

}  // namespace holisafe::cli
