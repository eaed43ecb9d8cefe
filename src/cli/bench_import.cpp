// `holisafe bench import`.
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/json_line.h"
#include "benchmarks/score_json.h"
#include "cli/benchmark_flag.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "cli/score_table.h"
#include "cli/terminal.h"
#include "cli/type_names.h"
#include "runs/import_run.h"

namespace holisafe::cli {
namespace {

struct ImportFlags {
  std::string data;
  std::string out;
  std::string empty_as;
  bool json = false;
  bool allow_missing = false;
  runs::ImportSettings run;
};

int run_import(ImportFlags& flags) {
  flags.run.data = flags.data;
  flags.run.folder = flags.out;
  flags.run.empty_as = runs::parse_count_as(flags.empty_as);
  flags.run.version = HOLISAFE_VERSION;
  flags.run.warn = warn;
  flags.run.note = [](const std::string& text) { say(fmt::format("holisafe: {}\n", one_line(text))); };
  const auto end = runs::import_run(flags.run);
  if (!end) return report(end.error());
  for (const auto& warning : end->run.warnings) warn(warning);
  if (flags.json) {
    fmt::print("{}", json_line(benchmarks::score_json(*end->run.benchmark, end->run.scores.front().score)));
  } else {
    fmt::print("{}", score_table(end->run.scores, ShowPublished::none));
  }
  const auto& counts = end->counts;
  if (counts.open() == 0 || flags.allow_missing) return exit_ok;
  return report({ErrorKind::missing,
                 fmt::format("{} of {} samples unanswered", counts.open(), counts.questions), flags.out,
                 end->unanswered_reason +
                     "; the mended files go into the same folder, --allow-missing leaves it at that"});
}

}  // namespace

void add_bench_import(CLI::App& bench) {
  auto flags = std::make_shared<ImportFlags>();
  CLI::App* command = declare(
      bench, "import", "Make a run of answers that came from elsewhere, to judge, report and compare",
      {"holisafe bench import predictions.jsonl --data HoliSafe-Bench --out runs/name",
       "holisafe bench import part-1.csv part-2.csv --answer-field reply --data HoliSafe-Bench --out "
       "runs/name",
       "holisafe bench import 20261130_101500_samples_holisafe.jsonl --data HoliSafe-Bench --out runs/name",
       "holisafe bench judge runs/name --judge openai"});
  command
      ->add_option(
          "FILE", flags->run.files,
          "Files of answers, parts of one run: a JSON array, JSON lines or CSV with a head, whose rows "
          "join the data's by id; or samples files of lmms-eval (--log_samples), which join by "
          "position; - is standard input")
      ->required();
  command
      ->add_option("--data", flags->data,
                   "Benchmark folder (holisafe_bench.json beside images/), or its file of rows")
      ->required();
  command
      ->add_option("--out", flags->out, "RUN: folder for run.db, predictions.json, summary.json, report.html")
      ->type_name(folder_type)
      ->required();
  command->add_option("--name", flags->run.name, "What the run is called; otherwise as the first file")
      ->check(utf8_text());
  command
      ->add_option("--id-field", flags->run.fields.id,
                   "Field with the id of a row of the data; otherwise as the data call it, or id")
      ->check(utf8_text());
  command
      ->add_option(
          "--answer-field", flags->run.fields.answer,
          "Field with the answer; otherwise the first of prediction, response, answer, output that is "
          "there")
      ->check(utf8_text());
  add_benchmark_flag(command, flags->run.benchmark);
  add_split_flag(command, flags->run.split);
  command
      ->add_option(
          "--empty-as", flags->empty_as,
          "How answers count that say nothing; otherwise unjudged, or as the benchmark's rules mark them "
          "where these alone score it")
      ->check(CLI::IsMember({"unjudged", "refused", "complied"}));
  command->add_flag("--allow-missing", flags->allow_missing,
                    "Leave rows without an answer unanswered, and do not end with exit code 2");
  command->add_flag("--json", flags->json, "Print the score as one JSON object");
  on_run(command, [flags] { return run_import(*flags); });
}

}  // namespace holisafe::cli
