// `holisafe data stats`: what a benchmark's data hold, in counts.
#include <memory>

#include <fmt/format.h>

#include "base/text.h"
#include "benchmarks/benchmark.h"
#include "cli/benchmark_flag.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "cli/text_table.h"

namespace holisafe::cli {
namespace {

struct StatsFlags {
  std::string folder;
  std::string benchmark;
  std::string split;
  bool json = false;
};

int show(const StatsFlags& flags) {
  const auto& benchmark = *benchmarks::find(flags.benchmark);
  const auto split = benchmarks::split_of(benchmark, flags.split);
  if (!split) return report(split.error());
  const auto found = benchmarks::statistics(benchmark, {flags.folder, *split});
  if (!found) return report(found.error());
  if (flags.json) {
    fmt::print("{}\n", visible_json(found->json));
  } else {
    bool first = true;
    for (const auto& block : found->blocks) {
      if (!std::exchange(first, false)) fmt::print("\n");
      fmt::print("{}", visible(block.text));
      if (!block.text.empty() && !block.table.empty()) fmt::print("\n");
      fmt::print("{}", text_table(block.table));
    }
  }
  const auto& contents = found->contents;
  if (contents.problems.empty()) return exit_ok;
  return report({ErrorKind::unexpected, "rows are not counted", contents.file,
                 fmt::format("expected {} sound rows, found {}; see `holisafe data check`", contents.rows,
                             contents.sound)});
}

}  // namespace

void add_data_stats(CLI::App& data) {
  auto flags = std::make_shared<StatsFlags>();
  CLI::App* command =
      declare(data, "stats", "Count the rows and images of a benchmark's data; images are not opened",
              {"holisafe data stats HoliSafe-Bench", "holisafe data stats data --json | jq .types",
               "holisafe data stats MMMU --benchmark mmmu"});
  command
      ->add_option("DIR", flags->folder, "The benchmark's folder, or its file of rows; - is standard input")
      ->required();
  add_benchmark_flag(command, flags->benchmark);
  add_split_flag(command, flags->split);
  command->add_flag("--json", flags->json, "One JSON object");
  on_run(command, [flags] { return show(*flags); });
}

}  // namespace holisafe::cli
