#include "policy/policy.h"

#include <algorithm>

#include <fmt/format.h>

namespace holisafe::policy {
namespace {

constexpr std::array<std::string_view, 4> action_names = {"allow", "warn", "review", "block"};

/// The most probable of these classes; the first of equals.
std::size_t most_probable(const taxonomy::Verdict& verdict, const std::vector<std::size_t>& classes) {
  return *std::max_element(classes.begin(), classes.end(), [&](std::size_t a, std::size_t b) {
    return verdict.scores[a] < verdict.scores[b];
  });
}

/// Harms whose action is not allow.
std::vector<std::size_t> watched_classes(const Policy& policy) {
  std::vector<std::size_t> out;
  for (std::size_t i = 1; i < policy.classes.size(); ++i) {
    if (policy.classes[i].action != Action::allow) out.push_back(i);
  }
  return out;
}

/// The scores of the watched classes together. Of all classes it is what `holisafe guard` compares with its
/// threshold, to the last bit.
double sum_of(const taxonomy::Verdict& verdict, const std::vector<std::size_t>& watched) {
  if (watched.size() + 1 == taxonomy::class_count) return verdict.unsafe();
  double out = 0;
  for (const std::size_t index : watched) out += verdict.scores[index];
  return out;
}

}  // namespace

std::string_view name(Action action) { return action_names[static_cast<std::size_t>(action)]; }

Policy of_threshold(double threshold) {
  Policy out;
  out.name = "threshold";
  out.version = fmt::format("{}", threshold);
  out.unsafe_threshold = threshold;
  out.classes.fill({Action::block, threshold});
  out.refusal = default_refusal;
  return out;
}

Decision decide(const Policy& policy, const taxonomy::Verdict& verdict) {
  Decision out;
  const auto watched = watched_classes(policy);
  if (watched.empty()) return out;
  // Written so that a score that is no number fires.
  for (const std::size_t index : watched) {
    if (!(verdict.scores[index] < policy.classes[index].threshold)) out.fired.push_back(index);
  }
  if (!(sum_of(verdict, watched) < policy.unsafe_threshold)) {
    const std::size_t most = most_probable(verdict, watched);
    const auto place = std::lower_bound(out.fired.begin(), out.fired.end(), most);
    if (place == out.fired.end() || *place != most) out.fired.insert(place, most);
  }
  for (const std::size_t index : out.fired) out.action = std::max(out.action, policy.classes[index].action);
  return out;
}

std::string filled(std::string_view text, const taxonomy::Verdict& verdict, const Decision& decision) {
  if (!decision.flagged()) return std::string(text);
  const auto& found = taxonomy::classes()[most_probable(verdict, decision.fired)];
  constexpr std::string_view subcategory = "{subcategory}";
  constexpr std::string_view category = "{category}";
  std::string out;
  while (!text.empty()) {
    if (text.starts_with(subcategory)) {
      out += found.name;
      text.remove_prefix(subcategory.size());
    } else if (text.starts_with(category)) {
      out += found.category;
      text.remove_prefix(category.size());
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return out;
}

}  // namespace holisafe::policy
