// The sections of a page on a guard's verdicts over many pictures.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/guard_section.h"
#include "report/report.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::report {

/// Bins of equal width over the probability of not being safe; the last one holds 1 as well.
inline constexpr std::size_t unsafe_bins = 20;

/// What became of a run's files.
struct VerdictCounts {
  std::uint64_t judged = 0;  ///< files that are there and have a verdict
  std::uint64_t flagged = 0;
  std::uint64_t duplicates = 0;  ///< files beyond the first of each content
  std::uint64_t gone = 0;        ///< no longer there; counted nowhere else
  /// Judged files by what they count as: of a flagged one its most probable harm, else safe (0).
  std::array<std::uint64_t, taxonomy::class_count> classes{};
  std::array<std::uint64_t, unsafe_bins> unsafe{};

  /// Files without a verdict, by why.
  struct Fault {
    std::string kind;  ///< "truncated"
    std::uint64_t files = 0;
    std::string first;  ///< the first file's message
  };
  std::vector<Fault> faults;

  [[nodiscard]] std::uint64_t errors() const;
};

/// A guard run as a page shows it.
struct GuardRunPage {
  std::string name;     ///< of the run
  std::string flagged;  ///< when a picture is flagged: "unsafe from 50.0% on"
  VerdictCounts counts;
  std::vector<Picture> most_unsafe;        ///< the most unsafe first
  std::vector<Picture> nearest_threshold;  ///< the nearest first
  std::optional<GuardRun> measured;        ///< where labels of pictures are known
};

/// Counts, classes, histogram, errors, pictures; with labels the guard's metrics.
std::vector<Section> guard_run_sections(const GuardRunPage& run);

}  // namespace holisafe::report
