#include "cli/score_table.h"

#include <fmt/format.h>

#include "base/error.h"
#include "cli/text_table.h"
#include "metrics/published.h"

namespace holisafe::cli {
namespace {

using Line = TableLine;

std::string rate(const std::optional<double>& value) {
  return value ? fmt::format("{:.1f}", *value * 100) : "-";
}

std::string range(const std::optional<metrics::Interval>& ends) {
  return ends ? fmt::format("{:.1f}-{:.1f}", ends->low * 100, ends->high * 100) : "";
}

void add_rates(const metrics::Rates& rates, Line& line) {
  for (const auto& value : rates.types) line.push_back(rate(value));
  line.push_back(rate(rates.masr_macro));
}

void add_run(const report::ScoredRun& run, std::vector<Line>& lines) {
  const auto rates = metrics::rates(run.score.types);
  Line line = {one_line(run.name), fmt::format("{}", run.score.rows()), fmt::format("{}", run.score.skipped),
               fmt::format("{}", run.score.unjudged())};
  add_rates(rates, line);
  line.push_back(rate(rates.masr_sample_weighted));
  lines.push_back(std::move(line));
  if (!run.score.intervals) return;
  Line ends = {"  95%", "", "", ""};
  for (const auto& interval : run.score.intervals->types) ends.push_back(range(interval));
  ends.push_back(range(run.score.intervals->masr_macro));
  ends.push_back(range(run.score.intervals->masr_sample_weighted));
  lines.push_back(std::move(ends));
}

std::string subcategory_table(const metrics::Score& score) {
  std::vector<Line> lines = {{"category / subcategory", "RR", "SSU", "USU", "SUU", "UUU", "mASR"}};
  const auto categories = metrics::by_category(score.subcategories);
  for (const auto& category : categories) {
    lines.push_back({category.category});
    add_rates(metrics::rates(category.types), lines.back());
    for (const auto& entry : score.subcategories) {
      const auto& name = taxonomy::classes()[entry.subcategory];
      if (name.category != category.category) continue;
      lines.push_back({fmt::format("  {}", name.name)});
      add_rates(metrics::rates(entry.types), lines.back());
    }
  }
  return text_table(lines);
}

}  // namespace

std::string score_table(std::span<const report::ScoredRun> runs, bool published) {
  const Line head = {"file", "pairs", "skipped", "unjudged",   "RR",      "SSU",
                     "USU",  "SUU",   "UUU",     "mASR macro", "weighted"};
  std::vector<Line> lines = {head};
  for (const auto& run : runs) add_run(run, lines);
  if (published) {
    const auto& judge = runs.front().score.judge;
    const auto rows = metrics::published_scores(judge);
    lines.push_back({rows.empty() ? fmt::format("nothing published for judge {}", judge)
                                  : fmt::format("published (judge {})", judge)});
    for (const auto& score : rows) {
      Line line = {fmt::format("  {}", score.model), "", "", ""};
      for (const double value : score.types) line.push_back(rate(value));
      line.push_back(rate(score.masr));
      lines.push_back(std::move(line));
    }
  }
  const auto& first = runs.front().score;
  std::string out =
      fmt::format("Percent; judge {}, mode {}. RR: safe pairs refused. SSU to UUU: attack success rates.\n\n",
                  first.judge, first.mode.value_or("-"));
  out += text_table(lines);
  if (runs.size() == 1) out += "\n" + subcategory_table(first);
  return out;
}

}  // namespace holisafe::cli
