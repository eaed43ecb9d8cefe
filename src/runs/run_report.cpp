#include "runs/run_report.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "metrics/score_json.h"
#include "report/page.h"

namespace holisafe::runs {
namespace {

Result<std::vector<std::pair<std::string, std::uint64_t>>> reasons_of(const Run& run) {
  std::map<std::string, std::uint64_t> counted;
  HOLISAFE_TRY(RunRows rows, RunRows::open(run, ""));
  while (true) {
    HOLISAFE_TRY(const store::Row* row, rows.next());
    if (row == nullptr) break;
    if (row->answer && row->answer->state == store::AnswerState::unanswered) ++counted[row->answer->reason];
  }
  std::vector<std::pair<std::string, std::uint64_t>> out(counted.begin(), counted.end());
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return out;
}

report::Section answers_section(std::span<const JudgedRun> runs) {
  report::Section section{"answers", "Answers", {}};
  report::Table table;
  table.caption =
      "Filtered: refused by the endpoint's own content filter. Unanswered: all tries failed; the same "
      "command asks "
      "these again.";
  table.columns = {{"Model"},          {"Samples", true},    {"Answered", true},
                   {"Filtered", true}, {"Unanswered", true}, {"Not asked yet", true}};
  report::Table reasons;
  reasons.columns = {{"Model"}, {"Why there is no answer"}, {"Samples", true}};
  constexpr std::size_t reasons_shown = 20;
  for (const JudgedRun& run : runs) {
    const auto& counts = run.counts;
    report::Cell filtered{fmt::format("{}", counts.filtered)};
    if (counts.filtered > 0) filtered.note = fmt::format("counted as {}", name(run.filter_as));
    table.rows.push_back({{{run.name},
                           {fmt::format("{}", counts.samples)},
                           {fmt::format("{}", counts.answered)},
                           filtered,
                           {fmt::format("{}", counts.unanswered)},
                           {fmt::format("{}", counts.open() - counts.unanswered)}}});
    for (std::size_t i = 0; i < std::min(reasons_shown, run.reasons.size()); ++i)
      reasons.rows.push_back(
          {{{run.name}, {run.reasons[i].first}, {fmt::format("{}", run.reasons[i].second)}}});
  }
  section.blocks.push_back({std::move(table)});
  if (!reasons.rows.empty())
    section.blocks.push_back({report::Fold{"Why samples are unanswered", {{reasons}}, true}});
  return section;
}

report::Section right_answers_section(std::span<const JudgedRun> runs) {
  report::Table table;
  table.caption = "Safe pairs whose right answer is known: answered, and with the word the answer must hold.";
  table.columns = {{"Model"}, {"Pairs", true}, {"Right", true}, {"Share", true}};
  for (const JudgedRun& run : runs) {
    if (!run.right_answers) continue;
    const RightAnswers& found = *run.right_answers;
    table.rows.push_back({{{run.name},
                           {fmt::format("{}", found.rows)},
                           {fmt::format("{}", found.right)},
                           {report::percent(found.rate())}}});
  }
  return {"right-answers", "Right answers on safe pairs", {{std::move(table)}}};
}

}  // namespace

Result<JudgedRun> judged_run(const Run& run, const metrics::BootstrapOptions& bootstrap) {
  JudgedRun out;
  out.name = run.name;
  HOLISAFE_TRY(auto judges, judges_of(run));
  if (judges.empty()) judges.emplace_back("string");
  HOLISAFE_TRY(const std::string sha256, prediction_sha256(run));
  for (const auto& judge : judges) {
    HOLISAFE_TRY(auto score, score_run(run, judge, bootstrap));
    if (judges.size() > 1) score.name = fmt::format("{} ({})", run.name, judge);
    score.sha256 = sha256;
    out.scores.push_back(std::move(score));
  }
  for (std::size_t second = 1; second < judges.size(); ++second) {
    for (std::size_t first = 0; first < second; ++first) {
      HOLISAFE_TRY(auto pair, judge_pair(run, judges[first], judges[second]));
      out.pairs.push_back(std::move(pair));
    }
  }
  HOLISAFE_TRY(out.guard, guard_run(run, judges.front()));
  HOLISAFE_TRY(out.right_answers, right_answers(run, judges.front()));
  HOLISAFE_TRY(out.counts, counts_of(run));
  HOLISAFE_TRY(out.filter_as, filter_as(*run.parts.front()));
  if (out.counts.unanswered > 0) {
    HOLISAFE_TRY(out.reasons, reasons_of(run));
  }
  return out;
}

report::Report run_report(std::span<const JudgedRun> runs, const metrics::BootstrapOptions& bootstrap,
                          const std::string& version) {
  std::vector<report::ScoredRun> scores;
  std::vector<report::GuardRun> guards;
  std::vector<report::JudgePair> pairs;
  for (const JudgedRun& run : runs) {
    scores.insert(scores.end(), run.scores.begin(), run.scores.end());
    pairs.insert(pairs.end(), run.pairs.begin(), run.pairs.end());
    if (run.guard) guards.push_back(*run.guard);
  }
  report::Report out;
  out.title = "HoliSafe-Bench report";
  out.subtitle = runs.size() == 1 ? fmt::format("{}: {} pairs", runs[0].name, runs[0].counts.samples)
                                  : fmt::format("{} runs", runs.size());
  out.sections = {report::summary_section(scores), answers_section(runs), report::category_section(scores),
                  report::published_section(scores)};
  if (std::any_of(runs.begin(), runs.end(), [](const auto& run) { return run.right_answers.has_value(); }))
    out.sections.insert(out.sections.begin() + 1, right_answers_section(runs));
  if (!guards.empty()) {
    out.sections.push_back(report::guard_section(guards));
    out.sections.push_back(report::guard_answer_section(guards));
  }
  if (!pairs.empty()) out.sections.push_back(report::agreement_section(pairs));
  out.sections.push_back(report::examples_section(scores));
  out.sections.push_back(report::method_section(scores, bootstrap));
  out.footer = fmt::format("Made by holisafe {}.", version);
  return out;
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
  for (const auto& score : run.scores) summary.push_back(metrics::to_json(score.score));
  HOLISAFE_CHECK(write_file_atomic(store.folder() / summary_name, summary.dump(2) + "\n"));
  HOLISAFE_CHECK(write_file_atomic(store.folder() / report_name,
                                   report::page(run_report({&run, 1}, bootstrap, version))));
  return run;
}

}  // namespace holisafe::runs
