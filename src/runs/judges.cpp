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
    out.push_back({"openai", JudgeKind::endpoint, &ask::openai_provider(), "gpt-4o"});
    out.push_back(
        {"anthropic", JudgeKind::endpoint, &ask::anthropic_provider(), "claude-sonnet-4-5-20250929"});
    out.push_back({"gemini", JudgeKind::endpoint, &ask::gemini_provider(), "gemini-2.0-flash"});
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
