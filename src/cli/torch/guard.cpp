// `holisafe guard`: the harm class of images.
#include <cstdio>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "base/json_line.h"
#include "cli/image_flags.h"
#include "cli/image_paths.h"
#include "cli/program.h"
#include "cli/terminal.h"
#include "cli/torch/commands.h"
#include "cli/torch/guard_flags.h"
#include "cli/torch/guard_progress.h"
#include "cli/torch/guard_run.h"
#include "cli/torch/model_flags.h"
#include "engine/file_verdicts.h"
#include "verdicts/verdict_json.h"

namespace holisafe::cli {
namespace {

/// Prints verdicts and errors as they come, and remembers what they make of the exit code.
class Printer {
 public:
  Printer(const engine::Engine& engine, verdicts::Flagging flagging, bool json)
      : engine_(engine), flagging_(std::move(flagging)), json_(json) {}

  void print(const std::string& path, const Result<taxonomy::Verdict>& verdict) {
    ++tally_.images;
    if (!verdict) ++tally_.errors;
    if (verdict && flagging_.flags(*verdict)) ++tally_.flagged;
    if (json_) {
      write(json_line(verdicts::to_json(path, verdict, flagging_)));
    } else if (verdict) {
      if (!std::exchange(hardware_said_, true)) say_hardware(engine_);
      write(fmt::format("{}: {}\n", one_line(path), verdicts::verdict_text(*verdict, flagging_)));
    } else {
      report(verdict.error());
    }
  }

  [[nodiscard]] const runs::GuardSummary& tally() const { return tally_; }
  [[nodiscard]] int exit_code() const {
    return tally_.errors > 0 ? exit_error : tally_.flagged > 0 ? exit_found : exit_ok;
  }
  /// Standard output is gone (a closed pipe): there is no one to go on for.
  [[nodiscard]] bool lost() const { return lost_; }

 private:
  void write(const std::string& text) {
    lost_ = std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0 || lost_;
  }

  const engine::Engine& engine_;
  verdicts::Flagging flagging_;
  bool json_;
  runs::GuardSummary tally_;
  bool hardware_said_ = false;
  bool lost_ = false;
};

Result<verdicts::Flagging> flagging_of(const GuardFlags& flags, const engine::Engine& engine) {
  if (engine.guard() == nullptr)
    return fail(ErrorKind::missing, "no guard", flags.model.model,
                "expected img_safety_head in the checkpoint or --guard FILE, found neither");
  if (!flags.thresholds) return verdicts::Flagging(flags.threshold);
  const std::string& file = flags.model.guard.empty() ? flags.model.model : flags.model.guard;
  return verdicts::Flagging::by_class(engine.guard()->info().thresholds, file);
}

int run_guard(const GuardFlags& flags, Context& context) {
  if (!flags.from.empty()) return judge_kept_vectors(flags, context);
  if (flags.paths.empty()) return report({ErrorKind::usage, "bad command line", "", "PATH is required"});
  if (!flags.out.empty()) return judge_into_run(flags, context);
  const auto engine = open_engine(flags.model, flags.strict_base);
  if (!engine) return report(engine.error());
  auto flagging = flagging_of(flags, *engine);
  if (!flagging) return report(flagging.error());
  StopFlag& stop = context.stop();
  ImagePaths paths(flags.paths, flags.list, STDIN_FILENO, &stop);
  const auto source = [&paths]() -> std::optional<engine::ImageFeed::Path> {
    auto item = paths.next();
    if (!item) return std::nullopt;
    return engine::ImageFeed::Path{std::move(item->path), std::move(item->error)};
  };
  Printer printer(*engine, *std::move(flagging), flags.json);
  const auto print = [&](const std::string& path, const Result<taxonomy::Verdict>& verdict) {
    printer.print(path, verdict);
    if (printer.lost()) stop.request();
  };
  const ImageCount count(flags.paths, flags.list, &stop);
  engine::FileVerdictOptions files = flags.files;
  files.total = &count.total();
  TerminalProgress drawn("guard", "images");
  GuardProgressLines lines(printer.tally());
  const bool as_lines = flags.progress == "json";
  Progress* progress = as_lines ? static_cast<Progress*>(&lines) : &drawn;
  const auto done = engine::verdicts_of_files(*engine, source, files, print, progress, stop);
  if (!done) return report(done.error());
  if (as_lines) lines.finish(printer.tally());
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
  command
      ->add_flag("--thresholds", flags->thresholds,
                 "Flagged by the guard's own thresholds, one a class, from `guard calibrate`")
      ->excludes(threshold);
  command->add_flag("--json", flags->json, "One JSON object an image");
  command
      ->add_option("--progress", flags->progress,
                   "On stderr: rate and time left, or a JSON object every two seconds and one at the end")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("text|json");
  add_run_flags(command, *flags);
  command->add_flag("--strict-base", flags->strict_base,
                    "A guard that was trained on another base is an error, not a warning");
  command
      ->add_option("--batch-size", flags->files.batch_size,
                   "Images in one pass (with --out always one: a pass of several changes the last bits)")
      ->check(CLI::Range(1, 1024));
  command->add_option("--decode-threads", flags->files.decode_threads, "Threads that decode images ahead")
      ->check(CLI::Range(1, 256));
  add_image_flags(command, flags->files.decode);
  on_run(command, [flags](Context& context) { return run_guard(*flags, context); });
  return command;
}

}  // namespace holisafe::cli
