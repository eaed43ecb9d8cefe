// The sections of a report that show guard models measured on the same images, side by side.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "metrics/binary_metrics.h"
#include "metrics/curves.h"
#include "metrics/guard_metrics.h"
#include "metrics/published.h"
#include "report/report.h"

namespace holisafe::report {

/// Images of which a guard said nothing that could be read, for one reason.
struct UnjudgedImages {
  std::string why;
  std::uint64_t images = 0;
  std::string image;  ///< the first of them
  std::string found;  ///< what stands in its answer; may be empty
};

/// A guard over a benchmark's images, each once. Unsafe is the positive class.
struct MeasuredGuard {
  std::string name;                 ///< short, unique in the report
  std::string format;               ///< "llama-guard"
  std::string source;               ///< where its answers came from
  std::optional<double> threshold;  ///< flagged from this score on; nothing: the guard's own decision
  metrics::BinaryMetrics binary;    ///< over images that were judged
  /// What these would be if every unjudged image were judged wrongly, and rightly.
  metrics::BinaryMetrics worst;
  metrics::BinaryMetrics best;
  std::optional<metrics::GuardMetrics> classes;  ///< of a guard with 20 of them
  metrics::Curves curves;                        ///< empty without scores
  std::uint64_t unjudged = 0;
  std::vector<UnjudgedImages> reasons;  ///< most images first
  /// What the guard itself calls the harms of images it flagged, with how many; most first.
  std::vector<std::pair<std::string, std::uint64_t>> categories;

  [[nodiscard]] std::uint64_t images() const { return binary.rows() + unjudged; }
};

/// Table, published guards below it, ROC, calibration; the 20 classes of guards that have them; unjudged
/// images; method. Not without guards. Published figures are accuracy, F1, precision and recall.
std::vector<Section> guard_bench_sections(std::span<const MeasuredGuard> guards,
                                          std::span<const metrics::PublishedScore> published);

}  // namespace holisafe::report
