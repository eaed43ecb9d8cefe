// Runs as `bench report --json` prints them.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "runs/judged_run.h"

namespace holisafe::runs {

/// A score of a run in its benchmark's form, then {"run","bounds","published","answers","right_answers" where
/// rows have keys,"agreement":{judge:{"n","raw","kappa", by place}},"guard","guard_and_answer","comparable"}.
/// `comparable` is whether the run covers what was published; where it does not, `published` is null unless
/// the argument asks for it.
nlohmann::ordered_json to_json(const JudgedRun& run, const report::ScoredRun& score, bool published);

}  // namespace holisafe::runs
