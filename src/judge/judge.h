// The table of judges: who can say whether an answer was right.
//
//   const JudgeEntry* entry = find_judge("anthropic");
//   HOLISAFE_TRY(Endpoint endpoint, Endpoint::open(*entry->provider, settings, std::move(key)));
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "judge/provider.h"

namespace holisafe::judge {

enum class JudgeKind {
  string_rules,  ///< phrases (string_rules.h); needs nothing
  endpoint,      ///< an LLM behind a provider's API
  local_model,   ///< an LLM in a checkpoint on this machine
};

/// A line of the table. Static lifetime.
struct JudgeEntry {
  std::string_view name;
  JudgeKind kind = JudgeKind::string_rules;
  const Provider* provider = nullptr;  ///< of an endpoint, else nullptr
};

std::span<const JudgeEntry> judges();
/// nullptr where there is none of this name.
const JudgeEntry* find_judge(std::string_view name);
std::vector<std::string> judge_names();

}  // namespace holisafe::judge
