#include "checkpoint/match.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "checkpoint/quantisation.h"

namespace holisafe::checkpoint {
namespace {

constexpr std::size_t most_named = 3;
constexpr std::size_t most_candidates = 12;
/// What wrappers put before every name.
constexpr std::array<std::string_view, 4> wrappers{"base_model.model.", "module.", "_orig_mod.", "model."};

using Tensors = std::map<std::string, TensorView>;
using Wanted = std::map<std::string_view, const TensorSpec*>;

/// What all names begin with, up to a dot.
std::string_view common_prefix(const Tensors& tensors) {
  if (tensors.size() < 2) return {};
  const std::string_view first = tensors.begin()->first;
  const std::string_view last = tensors.rbegin()->first;
  const auto end = std::mismatch(first.begin(), first.end(), last.begin(), last.end()).first;
  const auto same = first.substr(0, static_cast<std::size_t>(end - first.begin()));
  return same.substr(0, same.rfind('.') + 1);
}

/// The prefix without which most of the wanted names are there; "" for none.
std::string_view wrapper_of(const Tensors& tensors, const Wanted& wanted, const NameRules& rules) {
  std::vector<std::string_view> candidates(wrappers.begin(), wrappers.end());
  const std::string_view common = common_prefix(tensors);
  for (std::size_t dot = common.find('.');
       dot != std::string_view::npos && candidates.size() < most_candidates; dot = common.find('.', dot + 1))
    candidates.push_back(common.substr(0, dot + 1));
  for (const std::string_view prefix : candidates) {
    std::size_t found = 0;
    for (const auto& [name, view] : tensors) {
      if (!name.starts_with(prefix)) continue;
      const auto bare = std::string_view(name).substr(prefix.size());
      found += wanted.count(canonical_name(bare, rules));
    }
    if (found * 2 > wanted.size()) return prefix;
  }
  return {};
}

/// What is wrong as a whole, each in words.
std::vector<std::string> causes_of(const Tensors& tensors, const MatchedTensors& matched,
                                   const Wanted& wanted, const NameRules& rules) {
  std::vector<std::string> out;
  for (const auto& [name, view] : tensors) {
    const auto method = quantisation_of_name(name);
    if (method.empty() || wanted.contains(canonical_name(name, rules))) continue;
    out.push_back(fmt::format("the weights are quantised ({}), expected them in 16 or 32 bits", method));
    break;
  }
  if (matched.size() * 2 < wanted.size()) {
    if (const auto prefix = wrapper_of(tensors, wanted, rules); !prefix.empty())
      return {fmt::format("the tensors' names begin with {}, expected them without it", prefix)};
  }
  if (matched.empty()) return out;
  for (const PartWords& part : rules.parts) {
    std::size_t needed = 0;
    std::size_t there = 0;
    for (const auto& [name, spec] : wanted) {
      if (spec->optional || !name.starts_with(part.prefix)) continue;
      ++needed;
      there += matched.count(std::string(name));
    }
    if (needed > 0 && there == 0)
      out.push_back(fmt::format("the {} is missing ({} tensors {}…)", part.words, needed, part.prefix));
  }
  return out;
}

}  // namespace

std::string canonical_name(std::string_view file_name, const NameRules& rules) {
  for (const PrefixRule& rule : rules.prefixes) {
    if (file_name.starts_with(rule.from)) return rule.to + std::string(file_name.substr(rule.from.size()));
  }
  return std::string(file_name);
}

Result<MatchedTensors> match(std::span<const TensorSpec> specs, const Tensors& tensors,
                             const NameRules& rules, const std::string& where) {
  Wanted wanted;
  for (const TensorSpec& spec : specs) wanted.emplace(spec.name, &spec);
  std::vector<std::string> problems;
  std::size_t more = 0;
  const auto add = [&](std::string problem) {
    if (problems.size() < most_named)
      problems.push_back(std::move(problem));
    else
      ++more;
  };
  MatchedTensors out;
  for (const auto& [file_name, view] : tensors) {
    const bool ignored =
        std::any_of(rules.ignored_suffixes.begin(), rules.ignored_suffixes.end(),
                    [&name = file_name](const std::string& suffix) { return name.ends_with(suffix); });
    if (ignored) continue;
    const std::string name = canonical_name(file_name, rules);
    const auto found = wanted.find(name);
    if (found == wanted.end()) {
      add(fmt::format("unexpected {} {}", file_name, shape_text(view.shape)));
    } else if (found->second->shape != view.shape) {
      add(fmt::format("{}: expected {}, found {}", file_name, shape_text(found->second->shape),
                      shape_text(view.shape)));
      out.emplace(name, view);
    } else if (!out.emplace(name, view).second) {
      add(fmt::format("{} and {} name the same tensor", out.at(name).name, file_name));
    }
  }
  for (const TensorSpec& spec : specs) {
    if (!spec.optional && !out.contains(spec.name))
      add(fmt::format("missing {} {}", spec.name, shape_text(spec.shape)));
  }
  if (problems.empty()) return out;
  auto said = causes_of(tensors, out, wanted, rules);
  said.insert(said.end(), problems.begin(), problems.end());
  if (more > 0) said.push_back(fmt::format("and {} more", more));
  return fail(ErrorKind::mismatch, "checkpoint does not fit its config", where,
              fmt::format("{}", fmt::join(said, "; ")));
}

}  // namespace holisafe::checkpoint
