// What is exported: a run or a prediction file, with its figures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "benchmarks/benchmark.h"
#include "report/guard_section.h"
#include "report/score_sections.h"
#include "runs/responder.h"

namespace holisafe::exports {

struct Source {
  const benchmarks::Benchmark* benchmark = nullptr;  ///< never nullptr
  std::string name;                                  ///< unique among those of an export
  std::string title;        ///< unique among those of the same benchmark: what tables and figures call it
  runs::Responder who;      ///< whose answers these are; of a prediction file all is left empty but the name
  std::string data_sha256;  ///< of the benchmark's file; of a prediction file that file's own
  bool is_file = false;     ///< a prediction file
  std::uint64_t rows = 0;
  std::uint64_t images = 0;  ///< clusters of rows
  /// One a judge that was wanted and gave verdicts; may be empty.
  std::vector<report::ScoredRun> scores;
  std::optional<report::GuardRun> guard;
  /// SHA-256 of the prompt that each LLM judge was asked with.
  std::vector<std::pair<std::string, std::string>> prompts;
};

/// A file, or what it would show, that could not be made.
struct LeftOut {
  std::string name;
  std::string why;
};

/// The sources of each benchmark, in the order of first appearance.
std::vector<std::vector<const Source*>> by_benchmark(const std::vector<Source>& sources);

/// All scores of some sources, each judge's together, judges in the order of first appearance.
std::vector<std::vector<report::ScoredRun>> by_judge(const std::vector<const Source*>& sources);

/// Adds a text that is not in the list yet.
void add_once(std::vector<std::string>& list, std::string text);

}  // namespace holisafe::exports
