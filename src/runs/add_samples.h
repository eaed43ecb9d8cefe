// From a benchmark's rows into a run's store, and back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "benchmarks/benchmark.h"
#include "runs/run_part.h"
#include "store/run_store.h"

namespace holisafe::runs {

/// Of a split of the data in a run's identity, which has none where it is the benchmark's default.
inline constexpr const char* split_name = "split";

/// What was read to fill a store.
struct AddedSamples {
  std::uint64_t rows = 0;  ///< of the data, in any part
  bool whole = false;      ///< whether these are all of the data's
  std::uint64_t disagreements = 0;
};

/// Fills a store with the part's rows, unless it has samples: nothing is read then. Memory does not grow with
/// the data. Errors: those of `rows`; missing (a part without rows); those of the store.
Result<AddedSamples> add_samples(store::RunStore& store, benchmarks::Rows& rows, int answers_a_sample,
                                 const Part& part);

/// What is to be said of the data that they were read from, a line each.
std::vector<std::string> notes_on(const AddedSamples& added, const benchmarks::Benchmark& benchmark,
                                  const std::string& split, const std::filesystem::path& data);

/// Reads the part's rows, for a store that has samples already: whether each of the images that they need is
/// there (Rows::require_images). Errors: those of `rows`.
Result<void> check_images(benchmarks::Rows& rows, const Part& part);

/// A sample as the row of its benchmark that it was made from.
benchmarks::Item item_of(const store::Sample& sample);

}  // namespace holisafe::runs
