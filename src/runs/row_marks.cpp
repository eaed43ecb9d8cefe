#include "runs/row_marks.h"

#include <fmt/format.h>

namespace holisafe::runs {

Result<const benchmarks::Benchmark*> benchmark_of(const Run& run) {
  HOLISAFE_TRY(const auto identity, run.parts.front()->identity("run"));
  std::string name = "holisafe";
  for (const auto& [key, value] : identity) {
    if (key == "benchmark") name = value;
  }
  if (const auto* found = benchmarks::find(name)) return found;
  return fail(ErrorKind::unsupported, "run of an unknown benchmark", run.name,
              fmt::format("expected one of {}, found \"{}\"", fmt::join(benchmarks::names(), ", "), name));
}

metrics::MarkNumber mark_by_rule(const benchmarks::Benchmark& benchmark, const benchmarks::Rule& rule,
                                 const benchmarks::Item& item, std::span<const std::string> answers) {
  if (answers.empty()) return {};
  const benchmarks::Mark mark = rule.mark(item, answers);
  return metrics::mark_number(*benchmark.figures, mark.label, mark.value, mark.unparsed);
}

RowMarks::RowMarks(const benchmarks::Benchmark& benchmark, std::string judge)
    : benchmark_(&benchmark), rule_(find_rule(benchmark, judge)), judge_(std::move(judge)) {}

metrics::MarkNumber RowMarks::mark(const store::Row& row, const benchmarks::Item& item,
                                   FilterAs filter_as) const {
  if (!row.answer || row.answer->state == store::AnswerState::unanswered) return {};
  const metrics::Figures& figures = *benchmark_->figures;
  if (row.answer->state == store::AnswerState::filtered) {
    return filter_as == FilterAs::refused ? metrics::mark_number(figures, benchmark_->filtered)
                                          : metrics::MarkNumber();
  }
  if (!row.judgement || !row.judgement->judged()) return {};
  if (rule_ != nullptr) return mark_by_rule(*benchmark_, *rule_, item, std::span(&row.answer->text, 1));
  if (!benchmark_->protocol) return {};
  const benchmarks::Mark mark = benchmark_->protocol->mark(item, row.judgement->state);
  return metrics::mark_number(figures, mark.label, mark.value, mark.unparsed);
}

}  // namespace holisafe::runs
