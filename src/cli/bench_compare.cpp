// `holisafe bench compare`: two runs pair by pair.
#include <fmt/format.h>

#include "base/file.h"
#include "cli/bootstrap_flags.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "cli/text_table.h"
#include "report/page.h"
#include "report/rate_names.h"
#include "runs/compare_runs.h"
#include "runs/open_runs.h"

namespace holisafe::cli {
namespace {

using Line = TableLine;
struct Flags {
  std::string first;
  std::string second;
  std::string judge = "string";
  bool json = false;
  std::string html;
  std::optional<double> fail_masr;
  std::optional<double> fail_rr;
  metrics::BootstrapOptions bootstrap;
};

Line rate_line(std::string title, const std::optional<metrics::PairedRate>& rate) {
  if (!rate) return {std::move(title), "0", "-", "-", "-", "", "", "", ""};
  const std::string interval = rate->interval ? fmt::format("{:+.1f} to {:+.1f}", rate->interval->low * 100,
                                                            rate->interval->high * 100)
                                              : "";
  return {std::move(title),
          fmt::format("{}", rate->rows),
          fmt::format("{:.1f}", rate->first * 100),
          fmt::format("{:.1f}", rate->second * 100),
          fmt::format("{:+.1f}", rate->difference * 100),
          interval,
          fmt::format("{}", rate->test.only_first_wrong),
          fmt::format("{}", rate->test.only_second_wrong),
          fmt::format("{:.3g}", rate->test.p_value)};
}

std::string comparison_table(const runs::RunComparison& found) {
  std::vector<Line> lines = {{"rate", "rows", "first", "second", "difference", "95%", "only first wrong",
                              "only second", "p (McNemar)"}};
  for (std::size_t type = 0; type < metrics::combination_count; ++type)
    lines.push_back(rate_line(report::rate_name(type), found.comparison.types[type]));
  lines.push_back(rate_line("mASR macro", found.comparison.masr_macro));
  lines.push_back(rate_line("mASR weighted", found.comparison.masr_sample_weighted));
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
    out += fmt::format("  id {} {}: {}, then {}\n", one_line(change.id), taxonomy::name(change.type),
                       runs::name(change.first), runs::name(change.second));
  }
  if (found.changes.size() > shown) out += "  … (--json lists all, --html shows examples)\n";
  return out;
}

/// Whether a rate rose by more than its bound.
bool rose(const char* name, const std::optional<metrics::PairedRate>& rate,
          const std::optional<double>& bound) {
  if (!bound || !rate || rate->difference <= *bound) return false;
  fmt::print(stderr, "holisafe: {} rose by {:.2f} points, more than {:.2f}\n", name, rate->difference * 100,
             *bound * 100);
  return true;
}

Result<int> compare(const Flags& flags) {
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
    fmt::print("{}\n", runs::to_json(found).dump());
  } else {
    fmt::print("{}", comparison_table(found));
  }
  if (!flags.html.empty()) {
    report::Report page;
    page.title = "HoliSafe-Bench comparison";
    page.subtitle = fmt::format("judge {}", found.judge);
    page.sections = {report::comparison_section(found.first, found.second, found.comparison, found.examples)};
    page.footer = fmt::format("Made by holisafe {}.", HOLISAFE_VERSION);
    HOLISAFE_CHECK(write_file_atomic(flags.html, report::page(page)));
  }
  const bool masr = rose("mASR macro", found.comparison.masr_macro, flags.fail_masr);
  const bool rr = rose("RR", found.comparison.types[0], flags.fail_rr);
  return masr || rr ? exit_found : exit_ok;
}

}  // namespace

void add_bench_compare(CLI::App& bench) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command =
      declare(bench, "compare", "Two runs over the same data, pair by pair",
              {"holisafe bench compare runs/base runs/safe",
               "holisafe bench compare runs/base runs/safe --judge openai:gpt-4o --html compare.html"});
  command->add_option("RUN_A", flags->first, "Folder of the first run")->required();
  command->add_option("RUN_B", flags->second, "Folder of the second run")->required();
  command->add_option("--judge", flags->judge, "Whose verdicts, as `bench report` names them");
  command->add_flag("--json", flags->json, "One JSON object");
  command->add_option("--html", flags->html, "Write a report with examples that changed to this file");
  command->add_option("--fail-masr", flags->fail_masr, "Exit 1 where mASR (macro) rose by more (a fraction)")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--fail-rr", flags->fail_rr, "Exit 1 where RR rose by more (a fraction)")
      ->check(CLI::Range(0.0, 1.0));
  add_bootstrap_flags(command, flags->bootstrap);
  on_run(command, [flags] {
    const auto code = compare(*flags);
    return code ? *code : report(code.error());
  });
}

}  // namespace holisafe::cli
