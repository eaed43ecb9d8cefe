// `holisafe guard --out RUN`, with a model or with another guard on what a run has kept.
#pragma once

#include "cli/context.h"
#include "cli/torch/guard_flags.h"

namespace CLI {
class App;
}

namespace holisafe::cli {

/// --out, --pooled, --from; `flags` must outlive parsing.
void add_run_flags(CLI::App* command, GuardFlags& flags);

/// These give the exit code: as of `guard` without --out, over all files of the run that are there.
int judge_into_run(const GuardFlags& flags, Context& context);
int judge_kept_vectors(const GuardFlags& flags, Context& context);

}  // namespace holisafe::cli
