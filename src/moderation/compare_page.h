// The page of two guard runs against each other.
#pragma once

#include <string>

#include "base/result.h"
#include "moderation/compare.h"
#include "moderation/run_page.h"

namespace holisafe::moderation {

/// What the two runs are called.
struct RunNames {
  std::string first;
  std::string second;
};

/// One self-contained HTML file: flagged in both, one, none; class against class; the pictures that changed
/// most, small and blurred until held. Errors: those of GuardStore.
Result<std::string> compare_page(const verdicts::GuardStore& first, const verdicts::GuardStore& second,
                                 const RunNames& names, const VerdictComparison& comparison,
                                 const PageOptions& options);

}  // namespace holisafe::moderation
