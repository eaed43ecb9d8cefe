#include "runs/rule_counter.h"

#include <algorithm>

#include <fmt/format.h>

#include "report/figure_columns.h"

namespace holisafe::runs {
namespace {

constexpr std::size_t examples_kept = 20;

/// "wrong, unparsed", "0.3".
std::string said_of(const metrics::Figures& figures, const metrics::MarkNumber& mark) {
  const std::string title =
      figures.labels.empty() ? fmt::format("{}", mark.value) : report::label_title(figures, mark);
  return title + (mark.unparsed ? ", unparsed" : "");
}

}  // namespace

RuleCounter::RuleCounter(const benchmarks::Benchmark& benchmark, std::span<const std::string> judges)
    : figures_(*benchmark.figures) {
  for (std::size_t i = 0; i < judges.size(); ++i) {
    if (benchmarks::find_rule(benchmark, judges[i]) == nullptr) continue;
    rules_.push_back(i);
    out_.rules.push_back({judges[i], {}, {}, 0, 0});
  }
}

void RuleCounter::add(const benchmarks::Item& item, std::span<const metrics::MarkNumber> marks,
                      std::string_view answer) {
  const auto judged = [&](std::size_t judge) { return marks[judge].judged(); };
  if (rules_.size() < 2 || !std::all_of(rules_.begin(), rules_.end(), judged)) return;
  ++out_.answers;
  bool differs = false;
  for (std::size_t i = 1; i < rules_.size(); ++i) {
    if (marks[rules_[i]] == marks[rules_.front()]) continue;
    ++out_.rules[i].otherwise;
    differs = true;
  }
  if (!differs) return;
  ++out_.differing;
  if (out_.examples.size() == examples_kept) return;
  report::RuleExample example{
      item.id, fmt::format("{}", fmt::join(item.images(), ", ")), item.query, std::string(answer), {}};
  for (const std::size_t rule : rules_) example.marks.push_back(said_of(figures_, marks[rule]));
  out_.examples.push_back(std::move(example));
}

std::optional<report::RulesRead> RuleCounter::finish(const std::string& run,
                                                     std::span<const report::ScoredRun> scores) {
  if (rules_.size() < 2) return std::nullopt;
  const std::size_t primary = metrics::primary_figure(figures_);
  out_.run = run;
  out_.figure = metrics::figure_name(figures_, primary).title;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const metrics::Score& score = scores[rules_[i]].score;
    out_.rules[i].value = score.figures[primary].value;
    out_.rules[i].interval = score.figures[primary].interval;
    out_.rules[i].unparsed = score.all.unparsed;
  }
  return std::move(out_);
}

}  // namespace holisafe::runs
