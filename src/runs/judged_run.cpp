#include "runs/judged_run.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "base/hash.h"
#include "benchmarks/score_json.h"
#include "dataset/rows.h"
#include "judge/answer.h"
#include "metrics/agreement.h"
#include "runs/answer_counts.h"
#include "runs/example_picker.h"
#include "runs/prediction_file.h"
#include "runs/row_marks.h"
#include "runs/rule_counter.h"

namespace holisafe::runs {
namespace {

using benchmarks::Benchmark;
using benchmarks::Item;
using metrics::MarkNumber;

constexpr double guard_threshold = 0.5;
constexpr double one_half = 0.5;

/// A row as all counters see it.
struct Seen {
  const store::Row& row;                ///< with its first answer
  std::span<const store::Row> answers;  ///< with each of them
  const Item& item;
  std::uint32_t cluster = 0;
};

/// Scores under one judge.
class ScoreCounter {
 public:
  explicit ScoreCounter(const Benchmark& benchmark)
      : figures_(*benchmark.figures), examples_(*benchmark.figures) {}

  void add(const Seen& seen, const MarkNumber& mark) {
    rows_.rows.push_back({rows_.places.number(seen.item.groups), seen.cluster, mark});
    const auto rate = examples_.wants(seen.item.groups, mark);
    if (!rate) return;
    examples_.add(*rate, seen.item.groups,
                  {0, "", seen.item.id, fmt::format("{}", fmt::join(seen.item.images(), ", ")),
                   seen.item.query, answer_text(seen.answers)});
  }

  report::ScoredRun finish(const metrics::BootstrapOptions& bootstrap) {
    report::ScoredRun out;
    out.score = metrics::score(figures_, rows_, bootstrap);
    out.examples = examples_.take();
    return out;
  }

 private:
  const metrics::Figures& figures_;
  metrics::MarkedRows rows_;
  ExamplePicker examples_;
};

/// Rows that a group has no value for, by what their source says of it. Of groups that divide each other the
/// finest says it.
class UnknownValues {
 public:
  explicit UnknownValues(const metrics::Figures& figures) {
    for (const metrics::Group& group : figures.groups) {
      const bool divided =
          std::any_of(figures.groups.begin(), figures.groups.end(),
                      [&](const metrics::Group& other) { return other.within == group.name; });
      if (!divided) groups_.push_back(&group);
    }
    counts_.resize(groups_.size());
  }

  void add(const Item& item) {
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      if (item.group(groups_[i]->name).empty())
        ++counts_[i][dataset::string_field(item.json, groups_[i]->name)];
    }
  }

  [[nodiscard]] std::vector<report::LeftOut> finish() const {
    std::vector<report::LeftOut> out;
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      const std::string& said = groups_[i]->unknown;
      for (const auto& [name, rows] : counts_[i])
        out.push_back({said.empty() ? fmt::format("unknown {}", groups_[i]->name) : said, name, rows});
    }
    return out;
  }

 private:
  std::vector<const metrics::Group*> groups_;
  std::vector<std::map<std::string, std::uint64_t>> counts_;
};

/// The guard over the images, and the rows' answers beside it.
class GuardCounter {
 public:
  explicit GuardCounter(const Benchmark& benchmark) : slices_(metrics::slices_of(*benchmark.figures)) {
    const metrics::Figures& figures = *benchmark.figures;
    out_.prose = &figures.prose;
    const std::size_t labels = std::max<std::size_t>(1, figures.labels.size());
    for (std::size_t label = 0; label < labels; ++label) {
      out_.labels.push_back(figures.labels.empty() ? "marked" : figures.labels[label]);
    }
    for (const metrics::Slice& slice : slices_) {
      const std::vector<std::uint64_t> none(labels);
      out_.answers.push_back({slice.name.empty() ? "all" : slice.name, {none, none}});
    }
  }

  void add(const Seen& seen, const MarkNumber& mark) {
    if (!seen.row.answer || !seen.row.answer->verdict) return;
    const auto& scores = seen.row.answer->verdict->scores;
    const auto images = seen.item.images();
    if (seen.item.label && !images.empty() && images_.insert(images.front()).second)
      rows_.push_back({static_cast<std::uint8_t>(*seen.item.label), scores});
    if (!mark.judged()) return;
    const std::size_t flagged = 1 - scores[0] >= guard_threshold ? 1 : 0;
    for (std::size_t i = 0; i < slices_.size(); ++i) {
      if (metrics::stands_in(slices_[i].where, seen.item.groups))
        ++out_.answers[i].counts[flagged][mark.label];
    }
  }

  std::optional<report::GuardRun> finish(const std::string& name) {
    if (rows_.empty()) return std::nullopt;
    out_.name = name;
    out_.metrics = metrics::guard_metrics(rows_, guard_threshold);
    std::vector<metrics::ScoredImage> images;
    for (const metrics::GuardRow& row : rows_) images.push_back({1 - row.probabilities[0], row.label != 0});
    out_.curves = metrics::curves(std::move(images));
    return std::move(out_);
  }

 private:
  std::vector<metrics::Slice> slices_;
  report::GuardRun out_;
  std::vector<metrics::GuardRow> rows_;
  std::unordered_set<std::string> images_;  ///< each counts once, by its first row's label
};

/// How far each two judges agree.
class AgreementCounter {
 public:
  AgreementCounter(const Benchmark& benchmark, const std::string& run, const std::vector<std::string>& judges)
      : slices_(metrics::slices_of(*benchmark.figures)) {
    // Marks without labels agree where both are nearer to right, or to wrong.
    const std::size_t labels = benchmark.figures->labels.empty() ? 2 : benchmark.figures->labels.size();
    by_value_ = benchmark.figures->labels.empty();
    if (slices_.size() == 1) slices_.clear();
    for (std::size_t second = 1; second < judges.size(); ++second) {
      for (std::size_t first = 0; first < second; ++first) {
        report::JudgePair pair{run, judges[first], judges[second], metrics::Agreement(labels), {}};
        for (const auto& slice : slices_) pair.places.emplace_back(slice.name, metrics::Agreement(labels));
        pairs_.push_back(std::move(pair));
        numbers_.emplace_back(first, second);
      }
    }
  }

  void add(const Seen& seen, const std::vector<MarkNumber>& marks) {
    // What no judge saw says nothing of judges.
    if (std::all_of(seen.answers.begin(), seen.answers.end(), [](const store::Row& row) {
          return row.answer && (row.answer->state == store::AnswerState::filtered || is_empty(*row.answer));
        }))
      return;
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const MarkNumber first = labelled(marks[numbers_[i].first]);
      const MarkNumber second = labelled(marks[numbers_[i].second]);
      pairs_[i].all.add(first, second);
      for (std::size_t k = 0; k < slices_.size(); ++k) {
        if (metrics::stands_in(slices_[k].where, seen.item.groups))
          pairs_[i].places[k].second.add(first, second);
      }
    }
  }

  std::vector<report::JudgePair> finish() { return std::move(pairs_); }

 private:
  [[nodiscard]] MarkNumber labelled(MarkNumber mark) const {
    if (by_value_ && mark.judged()) mark.label = mark.value < one_half ? 0 : 1;
    return mark;
  }

  bool by_value_ = false;
  std::vector<metrics::Slice> slices_;
  std::vector<report::JudgePair> pairs_;
  std::vector<std::pair<std::size_t, std::size_t>> numbers_;
};

/// Answers that hold the key of their row.
class RightAnswerCounter {
 public:
  explicit RightAnswerCounter(const Benchmark& benchmark) : figures_(*benchmark.figures) {}

  void add(const Seen& seen, const MarkNumber& mark) {
    const std::string key = dataset::string_field(seen.item.json, answer_key);
    if (key.empty()) return;
    ++out_.rows;
    const bool wrong = std::any_of(figures_.rates.begin(), figures_.rates.end(), [&](const auto& rate) {
      return metrics::stands_in(rate.where, seen.item.groups) && mark.judged() &&
             metrics::wrong_by(figures_, rate, mark);
    });
    const bool helped = mark.judged() && !wrong;
    if (!helped || !seen.row.answer) return;
    if (holds_word(judge::answer_in(seen.row.answer->text).value_or(""), key)) ++out_.right;
  }

  [[nodiscard]] std::optional<RightAnswers> finish() const {
    return out_.rows > 0 ? std::optional(out_) : std::nullopt;
  }

 private:
  const metrics::Figures& figures_;
  RightAnswers out_;
};

/// Reads the rows under all judges side by side, and lets every counter see each once.
class Reading {
 public:
  Reading(const Benchmark& benchmark, const std::string& run, std::vector<std::string> judges)
      : guard_(benchmark),
        worst_(*benchmark.figures, guard_threshold),
        agreement_(benchmark, run, judges),
        rules_(benchmark, judges),
        right_answers_(benchmark),
        unknown_(*benchmark.figures),
        names_(std::move(judges)),
        marks_(names_.size()) {
    for (const auto& judge : names_) {
      judges_.emplace_back(benchmark, judge);
      scores_.emplace_back(benchmark);
    }
  }

  Result<void> read(const Run& run, const OnJudgedRow& on_row) {
    std::vector<RunRows> rows;
    for (const RowMarks& judge : judges_) {
      HOLISAFE_TRY(auto opened, RunRows::open(run, judge.judge()));
      rows.push_back(std::move(opened));
    }
    PredictionWriter predictions([&](std::string_view piece) -> Result<void> {
      hash_.update(piece);
      return {};
    });
    while (true) {
      HOLISAFE_TRY(const auto answers, rows.front().next_sample());
      if (answers.empty()) return predictions.finish();
      const Item item = item_of(answers.front().sample);
      for (std::size_t judge = 0; judge < judges_.size(); ++judge) {
        auto judged = answers;
        if (judge > 0) {
          HOLISAFE_TRY(judged, rows[judge].next_sample());
        }
        marks_[judge] = judges_[judge].mark(judged, item, rows[judge].counting());
      }
      add({answers.front(), answers, item, cluster(item)});
      if (on_row) HOLISAFE_CHECK(on_row({answers.front(), answers, item, names_, marks_}));
      HOLISAFE_CHECK(predictions.add(answers));
    }
  }

  void finish(const metrics::BootstrapOptions& bootstrap, JudgedRun& out) {
    const std::string sha256 = hex(hash_.finish());
    for (std::size_t judge = 0; judge < judges_.size(); ++judge) {
      report::ScoredRun score = scores_[judge].finish(bootstrap);
      score.score.judge = judges_[judge].judge();
      score.sha256 = sha256;
      score.left_out = unknown_.finish();
      answers_.put_into(score.score);
      score.score.empty_as = out.empty_as;
      out.scores.push_back(std::move(score));
    }
    out.pairs = agreement_.finish();
    out.rules = rules_.finish(out.title, out.scores);
    out.guard = guard_.finish(out.title);
    out.worst = worst_.take();
    out.right_answers = right_answers_.finish();
    out.warnings = answers_.warnings(out.name, out.empty_as);
    out.reasons.assign(reasons_.begin(), reasons_.end());
    std::stable_sort(out.reasons.begin(), out.reasons.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
  }

 private:
  std::uint32_t cluster(const Item& item) {
    return clusters_.try_emplace(item.cluster, static_cast<std::uint32_t>(clusters_.size())).first->second;
  }

  void add(const Seen& seen) {
    for (std::size_t judge = 0; judge < scores_.size(); ++judge) scores_[judge].add(seen, marks_[judge]);
    guard_.add(seen, marks_.front());
    worst_.add(seen.row, seen.item, marks_.front());
    agreement_.add(seen, marks_);
    rules_.add(seen.item, marks_, seen.row.answer ? std::string_view(seen.row.answer->text) : "");
    right_answers_.add(seen, marks_.front());
    unknown_.add(seen.item);
    for (const store::Row& row : seen.answers) {
      if (!row.answer) continue;
      answers_.add(*row.answer);
      if (!row.answer->reason.empty()) ++reasons_[row.answer->reason];
    }
  }

  std::vector<RowMarks> judges_;
  std::vector<ScoreCounter> scores_;
  GuardCounter guard_;
  WorstCases worst_;
  AgreementCounter agreement_;
  RuleCounter rules_;
  RightAnswerCounter right_answers_;
  UnknownValues unknown_;
  RunAnswers answers_;
  std::map<std::string, std::uint64_t> reasons_;
  std::unordered_map<std::string, std::uint32_t> clusters_;
  std::vector<std::string> names_;
  std::vector<MarkNumber> marks_;  ///< of the row being read, by judge
  Sha256 hash_;
};

/// The name of the folder that the data lie in: images are in a folder `images` of it, or in itself.
Result<std::string> data_folder(const Run& run) {
  HOLISAFE_TRY(auto path, data_path(*run.parts.front()));
  if (path.filename().empty()) path = path.parent_path();
  if (path.filename() == "images") path = path.parent_path();
  return path.filename().string();
}

/// How each part's rows count that nobody judges.
Result<void> name_counting(const Run& run, JudgedRun& out) {
  std::set<std::string_view> filtered;
  std::set<std::string_view> empty;
  for (const auto* part : run.parts) {
    HOLISAFE_TRY(const Counting each, counting(*part));
    filtered.insert(name(each.filtered));
    empty.insert(name(each.empty));
  }
  out.filtered_as = fmt::format("{}", fmt::join(filtered, " and "));
  out.empty_as = fmt::format("{}", fmt::join(empty, " and "));
  return {};
}

}  // namespace

Result<store::RunStore::Counts> counts_of(const Run& run) {
  store::RunStore::Counts out;
  for (const auto* part : run.parts) {
    HOLISAFE_TRY(const auto counts, part->counts());
    out.samples += counts.samples;
    out.questions += counts.questions;
    out.answered += counts.answered;
    out.filtered += counts.filtered;
    out.empty += counts.empty;
    out.unanswered += counts.unanswered;
  }
  return out;
}

Result<std::vector<std::string>> shown_judges(const Run& run, const Benchmark& benchmark) {
  HOLISAFE_TRY(auto judges, judges_of(run));
  if (judges.empty()) judges.emplace_back(benchmark.rules.front().name);
  const auto place = [&](const std::string& judge) {
    const auto* rule = find_rule(benchmark, judge);
    return rule == nullptr ? benchmark.rules.size() : static_cast<std::size_t>(rule - benchmark.rules.data());
  };
  std::stable_sort(judges.begin(), judges.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
  return judges;
}

Result<JudgedRun> judged_run(const Run& run, const metrics::BootstrapOptions& bootstrap,
                             const OnJudgedRow& on_row) {
  JudgedRun out;
  out.name = run.name;
  out.title = run.title.empty() ? run.name : run.title;
  HOLISAFE_TRY(out.benchmark, benchmark_of(run));
  HOLISAFE_TRY(out.who, responder_of(run));
  HOLISAFE_TRY(const auto identity, run.parts.front()->identity("run"));
  out.data_sha256 = store::value_in(identity, "data");
  HOLISAFE_TRY(const auto judges, shown_judges(run, *out.benchmark));
  const std::string_view rule = out.benchmark->rules.front().name;
  HOLISAFE_TRY(const std::string split, split_of(run));
  HOLISAFE_CHECK(name_counting(run, out));
  Reading reading(*out.benchmark, out.title, judges);
  HOLISAFE_CHECK(reading.read(run, on_row));
  reading.finish(bootstrap, out);
  HOLISAFE_TRY(out.counts, counts_of(run));
  HOLISAFE_TRY(out.data, data_folder(run));
  for (const auto* part : run.parts) out.folders.push_back(part->folder());
  out.synthetic = out.right_answers.has_value();
  for (report::ScoredRun& score : out.scores) {
    const std::string& judge = score.score.judge;
    score.name = judges.size() > 1 ? fmt::format("{} ({})", out.title, judge) : out.title;
    score.source = run.name;
    score.score.split = split;
    score.llm_judge = find_rule(*out.benchmark, judge) == nullptr;
    if (judge == rule && !out.benchmark->modes.empty())
      score.score.mode = std::string(out.benchmark->modes.front().name);
    score.published = published_scores(*out.benchmark, judge);
    score.compares = !out.synthetic && covers_published(*out.benchmark, score.score.rows());
  }
  return out;
}

}  // namespace holisafe::runs
