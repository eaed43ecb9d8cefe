// The section of a report that sets a set's rules side by side: what each makes of the same answers, and
// which they read differently.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "metrics/interval.h"
#include "report/report.h"

namespace holisafe::report {

/// An answer that the rules mark differently.
struct RuleExample {
  std::string id;
  std::string image;
  std::string query;
  std::string answer;
  std::vector<std::string> marks;  ///< parallel to the rules: "right", "wrong, unparsed"
};

/// The rules of one run.
struct RulesRead {
  std::string run;
  struct Rule {
    std::string name;
    std::optional<double> value;  ///< the primary figure
    std::optional<metrics::Interval> interval;
    std::uint64_t unparsed = 0;   ///< answers that it could not read
    std::uint64_t otherwise = 0;  ///< answers that it marks otherwise than the first rule
  };
  std::vector<Rule> rules;
  std::string figure;                 ///< title of the primary figure
  std::uint64_t answers = 0;          ///< marked by all of the rules
  std::uint64_t differing = 0;        ///< of those, not marked the same by all
  std::vector<RuleExample> examples;  ///< the first of them
};

/// "2 rules mark 12 of 900 answers differently."
std::string differing_text(const RulesRead& run);

/// A table of all runs' rules, then examples. The runs are of one benchmark.
Section rules_section(std::span<const RulesRead> runs);

}  // namespace holisafe::report
