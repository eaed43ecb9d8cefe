#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "benchmarks/benchmark.h"
#include "benchmarks/sets.h"

namespace holisafe::benchmarks {

std::string_view name(Kind kind) { return kind == Kind::safety ? "safety" : "utility"; }

std::span<const Benchmark* const> all() {
  static const std::array table{&holisafe_bench(), &vlsbench(), &mmmu_bench()};
  return table;
}

const Benchmark* find(std::string_view name) {
  const auto table = all();
  const auto place =
      std::find_if(table.begin(), table.end(), [&](const auto* each) { return each->name == name; });
  return place == table.end() ? nullptr : *place;
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const Benchmark* each : all()) out.emplace_back(each->name);
  return out;
}

const Rule* find_rule(const Benchmark& benchmark, std::string_view name) {
  for (const Rule& rule : benchmark.rules) {
    if (rule.name == name) return &rule;
  }
  return nullptr;
}

namespace {

/// Whether more of the benchmark's primary figure is better.
std::optional<bool> primary_direction(const metrics::Figures& figures) {
  for (const auto& rate : figures.rates) {
    if (rate.name == figures.primary) return rate.higher_is_better;
  }
  for (const auto& mean : figures.means) {
    if (mean.name == figures.primary) return mean.higher_is_better;
  }
  return std::nullopt;
}

nlohmann::ordered_json text_or_null(std::string_view text) {
  return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
}

}  // namespace

nlohmann::ordered_json to_json(const Benchmark& benchmark) {
  using nlohmann::ordered_json;
  ordered_json rules = ordered_json::array();
  for (const Rule& rule : benchmark.rules) rules.push_back(rule.name);
  ordered_json words = ordered_json::array();
  if (benchmark.protocol) {
    for (const Word& word : benchmark.protocol->words) words.push_back(word.said);
  }
  ordered_json primary;
  ordered_json higher;
  if (benchmark.figures != nullptr) {
    primary = text_or_null(benchmark.figures->primary);
    if (const auto direction = primary_direction(*benchmark.figures)) higher = *direction;
  }
  ordered_json rows;
  if (benchmark.published && !benchmark.published->whole_rows.empty())
    rows = benchmark.published->whole_rows.front();
  return {{"name", benchmark.name},
          {"title", benchmark.title},
          {"kind", name(benchmark.kind)},
          {"splits", benchmark.splits},
          {"default_split", text_or_null(benchmark.default_split)},
          {"rules", std::move(rules)},
          {"judge_words", std::move(words)},
          {"responses", benchmark.answers},
          {"primary", std::move(primary)},
          {"higher_is_better", std::move(higher)},
          {"rows", std::move(rows)},
          {"licence", text_or_null(benchmark.licence)}};
}

}  // namespace holisafe::benchmarks
