// A build's askers, pass by pass, until nothing is pending.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "construction/build.h"
#include "construction/build_ledger.h"

namespace holisafe::construction {

/// How a phase of asking went.
struct AskedPhase {
  std::uint64_t given_up = 0;  ///< questions that nothing sound came of
  std::string failure;         ///< the first of them; may be empty
  bool interrupted = false;
  std::optional<Error> stopped;
};

/// Asks everybody who has a part in the phase, one after the other, until a pass asks nothing: what a pair is
/// asked next may be another's question. Errors: those of OpenedAsker::open(), Work and the ledgers.
Result<AskedPhase> ask_phase(Phase phase, const BuildSettings& settings, const AskingRules& rules, Work& work,
                             Progress* progress, const StopFlag& stop);

/// Votes that are complete by now, since the labellers are others.
Result<void> count_votes_again(Work& work, const AskingRules& rules);

/// Pairs whose state was not final, or is not any more (another writer may be asked what one declined).
Result<void> reopen_pairs(Work& work, const AskingRules& rules);

/// Takes out what an image has been asked already, in the order of ids among the pairs that are ready.
Result<void> filter_duplicates(Work& work);

}  // namespace holisafe::construction
