#include "runs/compare_runs.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "runs/sample_type.h"

namespace holisafe::runs {
namespace {

using Json = nlohmann::ordered_json;
using metrics::Outcome;

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

/// Goes through both runs side by side.
class Comparing {
 public:
  explicit Comparing(RunComparison& out) : out_(out) {}

  Result<void> run(RunRows& first, RunRows& second) {
    HOLISAFE_TRY(const store::Row* a, first.next());
    HOLISAFE_TRY(const store::Row* b, second.next());
    while (a != nullptr || b != nullptr) {
      const bool step_a = a != nullptr && (b == nullptr || a->key() <= b->key());
      const bool step_b = b != nullptr && (a == nullptr || b->key() <= a->key());
      if (step_a && step_b) add(*a, first.outcome(), *b, second.outcome());
      out_.only_first += step_a && !step_b ? 1 : 0;
      out_.only_second += step_b && !step_a ? 1 : 0;
      if (step_a) {
        HOLISAFE_TRY(a, first.next());
      }
      if (step_b) {
        HOLISAFE_TRY(b, second.next());
      }
    }
    return {};
  }

  [[nodiscard]] const std::vector<metrics::PairedJudgement>& rows() const { return rows_; }

 private:
  void add(const store::Row& a, Outcome first, const store::Row& b, Outcome second) {
    const auto image = images_.try_emplace(a.sample.cluster, static_cast<std::uint32_t>(images_.size()));
    rows_.push_back({type_of(a.sample), image.first->second, first, second});
    if (first == second || first == Outcome::unjudged || second == Outcome::unjudged) return;
    out_.changes.push_back({a.sample.id, type_of(a.sample), first, second});
    if (out_.examples.size() == examples_kept) return;
    const auto images = a.sample.images();
    const std::string image_name = images.empty() ? "" : images.front();
    out_.examples.push_back({type_of(a.sample), a.sample.id, image_name, a.sample.query, first,
                             a.answer->text, second, b.answer->text});
  }

  RunComparison& out_;
  std::vector<metrics::PairedJudgement> rows_;
  std::unordered_map<std::int64_t, std::uint32_t> images_;
};

Json rate_json(const std::optional<metrics::PairedRate>& rate) {
  if (!rate) return nullptr;
  return {
      {"n", rate->rows},
      {"first", rate->first},
      {"second", rate->second},
      {"difference", rate->difference},
      {"interval", rate->interval ? Json::array({rate->interval->low, rate->interval->high}) : Json(nullptr)},
      {"mcnemar",
       {{"only_first_wrong", rate->test.only_first_wrong},
        {"only_second_wrong", rate->test.only_second_wrong},
        {"p_value", rate->test.p_value}}}};
}

}  // namespace

std::string_view name(Outcome outcome) {
  switch (outcome) {
    case Outcome::refused:
      return "refused";
    case Outcome::complied:
      return "complied";
    case Outcome::unjudged:
      return "unjudged";
  }
  return "unjudged";
}

Result<RunComparison> compare_runs(const Run& first, const Run& second, const std::string& judge,
                                   const metrics::BootstrapOptions& bootstrap) {
  RunComparison out;
  out.first = first.name;
  out.second = second.name;
  out.judge = judge;
  HOLISAFE_TRY(const std::string first_data, data_of(first));
  HOLISAFE_TRY(const std::string second_data, data_of(second));
  if (first_data != second_data) {
    return fail(ErrorKind::mismatch, "runs over different data", second.name,
                fmt::format("expected SHA-256 {}, found {}", first_data, second_data));
  }
  HOLISAFE_CHECK(check_judge(first, judge));
  HOLISAFE_CHECK(check_judge(second, judge));
  HOLISAFE_TRY(RunRows first_rows, RunRows::open(first, judge));
  HOLISAFE_TRY(RunRows second_rows, RunRows::open(second, judge));
  Comparing comparing(out);
  HOLISAFE_CHECK(comparing.run(first_rows, second_rows));
  out.comparison = metrics::compare(comparing.rows(), bootstrap);
  return out;
}

nlohmann::ordered_json to_json(const RunComparison& comparison) {
  Json types = Json::object();
  for (std::size_t type = 0; type < metrics::combination_count; ++type) {
    types[std::string(taxonomy::name(static_cast<taxonomy::Combination>(type)))] =
        rate_json(comparison.comparison.types[type]);
  }
  Json changed = Json::array();
  for (const auto& change : comparison.changes) {
    changed.push_back({{"id", change.id},
                       {"type", taxonomy::name(change.type)},
                       {"first", name(change.first)},
                       {"second", name(change.second)}});
  }
  Json out;
  out["judge"] = comparison.judge;
  out["first"] = comparison.first;
  out["second"] = comparison.second;
  out["left_out"] = comparison.comparison.left_out;
  out["only_first"] = comparison.only_first;
  out["only_second"] = comparison.only_second;
  out["types"] = std::move(types);
  out["masr"] = {{"macro", rate_json(comparison.comparison.masr_macro)},
                 {"sample_weighted", rate_json(comparison.comparison.masr_sample_weighted)}};
  out["changed"] = std::move(changed);
  return out;
}

}  // namespace holisafe::runs
