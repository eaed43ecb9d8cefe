#include "cli/guard_table.h"

#include <fmt/format.h>

#include "benchmarks/published_guards.h"
#include "cli/text_table.h"

namespace holisafe::cli {
namespace {

std::string figure(std::optional<double> value) {
  return value ? fmt::format("{:.1f}", *value * 100) : std::string("-");
}

}  // namespace

std::string guards_table(std::span<const report::MeasuredGuard> guards, bool published) {
  std::vector<TableLine> lines = {
      {"guard", "images", "unjudged", "accuracy", "F1", "precision", "recall", "AUROC", "ECE"}};
  for (const auto& guard : guards) {
    const auto& found = guard.binary;
    lines.push_back({guard.name, fmt::format("{}", found.rows()), fmt::format("{}", guard.unjudged),
                     figure(found.accuracy), figure(found.f1), figure(found.precision), figure(found.recall),
                     figure(found.auroc), figure(found.ece)});
  }
  if (!published) return text_table(lines);
  for (const auto& score : benchmarks::published_guards()) {
    TableLine line = {score.model + " (published)", "-", "-"};
    for (const auto& value : score.figures) line.push_back(figure(value));
    lines.push_back(std::move(line));
  }
  return text_table(lines);
}

}  // namespace holisafe::cli
