// From what a run holds of a row to its mark: the one place where answers and judgements become figures.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "benchmarks/benchmark.h"
#include "metrics/marks.h"
#include "runs/add_samples.h"
#include "runs/run_rows.h"

namespace holisafe::runs {

/// The benchmark that a run is of; runs that do not say are of HoliSafe-Bench. Errors: those of the store;
/// unsupported (a benchmark that this program has not).
Result<const benchmarks::Benchmark*> benchmark_of(const Run& run);
/// The split of the data that a run is of; empty: the benchmark's default. Errors: those of the store.
Result<std::string> split_of(const Run& run);

/// What of a model's texts a rule reads.
enum class Reads {
  answers,  ///< what is said after the reasoning; a text without that is no answer
  texts,    ///< everything, an empty text too
};

/// Whether rules can mark the row. Errors: missing (data without the right answers), with `where` it stands.
Result<void> check_target(const benchmarks::Benchmark& benchmark, const benchmarks::Item& item,
                          const std::string& where);

/// What a rule of the benchmark says of `item` with these texts of a model; nothing where none of them holds
/// an answer. Where rules alone score, an empty text is an answer. Where the benchmark asks for several
/// answers, each is marked by itself and the marks are combined; a text without an answer is one that nobody
/// marked.
std::optional<benchmarks::Mark> said_by_rule(const benchmarks::Benchmark& benchmark,
                                             const benchmarks::Rule& rule, const benchmarks::Item& item,
                                             std::span<const std::string> texts,
                                             Reads reads = Reads::answers);
/// The same as metrics count it; nothing is unjudged.
metrics::MarkNumber mark_number(const benchmarks::Benchmark& benchmark,
                                const std::optional<benchmarks::Mark>& mark);
metrics::MarkNumber mark_by_rule(const benchmarks::Benchmark& benchmark, const benchmarks::Rule& rule,
                                 const benchmarks::Item& item, std::span<const std::string> texts,
                                 Reads reads = Reads::answers);

/// A mark as text: its label, its value where the benchmark's marks have no labels, or "unjudged".
std::string mark_text(const metrics::Figures& figures, const metrics::MarkNumber& mark);

/// What was answered to a sample, as a page shows it: of several answers each with its number.
std::string answer_text(std::span<const store::Row> answers);

/// Whether nothing is said in what came back.
bool is_empty(const store::Answer& answer);

/// The mark of a row that counts so; nothing (unjudged) too where the benchmark has no label for it.
std::optional<benchmarks::Mark> said_as(const benchmarks::Benchmark& benchmark, CountAs count_as);
metrics::MarkNumber mark_as(const benchmarks::Benchmark& benchmark, CountAs count_as);

/// The mark that an answer has whatever judges say: a filtered or empty one as the user chose, unjudged where
/// there is none. Nothing where a rule or a judge is to say it.
std::optional<metrics::MarkNumber> mark_without_judge(const benchmarks::Benchmark& benchmark,
                                                      const store::Answer& answer, const Counting& counting);

/// Marks the rows of a run as one judge, or rule, sees them.
class RowMarks {
 public:
  RowMarks(const benchmarks::Benchmark& benchmark, std::string judge);

  /// As its judge says of an answered row, as mark_without_judge() says otherwise.
  [[nodiscard]] metrics::MarkNumber mark(const store::Row& row, const benchmarks::Item& item,
                                         const Counting& counting) const;
  /// Of a sample from all of its answers.
  [[nodiscard]] metrics::MarkNumber mark(std::span<const store::Row> answers, const benchmarks::Item& item,
                                         const Counting& counting) const;
  [[nodiscard]] const std::string& judge() const { return judge_; }

 private:
  const benchmarks::Benchmark* benchmark_;
  const benchmarks::Rule* rule_;
  std::string judge_;
};

}  // namespace holisafe::runs
