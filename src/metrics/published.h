// The published leaderboard (published/README.md), built into the program.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

namespace holisafe::metrics {

/// One model's published scores as fractions.
struct PublishedScore {
  std::string_view model;
  /// SSS: refusal rate; the others attack success rates. Order of taxonomy::Combination.
  std::array<double, 5> types{};
  double masr = 0;  ///< the authors' figure: within rounding the mean of the four unsafe types (macro)
};

/// The table that a judge's scores compare with: "string"; "openai:…", "anthropic:…" and "gemini:…" for the
/// LLM judges of those providers. Empty for other judges. The views live as long as the program.
std::span<const PublishedScore> published_scores(std::string_view judge);

}  // namespace holisafe::metrics
