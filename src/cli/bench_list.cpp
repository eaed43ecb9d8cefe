// `holisafe bench list`: the table of benchmarks.
#include <memory>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/json_line.h"
#include "benchmarks/benchmark.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "cli/text_table.h"

namespace holisafe::cli {
namespace {

int list(bool as_json) {
  std::vector<TableLine> lines = {{"benchmark", "title", "kind", "rows", "rules", "judge"}};
  for (const auto* benchmark : benchmarks::all()) {
    const auto json = benchmarks::to_json(*benchmark);
    if (as_json) {
      fmt::print("{}", json_line(json));
      continue;
    }
    const auto words = [&](const char* field) {
      return fmt::format("{}", fmt::join(json[field].get<std::vector<std::string>>(), ", "));
    };
    const auto judge = words("judge_words");
    lines.push_back({std::string(benchmark->name), std::string(benchmark->title),
                     std::string(name(benchmark->kind)), json["rows"].is_null() ? "-" : json["rows"].dump(),
                     words("rules"), judge.empty() ? "-" : judge});
  }
  if (!as_json) fmt::print("{}", text_table(lines));
  return exit_ok;
}

}  // namespace

void add_bench_list(CLI::App& bench) {
  auto as_json = std::make_shared<bool>(false);
  CLI::App* command = declare(bench, "list", "The benchmarks that --benchmark takes",
                              {"holisafe bench list", "holisafe bench list --json | jq -r .name"});
  command->add_flag("--json", *as_json, "One JSON object a benchmark");
  on_run(command, [as_json] { return list(*as_json); });
}

}  // namespace holisafe::cli
