// `holisafe guard`: the harm class of images.
#include <cstdio>
#include <memory>
#include <utility>

#include <unistd.h>

#include "cli/image_flags.h"
#include "cli/image_paths.h"
#include "cli/program.h"
#include "cli/terminal.h"
#include "cli/torch/commands.h"
#include "cli/torch/guard_flags.h"
#include "cli/torch/guard_printer.h"
#include "cli/torch/guard_progress.h"
#include "cli/torch/guard_run.h"
#include "cli/torch/model_flags.h"
#include "engine/file_verdicts.h"

namespace holisafe::cli {
namespace {

Result<FlagRule> thresholds_of(const GuardFlags& flags, const engine::Engine& engine) {
  if (engine.guard() == nullptr) return fail(engine::no_guard(flags.model.model));
  if (!flags.thresholds) return FlagRule(verdicts::Flagging(flags.threshold));
  const std::string& file = flags.model.guard.empty() ? flags.model.model : flags.model.guard;
  HOLISAFE_TRY(auto flagging, verdicts::Flagging::by_class(engine.guard()->info().thresholds, file));
  return FlagRule(std::move(flagging));
}

/// Nothing where none is wanted.
Result<std::optional<PictureExplainer>> explainer_of(const GuardFlags& flags, const engine::Engine& engine,
                                                     const StopFlag& stop) {
  if (!flags.explain.wanted()) return std::optional<PictureExplainer>();
  HOLISAFE_TRY(auto explainer, PictureExplainer::make(engine, flags.explain, flags.judge.decode,
                                                      flags.judge.batch_size, stop));
  return std::optional<PictureExplainer>(std::move(explainer));
}

int run_guard(const GuardFlags& flags, Context& context) {
  if (!flags.from.empty()) return judge_kept_vectors(flags, context);
  if (flags.paths.empty()) return report({ErrorKind::usage, "bad command line", "", "PATH is required"});
  if (!flags.out.empty()) return judge_into_run(flags, context);
  Result<policy::Policy> policy;
  if (!flags.policy.empty()) policy = policy::read(flags.policy);
  if (!policy) return report(policy.error());
  auto engine = open_engine(flags.model, flags.strict_base);
  if (!engine) return report(engine.error());
  auto rule = thresholds_of(flags, *engine);
  if (!rule) return report(rule.error());
  if (!flags.policy.empty()) rule = FlagRule(*std::move(policy));
  if (flags.explain.wanted()) engine::prepare_to_explain(*engine);
  const auto judge = engine::EngineJudge::make(*std::move(engine), flags.judge, flags.model.model);
  if (!judge) return report(judge.error());
  StopFlag& stop = context.stop();
  auto explainer = explainer_of(flags, (*judge)->engine(), stop);
  if (!explainer) return report(explainer.error());
  ImagePaths paths(flags.paths, flags.list, STDIN_FILENO, &stop);
  const auto files = [&paths]() -> std::optional<engine::PictureFile> {
    auto item = paths.next();
    if (!item) return std::nullopt;
    return engine::PictureFile{std::move(item->path), std::move(item->error)};
  };
  PictureExplainer* const explains = *explainer ? &**explainer : nullptr;
  GuardPrinter printer((*judge)->engine(), *std::move(rule), flags.json, explains);
  const auto print = [&](const verdicts::JudgedPicture& judged) {
    printer.print(judged);
    if (printer.lost() || (explains != nullptr && explains->failure())) stop.request();
  };
  const ImageCount count(flags.paths, flags.list, &stop);
  TerminalProgress drawn("guard", "images");
  GuardProgressLines lines(printer.tally());
  const bool as_lines = flags.progress == "json";
  Progress* progress = as_lines ? static_cast<Progress*>(&lines) : &drawn;
  engine::verdicts_of_files(**judge, files, &count.total(), print, progress, stop);
  if (as_lines) lines.finish(printer.tally());
  if (explains != nullptr && explains->failure()) return report(*explains->failure());
  if (printer.lost()) return report({ErrorKind::io, "cannot write", "standard output", ""});
  return stop.requested() ? exit_interrupted : printer.exit_code();
}

}  // namespace

CLI::App* add_guard(CLI::App& app) {
  auto flags = std::make_shared<GuardFlags>();
  CLI::App* command = declare(
      app, "guard", "Classify images into the 20 harm classes with a visual guard module",
      {"holisafe guard --model SafeLLaVA-7B photo.jpg",
       "holisafe guard --model SafeLLaVA-7B --json -r pictures/",
       "holisafe guard --model SafeLLaVA-7B --json --policy shop.toml -r pictures/",
       "holisafe guard --model SafeLLaVA-7B --explain why/ photo.jpg    # where in the picture, and why",
       "find . -name '*.png' | holisafe guard --model llava-1.5-7b-hf --guard guard.safetensors -",
       "holisafe guard --model SafeLLaVA-7B -r uploads/ --out runs/uploads    # the same command goes on",
       "holisafe guard --model SafeLLaVA-7B -r uploads/ --out runs/uploads --threshold 0.3",
       "holisafe guard --model SafeLLaVA-7B -r uploads/ --out runs/kept --pooled",
       "holisafe guard --from runs/kept --guard better.safetensors --out runs/better"});
  command->add_option("PATH", flags->paths,
                      "Image files, folders (with -r), or - for a list on standard input");
  add_model_flags(command, flags->model);
  command->add_flag("-r,--recursive", flags->list.recursive, "Take the pictures in folders and beneath");
  command->add_flag("-0,--null", flags->list.only_nul, "Names in a list end at a NUL alone (find -print0)");
  auto* threshold =
      command
          ->add_option("--threshold", flags->threshold, "Flagged from this probability of not being safe on")
          ->check(CLI::Range(0.0, 1.0));
  auto* thresholds =
      command
          ->add_flag("--thresholds", flags->thresholds,
                     "Flagged by the guard's own thresholds, one a class, from `guard calibrate`")
          ->excludes(threshold);
  auto* policy =
      command
          ->add_option("--policy", flags->policy,
                       "Flagged by a policy (TOML), which gives each picture its action too: allow, "
                       "warn, review, block; as `holisafe serve` acts")
          ->excludes(threshold)
          ->excludes(thresholds);
  command->add_flag("--json", flags->json, "One JSON object an image");
  command
      ->add_option("--progress", flags->progress,
                   "On stderr: rate and time left, or a JSON object every two seconds and one at the end")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("text|json");
  add_run_flags(command, *flags);
  policy->excludes("--out")->excludes("--from");
  add_explain_flags(command, flags->explain)->excludes("--out")->excludes("--from");
  command->add_flag("--strict-base", flags->strict_base,
                    "A guard that was trained on another base is an error, not a warning");
  command
      ->add_option(
          "--batch-size", flags->judge.batch_size,
          "Images under way at once, each in a pass of its own; twice as many and six are decoded ahead")
      ->check(CLI::Range(1, 1024));
  command->add_option("--decode-threads", flags->judge.decode_threads, "Threads that decode images ahead")
      ->check(CLI::Range(1, 256));
  add_image_flags(command, flags->judge.decode);
  on_run(command, [flags](Context& context) { return run_guard(*flags, context); });
  return command;
}

}  // namespace holisafe::cli
