// --benchmark and --split, of every command that takes a benchmark's data.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "benchmarks/benchmark.h"

namespace holisafe::cli {

/// `value` is then the name of a benchmark in the table.
inline CLI::Option* add_benchmark_flag(CLI::App* command, std::string& value) {
  if (value.empty()) value = benchmarks::all().front()->name;
  return command->add_option("--benchmark", value, "Which benchmark the data is; `bench list` shows all")
      ->check(CLI::IsMember(benchmarks::names()));
}

/// --split, beside it. The command asks benchmarks::split_of() whether the benchmark has it.
inline CLI::Option* add_split_flag(CLI::App* command, std::string& value) {
  return command
      ->add_option("--split", value, "Which split of the benchmark; else its default (`bench list --json`)")
      ->type_name("NAME");
}

}  // namespace holisafe::cli
