// Marks of answers that are right or wrong, and what the figures of sets with such marks share.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "benchmarks/benchmark.h"
#include "benchmarks/letters.h"

namespace holisafe::benchmarks {

inline constexpr std::string_view authors_rule = "authors";
inline constexpr std::string_view lmms_eval_rule = "lmms-eval";

/// `parsed` is what was read.
Mark mark_of(bool right, std::optional<std::string> parsed);
/// A letter is right where it is the item's target; nothing read is wrong and unparsed.
Mark mark_of_letter(const Item& item, const std::optional<std::string>& letter);
/// The same for an option by its number.
Mark mark_of_option(const Item& item, std::optional<std::size_t> option);

/// A rule for each script, lmms-eval's first: it is the default where a set has it.
template <Mark (*mark)(const Item& item, std::string_view answer, Script script)>
std::vector<Rule> rules_of_scripts() {
  return {{lmms_eval_rule,
           [](const Item& item, std::span<const std::string> answers) {
             return mark(item, answers.front(), Script::lmms_eval);
           },
           true},
          {authors_rule,
           [](const Item& item, std::span<const std::string> answers) {
             return mark(item, answers.front(), Script::authors);
           },
           true}};
}

/// Labels "right" and "wrong", the rate `accuracy`, which is the primary figure.
metrics::Figures accuracy_figures();
/// The same rate over the rows of `where`.
metrics::Rate accuracy_where(const char* name, const char* title, std::vector<metrics::Where> where);
/// The plain mean of the accuracies over a group's values.
metrics::Mean mean_over(const char* name, const char* title, const char* group);

/// Published accuracies by model, nothing known of the other figures, of which there are `others`.
struct PublishedAccuracy {
  const char* model;
  double accuracy;
};
std::vector<metrics::PublishedScore> accuracies(std::span<const PublishedAccuracy> published,
                                                std::size_t others);

}  // namespace holisafe::benchmarks
