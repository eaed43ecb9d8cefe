// The page of a build, from build.db alone: the same build gives the same bytes.
#pragma once

#include <string>

#include "base/result.h"
#include "construction/work.h"
#include "report/report.h"

namespace holisafe::construction {

inline constexpr std::string_view report_file = "report.html";

/// Counts by combination and class, what is not ready and why, how far labellers and reviewers agree, and the
/// clusters to look at. No cluster is shown that holds a picture which is quarantined or of which nobody has
/// said what it is. Errors: those of Work.
Result<report::Report> build_report(const Work& work, const std::string& version);

/// Writes it into WORK. Errors: those of Work and of writing.
Result<void> write_build_report(const Work& work, const std::string& version);

}  // namespace holisafe::construction
