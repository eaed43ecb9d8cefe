// `holisafe bench report`: runs side by side, bounds for CI.
#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json_line.h"
#include "base/text.h"
#include "benchmarks/benchmark.h"
#include "cli/bootstrap_flags.h"
#include "cli/commands.h"
#include "cli/guard_table.h"
#include "cli/named_bounds.h"
#include "cli/program.h"
#include "cli/report_tables.h"
#include "cli/score_table.h"
#include "cli/terminal.h"
#include "cli/type_names.h"
#include "report/page.h"
#include "runs/bounds_check.h"
#include "runs/measured_guard.h"
#include "runs/open_runs.h"
#include "runs/report_json.h"
#include "runs/run_folders.h"
#include "runs/run_report.h"
#include "runs/safety_utility.h"

namespace holisafe::cli {
namespace {

struct ReportFlags {
  std::vector<std::string> runs;
  bool json = false;
  std::string html;
  std::string predictions;
  std::string junit;
  bool published = false;
  std::string by;
  std::optional<double> masr;
  std::optional<double> masr_weighted;
  std::optional<double> rr;
  std::vector<std::string> fail;
  runs::FigureBounds bounds;
  metrics::BootstrapOptions bootstrap;
};

void print_json(std::span<const runs::JudgedRun> runs, bool published) {
  for (const auto& run : runs) {
    for (const auto& score : run.scores) fmt::print("{}", json_line(runs::to_json(run, score, published)));
  }
  const auto sets = runs::set_runs(runs);
  if (runs::of_several_sets(sets))
    fmt::print("{}", json_line(runs::to_json(runs::safety_utility(sets, published))));
}

/// One table a benchmark and judge, in the order in which they appear.
void print_tables(std::span<const runs::JudgedRun> runs, bool published, const std::string& by) {
  std::vector<std::pair<const benchmarks::Benchmark*, std::string>> tables;
  for (const auto& run : runs) {
    for (const auto& score : run.scores) {
      const std::pair table(run.benchmark, score.score.judge);
      if (std::find(tables.begin(), tables.end(), table) == tables.end()) tables.push_back(table);
    }
  }
  const auto sets = runs::set_runs(runs);
  const bool several = runs::of_several_sets(sets);
  for (const auto& table : tables) {
    std::vector<report::ScoredRun> scores;
    for (const auto& run : runs) {
      for (const auto& score : run.scores) {
        if (std::pair(run.benchmark, score.score.judge) == table) scores.push_back(score);
      }
    }
    fmt::print("{}{}{}", table == tables.front() ? "" : "\n",
               several ? fmt::format("{}\n", table.first->title) : std::string(),
               score_table(scores, published ? ShowPublished::all : ShowPublished::comparable,
                           {table == tables.front(), by}));
  }
  std::string below =
      right_answers_table(runs) + guard_table(runs) + agreement_table(runs) + rules_text(runs);
  if (several) below += "\n" + safety_utility_text(runs::safety_utility(sets, published));
  fmt::print("{}", visible(below));
}

/// What `bench guard` measured, behind the runs if there are any.
void show_guards(std::span<const report::MeasuredGuard> guards, bool json, bool behind_runs) {
  if (guards.empty()) return;
  if (json) {
    for (const auto& guard : guards) fmt::print("{}", json_line(runs::to_json(guard)));
  } else {
    fmt::print("{}{}", behind_runs ? "\n" : "", visible(guards_table(guards, true)));
  }
}

/// The bounds of all flags.
runs::FigureBounds bounds(const ReportFlags& flags) {
  runs::FigureBounds out = flags.bounds;
  const auto add = [&](const char* name, const std::optional<double>& value) {
    if (value) out.figures.emplace_back(name, *value);
  };
  add("masr.macro", flags.masr);
  add("masr.sample_weighted", flags.masr_weighted);
  add("rr", flags.rr);
  for (const std::string& text : flags.fail) out.figures.push_back(named_bound(text));
  return out;
}

/// Says which figures fell short of their bound; the exit code.
Result<int> check_bounds(const std::vector<runs::JudgedRun>& runs, const ReportFlags& flags) {
  std::vector<report::ScoredRun> scores;
  for (const auto& run : runs) {
    for (auto score : run.scores) {
      score.name = run.name;
      scores.push_back(std::move(score));
    }
  }
  HOLISAFE_TRY(const auto checks, runs::check_figures(scores, bounds(flags)));
  int code = exit_ok;
  for (const auto& check : checks) {
    if (!check.fell_short()) continue;
    code = exit_found;
    say(fmt::format("holisafe: {} ({}): {} is {:.2f}%, {} {:.2f}%\n", one_line(check.run),
                    one_line(check.judge), check.figure, *check.value * 100,
                    check.higher_is_better ? "under" : "over", *check.bound * 100));
  }
  if (!flags.junit.empty()) HOLISAFE_CHECK(write_named_file(flags.junit, runs::junit(checks)));
  return code;
}

Result<int> report_runs(const ReportFlags& flags) {
  std::vector<std::string> folders = runs::run_folders(flags.runs);
  HOLISAFE_TRY(const auto guards, runs::take_guards(folders));
  HOLISAFE_TRY(const auto open, runs::open_runs(folders));
  for (const auto& warning : open.warnings) warn(warning);
  std::vector<runs::JudgedRun> runs;
  for (const auto& run : open.runs) {
    HOLISAFE_TRY(auto judged, runs::judged_run(run, flags.bootstrap));
    for (const auto& warning : judged.warnings) warn(warning);
    runs.push_back(std::move(judged));
  }
  if (flags.json) {
    print_json(runs, flags.published);
  } else {
    print_tables(runs, flags.published, flags.by);
  }
  show_guards(guards, flags.json, !runs.empty());
  if (!flags.html.empty()) {
    HOLISAFE_CHECK(write_named_file(
        flags.html, report::page(runs::with_guards(
                        runs::run_report(runs, flags.bootstrap, HOLISAFE_VERSION, flags.published), guards,
                        HOLISAFE_VERSION))));
  }
  if (!flags.predictions.empty()) {
    if (open.runs.size() != 1) {
      return fail(ErrorKind::usage, "cannot write predictions", flags.predictions,
                  fmt::format("expected one run or its shards, found {} runs", open.runs.size()));
    }
    HOLISAFE_CHECK(write_named_file(flags.predictions, [&](const WritePiece& piece) {
      return runs::prediction_file(open.runs.front(), piece);
    }));
  }
  return check_bounds(runs, flags);
}

/// Those of all benchmarks.
std::vector<std::string> group_names() {
  std::vector<std::string> out;
  for (const auto* benchmark : benchmarks::all()) {
    for (const auto& group : benchmark->figures->groups) {
      if (std::find(out.begin(), out.end(), group.name) == out.end()) out.push_back(group.name);
    }
  }
  return out;
}

}  // namespace

void add_bench_report(CLI::App& bench) {
  auto flags = std::make_shared<ReportFlags>();
  CLI::App* command = declare(
      bench, "report", "Runs side by side, whole ones beside published models; shards of one run are joined",
      {"holisafe bench report runs/base runs/safe --html report.html",
       "holisafe bench report runs/base-0 runs/base-1 --predictions base.json",
       "holisafe bench report runs/base-all runs/safe-all --html safety-and-utility.html",
       "holisafe bench report runs/safe --fail-masr 0.2 --fail-rr 0.05 --junit junit.xml"});
  command->add_option("RUN", flags->runs, "Folders of runs, or folders that hold several")
      ->type_name(folder_type)
      ->required();
  command->add_flag(
      "--json", flags->json,
      "One JSON object for each run and judge; of several sets one more: safety against utility");
  command->add_option("--html", flags->html, "Write a report to this file");
  command->add_option("--predictions", flags->predictions,
                      "Write the joined predictions of one run to this file");
  command->add_option("--junit", flags->junit,
                      "Write the rates and which are over their bounds as JUnit XML");
  const auto bound = [&](const char* name, std::optional<double>& value, const char* what) {
    command->add_option(name, value, fmt::format("Exit 1 where {} is higher (a fraction)", what))
        ->check(CLI::Range(0.0, 1.0));
  };
  bound("--fail-masr", flags->masr, "a run's mASR (macro)");
  bound("--fail-masr-weighted", flags->masr_weighted, "a run's mASR (sample-weighted)");
  bound("--fail-asr", flags->bounds.primary_rates, "the attack success rate of any combination");
  bound("--fail-rr", flags->rr, "a run's refusal rate on safe pairs");
  bound("--fail-unjudged", flags->bounds.unjudged, "the share of rows without a verdict");
  add_named_bounds(command, flags->fail, "Exit 1 where a figure is worse than a fraction: accuracy=0.5");
  command->add_flag("--published", flags->published,
                    "Show published models beside runs over other data too, apart");
  command->add_option("--by", flags->by, "Show the figures of each value of a group, for every run and judge")
      ->check(CLI::IsMember(group_names()));
  add_bootstrap_flags(command, flags->bootstrap);
  on_run(command, [flags] {
    const auto code = report_runs(*flags);
    return code ? *code : report(code.error());
  });
}

}  // namespace holisafe::cli
