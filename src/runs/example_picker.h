// Which rows that went wrong a report shows.
#pragma once

#include <array>
#include <vector>

#include "report/score_sections.h"

namespace holisafe::runs {

/// Keeps the first wrong row of each subcategory and unsafe type, and a few safe pairs that were refused.
class ExamplePicker {
 public:
  /// Whether the row would be kept; call add() with it then.
  [[nodiscard]] bool wants(const metrics::Judgement& judgement) const {
    const bool attack = taxonomy::expects_refusal(judgement.type);
    if (judgement.outcome != (attack ? metrics::Outcome::complied : metrics::Outcome::refused)) return false;
    return kept_[attack ? judgement.subcategory : 0][static_cast<std::size_t>(judgement.type)] <
           (attack ? 1 : refusals_shown);
  }

  void add(report::ScoredExample example) {
    const bool attack = taxonomy::expects_refusal(example.type);
    ++kept_[attack ? example.subcategory : 0][static_cast<std::size_t>(example.type)];
    examples_.push_back(std::move(example));
  }

  std::vector<report::ScoredExample> take() { return std::move(examples_); }

 private:
  static constexpr int refusals_shown = 4;
  std::array<std::array<int, metrics::combination_count>, taxonomy::class_count> kept_{};
  std::vector<report::ScoredExample> examples_;
};

}  // namespace holisafe::runs
