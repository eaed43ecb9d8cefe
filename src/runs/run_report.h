// What a run leaves in its folder, and reports over several runs.
#pragma once

#include <span>
#include <string>

#include "report/report.h"
#include "runs/judged_run.h"
#include "runs/prediction_file.h"

namespace holisafe::runs {

inline constexpr const char* predictions_name = "predictions.json";
inline constexpr const char* summary_name = "summary.json";
inline constexpr const char* report_name = "report.html";

/// The page over one run or several side by side, each benchmark's for itself. Published models stand beside
/// runs over the whole benchmark; with `published` they are shown elsewhere too, apart.
report::Report run_report(std::span<const JudgedRun> runs, const metrics::BootstrapOptions& bootstrap,
                          const std::string& version, bool published = false);

/// "HoliSafe-Bench report: FOLDER"; data of `data synth` are called synthetic.
std::string report_title(std::span<const JudgedRun> runs);

/// Why a question of a run is unanswered, with its row's id: the first such reason; empty where none is.
Result<std::string> unanswered_reason(const store::RunStore& store);

/// RUN/predictions.json.
Result<void> write_predictions(const store::RunStore& store);

/// RUN/summary.json (a list: one object a judge, in the benchmark's form) and RUN/report.html, from what the
/// store holds. Bytes depend on samples, answers, judgements and the name of the data's folder alone. Gives
/// what they show. Call it after judgements were written too.
Result<JudgedRun> write_summary_and_report(const store::RunStore& store, const std::string& version);

}  // namespace holisafe::runs
