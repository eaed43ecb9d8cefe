// Whose answers a run holds: what the runs of one model over several sets have in common.
#pragma once

#include <string>

#include "base/result.h"
#include "runs/run_rows.h"

namespace holisafe::runs {

struct Responder {
  std::string model;  ///< run_name()
  /// All of the run's identity that goes by the model and how it was asked, not by the set (its name, data
  /// and split, which rows, how long or warm answers may be). Empty of answers that came from elsewhere: of
  /// those no more is known than the model's name.
  std::string asked;
  std::string folder;  ///< of the run; of shards, of the first
};

/// Errors: those of the store.
Result<Responder> responder_of(const Run& run);

/// The folder that a run's folder lies in, as the user named it: of runs/a/vlsbench runs/a.
std::string place_of(const Responder& responder);

}  // namespace holisafe::runs
