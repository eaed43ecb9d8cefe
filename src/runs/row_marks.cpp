#include "runs/row_marks.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "judge/answer.h"

namespace holisafe::runs {
namespace {

/// The mark of a row with several answers from those of the answers.
std::optional<benchmarks::Mark> combined(const benchmarks::Benchmark& benchmark,
                                         std::span<const std::optional<benchmarks::Mark>> answers) {
  if (answers.size() == 1) return answers.front();
  if (!benchmark.protocol || benchmark.protocol->combine == nullptr) return std::nullopt;
  return benchmark.protocol->combine(answers);
}
metrics::MarkNumber combined(const benchmarks::Benchmark& benchmark,
                             std::span<const metrics::MarkNumber> answers) {
  if (answers.size() == 1) return answers.front();
  const auto& labels = benchmark.figures->labels;
  std::vector<std::optional<benchmarks::Mark>> marks(answers.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i].judged()) continue;
    marks[i].emplace();
    marks[i]->label = labels.empty() ? std::string() : labels[answers[i].label];
    marks[i]->value = answers[i].value;
    marks[i]->unparsed = answers[i].unparsed;
  }
  return mark_number(benchmark, combined(benchmark, marks));
}

}  // namespace

Result<const benchmarks::Benchmark*> benchmark_of(const Run& run) {
  HOLISAFE_TRY(const auto identity, run.parts.front()->identity("run"));
  const std::string name = benchmark_name(identity);
  if (const auto* found = benchmarks::find(name)) return found;
  return fail(ErrorKind::unsupported, "run of an unknown benchmark", run.name,
              fmt::format("expected one of {}, found \"{}\"", fmt::join(benchmarks::names(), ", "), name));
}

Result<std::string> split_of(const Run& run) {
  HOLISAFE_TRY(const auto identity, run.parts.front()->identity("run"));
  return store::value_in(identity, split_name);
}

Result<void> check_target(const benchmarks::Benchmark& benchmark, const benchmarks::Item& item,
                          const std::string& where) {
  if (!benchmark.compares_targets || !item.target.empty()) return {};
  return fail(ErrorKind::missing, "data without right answers",
              fmt::format("{}: row {}, id {}", where, item.position + 1, item.id),
              fmt::format("expected one that answers of {} are compared with, found none, as in splits whose "
                          "answers are not published",
                          benchmark.name));
}

std::optional<benchmarks::Mark> said_by_rule(const benchmarks::Benchmark& benchmark,
                                             const benchmarks::Rule& rule, const benchmarks::Item& item,
                                             std::span<const std::string> texts, Reads reads) {
  if (benchmark.answers > 1 && texts.size() > 1) {
    std::vector<std::optional<benchmarks::Mark>> marks;
    for (const std::string& text : texts)
      marks.push_back(said_by_rule(benchmark, rule, item, std::span(&text, 1), reads));
    return combined(benchmark, marks);
  }
  const auto marked = [&](std::span<const std::string> answers) -> std::optional<benchmarks::Mark> {
    if (answers.empty()) return std::nullopt;
    return rule.mark(item, answers);
  };
  const auto whole = [](const std::string& text) { return judge::answer_in(text) == text; };
  if (reads == Reads::texts || std::all_of(texts.begin(), texts.end(), whole)) return marked(texts);
  std::vector<std::string> answers;
  for (const std::string& text : texts) {
    const auto answer = judge::answer_in(text);
    if (answer || benchmarks::scored_by_rules(benchmark)) answers.emplace_back(answer.value_or(""));
  }
  return marked(answers);
}

metrics::MarkNumber mark_number(const benchmarks::Benchmark& benchmark,
                                const std::optional<benchmarks::Mark>& mark) {
  if (!mark) return {};
  return metrics::mark_number(*benchmark.figures, mark->label, mark->value, mark->unparsed);
}

metrics::MarkNumber mark_by_rule(const benchmarks::Benchmark& benchmark, const benchmarks::Rule& rule,
                                 const benchmarks::Item& item, std::span<const std::string> texts,
                                 Reads reads) {
  return mark_number(benchmark, said_by_rule(benchmark, rule, item, texts, reads));
}

std::string mark_text(const metrics::Figures& figures, const metrics::MarkNumber& mark) {
  if (!mark.judged()) return "unjudged";
  return mark.label < figures.labels.size() ? figures.labels[mark.label] : fmt::format("{}", mark.value);
}

bool is_empty(const store::Answer& answer) {
  return answer.state == store::AnswerState::empty ||
         (answer.state == store::AnswerState::answered && !judge::answer_in(answer.text));
}

std::string answer_text(std::span<const store::Row> answers) {
  const auto text = [](const store::Row& row) { return row.answer ? row.answer->text : std::string(); };
  if (answers.size() == 1) return text(answers.front());
  std::string out;
  for (const store::Row& row : answers)
    out += fmt::format("{}{}) {}", out.empty() ? "" : "\n\n", row.number + 1, text(row));
  return out;
}

std::optional<benchmarks::Mark> said_as(const benchmarks::Benchmark& benchmark, CountAs count_as) {
  std::string_view label;
  if (count_as == CountAs::refused) label = benchmark.refused;
  if (count_as == CountAs::complied) label = benchmark.complied;
  if (label.empty()) return std::nullopt;
  return benchmarks::Mark{.label = std::string(label)};
}

metrics::MarkNumber mark_as(const benchmarks::Benchmark& benchmark, CountAs count_as) {
  return mark_number(benchmark, said_as(benchmark, count_as));
}

std::optional<metrics::MarkNumber> mark_without_judge(const benchmarks::Benchmark& benchmark,
                                                      const store::Answer& answer, const Counting& counting) {
  if (answer.state == store::AnswerState::filtered) return mark_as(benchmark, counting.filtered);
  if (is_empty(answer)) {
    if (counting.empty == CountAs::marked) return std::nullopt;
    return mark_as(benchmark, counting.empty);
  }
  if (answer.state != store::AnswerState::answered) return metrics::MarkNumber();
  return std::nullopt;
}

RowMarks::RowMarks(const benchmarks::Benchmark& benchmark, std::string judge)
    : benchmark_(&benchmark), rule_(find_rule(benchmark, judge)), judge_(std::move(judge)) {}

metrics::MarkNumber RowMarks::mark(const store::Row& row, const benchmarks::Item& item,
                                   const Counting& counting) const {
  if (!row.answer) return {};
  if (const auto settled = mark_without_judge(*benchmark_, *row.answer, counting)) return *settled;
  // Nothing is kept of what rules say of an empty answer.
  const bool judged = row.judgement && row.judgement->judged();
  if (!judged && (rule_ == nullptr || !is_empty(*row.answer))) return {};
  if (rule_ != nullptr) return mark_by_rule(*benchmark_, *rule_, item, std::span(&row.answer->text, 1));
  if (!benchmark_->protocol) return {};
  const benchmarks::Mark mark = benchmark_->protocol->mark(item, row.judgement->state);
  return metrics::mark_number(*benchmark_->figures, mark.label, mark.value, mark.unparsed);
}

metrics::MarkNumber RowMarks::mark(std::span<const store::Row> answers, const benchmarks::Item& item,
                                   const Counting& counting) const {
  if (answers.size() == 1) return mark(answers.front(), item, counting);
  std::vector<metrics::MarkNumber> marks;
  for (const store::Row& answer : answers) marks.push_back(mark(answer, item, counting));
  return combined(*benchmark_, marks);
}

}  // namespace holisafe::runs
