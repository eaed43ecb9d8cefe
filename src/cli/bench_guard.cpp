// `holisafe bench guard`.
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/json_line.h"
#include "base/text.h"
#include "cli/answerer_flags.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/guard_table.h"
#include "cli/model_flags.h"
#include "cli/program.h"
#include "cli/terminal.h"
#include "cli/torch_module.h"
#include "cli/type_names.h"
#include "runs/guard_bench.h"
#include "runs/measured_guard.h"

namespace holisafe::cli {
namespace {

struct GuardBenchFlags {
  std::string data;
  std::string images;
  std::string format;
  std::string out;
  bool json = false;
  runs::GuardBenchSettings bench;
  AnswererFlags answerer;
};

Result<std::unique_ptr<chat::Answerer>> open_guard(const chat::ModelSettings& settings,
                                                   const StopFlag* stop) {
  HOLISAFE_TRY(const TorchModule* module, torch_module());
  HOLISAFE_TRY(auto scheduler, module->open_guard(settings, stop));
  return std::unique_ptr<chat::Answerer>(std::move(scheduler));
}

Result<runs::GuardBenchSettings> settings_of(GuardBenchFlags& flags) {
  runs::GuardBenchSettings& out = flags.bench;
  if (flags.format.empty()) {
    if (flags.answerer.settings.local.model.empty())
      return fail(ErrorKind::usage, "bad command line", "", "--format is required");
    flags.format = "holisafe";  // what a guard of this program says
  }
  const bool endpoint = !flags.answerer.settings.url.empty();
  HOLISAFE_TRY(out.answerer, take_settings(flags.answerer, endpoint));
  out.data = flags.data;
  out.images = flags.images;
  out.format = guard_formats::find(flags.format);
  out.folder = flags.out;
  out.open_guard = open_guard;
  out.version = HOLISAFE_VERSION;
  out.warn = warn;
  return std::move(out);
}

void warn_of_unjudged(const report::MeasuredGuard& guard) {
  for (const auto& reason : guard.reasons) {
    warn(fmt::format("{} of {} images are unjudged: {} (the first: {}{}{})", reason.images, guard.images(),
                     reason.why, reason.image, reason.found.empty() ? "" : ": ", reason.found));
  }
}

/// Prints what came of it; gives the exit code.
int show(const runs::GuardBenchEnd& end, const std::string& folder, bool json, bool allow_missing) {
  const std::string again = folder.empty() ? "" : "; the same command resumes";
  if (end.stopped) {
    Error error = *end.stopped;
    error.detail += again;
    return report(error);
  }
  if (end.interrupted) {
    return report({ErrorKind::interrupted, "interrupted", folder,
                   fmt::format("{} of {} answers came{}", end.questions - end.open, end.questions, again)});
  }
  warn_of_unjudged(end.guard);
  if (json) {
    fmt::print("{}", json_line(runs::to_json(end.guard)));
  } else {
    fmt::print("{}", visible(guards_table({&end.guard, 1}, false)));
  }
  if (end.open == 0 || allow_missing) return exit_ok;
  return report({ErrorKind::network, fmt::format("{} of {} answers are missing", end.open, end.questions),
                 folder, end.open_reason + "; --allow-missing leaves it at that" + again});
}

int run_guard_bench(GuardBenchFlags& flags, Context& context) {
  auto settings = settings_of(flags);
  if (!settings) return report(settings.error());
  const bool allow_missing = settings->allow_missing;
  Result<runs::GuardBenchEnd> end;
  {
    TerminalProgress progress("bench guard", "images");
    end = runs::bench_guard(*std::move(settings), &progress, context.stop());
  }
  return end ? show(*end, flags.out, flags.json, allow_missing) : report(end.error());
}

void add_source_flags(CLI::App* command, GuardBenchFlags& flags) {
  auto& who = flags.answerer.settings;
  command->add_option(
      "--predictions", flags.bench.predictions,
      "File with the guard's answers as they came, JSON lines: {\"image\",\"output\"}; of plain "
      "{\"image\",\"flagged\",\"score\"}, of holisafe what `guard --json` prints");
  command->add_option("--endpoint", who.url,
                      "Address of the API behind which the guard is, such as http://127.0.0.1:8000/v1");
  command->add_option("--api-model", who.api_model, "Name of the guard at the endpoint")->check(utf8_text());
  command->add_option("--policy", flags.bench.policy,
                      "With --endpoint: file with the policy that llavaguard is told; of shieldgemma a JSON "
                      "object, each policy's name with the question put");
  add_model_flags(command, who.local);
  add_cache_flag(command, who.local);
}

}  // namespace

void add_bench_guard(CLI::App& bench) {
  auto flags = std::make_shared<GuardBenchFlags>();
  CLI::App* command = declare(
      bench, "guard", "Measure a guard model on HoliSafe-Bench's images, whoever it is",
      {"holisafe bench guard --data HoliSafe-Bench --format llama-guard --predictions llama-guard.jsonl",
       "holisafe bench guard --data DIR --format llama-guard --endpoint URL --api-model NAME --out runs/them",
       "holisafe bench guard --data DIR --format llavaguard --endpoint URL --api-model NAME --policy FILE",
       "holisafe bench guard --data HoliSafe-Bench --format holisafe --model SafeLLaVA-7B --out runs/ours",
       "holisafe bench report runs/them runs/ours --html guards.html"});
  command
      ->add_option("--data", flags->data,
                   "HoliSafe-Bench (holisafe_bench.json beside images/), or a file of rows with image and "
                   "image_safety_label, such as those of `guard labels`")
      ->required();
  command
      ->add_option("--images", flags->images,
                   "Folder that images start from (default: images beside the rows)")
      ->type_name(folder_type);
  command->add_option("--format", flags->format, "What the guard's answers look like")
      ->check(CLI::IsMember(guard_formats::names()));
  add_source_flags(command, *flags);
  command
      ->add_option("--name", flags->bench.name,
                   "What the guard is called; otherwise as the model, or as the file of answers")
      ->check(utf8_text());
  command
      ->add_option("--threshold", flags->bench.threshold,
                   "Flagged from this score on; otherwise the guard's own decision counts (shieldgemma: 0.5)")
      ->check(CLI::Range(0.0, 1.0));
  command
      ->add_option("--out", flags->out,
                   "RUN: folder for guard_answers.db, summary.json, report.html; the same command resumes")
      ->type_name(folder_type);
  command->add_flag("--allow-missing", flags->bench.allow_missing,
                    "Leave images without an answer unjudged, and do not end with exit code 2");
  command->add_flag("--json", flags->json, "Print the figures as one JSON object");
  add_request_flags(command, flags->answerer);
  on_run(command, [flags](Context& context) { return run_guard_bench(*flags, context); });
}

}  // namespace holisafe::cli
