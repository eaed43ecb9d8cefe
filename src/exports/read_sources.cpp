#include "exports/read_sources.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <span>
#include <unordered_set>

#include <fmt/format.h>

#include "judge/answer.h"
#include "runs/judged_run.h"
#include "runs/row_marks.h"
#include "runs/run_folders.h"
#include "runs/score_file.h"

namespace holisafe::exports {
namespace {

using benchmarks::Benchmark;
using benchmarks::Item;
using metrics::MarkNumber;

bool wanted(const SourceOptions& options, const std::string& judge) {
  return options.judges.empty() ||
         std::find(options.judges.begin(), options.judges.end(), judge) != options.judges.end();
}

/// Rows of one source in the layout of the file.
class RowMaker {
 public:
  RowMaker(const RowLayout& layout, const Benchmark& benchmark, std::string name)
      : layout_(layout), benchmark_(benchmark) {
    row_.run = std::move(name);
  }

  /// All but what the model, its guard and judges said.
  ExportedRow& begin(const Item& item) {
    clusters_.insert(item.cluster.empty() ? "row " + item.id : item.cluster);
    ++rows_;
    row_.id = item.id;
    row_.id_is_string = item.id_is_string;
    row_.image = fmt::format("{}", fmt::join(item.images(), ", "));
    row_.groups.clear();
    for (const std::string& group : layout_.groups) {
      const std::string_view value = item.group(group);
      row_.groups.push_back(value.empty() ? std::nullopt : std::optional(std::string(value)));
    }
    row_.query = item.query;
    row_.prediction.reset();
    row_.guard_label.reset();
    row_.guard_unsafe.reset();
    row_.marks.assign(layout_.judges.size(), std::nullopt);
    return row_;
  }

  void mark(const std::string& judge, const MarkNumber& mark) {
    const auto place = std::find(layout_.judges.begin(), layout_.judges.end(), judge);
    if (place != layout_.judges.end())
      row_.marks[static_cast<std::size_t>(place - layout_.judges.begin())] =
          runs::mark_text(*benchmark_.figures, mark);
  }

  void count(Source& source) const {
    source.rows = rows_;
    source.images = clusters_.size();
  }
  [[nodiscard]] const ExportedRow& row() const { return row_; }

 private:
  const RowLayout& layout_;
  const Benchmark& benchmark_;
  ExportedRow row_;
  std::uint64_t rows_ = 0;
  std::unordered_set<std::string> clusters_;
};

void fill_answer(const store::Answer& answer, ExportedRow& row) {
  const bool came = answer.state == store::AnswerState::answered || answer.state == store::AnswerState::empty;
  if (came) row.prediction = answer.text;
  row.state = name(runs::is_empty(answer) ? store::AnswerState::empty : answer.state);
  if (!answer.verdict) return;
  row.guard_label = answer.verdict->label;
  row.guard_unsafe = answer.verdict->unsafe();
}

/// Of several answers their texts with their numbers, and the first state that is not that of an answer.
void fill_answers(std::span<const store::Row> answers, ExportedRow& row) {
  const std::string_view answered = name(store::AnswerState::answered);
  std::string state(answered);
  for (const store::Row& each : answers) {
    row.state = "not_asked";
    if (each.answer) fill_answer(*each.answer, row);
    if (state == answered) state = row.state;
  }
  row.state = std::move(state);
  if (row.prediction && answers.size() > 1) row.prediction = runs::answer_text(answers);
}

/// Keeps the scores of wanted judges that gave verdicts.
void keep_scores(std::vector<report::ScoredRun> scores, const SourceOptions& options, Source& source,
                 std::vector<LeftOut>& left_out) {
  for (report::ScoredRun& score : scores) {
    if (!wanted(options, score.score.judge)) continue;
    if (score.score.all.judged() == 0) {
      left_out.push_back(
          {fmt::format("scores of {} by judge {}", source.name, score.score.judge), "no verdict"});
    } else {
      source.scores.push_back(std::move(score));
    }
  }
}

Result<void> read_run(const runs::Run& run, const SourceOptions& options, RowMaker& rows, const OnRow& on_row,
                      SourcesRead& out) {
  HOLISAFE_TRY(auto judged, runs::judged_run(run, options.bootstrap, [&](const runs::JudgedRow& seen) {
                 ExportedRow& row = rows.begin(seen.item);
                 fill_answers(seen.answers, row);
                 for (std::size_t i = 0; i < seen.judges.size(); ++i)
                   rows.mark(seen.judges[i], seen.marks[i]);
                 return on_row(row);
               }));
  Source source;
  source.benchmark = judged.benchmark;
  source.name = rows.row().run;
  source.title = judged.title;
  source.who = judged.who;
  source.data_sha256 = judged.data_sha256;
  source.guard = std::move(judged.guard);
  rows.count(source);
  for (const auto& score : judged.scores) {
    HOLISAFE_TRY(const auto judge, run.parts.front()->identity(score.score.judge));
    if (const std::string prompt = store::value_in(judge, "prompt"); !prompt.empty())
      source.prompts.emplace_back(score.score.judge, prompt);
  }
  keep_scores(std::move(judged.scores), options, source, out.left_out);
  out.warnings.insert(out.warnings.end(), judged.warnings.begin(), judged.warnings.end());
  out.sources.push_back(std::move(source));
  return {};
}

Result<void> read_file(const std::string& file, const SourceOptions& options, RowMaker& rows,
                       const OnRow& on_row, SourcesRead& out) {
  const std::string judge(options.benchmark->rules.front().name);
  Result<void> written;
  runs::ScoreOptions scoring;
  scoring.benchmark = options.benchmark;
  scoring.allow_missing = options.allow_missing;
  scoring.bootstrap = options.bootstrap;
  scoring.for_report = true;
  scoring.on_row = [&](const Item& item, std::span<const std::string> answers, const MarkNumber& mark) {
    if (!written) return;
    ExportedRow& row = rows.begin(item);
    const bool says_nothing = std::none_of(
        answers.begin(), answers.end(), [](const auto& text) { return judge::answer_in(text).has_value(); });
    row.state = name(says_nothing ? store::AnswerState::empty : store::AnswerState::answered);
    if (answers.empty()) row.state = name(store::AnswerState::unanswered);
    if (!answers.empty()) row.prediction = answers.front();
    rows.mark(judge, mark);
    written = on_row(row);
  };
  HOLISAFE_TRY(auto scored, runs::FileScorer(scoring).score(file));
  HOLISAFE_CHECK(written);
  Source source;
  source.benchmark = options.benchmark;
  source.name = rows.row().run;
  source.title = source.who.model = source.name;
  source.data_sha256 = scored.run.sha256;
  source.is_file = true;
  rows.count(source);
  keep_scores({std::move(scored.run)}, options, source, out.left_out);
  out.warnings.insert(out.warnings.end(), scored.warnings.begin(), scored.warnings.end());
  out.sources.push_back(std::move(source));
  return {};
}

/// The names of the runs, then of the files, which have theirs without folder and ending where that is
/// enough.
std::vector<std::string> names_of(const runs::OpenRuns& open, const std::vector<std::string>& files) {
  std::vector<std::string> out;
  for (const runs::Run& run : open.runs) out.push_back(run.name);
  std::vector<report::ScoredRun> named(files.size());
  for (std::size_t i = 0; i < files.size(); ++i) named[i].name = named[i].source = files[i];
  runs::shorten_names(named);
  std::set<std::string> used(out.begin(), out.end());
  for (const runs::Run& run : open.runs) used.insert(run.title);
  for (std::size_t i = 0; i < files.size(); ++i) {
    std::string name = used.contains(named[i].name) ? files[i] : named[i].name;
    for (int number = 2; !used.insert(name).second; ++number) name = fmt::format("{} ({})", files[i], number);
    out.push_back(std::move(name));
  }
  return out;
}

}  // namespace

Result<Inputs> open_inputs(const std::vector<std::string>& paths) {
  Inputs out;
  std::vector<std::string> folders;
  for (const std::string& path : paths) {
    std::error_code ignored;
    (std::filesystem::is_directory(path, ignored) ? folders : out.files).push_back(path);
  }
  HOLISAFE_TRY(out.open, runs::open_runs(runs::run_folders(folders)));
  out.names = names_of(out.open, out.files);
  return out;
}

Result<RowLayout> layout_of(const Inputs& inputs, const SourceOptions& options) {
  RowLayout out;
  std::vector<std::string> judges;
  const auto add = [&](const Benchmark& benchmark) {
    for (const std::string& group : metrics::groups_of_rates(*benchmark.figures)) add_once(out.groups, group);
    for (const bool divides : {false, true}) {
      for (const metrics::Group& group : benchmark.figures->groups) {
        if (group.within.empty() != divides) add_once(out.groups, group.name);
      }
    }
  };
  for (const runs::Run& run : inputs.open.runs) {
    HOLISAFE_TRY(const auto* benchmark, runs::benchmark_of(run));
    add(*benchmark);
    HOLISAFE_TRY(const auto shown, runs::shown_judges(run, *benchmark));
    for (const std::string& judge : shown) add_once(judges, judge);
  }
  if (!inputs.files.empty()) {
    add(*options.benchmark);
    add_once(judges, std::string(options.benchmark->rules.front().name));
  }
  for (const std::string& judge : options.judges) {
    if (std::find(judges.begin(), judges.end(), judge) == judges.end()) {
      return fail(ErrorKind::missing, "no such judge", "--judge",
                  fmt::format("expected some of {}, found \"{}\"", fmt::join(judges, ", "), judge));
    }
  }
  std::copy_if(judges.begin(), judges.end(), std::back_inserter(out.judges),
               [&](const std::string& judge) { return wanted(options, judge); });
  return out;
}

Result<SourcesRead> read_sources(const Inputs& inputs, const SourceOptions& options, const RowLayout& layout,
                                 const OnRow& on_row) {
  SourcesRead out;
  out.warnings = inputs.open.warnings;
  for (std::size_t i = 0; i < inputs.open.runs.size(); ++i) {
    const runs::Run& run = inputs.open.runs[i];
    HOLISAFE_TRY(const auto* benchmark, runs::benchmark_of(run));
    RowMaker rows(layout, *benchmark, inputs.names[i]);
    HOLISAFE_CHECK(read_run(run, options, rows, on_row, out));
  }
  for (std::size_t i = 0; i < inputs.files.size(); ++i) {
    RowMaker rows(layout, *options.benchmark, inputs.names[inputs.open.runs.size() + i]);
    HOLISAFE_CHECK(read_file(inputs.files[i], options, rows, on_row, out));
  }
  return out;
}

}  // namespace holisafe::exports
