// The figures of runs side by side.
#pragma once

#include <string>
#include <vector>

#include "exports/source.h"
#include "figures/chart.h"

namespace holisafe::exports {

/// A figure by the name of its files.
struct NamedChart {
  std::string name;
  figures::Chart chart;
};

struct FigureSet {
  std::vector<NamedChart> charts;
  std::vector<LeftOut> left_out;
};

/// `rates`, `categories`, `published`, `guard-…` and `safety-utility`; where there are several benchmarks or
/// judges of one kind, with their names behind.
FigureSet run_figures(const std::vector<Source>& sources);

/// `guard-calibration`, `guard-roc`, `guard-precision-recall`, `guard-confusion` (one a guard) with `suffix`
/// behind, or why they are left out.
void add_guard_figures(const std::vector<report::GuardRun>& guards, const std::string& suffix,
                       FigureSet& out);

}  // namespace holisafe::exports
