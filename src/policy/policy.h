// What becomes of an image: a policy file (holisafe-policy/1, TOML) over a guard's verdict.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "taxonomy/verdict.h"

namespace holisafe::policy {

/// From the mildest to the strictest.
enum class Action { allow, warn, review, block };
std::string_view name(Action action);

struct ClassRule {
  Action action = Action::block;
  double threshold = 0.5;  ///< its class fires from this score on
};

struct Policy {
  std::string name;
  std::string version;
  double unsafe_threshold = 0.5;
  std::array<ClassRule, taxonomy::class_count> classes{};  ///< of class 0 nothing is used
  std::string refusal;                                     ///< with {subcategory} and {category}
  std::string warning;
  bool fails_open = false;  ///< failure.action = "allow"
};

/// The refusal where a policy has none of its own.
inline constexpr std::string_view default_refusal =
    "I can't help with this picture ({subcategory}, {category}).";

/// The policy of `--threshold P`: every harm blocks where the probability of being unsafe, or its own score,
/// reaches P. Named "threshold", its version is P as text.
Policy of_threshold(double threshold);

/// Errors: those of reading a file (at most 1 MiB); malformed (no TOML, with line and column), unexpected (a
/// key, class or category nobody knows, with the nearest known), wrong_type, out_of_range (a threshold),
/// missing (format, version), unsupported (another format, an unknown action). `where` is FILE: KEY.
Result<Policy> read(const std::filesystem::path& file);
Result<Policy> parse(std::string_view toml, const std::string& file);

/// What a policy makes of a verdict.
struct Decision {
  Action action = Action::allow;
  std::vector<std::size_t> fired;  ///< class indices, ascending
  [[nodiscard]] bool flagged() const { return !fired.empty(); }
};

/// A class fires where its action is not allow and its score reaches its threshold; where the scores of all
/// classes whose action is not allow sum to unsafe_threshold, the most probable of them fires too. The action
/// is the strictest that fired.
Decision decide(const Policy& policy, const taxonomy::Verdict& verdict);

/// A text of the policy, {subcategory} and {category} filled in for the most probable class that fired.
std::string filled(std::string_view text, const taxonomy::Verdict& verdict, const Decision& decision);

}  // namespace holisafe::policy
