// The flags of every command that gives intervals.
#pragma once

#include <CLI/CLI.hpp>

#include "metrics/interval.h"

namespace holisafe::cli {

/// --bootstrap and --seed; `options` must outlive parsing.
inline void add_bootstrap_flags(CLI::App* command, metrics::BootstrapOptions& options) {
  command->add_option("--bootstrap", options.resamples, "Resamples for the 95% intervals; 0: no intervals")
      ->check(CLI::Range(0, 1000000));
  command->add_option("--seed", options.seed, "Seed of the resampling");
}

}  // namespace holisafe::cli
