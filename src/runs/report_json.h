// Runs as `bench report --json` prints them.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "runs/judged_run.h"

namespace holisafe::runs {

/// A score of a run in its benchmark's form, then {"run","bounds","published","answers","right_answers" where
/// rows have keys,"agreement":{judge:{"n","raw","kappa", by place}},"guard","guard_and_answer"}. `published`
/// is null where the run does not cover what was published, unless `published` asks for it.
nlohmann::ordered_json to_json(const JudgedRun& run, const report::ScoredRun& score, bool published);

}  // namespace holisafe::runs
