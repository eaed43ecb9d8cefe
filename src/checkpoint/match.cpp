#include "checkpoint/match.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace holisafe::checkpoint {

std::string canonical_name(std::string_view file_name, const NameRules& rules) {
  for (const PrefixRule& rule : rules.prefixes) {
    if (file_name.starts_with(rule.from)) return rule.to + std::string(file_name.substr(rule.from.size()));
  }
  return std::string(file_name);
}

Result<MatchedTensors> match(std::span<const TensorSpec> specs,
                             const std::map<std::string, TensorView>& tensors, const NameRules& rules,
                             const std::string& where) {
  std::map<std::string_view, const TensorSpec*> wanted;
  for (const TensorSpec& spec : specs) wanted.emplace(spec.name, &spec);
  std::vector<std::string> problems;
  MatchedTensors out;
  for (const auto& [file_name, view] : tensors) {
    const bool ignored =
        std::any_of(rules.ignored_suffixes.begin(), rules.ignored_suffixes.end(),
                    [&name = file_name](const std::string& suffix) { return name.ends_with(suffix); });
    if (ignored) continue;
    const std::string name = canonical_name(file_name, rules);
    const auto found = wanted.find(name);
    if (found == wanted.end()) {
      problems.push_back(fmt::format("unexpected {} {}", file_name, shape_text(view.shape)));
    } else if (found->second->shape != view.shape) {
      problems.push_back(fmt::format("{}: expected {}, found {}", file_name, shape_text(found->second->shape),
                                     shape_text(view.shape)));
      out.emplace(name, view);
    } else if (!out.emplace(name, view).second) {
      problems.push_back(fmt::format("{} and {} name the same tensor", out.at(name).name, file_name));
    }
  }
  for (const TensorSpec& spec : specs) {
    if (!spec.optional && !out.contains(spec.name))
      problems.push_back(fmt::format("missing {} {}", spec.name, shape_text(spec.shape)));
  }
  if (!problems.empty()) {
    return fail(ErrorKind::mismatch, "checkpoint does not fit its config", where,
                fmt::format("{}", fmt::join(problems, "; ")));
  }
  return out;
}

}  // namespace holisafe::checkpoint
