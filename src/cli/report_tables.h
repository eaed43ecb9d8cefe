// What `bench report` prints below the scores: models over several sets, rules side by side, right answers,
// guards, how judges agree.
#pragma once

#include <span>
#include <string>

#include "report/safety_utility.h"
#include "runs/judged_run.h"

namespace holisafe::cli {

/// A model a line with its intervals below, a set a column, in percent; then the published ones and what
/// keeps figures from comparing.
std::string safety_utility_text(const report::SafetyUtility& table);

/// What the rules of each run make of the same answers, and some that they read differently. Empty where no
/// run has several.
std::string rules_text(std::span<const runs::JudgedRun> runs);

/// Empty where no row has a key.
std::string right_answers_table(std::span<const runs::JudgedRun> runs);
/// Empty where no run has a guard.
std::string guard_table(std::span<const runs::JudgedRun> runs);
/// Empty where no run has two judges.
std::string agreement_table(std::span<const runs::JudgedRun> runs);

}  // namespace holisafe::cli
