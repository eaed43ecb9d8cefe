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

Result<std::string> data_of(const Run& run) {
  HOLISAFE_TRY(const auto identity, run.parts.front()->identity("run"));
  for (const auto& [name, value] : identity) {
    if (name == "data") return value;
  }
  return std::string();
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

  [[nodiscard]] const store::Row* row() const { return row_; }
  [[nodiscard]] MarkNumber mark(const benchmarks::Item& item) const {
    return marks_.mark(*row_, item, rows_.filter_as());
  }
  Result<void> step() {
    HOLISAFE_TRY(row_, rows_.next());
    return {};
  }

 private:
  MarkedRun(RunRows rows, RowMarks marks) : rows_(std::move(rows)), marks_(std::move(marks)) {}
  RunRows rows_;
  RowMarks marks_;
  const store::Row* row_ = nullptr;
};

/// Goes through both runs side by side.
class Comparing {
 public:
  explicit Comparing(RunComparison& out)
      : out_(out),
        slices_(metrics::slices_of(*out.benchmark->figures)),
        groups_(metrics::groups_of_rates(*out.benchmark->figures)) {}

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
        add(item, *a, first.mark(item), *b, second.mark(item));
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

  void add(const benchmarks::Item& item, const store::Row& a, const MarkNumber& first, const store::Row& b,
           const MarkNumber& second) {
    const auto image = images_.try_emplace(item.cluster, static_cast<std::uint32_t>(images_.size()));
    rows_.rows.push_back({rows_.places.number(item.groups), image.first->second, first, second});
    if (first.label == second.label || !first.judged() || !second.judged()) return;
    RunComparison::Change change{item.id, {}, first, second};
    for (const std::string& group : groups_)
      change.place.emplace_back(group, metrics::group_value(item.groups, group));
    out_.changes.push_back(std::move(change));
    if (out_.examples.size() == examples_kept) return;
    const metrics::Figures& figures = *out_.benchmark->figures;
    out_.examples.push_back({place_name(item.groups), item.id,
                             fmt::format("{}", fmt::join(item.images(), ", ")), item.query,
                             report::label_title(figures, first), a.answer->text,
                             report::label_title(figures, second), b.answer->text});
  }

  RunComparison& out_;
  std::vector<metrics::Slice> slices_;
  std::vector<std::string> groups_;
  metrics::PairedRows rows_;
  std::unordered_map<std::string, std::uint32_t> images_;
};

}  // namespace

std::string_view label_of(const metrics::Figures& figures, const MarkNumber& mark) {
  if (!mark.judged()) return "unjudged";
  return mark.label < figures.labels.size() ? std::string_view(figures.labels[mark.label]) : "marked";
}

Result<RunComparison> compare_runs(const Run& first, const Run& second, const std::string& judge,
                                   const metrics::BootstrapOptions& bootstrap) {
  RunComparison out;
  out.first = first.name;
  out.second = second.name;
  HOLISAFE_TRY(out.benchmark, benchmark_of(first));
  HOLISAFE_TRY(const auto* other, benchmark_of(second));
  if (out.benchmark != other) {
    return fail(ErrorKind::mismatch, "runs of different benchmarks", second.name,
                fmt::format("expected {}, found {}", out.benchmark->name, other->name));
  }
  out.judge = judge.empty() ? std::string(out.benchmark->rules.front().name) : judge;
  HOLISAFE_TRY(const std::string first_data, data_of(first));
  HOLISAFE_TRY(const std::string second_data, data_of(second));
  if (first_data != second_data) {
    return fail(ErrorKind::mismatch, "runs over different data", second.name,
                fmt::format("expected SHA-256 {}, found {}", first_data, second_data));
  }
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
    row["first"] = label_of(figures, change.first);
    row["second"] = label_of(figures, change.second);
    changed.push_back(std::move(row));
  }
  Json out;
  out["judge"] = comparison.judge;
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
