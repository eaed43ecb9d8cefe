#include "runs/compare_runs.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include <fmt/format.h>

#include "benchmarks/score_json.h"
#include "report/figure_columns.h"
#include "runs/row_marks.h"

namespace holisafe::runs {
namespace {

using Json = nlohmann::ordered_json;
using metrics::MarkNumber;

constexpr std::size_t examples_kept = 50;

Result<void> check_same(const char* what, const Run& first, const Run& second, std::string_view expected,
                        std::string_view found) {
  if (expected == found) return {};
  return fail(ErrorKind::mismatch, what, fmt::format("{} and {}", first.name, second.name),
              fmt::format("expected {} in both, found {} in the second", expected, found));
}

/// Both runs must be over one benchmark, split and data.
Result<void> check_same_data(const Run& first, const Run& second) {
  HOLISAFE_TRY(const auto* a, benchmark_of(first));
  HOLISAFE_TRY(const auto* b, benchmark_of(second));
  HOLISAFE_CHECK(check_same("runs of different benchmarks", first, second, a->name, b->name));
  const auto split = [&](const Run& run) -> Result<std::string> {
    HOLISAFE_TRY(std::string named, split_of(run));
    return named.empty() ? std::string(a->default_split) : named;
  };
  HOLISAFE_TRY(const std::string first_split, split(first));
  HOLISAFE_TRY(const std::string second_split, split(second));
  HOLISAFE_CHECK(check_same("runs over different splits", first, second, first_split, second_split));
  const auto data = [](const Run& run) -> Result<std::string> {
    HOLISAFE_TRY(const auto identity, run.parts.front()->identity("run"));
    return "SHA-256 " + store::value_in(identity, "data");
  };
  HOLISAFE_TRY(const std::string first_data, data(first));
  HOLISAFE_TRY(const std::string second_data, data(second));
  return check_same("runs over different data", first, second, first_data, second_data);
}

Result<void> check_judge(const Run& run, const std::string& judge) {
  HOLISAFE_TRY(const auto judges, judges_of(run));
  if (std::find(judges.begin(), judges.end(), judge) != judges.end()) return {};
  return fail(ErrorKind::missing, "no verdicts", run.name,
              fmt::format("expected judge \"{}\", found {}", judge,
                          judges.empty() ? "none" : fmt::format("{}", fmt::join(judges, ", "))));
}

/// A run's rows under one judge.
class MarkedRun {
 public:
  static Result<MarkedRun> open(const Run& run, const benchmarks::Benchmark& benchmark,
                                const std::string& judge) {
    HOLISAFE_TRY(auto rows, RunRows::open(run, judge));
    return MarkedRun(std::move(rows), RowMarks(benchmark, judge));
  }

  [[nodiscard]] std::string text() const { return answer_text(answers_); }
  /// With its first answer.
  [[nodiscard]] const store::Row* row() const { return answers_.empty() ? nullptr : &answers_.front(); }
  [[nodiscard]] MarkNumber mark(const benchmarks::Item& item) const {
    return marks_.mark(answers_, item, rows_.counting());
  }
  Result<void> step() {
    HOLISAFE_TRY(answers_, rows_.next_sample());
    return {};
  }

 private:
  MarkedRun(RunRows rows, RowMarks marks) : rows_(std::move(rows)), marks_(std::move(marks)) {}
  RunRows rows_;
  RowMarks marks_;
  std::span<const store::Row> answers_;
};

/// Goes through both runs side by side.
class Comparing {
 public:
  explicit Comparing(RunComparison& out)
      : out_(out),
        slices_(metrics::slices_of(*out.benchmark->figures)),
        groups_(metrics::groups_of_rates(*out.benchmark->figures)) {
    const auto& labels = out.benchmark->figures->labels;
    const auto& protocol = out.benchmark->protocol;
    if (protocol && benchmarks::find_rule(*out.benchmark, out.judge) == nullptr) {
      says_labels_ = std::all_of(protocol->words.begin(), protocol->words.end(), [&](const auto& word) {
        return std::find(labels.begin(), labels.end(), word.kept) != labels.end();
      });
    }
  }

  Result<void> run(MarkedRun& first, MarkedRun& second) {
    HOLISAFE_CHECK(first.step());
    HOLISAFE_CHECK(second.step());
    while (first.row() != nullptr || second.row() != nullptr) {
      const auto* a = first.row();
      const auto* b = second.row();
      const bool step_a = a != nullptr && (b == nullptr || a->key() <= b->key());
      const bool step_b = b != nullptr && (a == nullptr || b->key() <= a->key());
      if (step_a && step_b) {
        const benchmarks::Item item = item_of(a->sample);
        add(item, first, second);
      }
      out_.only_first += step_a && !step_b ? 1 : 0;
      out_.only_second += step_b && !step_a ? 1 : 0;
      if (step_a) HOLISAFE_CHECK(first.step());
      if (step_b) HOLISAFE_CHECK(second.step());
    }
    return {};
  }

  [[nodiscard]] const metrics::PairedRows& rows() const { return rows_; }

 private:
  /// Names of the slices that a row is in.
  [[nodiscard]] std::string place_name(const metrics::Groups& groups) const {
    for (const metrics::Slice& slice : slices_) {
      if (metrics::stands_in(slice.where, groups)) return slice.name;
    }
    return {};
  }

  void add(const benchmarks::Item& item, const MarkedRun& a, const MarkedRun& b) {
    const MarkNumber first = a.mark(item);
    const MarkNumber second = b.mark(item);
    const auto image = images_.try_emplace(item.cluster, static_cast<std::uint32_t>(images_.size()));
    rows_.rows.push_back({rows_.places.number(item.groups), image.first->second, first, second});
    if (!first.judged() || !second.judged() || same(first, second)) return;
    RunComparison::Change change{item.id, {}, first, second};
    for (const std::string& group : groups_)
      change.place.emplace_back(group, metrics::group_value(item.groups, group));
    out_.changes.push_back(std::move(change));
    if (out_.examples.size() == examples_kept) return;
    out_.examples.push_back({place_name(item.groups), item.id,
                             fmt::format("{}", fmt::join(item.images(), ", ")), item.query,
                             title(item.groups, first), a.text(), title(item.groups, second), b.text()});
  }

  /// Of marks without labels it is their values that say whether they are the same.
  [[nodiscard]] bool same(const MarkNumber& first, const MarkNumber& second) const {
    if (!out_.benchmark->figures->labels.empty()) return first.label == second.label;
    return first.value == second.value;
  }

  /// What the judge said of an answer, as a page shows it.
  [[nodiscard]] std::string title(const metrics::Groups& groups, const MarkNumber& mark) const {
    const metrics::Figures& figures = *out_.benchmark->figures;
    if (says_labels_) return report::label_title(figures, mark);
    const bool wrong = std::any_of(figures.rates.begin(), figures.rates.end(), [&](const auto& rate) {
      return metrics::stands_in(rate.where, groups) && metrics::wrong_by(figures, rate, mark);
    });
    return std::string(wrong ? report::not_expected : "as expected");
  }

  RunComparison& out_;
  bool says_labels_ = true;  ///< whether the judge's words are the figures' labels
  std::vector<metrics::Slice> slices_;
  std::vector<std::string> groups_;
  metrics::PairedRows rows_;
  std::unordered_map<std::string, std::uint32_t> images_;
};

}  // namespace

Result<RunComparison> compare_runs(const Run& first, const Run& second, const std::string& judge,
                                   const metrics::BootstrapOptions& bootstrap) {
  RunComparison out;
  out.first = first.name;
  out.second = second.name;
  HOLISAFE_TRY(out.benchmark, benchmark_of(first));
  HOLISAFE_CHECK(check_same_data(first, second));
  out.judge = judge.empty() ? std::string(out.benchmark->rules.front().name) : judge;
  HOLISAFE_CHECK(check_judge(first, out.judge));
  HOLISAFE_CHECK(check_judge(second, out.judge));
  HOLISAFE_TRY(auto first_rows, MarkedRun::open(first, *out.benchmark, out.judge));
  HOLISAFE_TRY(auto second_rows, MarkedRun::open(second, *out.benchmark, out.judge));
  Comparing comparing(out);
  HOLISAFE_CHECK(comparing.run(first_rows, second_rows));
  out.comparison = metrics::compare(*out.benchmark->figures, comparing.rows(), bootstrap);
  return out;
}

nlohmann::ordered_json to_json(const RunComparison& comparison) {
  const metrics::Figures& figures = *comparison.benchmark->figures;
  Json changed = Json::array();
  for (const auto& change : comparison.changes) {
    Json row = {{"id", change.id}};
    for (const auto& [group, value] : change.place) row[group] = value;
    row["first"] = mark_text(figures, change.first);
    row["second"] = mark_text(figures, change.second);
    changed.push_back(std::move(row));
  }
  Json out;
  if (comparison.benchmark->comparison_to_json != nullptr) {
    out["judge"] = comparison.judge;
  } else {
    out["benchmark"] = comparison.benchmark->name;
    out[comparison.by_rule() ? "rule" : "judge"] = comparison.judge;
  }
  out["first"] = comparison.first;
  out["second"] = comparison.second;
  out["left_out"] = comparison.comparison.left_out;
  out["only_first"] = comparison.only_first;
  out["only_second"] = comparison.only_second;
  Json figures_json = benchmarks::comparison_json(*comparison.benchmark, comparison.comparison);
  for (auto& [name, value] : figures_json.items()) out[name] = std::move(value);
  out["changed"] = std::move(changed);
  return out;
}

}  // namespace holisafe::runs
