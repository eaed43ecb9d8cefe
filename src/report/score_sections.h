// The sections of a report that show scores: table, bars, heat maps, published models, worst values of a
// group with examples, what was left out, and how the figures were made. All runs of a call are of one
// benchmark.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "metrics/published.h"
#include "metrics/score.h"
#include "report/report.h"

namespace holisafe::report {

/// A row to show, with what was said about it.
struct ScoredExample {
  std::size_t rate = 0;  ///< by which it is wrong
  std::string value;     ///< of the first group of the figures; empty: none
  std::string id;
  std::string image;
  std::string query;
  std::string prediction;
};

/// Rows that some or all figures leave out.
struct LeftOut {
  std::string why;
  std::string name;
  std::uint64_t rows = 0;
};

/// One prediction file or run under one judge.
struct ScoredRun {
  std::string name;    ///< short, unique in the report
  std::string source;  ///< where it came from: a file, a model, an endpoint
  std::string sha256;  ///< hexadecimal, of the predictions; may be empty
  metrics::Score score;
  bool llm_judge = false;  ///< whether a judge said what was not as expected, and no rule what was refused
  std::vector<LeftOut> left_out;
  std::vector<ScoredExample> examples;  ///< rows that went wrong, in file order
  /// What others published with this judge.
  std::span<const metrics::PublishedScore> published;
  /// Whether the run covers all that those are over, so that they may stand beside it.
  bool compares = false;

  /// Whether it is an LLM judge's that gave no verdict at all: there is nothing to show.
  [[nodiscard]] bool silent() const { return llm_judge && score.all.judged() == 0; }
};

/// Sections in the order of the page; `bootstrap` says how the intervals were made. With `published`,
/// published figures that do not compare are shown too, apart.
std::vector<Section> score_sections(std::span<const ScoredRun> runs,
                                    const metrics::BootstrapOptions& bootstrap, bool published);

/// The parts, for pages that arrange them otherwise.
Section summary_section(std::span<const ScoredRun> runs);
/// Without blocks where the figures have no groups.
Section group_section(std::span<const ScoredRun> runs);
/// Without blocks where no run compares and nothing was asked for.
Section published_section(std::span<const ScoredRun> runs, bool published);
Section examples_section(std::span<const ScoredRun> runs);
Section method_section(std::span<const ScoredRun> runs, const metrics::BootstrapOptions& bootstrap);

/// The bars of summary_section(): every rate, and the primary figure where it is a mean. Not without runs.
BarChart rate_bars(std::span<const ScoredRun> runs);
/// The published models of `any`'s judge with `runs`, which are of the same judge, among them.
BarChart published_bars(std::span<const ScoredRun> runs, const ScoredRun& any);

/// The line over published figures that are over other data than a run's.
inline constexpr std::string_view published_apart =
    "Published over the whole benchmark; the rows scored here are others, so these figures do not compare "
    "with those above.";

/// The sections that have blocks.
std::vector<Section> with_blocks(std::vector<Section> sections);

}  // namespace holisafe::report
