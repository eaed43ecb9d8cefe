// `holisafe bench judge`.
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/json_line.h"
#include "benchmarks/score_json.h"
#include "cli/answerer_flags.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/model_flags.h"
#include "cli/program.h"
#include "cli/score_table.h"
#include "cli/terminal.h"
#include "cli/type_names.h"
#include "runs/judge_run.h"

namespace holisafe::cli {
namespace {

struct JudgeFlags {
  std::string run;
  bool dry_run = false;
  bool json = false;
  std::string forget;
  runs::JudgeSettings judge;
  AnswererFlags answerer;
};

int show(const runs::JudgingCost& cost, bool json) {
  if (json) {
    fmt::print("{}", json_line(runs::to_json(cost)));
    return exit_ok;
  }
  fmt::print("{}: {} calls, about {} input tokens (text {}, images {}), at most {} output tokens\n",
             one_line(cost.judge), cost.calls, cost.text_tokens + cost.image_tokens, cost.text_tokens,
             cost.image_tokens, cost.most_output_tokens);
  if (cost.under_way > 0) fmt::print("{} more are in batches under way\n", cost.under_way);
  return exit_ok;
}

/// Prints the judge's score and says what is left; gives the exit code.
int show(const runs::JudgeEnd& end, const std::string& folder, bool json) {
  const auto& counts = end.run.counts;
  if (end.stopped) {
    Error error = *end.stopped;
    error.detail += fmt::format("{}the same command goes on from there", error.detail.empty() ? "" : "; ");
    return report(error);
  }
  if (end.interrupted) {
    return report({ErrorKind::interrupted, "interrupted", folder,
                   fmt::format("{} of {} answers judged by {}; the same command goes on from there",
                               counts.answered - end.left, counts.answered, end.name)});
  }
  for (const auto& warning : end.run.warnings) warn(warning);
  for (const auto& scored : end.run.scores) {
    if (scored.score.judge != end.name) continue;
    if (json) fmt::print("{}", json_line(benchmarks::score_json(*end.run.benchmark, scored.score)));
    if (!json) fmt::print("{}", score_table({&scored, 1}, ShowPublished::none));
  }
  if (counts.open() > 0) {
    warn(fmt::format("{}: {} of {} samples have no answer to judge; `bench run` asks for them", folder,
                     counts.open(), counts.questions));
  }
  if (end.left == 0) return exit_ok;
  return report(
      {ErrorKind::missing, "verdicts are missing", folder,
       fmt::format("{} of {} answers are unjudged by {}; {}{}run the same command again to ask for those",
                   end.left, counts.answered, end.name, end.unjudged_reason,
                   end.unjudged_reason.empty() ? "" : "; ")});
}

int forget(const JudgeFlags& flags) {
  const auto run = runs::forget_judge(flags.run, flags.forget, HOLISAFE_VERSION);
  if (!run) return report(run.error());
  say(fmt::format("holisafe: {} is forgotten\n", one_line(flags.forget)));
  return exit_ok;
}

int run_judge(JudgeFlags& flags, Context& context) {
  if (!flags.forget.empty()) return forget(flags);
  if (flags.judge.judge.empty())
    return report({ErrorKind::usage, "who judges?", "", "expected --judge, or --forget, found neither"});
  const auto* entry = runs::find_judge(flags.judge.judge);
  auto who = take_settings(flags.answerer, entry->provider != nullptr && !flags.dry_run);
  if (!who) return report(who.error());
  runs::JudgeSettings settings = std::move(flags.judge);
  settings.answerer = *std::move(who);
  settings.folder = flags.run;
  settings.version = HOLISAFE_VERSION;
  settings.warn = warn;
  if (flags.dry_run) {
    const auto cost = runs::judging_cost(std::move(settings));
    return cost ? show(*cost, flags.json) : report(cost.error());
  }
  Result<runs::JudgeEnd> end;
  {
    TerminalProgress progress("bench judge", "verdicts");
    end = runs::judge_run(std::move(settings), &progress, context.stop());
  }
  return end ? show(*end, flags.run, flags.json) : report(end.error());
}

}  // namespace

void add_bench_judge(CLI::App& bench) {
  auto flags = std::make_shared<JudgeFlags>();
  CLI::App* command = declare(
      bench, "judge", "Judge a run's answers, also by an LLM; the same command again asks for what is left",
      {"holisafe bench judge runs/name --judge openai --dry-run",
       "holisafe bench judge runs/name --judge anthropic --judge-model claude-sonnet-4-5-20250929 --batch",
       "holisafe bench judge runs/name --judge local --judge-dir models/judge"});
  command->add_option("RUN", flags->run, "Folder of a run")->type_name(folder_type)->required();
  auto* judge = command->add_option("--judge", flags->judge.judge, "Who judges")
                    ->check(CLI::IsMember(runs::judge_names()));
  command
      ->add_option(
          "--forget", flags->forget,
          "Take this judge and its verdicts out of the run instead, by the name that the report gives it: "
          "openai:gpt-4o")
      ->excludes(judge)
      ->check(utf8_text());
  auto& who = flags->answerer.settings;
  command
      ->add_option("--judge-model", who.api_model,
                   "The provider's name of the model; otherwise the benchmark authors' judge")
      ->check(utf8_text());
  command->add_option("--judge-endpoint", who.url,
                      "Address of the API, such as http://127.0.0.1:8000/v1; otherwise the provider's");
  command
      ->add_option("--judge-max-tokens", flags->judge.max_tokens,
                   "Longest answer of an LLM judge; one that reasons needs more")
      ->check(CLI::Range(1, 1 << 20));
  command->add_option("--judge-dir", who.local.model, "Checkpoint of the local judge")
      ->type_name(folder_type);
  command->add_option(
      "--judge-prompt", flags->judge.prompt_file,
      "File with the judge's prompt; of HoliSafe-Bench its fields are {query}, {response}, "
      "{label}, {type}, {category}, {subcategory}; it must ask for <label>True</label> or "
      "<label>False</label> (of other benchmarks: their `judge_words` in `bench list --json`, and fields of "
      "their own, such as siuo's {warning} and {reference}, or mm-safetybench's {scenario}). {mark} "
      "stands for a word that what is judged cannot hold");
  add_local_flags(command, who.local);
  add_cache_flag(command, who.local);
  add_endpoint_flags(command, flags->answerer);
  command->add_flag("--dry-run", flags->dry_run, "Only say how many calls and tokens it would take");
  command->add_flag("--json", flags->json, "Print the score (or the estimate) as one JSON object");
  on_run(command, [flags](Context& context) { return run_judge(*flags, context); });
}

}  // namespace holisafe::cli
