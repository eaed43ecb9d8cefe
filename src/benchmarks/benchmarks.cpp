#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "benchmarks/benchmark.h"
#include "benchmarks/sets.h"

namespace holisafe::benchmarks {

std::string_view name(Kind kind) { return kind == Kind::safety ? "safety" : "utility"; }

PromptField query_field(std::string_view alias) {
  return {"query", alias, [](const Item& item, std::string_view) { return item.query; }};
}

PromptField response_field() {
  return {"response", "", [](const Item&, std::string_view answer) { return std::string(answer); }};
}

std::span<const Benchmark* const> all() {
  static const std::array table{
      &holisafe_bench(),      &vlsbench(),    &mm_safetybench(), &harmeval(),   &siuo(),
      &siuo_mcq_bench(),      &figstep(),     &vlguard_bench(),  &mmmu_bench(), &vizwiz_bench(),
      &mme_realworld_bench(), &mmstar_bench()};
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

Result<std::string> split_of(const Benchmark& benchmark, std::string_view asked) {
  if (asked.empty()) return std::string(benchmark.default_split);
  const auto& splits = benchmark.splits;
  if (std::find(splits.begin(), splits.end(), asked) != splits.end()) return std::string(asked);
  return fail(
      ErrorKind::usage, "no such split", std::string(benchmark.name),
      fmt::format("expected {}, found \"{}\"",
                  splits.empty() ? "none, since there is one" : fmt::format("{}", fmt::join(splits, ", ")),
                  asked));
}

namespace {

/// Row counts of a whole split; none where they are not known.
std::vector<std::uint64_t> whole_rows(const Benchmark& benchmark, std::string_view split) {
  if (split.empty()) split = benchmark.default_split;
  if (split == benchmark.default_split && benchmark.published) {
    auto out = benchmark.published->whole_rows;
    const auto& parts = benchmark.published->part_rows;
    out.insert(out.end(), parts.begin(), parts.end());
    return out;
  }
  for (std::size_t i = 0; i < std::min(benchmark.splits.size(), benchmark.split_rows.size()); ++i) {
    if (benchmark.splits[i] == split && benchmark.split_rows[i] > 0) return {benchmark.split_rows[i]};
  }
  return {};
}

}  // namespace

std::optional<std::string> row_count_note(const Benchmark& benchmark, std::string_view split,
                                          std::uint64_t rows) {
  const auto whole = whole_rows(benchmark, split);
  if (benchmark.any_part_will_do || whole.empty() ||
      std::find(whole.begin(), whole.end(), rows) != whole.end())
    return std::nullopt;
  return fmt::format("{}: {} {}, where {} were published", benchmark.name, rows, benchmark.rows_are,
                     fmt::join(whole, " or "));
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
