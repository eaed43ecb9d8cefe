#include "runs/run_report.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include <fmt/format.h>

#include "benchmarks/score_json.h"
#include "report/page.h"
#include "runs/explanations.h"
#include "runs/safety_utility.h"

namespace holisafe::runs {
namespace {

report::Section answers_section(std::span<const JudgedRun> runs) {
  report::Section section{"answers", "Answers", {}};
  report::Table table;
  table.caption =
      "Cut off: answers that ended at the token limit. Filtered: refused by the endpoint's own content "
      "filter. "
      "Empty: nothing was said (no text, white space, or reasoning without an answer). Unanswered: all tries "
      "failed, and the same command asks these again; of an import: its files have no answer.";
  table.columns = {{"Model"},          {"Samples", true}, {"Answered", true},   {"Cut off", true},
                   {"Filtered", true}, {"Empty", true},   {"Unanswered", true}, {"Not asked yet", true}};
  report::Table reasons;
  reasons.columns = {{"Model"}, {"Why there is no answer"}, {"Samples", true}};
  constexpr std::size_t reasons_shown = 20;
  for (const JudgedRun& run : runs) {
    const auto& counts = run.counts;
    report::Cell filtered{fmt::format("{}", counts.filtered)};
    if (counts.filtered > 0) filtered.note = fmt::format("counted as {}", run.filtered_as);
    const metrics::Score& score = run.scores.front().score;
    report::Cell empty{fmt::format("{}", score.empty.value_or(0))};
    if (score.empty.value_or(0) > 0) empty.note = fmt::format("counted as {}", run.empty_as);
    table.rows.push_back({{{run.title},
                           {fmt::format("{}", counts.samples)},
                           {fmt::format("{}", counts.answered)},
                           {fmt::format("{}", score.cut_off.value_or(0))},
                           filtered,
                           empty,
                           {fmt::format("{}", counts.unanswered)},
                           {fmt::format("{}", counts.open() - counts.unanswered)}}});
    for (std::size_t i = 0; i < std::min(reasons_shown, run.reasons.size()); ++i)
      reasons.rows.push_back(
          {{{run.title}, {run.reasons[i].first}, {fmt::format("{}", run.reasons[i].second)}}});
  }
  section.blocks.push_back({std::move(table)});
  if (!reasons.rows.empty())
    section.blocks.push_back({report::Fold{"Why there is no answer", {{reasons}}, true}});
  return section;
}

report::Section right_answers_section(std::span<const JudgedRun> runs) {
  report::Table table;
  table.caption = "Safe pairs whose right answer is known: answered, and with the word the answer must hold.";
  table.columns = {{"Model"}, {"Pairs", true}, {"Right", true}, {"Share", true}};
  for (const JudgedRun& run : runs) {
    if (!run.right_answers) continue;
    const RightAnswers& found = *run.right_answers;
    table.rows.push_back({{{run.title},
                           {fmt::format("{}", found.rows)},
                           {fmt::format("{}", found.right)},
                           {report::percent(found.rate())}}});
  }
  return {"right-answers", "Right answers on safe pairs", {{std::move(table)}}};
}

/// The sections of the runs of one benchmark.
std::vector<report::Section> sections_of(std::span<const JudgedRun> runs,
                                         const metrics::BootstrapOptions& bootstrap, bool published) {
  std::vector<report::ScoredRun> scores;
  std::vector<report::GuardRun> guards;
  std::vector<report::JudgePair> pairs;
  std::vector<report::Block> silent;
  for (const JudgedRun& run : runs) {
    for (const auto& score : run.scores) {
      if (score.silent()) {
        silent.push_back(
            {report::Paragraph{fmt::format("{}: judge {} gave no verdict.", run.title, score.score.judge)}});
      } else {
        scores.push_back(score);
      }
    }
    std::copy_if(run.pairs.begin(), run.pairs.end(), std::back_inserter(pairs),
                 [](const auto& pair) { return pair.all.judged() > 0; });
    if (run.guard) guards.push_back(*run.guard);
  }
  if (scores.empty()) return {{"scores", "Scores", std::move(silent)}, answers_section(runs)};
  std::vector<report::RulesRead> rules;
  for (const JudgedRun& run : runs) {
    if (run.rules) rules.push_back(*run.rules);
  }
  report::Section summary = report::summary_section(scores);
  summary.blocks.insert(summary.blocks.end(), silent.begin(), silent.end());
  std::vector<report::Section> out = {std::move(summary), answers_section(runs),
                                      report::group_section(scores),
                                      report::published_section(scores, published)};
  if (std::any_of(runs.begin(), runs.end(), [](const auto& run) { return run.right_answers.has_value(); }))
    out.insert(out.begin() + 1, right_answers_section(runs));
  if (!guards.empty()) {
    out.push_back(report::guard_section(guards));
    out.push_back(report::guard_answer_section(guards));
    out.push_back(explanation_section(runs));
  }
  if (!rules.empty()) out.push_back(report::rules_section(rules));
  if (!pairs.empty()) out.push_back(report::agreement_section(pairs));
  out.push_back(report::examples_section(scores));
  out.push_back(report::method_section(scores, bootstrap));
  return report::with_blocks(std::move(out));
}

/// The runs by their benchmark, in the order of the table of benchmarks.
std::vector<std::vector<JudgedRun>> by_benchmark(std::span<const JudgedRun> runs) {
  std::vector<std::vector<JudgedRun>> out;
  for (const JudgedRun& run : runs) {
    const auto place = std::find_if(
        out.begin(), out.end(), [&](const auto& group) { return group.front().benchmark == run.benchmark; });
    if (place == out.end()) {
      out.push_back({run});
    } else {
      place->push_back(run);
    }
  }
  const auto number = [](const std::vector<JudgedRun>& group) {
    const auto table = benchmarks::all();
    return std::find(table.begin(), table.end(), group.front().benchmark) - table.begin();
  };
  std::sort(out.begin(), out.end(), [&](const auto& a, const auto& b) { return number(a) < number(b); });
  return out;
}

}  // namespace

std::string report_title(std::span<const JudgedRun> runs) {
  std::vector<std::string> benchmark_titles;
  std::vector<std::string> folders;
  bool synthetic = true;
  const auto add = [](std::vector<std::string>& names, std::string name) {
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(std::move(name));
  };
  for (const JudgedRun& run : runs) {
    add(benchmark_titles, std::string(run.benchmark->title));
    add(folders, run.data);
    synthetic = synthetic && run.synthetic;
  }
  constexpr std::size_t most_named = 3;
  const bool named = benchmark_titles.size() <= most_named;
  const std::string titles = named ? fmt::format("{}", fmt::join(benchmark_titles, " and "))
                                   : fmt::format("{} benchmarks", benchmark_titles.size());
  std::string out = synthetic ? fmt::format("Report over synthetic data in {}'s form", titles)
                              : fmt::format("{} report", titles);
  if (named && !folders.empty()) out += fmt::format(": {}", fmt::join(folders, ", "));
  return out;
}

report::Report run_report(std::span<const JudgedRun> runs, const metrics::BootstrapOptions& bootstrap,
                          const std::string& version, bool published) {
  report::Report out;
  out.title = report_title(runs);
  out.subtitle = runs.size() == 1 ? fmt::format("{}: {} {}", runs[0].name, runs[0].counts.samples,
                                                runs[0].benchmark->rows_are)
                                  : fmt::format("{} runs", runs.size());
  const auto benchmarks = by_benchmark(runs);
  if (benchmarks.size() > 1)
    out.sections.push_back(report::safety_utility_section(safety_utility(set_runs(runs), published)));
  for (const auto& group : benchmarks) {
    bool first = true;
    for (report::Section& section : sections_of(group, bootstrap, published)) {
      if (benchmarks.size() > 1) {
        section.id += fmt::format("-{}", group.front().benchmark->name);
        section.title = fmt::format("{}: {}", group.front().benchmark->title, section.title);
        section.linked = std::exchange(first, false);
      }
      out.sections.push_back(std::move(section));
    }
  }
  out.footer = fmt::format("Made by holisafe {}.", version);
  return out;
}

Result<std::string> unanswered_reason(const store::RunStore& store) {
  HOLISAFE_TRY(const auto rows, store.unanswered_after({}, 1));
  if (rows.empty() || !rows[0].answer) return std::string();
  return fmt::format("id {}: {}", rows[0].sample.id, rows[0].answer->reason);
}

Result<void> write_predictions(const store::RunStore& store) {
  return write_file_atomic(store.folder() / predictions_name, [&](const WritePiece& piece) {
    return prediction_file({"", {&store}}, piece);
  });
}

Result<JudgedRun> write_summary_and_report(const store::RunStore& store, const std::string& version) {
  const metrics::BootstrapOptions bootstrap;
  HOLISAFE_TRY(const auto identity, store.identity("run"));
  HOLISAFE_TRY(JudgedRun run, judged_run({run_name(identity), {&store}}, bootstrap));
  auto summary = nlohmann::ordered_json::array();
  for (const auto& score : run.scores) summary.push_back(benchmarks::score_json(*run.benchmark, score.score));
  HOLISAFE_CHECK(write_file_atomic(store.folder() / summary_name, summary.dump(2) + "\n"));
  HOLISAFE_CHECK(write_file_atomic(store.folder() / report_name,
                                   report::page(run_report({&run, 1}, bootstrap, version))));
  return run;
}

}  // namespace holisafe::runs
