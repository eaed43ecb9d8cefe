// RUN/explanations: where in the images that a run's guard was most wrong about its verdicts come from, and
// the report's section about them.
#pragma once

#include <filesystem>
#include <span>

#include "base/progress.h"
#include "base/result.h"
#include "explain/image_explainer.h"
#include "report/report.h"
#include "runs/judged_run.h"
#include "store/run_store.h"

namespace holisafe::runs {

inline constexpr const char* explanations_name = "explanations";

/// Explains the worst cases of a run into RUN/explanations; files that are there stay. An image that cannot
/// be explained is left out. Errors: those of the store and of writing; interrupted.
Result<void> explain_worst_cases(const store::RunStore& store, explain::ImageExplainer& explainer,
                                 const StopFlag& stop);

/// The worst cases of the runs with what their folders hold of them; without blocks where none holds any.
report::Section explanation_section(std::span<const JudgedRun> runs);

}  // namespace holisafe::runs
