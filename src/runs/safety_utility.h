// Runs over several sets as one table: which runs are one model's, whose marks count, safety against utility.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "benchmarks/benchmark.h"
#include "report/safety_utility.h"
#include "report/score_sections.h"
#include "runs/judged_run.h"

namespace holisafe::runs {

/// A run, or a prediction file, as a model's result on a set.
struct SetRun {
  const benchmarks::Benchmark* benchmark = nullptr;  ///< never nullptr
  std::string name;                                  ///< for messages
  Responder who;
  std::string data;  ///< SHA-256 of the set's rows; empty: not known
  std::span<const report::ScoredRun> scores;
};

/// Judged runs as such; they must outlive what is given.
std::vector<SetRun> set_runs(std::span<const JudgedRun> runs);

/// Whether runs are of more than one set: only then is there anything to tabulate.
bool of_several_sets(std::span<const SetRun> runs);

/// Runs are one model's where their Responder's model and asked are the same; imported ones join the only
/// other runs of that name that lack their sets. Where a set then stands twice, runs belong together whose
/// folders lie in one folder; where it still does, that set counts for none of them, and a note names the
/// runs.
///
/// Of a set's judges one counts for all models: the LLM judge whose verdicts all of its runs have (where
/// several are, the first by name), else the first rule that all have, in the benchmark's order. Where no
/// judge is in all, the one that most have, LLM judges first; the others' cells are empty, and a note says
/// so.
///
/// With `published`, figures that others published stand in the table also where no run covers what they are
/// over.
report::SafetyUtility safety_utility(std::span<const SetRun> runs, bool published);

/// {"table":"safety-utility","sets":[name],"models":[{"model","safety":{set: value},"utility":{set:
/// value},"safety_mean", "utility_mean","intervals":{set: [low, high], "safety_mean",
/// "utility_mean"},"beside":{set: {figure: value}}}], "judges":{set:
/// judge},"published":[{"model","safety","utility"}],"notes"}; fractions, null where there is none.
nlohmann::ordered_json to_json(const report::SafetyUtility& table);

}  // namespace holisafe::runs
