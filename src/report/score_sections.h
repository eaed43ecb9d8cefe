// The sections of a report that show scores: table, bars, heat maps, published models, worst subcategories
// with examples, what was left out, and how the figures were made.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "metrics/score.h"
#include "report/report.h"

namespace holisafe::report {

/// A row to show, with what was said about it.
struct ScoredExample {
  taxonomy::Combination type = taxonomy::Combination::SSS;
  std::uint8_t subcategory = 0;  ///< guard class; 0: unknown
  metrics::Outcome outcome = metrics::Outcome::unjudged;
  std::string id;
  std::string image;
  std::string query;
  std::string prediction;
};

/// One prediction file or run under one judge.
struct ScoredRun {
  std::string name;    ///< short, unique in the report
  std::string source;  ///< where it came from: a file, a model, an endpoint
  std::string sha256;  ///< hexadecimal, of the predictions; may be empty
  metrics::Score score;
  std::map<std::string, std::uint64_t> skipped_types;          ///< rows of each unknown type
  std::map<std::string, std::uint64_t> unknown_subcategories;  ///< rows counted by type only
  std::vector<ScoredExample> examples;                         ///< rows that went wrong, in file order
};

/// Sections in the order of the page; `bootstrap` says how the intervals were made.
std::vector<Section> score_sections(std::span<const ScoredRun> runs,
                                    const metrics::BootstrapOptions& bootstrap);

/// The parts, for pages that arrange them otherwise.
Section summary_section(std::span<const ScoredRun> runs);
Section category_section(std::span<const ScoredRun> runs);
Section published_section(std::span<const ScoredRun> runs);
Section examples_section(std::span<const ScoredRun> runs);
Section method_section(std::span<const ScoredRun> runs, const metrics::BootstrapOptions& bootstrap);

}  // namespace holisafe::report
