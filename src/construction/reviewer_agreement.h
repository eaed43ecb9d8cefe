// How far reviewers agree on the pairs that several of them decided.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "base/result.h"
#include "construction/work.h"
#include "metrics/agreement.h"

namespace holisafe::construction {

struct ReviewerAgreement {
  /// By the names of two reviewers, in their order; of each pair that both decided, accept, edit or reject.
  /// Two edits are the same decision, whatever was written.
  std::map<std::pair<std::string, std::string>, metrics::Agreement> found;
  std::size_t left_out = 0;  ///< reviewers beyond the first `most_reviewers`, in the order of pairs
};

inline constexpr std::size_t most_reviewers = 30;

/// Of each reviewer his last decision on a pair that he did not take back. Errors: those of Work.
Result<ReviewerAgreement> reviewer_agreement(const Work& work);

}  // namespace holisafe::construction
