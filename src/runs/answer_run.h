// The loop of a run: from the store to a responder and back, until nothing is left to ask.
#pragma once

#include "base/progress.h"
#include "runs/responder.h"
#include "store/run_store.h"

namespace holisafe::runs {

struct RunEnd {
  store::RunStore::Counts counts;
  bool interrupted = false;      ///< stopped by the flag before everything was asked
  std::optional<Error> stopped;  ///< why the responder stopped the run
  Faults faults;
};

/// Asks every sample of `store` that has no answer, once. An answer is on disk before another question is
/// asked in its place, so that after a kill at most those in flight are asked again. Progress: samples of
/// this call, with the running ASR and RR of the string judge and the faults. At the flag's first request
/// what is in flight is finished, at the second dropped. Errors: those of the store.
Result<RunEnd> answer_run(store::RunStore& store, Responder& responder, Progress* progress,
                          const StopFlag& stop);

}  // namespace holisafe::runs
