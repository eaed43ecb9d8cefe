// The table of judges: the rules of all benchmarks, LLMs behind a provider's API, a checkpoint on this
// machine.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ask/provider.h"

namespace holisafe::runs {

enum class JudgeKind {
  rule,         ///< needs nothing
  endpoint,     ///< an LLM behind a provider's API
  local_model,  ///< an LLM in a checkpoint on this machine
};

/// A line of the table. Static lifetime.
struct JudgeEntry {
  std::string_view name;
  JudgeKind kind = JudgeKind::rule;
  const ask::Provider* provider = nullptr;  ///< of an endpoint, else nullptr
  std::string_view default_model = {};      ///< of an endpoint: the judge of HoliSafe's authors
};

std::span<const JudgeEntry> judges();
/// nullptr where there is none of this name.
const JudgeEntry* find_judge(std::string_view name);
std::vector<std::string> judge_names();

}  // namespace holisafe::runs
