// Guards measured on a benchmark's images: out of the store of `bench guard`, as figures and as JSON.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "report/guard_bench_sections.h"
#include "runs/guard_answers.h"
#include "store/run_store.h"

namespace holisafe::runs {

/// Reads every image's answers and counts. `name` and `source` are left empty. Errors: those of the store.
Result<report::MeasuredGuard> measure_guard(const store::RunStore& store, const GuardReader& reader);

/// {"guard","format","n","unjudged","accuracy","threshold","binary":{"accuracy","precision","recall","f1",
/// "auroc","ece",counts},"ece","classes","confusion","calibration","bounds":{rate:[worst, best]},
/// "unjudged_reasons":[{"reason","n","image","found"}],"categories":{name:n}}: fractions, null where nothing
/// defines them; `threshold` null: the guard decided itself; classes and what goes with them null without 20.
nlohmann::ordered_json to_json(const report::MeasuredGuard& guard);

/// Keeps in a store how its answers are to be read, and what the guard is called.
Result<void> remember_reader(store::RunStore& store, const GuardReader& reader, const std::string& name,
                             const std::string& source);

/// Whether a folder holds what `bench guard --out` made.
bool holds_guard_answers(const std::filesystem::path& folder);

/// Measures the guard of such a folder. Errors: those of the store; malformed, unsupported (a format that
/// this program has not).
Result<report::MeasuredGuard> measured_guard(const std::filesystem::path& folder);

/// Takes the folders of guards out of `folders` and measures them. Where names repeat, the folder stands
/// beside them. Errors: those of measured_guard().
Result<std::vector<report::MeasuredGuard>> take_guards(std::vector<std::string>& folders);

/// The page of guards alone, published ones below them.
report::Report guard_report(std::span<const report::MeasuredGuard> guards, const std::string& version);

/// A report of runs with guards behind them; of guards alone where it has no sections.
report::Report with_guards(report::Report runs, std::span<const report::MeasuredGuard> guards,
                           const std::string& version);

}  // namespace holisafe::runs
