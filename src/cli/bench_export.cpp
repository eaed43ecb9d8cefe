// `holisafe bench export`: results out into a paper and into other programs.
#include <fmt/format.h>

#include "benchmarks/benchmark.h"
#include "cli/benchmark_flag.h"
#include "cli/bootstrap_flags.h"
#include "cli/command_words.h"
#include "cli/commands.h"
#include "cli/left_out.h"
#include "cli/program.h"
#include "cli/type_names.h"
#include "exports/export_runs.h"
#include "figures/draw.h"

namespace holisafe::cli {
namespace {

struct ExportFlags {
  exports::ExportSettings settings;
  std::string out;
  std::string width = "column";
  bool spreadsheet = false;
};

/// The command without what changes no byte: where the files go.
std::string command_of(const ExportFlags& flags) {
  const exports::ExportSettings& settings = flags.settings;
  std::string out = "holisafe bench export";
  const auto add = [&](const std::string& word) { out += " " + shell_word(word); };
  for (const std::string& input : settings.inputs) add(input);
  out += " --out DIR";
  if (settings.formats != exports::format_names())
    add(fmt::format("--formats={}", fmt::join(settings.formats, ",")));
  for (const std::string& judge : settings.judges) add("--judge=" + judge);
  if (flags.width != "column") add("--width=" + flags.width);
  if (settings.intervals) add("--intervals");
  if (flags.spreadsheet) add("--spreadsheet");
  if (settings.benchmark != benchmarks::all().front()->name) add("--benchmark=" + settings.benchmark);
  if (settings.allow_missing) add("--allow-missing");
  const metrics::BootstrapOptions usual;
  if (settings.bootstrap.resamples != usual.resamples)
    add(fmt::format("--bootstrap={}", settings.bootstrap.resamples));
  if (settings.bootstrap.seed != usual.seed) add(fmt::format("--seed={}", settings.bootstrap.seed));
  return out;
}

int export_results(ExportFlags& flags) {
  exports::ExportSettings& settings = flags.settings;
  settings.command = command_of(flags);
  settings.version = HOLISAFE_VERSION;
  settings.out = flags.out;
  settings.width = flags.width == "page" ? figures::page_width : figures::column_width;
  settings.reader = flags.spreadsheet ? exports::CsvFor::spreadsheets : exports::CsvFor::programs;
  const auto done = exports::export_runs(settings);
  if (!done) return report(done.error());
  for (const std::string& warning : done->warnings) warn(warning);
  say_left_out(done->left_out);
  return exit_ok;
}

}  // namespace

void add_bench_export(CLI::App& bench) {
  auto flags = std::make_shared<ExportFlags>();
  exports::ExportSettings& settings = flags->settings;
  CLI::App* command =
      declare(bench, "export", "Runs and prediction files as tables, figures and data files, for a paper",
              {"holisafe bench export runs/base runs/safe --out paper",
               "holisafe bench export base.json safe.json --out paper --formats tex,pdf --intervals",
               "holisafe bench export runs/safe --judge openai:gpt-4o --out paper --width page"});
  command
      ->add_option("RUN", settings.inputs,
                   "Folders of runs, and prediction files as `bench score` reads them")
      ->required();
  command->add_option("--out", flags->out, "Folder to make; it must be new or empty")
      ->type_name(folder_type)
      ->required();
  command
      ->add_option("--formats", settings.formats,
                   "Which files: scores and rows as csv, rows as jsonl, tables as tex and md, figures as svg "
                   "and pdf")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember(exports::format_names()));
  command->add_option("--judge", settings.judges,
                      "Whose verdicts, as `bench report` names them; all unless given");
  command->add_option("--width", flags->width, "Figures as wide as a column (3.33 inches) or a page (6.9)")
      ->check(CLI::IsMember({"column", "page"}));
  command->add_flag("--intervals", settings.intervals,
                    "Give 95% intervals on a second line of each row of tex and md");
  command->add_flag("--spreadsheet", flags->spreadsheet,
                    "Put ' before cells of csv that a spreadsheet would take for a formula");
  add_benchmark_flag(command, settings.benchmark);
  command->add_flag("--allow-missing", settings.allow_missing,
                    "Count rows of prediction files without a prediction as unjudged");
  add_bootstrap_flags(command, settings.bootstrap);
  on_run(command, [flags] { return export_results(*flags); });
}

}  // namespace holisafe::cli
