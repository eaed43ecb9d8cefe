#include "runs/judges.h"

#include <algorithm>

#include "benchmarks/benchmark.h"

namespace holisafe::runs {
namespace {

bool holds(const std::vector<JudgeEntry>& entries, std::string_view name) {
  return std::any_of(entries.begin(), entries.end(), [&](const auto& each) { return each.name == name; });
}

}  // namespace

std::span<const JudgeEntry> judges() {
  static const std::vector<JudgeEntry> table = [] {
    std::vector<JudgeEntry> out;
    for (const auto* benchmark : benchmarks::all()) {
      for (const auto& rule : benchmark->rules) {
        if (!holds(out, rule.name)) out.push_back({rule.name, JudgeKind::rule});
      }
    }
    for (const auto* provider : ask::providers())
      out.push_back({provider->name, JudgeKind::endpoint, provider, provider->judge_model});
    out.push_back({"local", JudgeKind::local_model});
    return out;
  }();
  return table;
}

const JudgeEntry* find_judge(std::string_view name) {
  const auto table = judges();
  const auto place = std::find_if(table.begin(), table.end(), [&](const auto& e) { return e.name == name; });
  return place == table.end() ? nullptr : &*place;
}

std::vector<std::string> judge_names() {
  std::vector<std::string> out;
  for (const auto& entry : judges()) out.emplace_back(entry.name);
  return out;
}

}  // namespace holisafe::runs
