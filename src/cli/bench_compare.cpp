// `holisafe bench compare`: two runs pair by pair.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json_line.h"
#include "base/text.h"
#include "cli/bootstrap_flags.h"
#include "cli/command_words.h"
#include "cli/commands.h"
#include "cli/named_bounds.h"
#include "cli/program.h"
#include "cli/terminal.h"
#include "cli/text_table.h"
#include "cli/type_names.h"
#include "exports/comparison_files.h"
#include "report/figure_columns.h"
#include "report/page.h"
#include "runs/compare_runs.h"
#include "runs/open_runs.h"
#include "runs/row_marks.h"

namespace holisafe::cli {
namespace {

using Line = TableLine;
struct CompareFlags {
  std::string first;
  std::string second;
  std::string judge;
  bool json = false;
  std::string html;
  std::string export_to;
  std::optional<double> fail_masr;
  std::optional<double> fail_rr;
  std::vector<std::string> fail;
  metrics::BootstrapOptions bootstrap;
};

Line rate_line(std::string title, const std::optional<metrics::PairedFigure>& rate) {
  if (!rate) return {std::move(title), "0", "-", "-", "-", "", "", "", ""};
  const auto& test = rate->test;
  const std::string interval = rate->interval ? fmt::format("{:+.1f} to {:+.1f}", rate->interval->low * 100,
                                                            rate->interval->high * 100)
                                              : "";
  return {std::move(title),
          fmt::format("{}", rate->rows),
          fmt::format("{:.1f}", rate->first * 100),
          fmt::format("{:.1f}", rate->second * 100),
          fmt::format("{:+.1f}", rate->difference * 100),
          interval,
          test ? fmt::format("{}", test->only_first_wrong) : "-",
          test ? fmt::format("{}", test->only_second_wrong) : "-",
          test ? fmt::format("{:.3g}", test->p_value) : "-"};
}

std::string comparison_table(const runs::RunComparison& found) {
  std::vector<Line> lines = {{"rate", "rows", "first", "second", "difference", "95%", "only first wrong",
                              "only second", "p (McNemar)"}};
  const metrics::Figures& figures = *found.benchmark->figures;
  for (std::size_t i = 0; i < found.comparison.figures.size(); ++i) {
    lines.push_back(
        rate_line(std::string(metrics::figure_name(figures, i).title), found.comparison.figures[i]));
  }
  std::string out = fmt::format(
      "first: {}\nsecond: {}\nPercent; judge {}; difference is second - first, its interval over "
      "images. {} rows unjudged in either, {} only in the first, {} only in the second.\n\n",
      one_line(found.first), one_line(found.second), found.judge, found.comparison.left_out, found.only_first,
      found.only_second);
  out += text_table(lines);
  constexpr std::size_t shown = 10;
  if (found.changes.empty()) return out;
  out += fmt::format("\n{} rows changed:\n", found.changes.size());
  for (std::size_t i = 0; i < std::min(shown, found.changes.size()); ++i) {
    const auto& change = found.changes[i];
    std::string place;
    for (const auto& [group, value] : change.place) place += " " + one_line(value);
    out += fmt::format("  id {}{}: {}, then {}\n", one_line(change.id), place,
                       runs::mark_text(figures, change.first), runs::mark_text(figures, change.second));
  }
  if (found.changes.size() > shown) out += "  … (--json lists all, --html shows examples)\n";
  return out;
}

/// Whether a figure became worse by more than its bound. Errors: usage (no such figure).
Result<bool> worsened(const runs::RunComparison& found, const std::string& name, double bound) {
  const metrics::Figures& figures = *found.benchmark->figures;
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < found.comparison.figures.size(); ++i) {
    const auto figure = metrics::figure_name(figures, i);
    names.push_back(figure.name);
    if (figure.name != name) continue;
    const auto& change = found.comparison.figures[i];
    const bool up = !figure.higher_is_better;
    if (!change || (up ? change->difference : -change->difference) <= bound) return false;
    say(fmt::format("holisafe: {} {} by {:.2f} points, more than {:.2f}\n",
                    report::or_else(figure.words->column, figure.title), up ? "rose" : "fell",
                    std::abs(change->difference) * 100, bound * 100));
    return true;
  }
  return fail(ErrorKind::usage, "no such figure", std::string(found.benchmark->name),
              fmt::format("expected one of {}, found \"{}\"", fmt::join(names, ", "), name));
}

/// How the files of --export were made: the command without where they go.
exports::Remarks remarks_of(const CompareFlags& flags) {
  std::string command = fmt::format("holisafe bench compare {} {} --export DIR", shell_word(flags.first),
                                    shell_word(flags.second));
  if (!flags.judge.empty()) command += " " + shell_word("--judge=" + flags.judge);
  const metrics::BootstrapOptions usual;
  if (flags.bootstrap.resamples != usual.resamples)
    command += fmt::format(" --bootstrap={}", flags.bootstrap.resamples);
  if (flags.bootstrap.seed != usual.seed) command += fmt::format(" --seed={}", flags.bootstrap.seed);
  return {fmt::format("Made by holisafe {}.", HOLISAFE_VERSION), std::move(command)};
}

Result<int> compare(const CompareFlags& flags) {
  const std::vector<std::string> folders = {flags.first, flags.second};
  HOLISAFE_TRY(const auto first, runs::open_runs(std::span(&folders[0], 1)));
  HOLISAFE_TRY(const auto second, runs::open_runs(std::span(&folders[1], 1)));
  runs::Run a = first.runs.front();
  runs::Run b = second.runs.front();
  if (a.name == b.name) {
    a.name += fmt::format(" ({})", flags.first);
    b.name += fmt::format(" ({})", flags.second);
  }
  HOLISAFE_TRY(const auto found, runs::compare_runs(a, b, flags.judge, flags.bootstrap));
  if (flags.json) {
    fmt::print("{}", json_line(runs::to_json(found)));
  } else {
    fmt::print("{}", visible(comparison_table(found)));
  }
  if (!flags.html.empty()) {
    report::Report page;
    page.title = fmt::format("{} comparison", found.benchmark->title);
    page.subtitle = fmt::format("judge {}", found.judge);
    page.sections = {report::comparison_section(found.first, found.second, found.comparison, found.examples)};
    page.footer = fmt::format("Made by holisafe {}.", HOLISAFE_VERSION);
    HOLISAFE_CHECK(write_named_file(flags.html, report::page(page)));
  }
  if (!flags.export_to.empty())
    HOLISAFE_CHECK(exports::export_comparison(found, flags.export_to, remarks_of(flags)));
  std::vector<std::pair<std::string, double>> bounds;
  if (flags.fail_masr) bounds.emplace_back("masr.macro", *flags.fail_masr);
  if (flags.fail_rr) bounds.emplace_back("rr", *flags.fail_rr);
  for (const std::string& text : flags.fail) bounds.push_back(named_bound(text));
  int code = exit_ok;
  for (const auto& [name, bound] : bounds) {
    HOLISAFE_TRY(const bool worse, worsened(found, name, bound));
    if (worse) code = exit_found;
  }
  return code;
}

}  // namespace

void add_bench_compare(CLI::App& bench) {
  auto flags = std::make_shared<CompareFlags>();
  CLI::App* command =
      declare(bench, "compare", "Two runs over the same data, pair by pair",
              {"holisafe bench compare runs/base runs/safe",
               "holisafe bench compare runs/base runs/safe --judge openai:gpt-4o --html compare.html",
               "holisafe bench compare runs/base-mmmu runs/safe-mmmu --rule authors --json",
               "holisafe bench compare runs/base runs/safe --export differences"});
  command->add_option("RUN_A", flags->first, "Folder of the first run")->type_name(folder_type)->required();
  command->add_option("RUN_B", flags->second, "Folder of the second run")->type_name(folder_type)->required();
  CLI::Option* judge =
      command->add_option("--judge", flags->judge,
                          "Whose verdicts, as `bench report` names them; the benchmark's rule unless given");
  command->add_option("--rule", flags->judge, "The same for a rule of the benchmark: lmms-eval")
      ->excludes(judge);
  command->add_flag("--json", flags->json, "One JSON object");
  command->add_option("--html", flags->html, "Write a report with examples that changed to this file");
  command
      ->add_option("--export", flags->export_to,
                   "Write differences.csv, .tex, .md and changed.csv into this folder, new or empty")
      ->type_name(folder_type);
  command->add_option("--fail-masr", flags->fail_masr, "Exit 1 where mASR (macro) rose by more (a fraction)")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--fail-rr", flags->fail_rr, "Exit 1 where RR rose by more (a fraction)")
      ->check(CLI::Range(0.0, 1.0));
  add_named_bounds(command, flags->fail,
                   "Exit 1 where a figure became worse by more than a fraction: accuracy=0.01");
  add_bootstrap_flags(command, flags->bootstrap);
  on_run(command, [flags] {
    const auto code = compare(*flags);
    return code ? *code : report(code.error());
  });
}

}  // namespace holisafe::cli
