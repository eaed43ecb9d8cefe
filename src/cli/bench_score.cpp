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
#include "benchmarks/score_json.h"
#include "cli/bootstrap_flags.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "cli/score_table.h"
#include "cli/terminal.h"
#include "report/page.h"
#include "runs/score_file.h"

namespace holisafe::cli {
namespace {

struct Flags {
  std::vector<std::string> files;
  std::string benchmark = "holisafe";
  std::string judge;
  std::string mode;
  bool json = false;
  bool published = false;
  bool allow_missing = false;
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

int run_score(const Flags& flags) {
  runs::ScoreOptions options;
  options.benchmark = benchmarks::find(flags.benchmark);
  // The default rule by its name is the default rule, whose mode may be chosen.
  if (flags.judge != options.benchmark->rules.front().name) options.judge = flags.judge;
  options.mode = flags.mode;
  options.allow_missing = flags.allow_missing;
  options.bootstrap = flags.bootstrap;
  options.for_report = !flags.html.empty();

  int exit_code = exit_ok;
  std::vector<report::ScoredRun> runs;
  for (auto& scored : score_all(flags.files, options)) {
    if (!scored) {
      exit_code = report(scored.error());
      continue;
    }
    for (const auto& warning : scored->warnings) warn(warning);
    runs.push_back(std::move(scored->run));
  }
  if (flags.json) {
    for (const auto& run : runs) {
      auto line = benchmarks::score_json(*options.benchmark, run.score);
      if (flags.published)
        line["published"] = benchmarks::published_json(*options.benchmark, run.score.judge);
      fmt::print("{}", json_line(line));
    }
  } else if (!runs.empty()) {
    fmt::print("{}", score_table(runs, flags.published ? ShowPublished::all : ShowPublished::none));
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
  auto flags = std::make_shared<Flags>();
  CLI::App* command =
      declare(bench, "score", "Score prediction files: refusal rate, attack success rates, both mASR",
              {"holisafe bench score predictions.json",
               "holisafe bench score base.json safe.json --published --html report.html",
               "holisafe bench score predictions.json --json | jq .masr"});
  command
      ->add_option("PRED.json", flags->files,
                   "Prediction files: the benchmark's rows with `prediction`; - is standard input")
      ->required();
  command->add_option("--benchmark", flags->benchmark, "Which benchmark's rows the files hold")
      ->check(CLI::IsMember(benchmarks::names()));
  command->add_option(
      "--judge", flags->judge,
      "Which of the benchmark's rules judges: `bench list --json`; LLM judges need the images: "
      "see `bench judge`");
  command->add_option(
      "--mode", flags->mode,
      "String judge: exactly as the authors' script (authors), or with Unicode apostrophes and white space "
      "folded (normalized)");
  command->add_flag("--json", flags->json, "One JSON object a file, in the order of the files");
  command->add_option("--html", flags->html, "Write a report to this file");
  command->add_flag("--published", flags->published,
                    "Show the published models' scores too; apart where the files are over other data");
  add_bootstrap_flags(command, flags->bootstrap);
  command->add_flag("--allow-missing", flags->allow_missing,
                    "Count rows without a prediction as unjudged instead of ending with an error");
  on_run(command, [flags] { return run_score(*flags); });
}

}  // namespace holisafe::cli
