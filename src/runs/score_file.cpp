#include "runs/score_file.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <memory_resource>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "base/hash.h"
#include "benchmarks/open_set.h"
#include "benchmarks/score_json.h"
#include "judge/answer.h"
#include "runs/answer_counts.h"
#include "runs/answer_files.h"
#include "runs/example_picker.h"
#include "runs/row_marks.h"
#include "runs/table_rows.h"

namespace holisafe::runs {
namespace {

using benchmarks::Benchmark;
using benchmarks::Item;
using benchmarks::PredictionsRead;

Result<const benchmarks::Rule*> rule_of(const ScoreOptions& options) {
  const Benchmark& benchmark = *options.benchmark;
  const auto names = [](const std::vector<benchmarks::Rule>& rules) {
    std::vector<std::string_view> out;
    out.reserve(rules.size());
    for (const auto& rule : rules) out.push_back(rule.name);
    return fmt::format("{}", fmt::join(out, ", "));
  };
  if (!options.mode.empty()) {
    for (const auto& mode : benchmark.modes) {
      if (mode.name == options.mode) return &mode;
    }
    return fail(ErrorKind::usage, "no such mode", std::string(benchmark.name),
                benchmark.modes.empty()
                    ? fmt::format("expected none, found \"{}\"", options.mode)
                    : fmt::format("expected {}, found \"{}\"", names(benchmark.modes), options.mode));
  }
  if (options.judge.empty()) return &benchmark.rules.front();
  if (const auto* rule = find_rule(benchmark, options.judge)) return rule;
  return fail(
      ErrorKind::usage, "no such rule", std::string(benchmark.name),
      fmt::format("expected {}, found \"{}\"{}", names(benchmark.rules), options.judge,
                  scored_by_rules(benchmark) ? "" : " (LLM judges need the images: see `bench judge`)"));
}

/// Marks the rows of one file one by one.
class RowScorer {
 public:
  RowScorer(const ScoreOptions& options, const benchmarks::Rule& rule)
      : options_(options),
        benchmark_(*options.benchmark),
        rule_(rule),
        answers_(*options.benchmark, rule.exact_on_files, empty_as(options, rule)),
        examples_(*options.benchmark->figures) {}

  void add(const Item& item, std::span<const std::string> answers) {
    const auto said = said_of(item, answers);
    const metrics::MarkNumber mark = mark_number(benchmark_, said);
    if (!answers.empty()) answers_.add(answers.front());
    if (options_.on_mark) options_.on_mark(item, said);
    rows_.rows.push_back({place(item.groups), cluster(item.cluster), mark});
    if (options_.on_row) options_.on_row(item, answers, mark);
    if (!options_.for_report) return;
    const auto rate = examples_.wants(item.groups, mark);
    if (!rate) return;
    examples_.add(
        *rate, item.groups,
        {0, "", item.id, fmt::format("{}", fmt::join(item.images(), ", ")), item.query, answers.front()});
  }

  ScoredFile finish(PredictionsRead read, const std::string& name) {
    ScoredFile out;
    out.run.score = metrics::score(*benchmark_.figures, rows_, options_.bootstrap);
    metrics::Score& score = out.run.score;
    const bool of_mode = !benchmark_.modes.empty() && options_.judge.empty();
    score.judge = of_mode ? benchmark_.rules.front().name : rule_.name;
    if (of_mode) score.mode = options_.mode.empty() ? benchmark_.modes.front().name : rule_.name;
    score.split = options_.split;
    score.skipped = read.skipped;
    answers_.put_into(score);
    out.run.name = name;
    out.run.source = name;
    out.run.examples = examples_.take();
    for (auto& [why, value, rows] : read.left_out) out.run.left_out.push_back({why, value, rows});
    out.run.published = published_scores(benchmark_, score.judge);
    out.run.compares = covers_published(benchmark_, score.rows());
    out.warnings = std::move(read.warnings);
    for (std::string& warning : answers_.warnings(name)) out.warnings.push_back(std::move(warning));
    return out;
  }

 private:
  static std::string_view empty_as(const ScoreOptions& options, const benchmarks::Rule& rule) {
    if (options.empty_as) return name(*options.empty_as);
    return rule.exact_on_files ? metrics::as_the_script : name(usual_empty_as(*options.benchmark));
  }

  [[nodiscard]] std::optional<benchmarks::Mark> said_of(const Item& item,
                                                        std::span<const std::string> answers) const {
    const auto says_nothing = [](const std::string& text) { return !judge::answer_in(text); };
    if (options_.empty_as && !answers.empty() && std::all_of(answers.begin(), answers.end(), says_nothing))
      return said_as(benchmark_, *options_.empty_as);
    return said_by_rule(benchmark_, rule_, item, answers,
                        rule_.exact_on_files ? Reads::texts : Reads::answers);
  }

  /// Readers give the groups of a place from the same memory: what was found for it last is looked at first.
  std::uint32_t place(const metrics::Groups& groups) {
    auto& [memory, number] =
        places_[(reinterpret_cast<std::uintptr_t>(groups.data()) >> 6U) % places_.size()];
    if (memory != groups.data() || rows_.places.all()[number] != groups) {
      number = rows_.places.number(groups);
      memory = groups.data();
    }
    return number;
  }

  /// Rows without a cluster are clusters of their own.
  std::uint32_t cluster(const std::string& name) {
    if (name.empty()) return clusters_++;
    const auto [place, added] = numbers_.try_emplace(name, clusters_);
    if (added) ++clusters_;
    return place->second;
  }

  const ScoreOptions& options_;
  const Benchmark& benchmark_;
  const benchmarks::Rule& rule_;
  FileAnswers answers_;
  metrics::MarkedRows rows_;
  std::array<std::pair<const void*, std::uint32_t>, 64> places_{};
  std::pmr::monotonic_buffer_resource memory_{std::size_t{256} << 10U};  ///< freed at once, not row by row
  std::pmr::unordered_map<std::string, std::uint32_t> numbers_{&memory_};
  std::uint32_t clusters_ = 0;
  ExamplePicker examples_;
};

/// What is said of rows that contradict themselves.
PredictionsRead contradictory(const benchmarks::Rows& rows, const std::string& name) {
  PredictionsRead out;
  if (rows.disagreements() > 0) {
    out.warnings.push_back(
        fmt::format("rows that contradict themselves: {}: {} of them", name, rows.disagreements()));
  }
  return out;
}

/// The answers in a row's `prediction`, a string or a list of them, or in its `predictions`.
Result<std::vector<std::string>> answers_of(const Item& item, const std::string& file, bool allow_missing) {
  const auto row = nlohmann::json::parse(item.json, nullptr, false);
  auto field = row.is_object() ? row.find("prediction") : row.end();
  if (field == row.end() && row.is_object()) field = row.find("predictions");
  std::vector<std::string> out;
  if (field != row.end() && field->is_string()) out.push_back(field->get<std::string>());
  if (field != row.end() && field->is_array()) {
    for (const auto& answer : *field) {
      if (answer.is_string()) out.push_back(answer.get<std::string>());
    }
    if (out.size() < field->size()) out.clear();
  }
  if (!out.empty() || allow_missing) return out;
  return fail(ErrorKind::missing, "row without a prediction",
              fmt::format("{}: row {}, id {}: prediction", file, item.position + 1, item.id),
              fmt::format("expected a string, found {} (--allow-missing counts such rows as unjudged)",
                          field == row.end() ? "nothing" : field->type_name()));
}

/// A file that has the benchmark's rows as they are.
Result<ScoredFile> score_items(InputFile file, const ScoreOptions& options, const benchmarks::Rule& rule) {
  constexpr std::size_t batch = 256;
  const std::string path = file.path().string();
  HOLISAFE_TRY(auto rows, options.benchmark->open_file(std::move(file)));
  RowScorer scorer(options, rule);
  while (true) {
    HOLISAFE_TRY(const auto items, rows->next(batch));
    if (items.empty()) break;
    for (const Item& item : items) {
      HOLISAFE_CHECK(check_target(*options.benchmark, item, path));
      HOLISAFE_TRY(const auto answers, answers_of(item, path, options.allow_missing));
      scorer.add(item, answers);
    }
  }
  return scorer.finish(contradictory(*rows, path), path);
}

}  // namespace

void shorten_names(std::span<report::ScoredRun> runs) {
  std::set<std::string> names;
  for (const auto& run : runs) names.insert(std::filesystem::path(run.source).stem().string());
  if (names.size() < runs.size()) return;
  for (auto& run : runs) run.name = std::filesystem::path(run.source).stem().string();
}

Result<ScoredFile> FileScorer::score(const std::string& path) {
  if (!options_.data.empty()) return score_joined(path);
  const Benchmark& benchmark = *options_.benchmark;
  const bool whole = benchmark.read_predictions != nullptr;
  HOLISAFE_TRY(const InputFile file, InputFile::open(path, whole ? dataset::RowFile::most_piped_bytes
                                                                 : InputFile::most_piped_bytes));
  HOLISAFE_TRY(const auto table, rows_of_table(file, benchmark));
  Result<ScoredFile> out;
  if (whole) {
    HOLISAFE_TRY(file_, dataset::RowFile::open(table.value_or(file), std::move(file_)));
    out = score_rows();
  } else {
    HOLISAFE_TRY(const auto* rule, rule_of(options_));
    out = score_items(table.value_or(file), options_, *rule);
  }
  const bool hashed = out && !out->run.sha256.empty();
  if (out && options_.for_report && (table || !hashed)) {
    HOLISAFE_TRY(const Digest hash, file.sha256());
    out->run.sha256 = hex(hash);
  }
  return out;
}

/// Answers by position, then the data's rows in their order.
Result<ScoredFile> FileScorer::score_joined(const std::string& path) const {
  constexpr std::size_t batch = 256;
  HOLISAFE_TRY(const auto* rule, rule_of(options_));
  HOLISAFE_TRY(auto files, AnswerFiles::open(std::span(&path, 1), *options_.benchmark, {}));
  HOLISAFE_TRY(const auto rows, open_set(*options_.benchmark, {options_.data, options_.split}));
  RowIndex index(options_.data);
  while (true) {
    HOLISAFE_TRY(const auto items, rows->next(batch));
    if (items.empty()) break;
    for (const Item& item : items) {
      HOLISAFE_CHECK(check_target(*options_.benchmark, item, options_.data));
      index.add(item);
    }
  }
  std::vector<std::vector<std::string>> answers(index.rows());
  HOLISAFE_CHECK(
      files.read(index, [&](std::size_t row, const std::optional<std::string>& answer) -> Result<void> {
        if (answer) answers[row].push_back(*answer);
        return {};
      }));
  RowScorer scorer(options_, *rule);
  rows->rewind();
  while (true) {
    HOLISAFE_TRY(const auto items, rows->next(batch));
    if (items.empty()) break;
    for (const Item& item : items) {
      const auto& given = answers[static_cast<std::size_t>(item.position)];
      if (given.empty() && !options_.allow_missing) {
        return fail(ErrorKind::missing, "row without a prediction",
                    fmt::format("{}: row {} of {}, id {}", path, item.position + 1, options_.data, item.id),
                    "expected an answer, found none (--allow-missing counts such rows as unjudged)");
      }
      scorer.add(item, given);
    }
  }
  ScoredFile out = scorer.finish(contradictory(*rows, options_.data), path);
  if (const auto note = row_count_note(*options_.benchmark, options_.split, index.rows()))
    out.warnings.push_back(fmt::format("{}: {}", options_.data, *note));
  out.note = files.note();
  if (options_.for_report) {
    HOLISAFE_TRY(const auto hashes, files.sha256());
    out.run.sha256 = hashes.front();
  }
  return out;
}

Result<ScoredFile> FileScorer::score_text(std::string text, const std::string& name) {
  HOLISAFE_TRY(file_, dataset::RowFile::parse(std::move(text), name));
  return score_rows();
}

Result<ScoredFile> FileScorer::score_rows() {
  HOLISAFE_TRY(const auto* rule, rule_of(options_));
  RowScorer scorer(options_, *rule);
  const benchmarks::PredictionOptions reading{options_.allow_missing,
                                              options_.for_report || options_.on_mark};
  HOLISAFE_TRY(auto read, options_.benchmark->read_predictions(
                              file_, reading, [&](const Item& item, std::span<const std::string> answers) {
                                scorer.add(item, answers);
                              }));
  ScoredFile out = scorer.finish(std::move(read), file_.name());
  if (options_.for_report) out.run.sha256 = hex(file_.sha256());
  return out;
}

}  // namespace holisafe::runs
