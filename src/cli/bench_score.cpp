// `holisafe bench score`: prediction files to scores.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include <fmt/format.h>

#include "base/ahead.h"
#include "base/file.h"
#include "base/json_line.h"
#include "base/text.h"
#include "benchmarks/score_json.h"
#include "cli/benchmark_flag.h"
#include "cli/bootstrap_flags.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "cli/score_table.h"
#include "cli/terminal.h"
#include "report/page.h"
#include "runs/score_file.h"
#include "runs/verdict_file.h"

namespace holisafe::cli {
namespace {

struct ScoreFlags {
  std::vector<std::string> files;
  std::string benchmark = "holisafe";
  std::string rule;
  std::string judge;
  std::string mode;
  std::string empty_as;
  bool json = false;
  bool published = false;
  bool allow_missing = false;
  std::string data;
  std::string split;
  std::string verdicts;
  std::string html;
  metrics::BootstrapOptions bootstrap;
};

/// Scores files on any thread. Large ones go one at a time, so that memory stays bounded.
class Scorers {
 public:
  explicit Scorers(const runs::ScoreOptions& options) : options_(options) {}

  Result<runs::ScoredFile> score(const std::string& file) {
    constexpr std::uintmax_t large = std::uintmax_t{16} << 20U;
    std::error_code code;
    std::unique_lock turn(large_file_, std::defer_lock);
    if (std::filesystem::file_size(file, code) > large && !code) turn.lock();
    try {
      runs::FileScorer scorer = take();
      auto out = scorer.score(file);
      give_back(std::move(scorer));
      return out;
    } catch (const std::bad_alloc&) {
      return fail(ErrorKind::out_of_memory, "not enough memory", file);
    }
  }

 private:
  /// One that has scored a file already: its buffers serve again.
  runs::FileScorer take() {
    const std::lock_guard lock(mutex_);
    if (spare_.empty()) return runs::FileScorer(options_);
    runs::FileScorer out = std::move(spare_.back());
    spare_.pop_back();
    return out;
  }
  void give_back(runs::FileScorer scorer) {
    const std::lock_guard lock(mutex_);
    spare_.push_back(std::move(scorer));
  }

  const runs::ScoreOptions& options_;
  std::mutex large_file_;
  std::mutex mutex_;
  std::vector<runs::FileScorer> spare_;
};

/// Results in the order of the files, on as many threads as there are processors.
std::vector<Result<runs::ScoredFile>> score_all(const std::vector<std::string>& files,
                                                const runs::ScoreOptions& options) {
  const std::size_t threads =
      std::min<std::size_t>(files.size(), std::max(1U, std::thread::hardware_concurrency()));
  Scorers scorers(options);
  TerminalProgress progress("score", "files");
  Ahead<std::string, Result<runs::ScoredFile>> ahead(
      [&](const std::string& file) { return scorers.score(file); }, static_cast<int>(threads));
  for (const auto& file : files) ahead.push(file);
  ahead.end();
  std::vector<Result<runs::ScoredFile>> out;
  while (auto scored = ahead.next()) {
    out.push_back(*std::move(scored));
    progress.update(out.size(), files.size(), "");
  }
  return out;
}

Result<void> write_report(const std::string& path, std::span<const report::ScoredRun> runs,
                          const runs::ScoreOptions& options, bool published) {
  report::Report out;
  out.title = fmt::format("{} report", options.benchmark->title);
  out.subtitle = runs.size() == 1 ? fmt::format("{}: {} {}", runs[0].name, runs[0].score.rows(),
                                                options.benchmark->rows_are)
                                  : fmt::format("{} models, {} judge", runs.size(), runs[0].score.judge);
  out.sections = report::score_sections(runs, options.bootstrap, published);
  out.footer = fmt::format("Made by holisafe {}.", HOLISAFE_VERSION);
  return write_named_file(path, report::page(out));
}

Error wrong_kind(const benchmarks::Benchmark& benchmark, const char* what, const char* flag,
                 const std::string& found) {
  std::vector<std::string_view> names;
  for (const auto& rule : benchmark.rules) names.push_back(rule.name);
  return {ErrorKind::usage, what, std::string(benchmark.name),
          fmt::format("expected {} {}, found \"{}\"", flag, fmt::join(names, " or "), found)};
}

/// Who marks: a rule of a benchmark that rules alone score, the string judge of another. Rules by their names
/// are what --judge took before there was --rule. Errors: usage.
Result<std::string> chosen_rule(const ScoreFlags& flags, const benchmarks::Benchmark& benchmark) {
  const bool rules_alone = scored_by_rules(benchmark);
  if (!rules_alone && !flags.rule.empty())
    return fail(wrong_kind(benchmark, "a judge scores this benchmark", "--judge", "--rule " + flags.rule));
  if (rules_alone && !flags.judge.empty() && find_rule(benchmark, flags.judge) == nullptr)
    return fail(wrong_kind(benchmark, "rules score this benchmark", "--rule", "--judge " + flags.judge));
  const std::string& chosen = flags.rule.empty() ? flags.judge : flags.rule;
  // The default rule by its name is the default rule, whose mode may be chosen.
  return chosen == benchmark.rules.front().name ? std::string() : chosen;
}

Result<runs::ScoreOptions> options_of(const ScoreFlags& flags) {
  runs::ScoreOptions options;
  options.benchmark = benchmarks::find(flags.benchmark);
  HOLISAFE_TRY(options.judge, chosen_rule(flags, *options.benchmark));
  if (!flags.verdicts.empty() && flags.files.size() > 1) {
    return fail(ErrorKind::usage, "verdicts of several files", "--verdicts",
                fmt::format("expected one prediction file, found {}", flags.files.size()));
  }
  HOLISAFE_TRY(options.split, split_of(*options.benchmark, flags.split));
  options.mode = flags.mode;
  options.empty_as = runs::parse_count_as(flags.empty_as);
  options.allow_missing = flags.allow_missing;
  options.data = flags.data;
  options.bootstrap = flags.bootstrap;
  options.for_report = !flags.html.empty();
  return options;
}

int run_score(const ScoreFlags& flags) {
  auto chosen = options_of(flags);
  if (!chosen) return report(chosen.error());
  runs::ScoreOptions& options = *chosen;
  runs::VerdictLines verdicts(*options.benchmark);
  if (!flags.verdicts.empty())
    options.on_mark = [&](const auto& item, const auto& mark) { verdicts.add(item, mark); };
  int exit_code = exit_ok;
  std::vector<report::ScoredRun> runs;
  for (auto& scored : score_all(flags.files, options)) {
    if (!scored) {
      exit_code = report(scored.error());
      continue;
    }
    if (!scored->note.empty())
      say(fmt::format("holisafe: {}: {}\n", one_line(scored->run.source), one_line(scored->note)));
    for (const auto& warning : scored->warnings) warn(warning);
    runs.push_back(std::move(scored->run));
  }
  if (flags.json) {
    for (const auto& run : runs) {
      auto line = benchmarks::score_json(*options.benchmark, run.score);
      if (flags.published)
        line["published"] = benchmarks::published_json(*options.benchmark, run.score.judge);
      line["file"] = as_utf8(run.source);
      fmt::print("{}", json_line(line));
    }
  } else if (!runs.empty()) {
    fmt::print("{}", score_table(runs, flags.published ? ShowPublished::all : ShowPublished::none));
  }
  if (!flags.verdicts.empty() && !runs.empty()) {
    if (const auto written = verdicts.write(flags.verdicts); !written) return report(written.error());
  }
  if (!flags.html.empty() && !runs.empty()) {
    runs::shorten_names(runs);
    if (const auto written = write_report(flags.html, runs, options, flags.published); !written)
      return report(written.error());
  }
  return exit_code;
}

}  // namespace

void add_bench_score(CLI::App& bench) {
  auto flags = std::make_shared<ScoreFlags>();
  CLI::App* command = declare(
      bench, "score", "Score prediction files: refusal rate, attack success rates, both mASR",
      {"holisafe bench score predictions.json",
       "holisafe bench score base.json safe.json --published --html report.html",
       "holisafe bench score predictions.json --json | jq .masr",
       "holisafe bench score ids_and_answers.csv --data HoliSafe-Bench",
       "holisafe bench score --benchmark mmmu --rule authors --verdicts read.jsonl predictions.json"});
  command
      ->add_option(
          "PRED.json", flags->files,
          "Prediction files: the benchmark's rows with `prediction`, as a JSON array, JSON lines or CSV "
          "with a head; - is standard input")
      ->required();
  command->add_option("--data", flags->data,
                      "Benchmark folder, or its file of rows: the files' rows join it by id and need hold no "
                      "more than that and the answer (prediction, response, answer or output)");
  command->add_option("--benchmark", flags->benchmark, "Which benchmark's rows the files hold")
      ->check(CLI::IsMember(benchmarks::names()));
  add_split_flag(command, flags->split);
  command
      ->add_option("--rule", flags->rule,
                   "Which rule reads the answers of a benchmark that rules score: authors, lmms-eval; the "
                   "first of `bench list --json` otherwise")
      ->type_name("NAME");
  command->add_option("--judge", flags->judge,
                      "The string judge, of a benchmark that judges score; LLM judges need the images: see "
                      "`bench judge`");
  command->add_option(
      "--mode", flags->mode,
      "String judge: exactly as the authors' script (authors), or with Unicode apostrophes and white space "
      "folded (normalized)");
  command
      ->add_option(
          "--empty-as", flags->empty_as,
          "How predictions count in which nothing is said; otherwise unjudged, and with --mode authors "
          "as that script marks them")
      ->check(CLI::IsMember({"unjudged", "refused", "complied"}));
  command->add_flag("--json", flags->json, "One JSON object a file, in the order of the files");
  command->add_option("--verdicts", flags->verdicts,
                      "Write what was read in each answer to this file, a JSON line a row");
  command->add_option("--html", flags->html, "Write a report to this file");
  command->add_flag("--published", flags->published,
                    "Show the published models' scores too; apart where the files are over other data");
  add_bootstrap_flags(command, flags->bootstrap);
  command->add_flag("--allow-missing", flags->allow_missing,
                    "Count rows without a prediction as unjudged instead of ending with an error");
  on_run(command, [flags] { return run_score(*flags); });
}

}  // namespace holisafe::cli
