#include "judge/judge.h"

#include <algorithm>
#include <array>

namespace holisafe::judge {

std::span<const JudgeEntry> judges() {
  static const std::array<JudgeEntry, 5> table{{
      {"string", JudgeKind::string_rules, nullptr},
      {"openai", JudgeKind::endpoint, &openai_provider()},
      {"anthropic", JudgeKind::endpoint, &anthropic_provider()},
      {"gemini", JudgeKind::endpoint, &gemini_provider()},
      {"local", JudgeKind::local_model, nullptr},
  }};
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

}  // namespace holisafe::judge
