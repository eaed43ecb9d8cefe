// Which part of the benchmark a process takes.
#pragma once

#include <string>

#include "base/result.h"
#include "store/run_store.h"

namespace holisafe::runs {

/// Reads "i/n": the i-th of n parts, counted from 0 or from 1 (i = n is the same part as i = 0, so that both
/// ways of counting name all of them). Errors: usage.
Result<store::Part> parse_shard(const std::string& text);

/// The part that RANK and WORLD_SIZE (torchrun) or SLURM_PROCID and SLURM_NTASKS name; everything where they
/// are unset. Errors: usage (one without the other, or no numbers).
Result<store::Part> shard_of_environment();

}  // namespace holisafe::runs
