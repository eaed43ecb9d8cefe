// Which part of the benchmark a process takes.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace holisafe::runs {

/// Which rows of the data a run holds: of its first `limit` (0: all) those whose cluster's number leaves the
/// remainder `shard` when divided by `shards`. The rows of one cluster stay together.
struct Part {
  std::int64_t limit = 0;
  std::int64_t shard = 0;
  std::int64_t shards = 1;
};

/// Reads "i/n": the i-th of n parts, counted from 0 or from 1 (i = n is the same part as i = 0, so that both
/// ways of counting name all of them). Errors: usage.
Result<Part> parse_shard(const std::string& text);

/// The part that RANK and WORLD_SIZE (torchrun) or SLURM_PROCID and SLURM_NTASKS name; everything where they
/// are unset. Errors: usage (one without the other, or no numbers).
Result<Part> shard_of_environment();

}  // namespace holisafe::runs
