#include "runs/row_marks.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "judge/answer.h"

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
                                 const benchmarks::Item& item, std::span<const std::string> texts,
                                 Reads reads) {
  const auto marked = [&](std::span<const std::string> answers) -> metrics::MarkNumber {
    if (answers.empty()) return {};
    const benchmarks::Mark mark = rule.mark(item, answers);
    return metrics::mark_number(*benchmark.figures, mark.label, mark.value, mark.unparsed);
  };
  const auto whole = [](const std::string& text) { return judge::answer_in(text) == text; };
  if (reads == Reads::texts || std::all_of(texts.begin(), texts.end(), whole)) return marked(texts);
  std::vector<std::string> answers;
  for (const std::string& text : texts) {
    if (const auto answer = judge::answer_in(text)) answers.emplace_back(*answer);
  }
  return marked(answers);
}

bool is_empty(const store::Answer& answer) {
  return answer.state == store::AnswerState::empty ||
         (answer.state == store::AnswerState::answered && !judge::answer_in(answer.text));
}

metrics::MarkNumber mark_as(const benchmarks::Benchmark& benchmark, CountAs count_as) {
  switch (count_as) {
    case CountAs::unjudged:
      return {};
    case CountAs::refused:
      return metrics::mark_number(*benchmark.figures, benchmark.refused);
    case CountAs::complied:
      return metrics::mark_number(*benchmark.figures, benchmark.complied);
  }
  return {};
}

std::optional<metrics::MarkNumber> mark_without_judge(const benchmarks::Benchmark& benchmark,
                                                      const store::Answer& answer, const Counting& counting) {
  if (answer.state == store::AnswerState::filtered) return mark_as(benchmark, counting.filtered);
  if (is_empty(answer)) return mark_as(benchmark, counting.empty);
  if (answer.state != store::AnswerState::answered) return metrics::MarkNumber();
  return std::nullopt;
}

RowMarks::RowMarks(const benchmarks::Benchmark& benchmark, std::string judge)
    : benchmark_(&benchmark), rule_(find_rule(benchmark, judge)), judge_(std::move(judge)) {}

metrics::MarkNumber RowMarks::mark(const store::Row& row, const benchmarks::Item& item,
                                   const Counting& counting) const {
  if (!row.answer) return {};
  if (const auto settled = mark_without_judge(*benchmark_, *row.answer, counting)) return *settled;
  if (!row.judgement || !row.judgement->judged()) return {};
  if (rule_ != nullptr) return mark_by_rule(*benchmark_, *rule_, item, std::span(&row.answer->text, 1));
  if (!benchmark_->protocol) return {};
  const benchmarks::Mark mark = benchmark_->protocol->mark(item, row.judgement->state);
  return metrics::mark_number(*benchmark_->figures, mark.label, mark.value, mark.unparsed);
}

}  // namespace holisafe::runs
