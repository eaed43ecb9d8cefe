#include "runs/safety_utility.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include <fmt/format.h>

#include "benchmarks/score_json.h"

namespace holisafe::runs {
namespace {

using benchmarks::Benchmark;
using report::SafetyUtility;
using report::ScoredRun;
using report::SetValue;
using Runs = std::vector<const SetRun*>;

/// A model's runs, at most one a set once they are settled.
struct Model {
  Runs runs;
  std::string name = {};
};

std::string names_of(const Runs& runs) {
  std::string out;
  for (const SetRun* run : runs) out += (out.empty() ? "" : ", ") + run->who.folder;
  return out;
}

Runs over(const Runs& runs, const Benchmark* set) {
  Runs out;
  std::copy_if(runs.begin(), runs.end(), std::back_inserter(out),
               [set](const SetRun* run) { return run->benchmark == set; });
  return out;
}

bool has_a_set_twice(const Runs& runs) {
  return std::any_of(runs.begin(), runs.end(),
                     [&](const SetRun* run) { return over(runs, run->benchmark).size() > 1; });
}

bool share_a_set(const Runs& a, const Runs& b) {
  return std::any_of(a.begin(), a.end(), [&](const SetRun* run) { return !over(b, run->benchmark).empty(); });
}

/// Runs with the same key together, in the order of first appearance.
template <class Key>
std::vector<Model> divided(const Runs& runs, const Key& key) {
  std::vector<Model> out;
  for (const SetRun* run : runs) {
    const auto place = std::find_if(
        out.begin(), out.end(), [&](const Model& model) { return key(*model.runs.front()) == key(*run); });
    if (place == out.end()) {
      out.push_back({{run}});
    } else {
      place->runs.push_back(run);
    }
  }
  return out;
}

/// Puts imported runs with the only other runs of their model's name, where those lack their sets.
void join_imported(std::vector<Model>& models) {
  for (auto model = models.begin(); model != models.end();) {
    const Responder& who = model->runs.front()->who;
    std::vector<Model*> others;
    for (Model& other : models) {
      if (&other != &*model && other.runs.front()->who.model == who.model) others.push_back(&other);
    }
    if (!who.asked.empty() || others.size() != 1 || share_a_set(model->runs, others.front()->runs)) {
      ++model;
      continue;
    }
    Runs& runs = others.front()->runs;
    runs.insert(runs.end(), model->runs.begin(), model->runs.end());
    model = models.erase(model);
  }
}

/// Models have names of their own: where those repeat, the folder that their runs lie in stands beside, or
/// where that repeats, the first run's.
void name_models(std::vector<Model>& models) {
  for (Model& model : models) model.name = model.runs.front()->who.model;
  for (const auto beside : {+[](const Responder& who) { return place_of(who); },
                            +[](const Responder& who) { return who.folder; }}) {
    std::map<std::string, int> uses;
    for (const Model& model : models) ++uses[model.name];
    for (Model& model : models) {
      const Responder& who = model.runs.front()->who;
      if (uses[model.name] > 1) model.name = fmt::format("{} ({})", who.model, beside(who));
    }
  }
}

/// The models that runs are of; what cannot be told apart is left out and noted.
std::vector<Model> models_of(std::span<const SetRun> runs, std::vector<std::string>& notes) {
  Runs all;
  for (const SetRun& run : runs) all.push_back(&run);
  auto asked = divided(all, [](const SetRun& run) { return std::pair(run.who.model, run.who.asked); });
  join_imported(asked);
  std::vector<Model> out;
  for (Model& model : asked) {
    auto places = has_a_set_twice(model.runs)
                      ? divided(model.runs, [](const SetRun& run) { return place_of(run.who); })
                      : std::vector{std::move(model)};
    std::move(places.begin(), places.end(), std::back_inserter(out));
  }
  name_models(out);
  for (Model& model : out) {
    Runs kept;
    for (const SetRun* run : model.runs) {
      const Runs same = over(model.runs, run->benchmark);
      if (same.size() == 1) kept.push_back(run);
      if (same.size() > 1 && same.front() == run) {
        notes.push_back(fmt::format("{}: several of its runs are over {} and none counts here: {}.",
                                    model.name, run->benchmark->title, names_of(same)));
      }
    }
    model.runs = std::move(kept);
  }
  return out;
}

const ScoredRun* score_by(const SetRun& run, std::string_view judge) {
  for (const ScoredRun& score : run.scores) {
    if (score.score.judge == judge && score.score.all.judged() > 0) return &score;
  }
  return nullptr;
}

/// Whose marks count on a set that these runs are over; empty where nobody marked anything.
std::string judge_of(const Benchmark& set, const Runs& runs, std::vector<std::string>& notes) {
  std::set<std::string> llm_judges;
  for (const SetRun* run : runs) {
    for (const ScoredRun& score : run->scores) {
      if (score.llm_judge) llm_judges.insert(score.score.judge);
    }
  }
  std::vector<std::string> judges(llm_judges.begin(), llm_judges.end());
  for (const benchmarks::Rule& rule : set.rules) judges.emplace_back(rule.name);
  std::string best;
  std::size_t most = 0;
  for (const std::string& judge : judges) {
    const auto with = static_cast<std::size_t>(std::count_if(
        runs.begin(), runs.end(), [&](const SetRun* run) { return score_by(*run, judge) != nullptr; }));
    if (with > most) {
      best = judge;
      most = with;
    }
  }
  if (!llm_judges.empty() && benchmarks::find_rule(set, best) != nullptr) {
    notes.push_back(fmt::format("{}: no LLM judge's verdicts are in all of the runs, so that {} counts.",
                                set.title, best));
  }
  for (const SetRun* run : runs) {
    if (!best.empty() && score_by(*run, best) == nullptr)
      notes.push_back(fmt::format("{}: {} has no verdicts of {}.", set.title, run->name, best));
  }
  return best;
}

/// A figure so that more is better.
SetValue good(const std::optional<double>& value, const std::optional<metrics::Interval>& interval,
              bool higher) {
  SetValue out{value, interval};
  if (higher) return out;
  if (value) out.value = 1 - *value;
  if (interval) out.interval = metrics::Interval{1 - interval->high, 1 - interval->low};
  return out;
}

/// `figure_of(number)` gives value and interval of a figure.
template <class FigureOf>
SetValue value_of(const metrics::Figures& figures, const FigureOf& figure_of) {
  const std::size_t primary = metrics::primary_figure(figures);
  const auto [value, interval] = figure_of(primary);
  SetValue out = good(value, interval, metrics::figure_name(figures, primary).higher_is_better);
  for (std::size_t i = 0; i < metrics::figure_count(figures); ++i) {
    const auto name = metrics::figure_name(figures, i);
    if (std::find(figures.beside.begin(), figures.beside.end(), name.name) == figures.beside.end()) continue;
    out.beside.push_back({std::string(name.name),
                          std::string(name.words->column.empty() ? name.title : name.words->column),
                          figure_of(i).first});
  }
  return out;
}

using FigureAndEnds = std::pair<std::optional<double>, std::optional<metrics::Interval>>;

SetValue value_of(const metrics::Score& score) {
  return value_of(*score.definition, [&](std::size_t i) {
    return FigureAndEnds(score.figures[i].value, score.figures[i].interval);
  });
}

SetValue value_of(const metrics::Figures& figures, const metrics::PublishedScore& score) {
  return value_of(figures, [&](std::size_t i) { return FigureAndEnds(score.figures[i], std::nullopt); });
}

/// One set's column: the models' values, and the published ones.
class SetColumn {
 public:
  SetColumn(const Benchmark& set, const std::vector<Model>& models, SafetyUtility& out)
      : set_(set), number_(out.sets.size()), out_(out) {
    for (const Model& model : models) {
      const Runs found = over(model.runs, &set);
      runs_.push_back(found.empty() ? nullptr : found.front());
      if (!found.empty()) there_.push_back(found.front());
    }
  }

  void add(bool published) {
    const std::string judge = judge_of(set_, there_, out_.notes);
    const auto primary = metrics::figure_name(*set_.figures, metrics::primary_figure(*set_.figures));
    out_.sets.push_back({std::string(set_.name), std::string(set_.title),
                         set_.kind == benchmarks::Kind::safety,
                         fmt::format("{}{}", primary.higher_is_better ? "" : "1 - ", primary.title), judge});
    bool compares = true;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      const ScoredRun* score = runs_[i] == nullptr ? nullptr : score_by(*runs_[i], judge);
      out_.models[i].sets.push_back(score == nullptr ? SetValue() : value_of(score->score));
      compares = compares && (runs_[i] == nullptr || (score != nullptr && score->compares));
    }
    note_other_data();
    if (published || compares) add_published(judge);
  }

 private:
  void note_other_data() {
    const SetRun& first = *there_.front();
    const bool same = std::all_of(there_.begin(), there_.end(), [&](const SetRun* run) {
      const bool known = !run->data.empty() && !first.data.empty();
      return (!known || run->data == first.data) && rows_of(*run) == rows_of(first);
    });
    if (!same)
      out_.notes.push_back(fmt::format(
          "{}: the runs are over different rows, so that their figures do not compare.", set_.title));
  }
  static std::uint64_t rows_of(const SetRun& run) {
    return run.scores.empty() ? 0 : run.scores.front().score.rows();
  }

  void add_published(const std::string& judge) {
    for (const metrics::PublishedScore& score : benchmarks::published_scores(set_, judge)) {
      auto place = std::find_if(out_.published.begin(), out_.published.end(),
                                [&](const auto& row) { return row.name == score.model; });
      if (place == out_.published.end()) place = out_.published.insert(place, {score.model, {}, {}, {}});
      place->sets.resize(number_ + 1);
      place->sets[number_] = value_of(*set_.figures, score);
    }
  }

  const Benchmark& set_;
  std::size_t number_;
  SafetyUtility& out_;
  std::vector<const SetRun*> runs_;  ///< parallel to the models; nullptr where one has none
  Runs there_;
};

}  // namespace

std::vector<SetRun> set_runs(std::span<const JudgedRun> runs) {
  std::vector<SetRun> out;
  for (const JudgedRun& run : runs)
    out.push_back({run.benchmark, run.name, run.who, run.data_sha256, run.scores});
  return out;
}

bool of_several_sets(std::span<const SetRun> runs) {
  return std::any_of(runs.begin(), runs.end(),
                     [&](const SetRun& run) { return run.benchmark != runs.front().benchmark; });
}

report::SafetyUtility safety_utility(std::span<const SetRun> runs, bool published) {
  SafetyUtility out;
  const auto models = models_of(runs, out.notes);
  for (const Model& model : models) out.models.push_back({model.name, {}, {}, {}});
  for (const auto kind : {benchmarks::Kind::safety, benchmarks::Kind::utility}) {
    for (const Benchmark* set : benchmarks::all()) {
      const bool there = std::any_of(models.begin(), models.end(),
                                     [set](const Model& model) { return !over(model.runs, set).empty(); });
      if (there && set->kind == kind) SetColumn(*set, models, out).add(published);
    }
  }
  for (auto& row : out.published) row.sets.resize(out.sets.size());
  report::take_means(out);
  return out;
}

}  // namespace holisafe::runs
