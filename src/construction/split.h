// A build's pairs on two sides, for training and for benchmarking, with no picture on both.
//
//   HOLISAFE_TRY(Work work, Work::open("work", store::Access::write));
//   HOLISAFE_TRY(const SplitCounts counts, split(work, {.bench = 0.2, .seed = 1}));
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "construction/work.h"

namespace holisafe::construction {

/// Under which Work::value() the share and the seed of the split are that stands.
inline constexpr const char* split_share_key = "split_bench";
inline constexpr const char* split_seed_key = "split_seed";

struct SplitSettings {
  double bench = 0;  ///< share of the pairs, above 0 and below 1
  std::uint64_t seed = 0;
};

/// Pairs of a subcategory in a combination.
struct CellSides {
  std::size_t subcategory = 1;
  taxonomy::Combination type = taxonomy::Combination::SSS;
  std::uint64_t train = 0;
  std::uint64_t bench = 0;
};

/// Pairs that an export would take (construction/exported.h), by side.
struct SplitCounts {
  std::uint64_t train = 0;
  std::uint64_t bench = 0;
  std::uint64_t none = 0;                 ///< of pictures that came after the split
  std::uint64_t clusters = 0;             ///< that have a side
  std::vector<CellSides> cells;           ///< those with pairs, by subcategory, then combination
  std::uint64_t shared_instructions = 0;  ///< that stand, letter for letter, on both sides

  [[nodiscard]] double bench_share() const;
};

/// Gives every cluster of pictures a side, whole, so that every subcategory in every combination, every
/// combination and all pairs are shared out as asked as far as clusters allow (share_out()), and writes it.
/// Pictures in quarantine alone have none. The same build and settings give the same sides. Errors:
/// out_of_range (the share), missing (no pair that could go out), those of Work.
Result<SplitCounts> split(Work& work, const SplitSettings& settings);

/// The split that stands. Errors: missing (there is none), those of Work.
Result<SplitCounts> count_sides(const Work& work);

/// Cells of 30 pairs and more, combinations and all that are further from `bench` than promised, one line
/// each: what clusters are too large for.
std::vector<std::string> far_from(const SplitCounts& counts, double bench);

/// `{"train","bench","clusters","cells":{"NAME SSS":{"train","bench"}},"shared_instructions"}`.
nlohmann::ordered_json to_json(const SplitCounts& counts);

/// Two pictures that are one, on both sides.
struct Leak {
  std::string train;  ///< paths, each in its source
  std::string bench;
};

/// Decodes all kept pictures again and searches every pair across the sides, as import does. Errors: missing
/// (no split), those of Work and of decoding (with the picture's name), interrupted.
Result<std::vector<Leak>> verify_split(const Work& work, Progress* progress, const StopFlag& stop);

}  // namespace holisafe::construction
