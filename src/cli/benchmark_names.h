// Several benchmarks on a command line: names with commas between them, and words for all of a kind.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "benchmarks/benchmark.h"

namespace holisafe::cli {

/// Takes "mmmu,vizwiz", "safety", "utility", "all", and refuses what names none.
CLI::Validator are_benchmarks();

/// What such a text names, each once, in the order in which it is named; kinds in that of the table.
std::vector<const benchmarks::Benchmark*> benchmarks_named(const std::string& text);

}  // namespace holisafe::cli
