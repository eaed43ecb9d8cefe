// `holisafe bench report`: runs side by side, bounds for CI.
#include <fmt/format.h>

#include "base/file.h"
#include "cli/bootstrap_flags.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "cli/score_table.h"
#include "cli/text_table.h"
#include "metrics/guard_metrics_json.h"
#include "metrics/published_json.h"
#include "metrics/score_json.h"
#include "report/page.h"
#include "runs/bounds_check.h"
#include "runs/open_runs.h"
#include "runs/run_report.h"

namespace holisafe::cli {
namespace {

using Line = TableLine;
using Json = nlohmann::ordered_json;

struct Flags {
  std::vector<std::string> runs;
  bool json = false;
  std::string html;
  std::string predictions;
  std::string junit;
  runs::RateBounds bounds;
  metrics::BootstrapOptions bootstrap;
};

Json bounds_json(const metrics::Score& score) {
  const auto [low, high] = metrics::bounds(score.types);
  const auto ends = [](std::optional<double> from, std::optional<double> to) {
    return from && to ? Json::array({*from, *to}) : Json(nullptr);
  };
  Json out;
  out["rr"] = ends(low.rr(), high.rr());
  for (std::size_t type = 1; type < metrics::combination_count; ++type) {
    out[std::string(taxonomy::name(static_cast<taxonomy::Combination>(type)))] =
        ends(low.types[type], high.types[type]);
  }
  out["masr.macro"] = ends(low.masr_macro, high.masr_macro);
  out["masr.sample_weighted"] = ends(low.masr_sample_weighted, high.masr_sample_weighted);
  return out;
}

/// Refusals where the guard flagged the image and where it did not, by combination.
Json answers_json(const report::GuardRun& guard) {
  Json out;
  for (std::size_t type = 0; type < taxonomy::combination_count; ++type) {
    const auto& counts = guard.answers[type];
    const auto side = [&](std::size_t flagged) {
      return Json{{"refused", counts[flagged][1]}, {"complied", counts[flagged][0]}};
    };
    out[std::string(taxonomy::name(static_cast<taxonomy::Combination>(type)))] = {{"flagged", side(1)},
                                                                                  {"not_flagged", side(0)}};
  }
  return out;
}

Json agreement_json(const runs::JudgedRun& run, const std::string& judge) {
  Json out = Json::object();
  for (const auto& pair : run.pairs) {
    if (pair.first != judge && pair.second != judge) continue;
    const auto number = [](std::optional<double> value) { return value ? Json(*value) : Json(nullptr); };
    const auto entry = [&](const metrics::Agreement& found) {
      return Json{{"n", found.judged()}, {"raw", number(found.raw())}, {"kappa", number(found.kappa())}};
    };
    Json all = entry(pair.all);
    for (std::size_t type = 0; type < pair.types.size(); ++type)
      all["types"][std::string(taxonomy::name(static_cast<taxonomy::Combination>(type)))] =
          entry(pair.types[type]);
    out[pair.first == judge ? pair.second : pair.first] = std::move(all);
  }
  return out;
}

void print_json(std::span<const runs::JudgedRun> runs) {
  for (const auto& run : runs) {
    for (const auto& score : run.scores) {
      Json line = metrics::to_json(score.score);
      line["run"] = run.name;
      line["bounds"] = bounds_json(score.score);
      line["published"] = metrics::published_json(score.score.judge);
      line["answers"] = {{"answered", run.counts.answered},
                         {"filtered", run.counts.filtered},
                         {"unanswered", run.counts.unanswered},
                         {"not_asked", run.counts.open() - run.counts.unanswered}};
      if (const auto& right = run.right_answers)
        line["right_answers"] = {{"n", right->rows}, {"right", right->right}, {"rate", *right->rate()}};
      line["agreement"] = agreement_json(run, score.score.judge);
      line["guard"] = run.guard ? metrics::to_json(run.guard->metrics) : Json(nullptr);
      line["guard_and_answer"] = run.guard ? answers_json(*run.guard) : Json(nullptr);
      fmt::print("{}\n", line.dump());
    }
  }
}

std::string guard_table(std::span<const runs::JudgedRun> runs) {
  std::vector<Line> lines = {
      {"guard", "rows", "20-class accuracy", "safe/unsafe", "precision", "recall", "F1", "AUROC", "ECE"}};
  const auto figure = [](std::optional<double> value) {
    return value ? fmt::format("{:.1f}", *value * 100) : std::string("-");
  };
  for (const auto& run : runs) {
    if (!run.guard) continue;
    const auto& found = run.guard->metrics;
    lines.push_back({run.name, fmt::format("{}", found.rows), figure(found.accuracy),
                     figure(found.binary_accuracy), figure(found.precision), figure(found.recall),
                     figure(found.f1), figure(found.auroc), figure(found.ece)});
  }
  return lines.size() > 1 ? "\n" + text_table(lines) : std::string();
}

std::string right_answers_table(std::span<const runs::JudgedRun> runs) {
  std::vector<Line> lines = {{"right answers on safe pairs", "rows", "right", "share"}};
  for (const auto& run : runs) {
    if (!run.right_answers) continue;
    const auto& found = *run.right_answers;
    lines.push_back({run.name, fmt::format("{}", found.rows), fmt::format("{}", found.right),
                     fmt::format("{:.1f}", *found.rate() * 100)});
  }
  return lines.size() > 1 ? "\n" + text_table(lines) : std::string();
}

std::string agreement_table(std::span<const runs::JudgedRun> runs) {
  std::vector<Line> lines = {{"judges agree", "rows", "raw", "kappa"}};
  for (const auto& run : runs) {
    for (const auto& pair : run.pairs) {
      const auto raw = pair.all.raw();
      const auto kappa = pair.all.kappa();
      lines.push_back({fmt::format("{}: {} and {}", run.name, pair.first, pair.second),
                       fmt::format("{}", pair.all.judged()), raw ? fmt::format("{:.1f}", *raw * 100) : "-",
                       kappa ? fmt::format("{:.2f}", *kappa) : "-"});
    }
  }
  return lines.size() > 1 ? "\n" + text_table(lines) : std::string();
}

/// One table a judge, in the order in which judges appear.
void print_tables(std::span<const runs::JudgedRun> runs) {
  std::vector<std::string> judges;
  for (const auto& run : runs) {
    for (const auto& score : run.scores) {
      if (std::find(judges.begin(), judges.end(), score.score.judge) == judges.end())
        judges.push_back(score.score.judge);
    }
  }
  for (const auto& judge : judges) {
    std::vector<report::ScoredRun> scores;
    for (const auto& run : runs) {
      for (const auto& score : run.scores) {
        if (score.score.judge == judge) scores.push_back(score);
      }
    }
    fmt::print("{}{}", judge == judges.front() ? "" : "\n", score_table(scores, true));
  }
  fmt::print("{}{}{}", right_answers_table(runs), guard_table(runs), agreement_table(runs));
}

/// Says which rates are over their bound; the exit code.
Result<int> check_bounds(const std::vector<runs::JudgedRun>& runs, const Flags& flags) {
  std::vector<report::ScoredRun> scores;
  for (const auto& run : runs) {
    for (auto score : run.scores) {
      score.name = run.name;
      scores.push_back(std::move(score));
    }
  }
  HOLISAFE_TRY(const auto checks, runs::check_rates(scores, flags.bounds));
  int code = exit_ok;
  for (const auto& check : checks) {
    if (!check.over()) continue;
    code = exit_found;
    fmt::print(stderr, "holisafe: {} ({}): {} is {:.2f}%, over {:.2f}%\n", one_line(check.run), check.judge,
               check.rate, *check.value * 100, *check.bound * 100);
  }
  if (!flags.junit.empty()) HOLISAFE_CHECK(write_file_atomic(flags.junit, runs::junit(checks)));
  return code;
}

Result<int> report_runs(const Flags& flags) {
  HOLISAFE_TRY(const auto open, runs::open_runs(flags.runs));
  for (const auto& warning : open.warnings) warn(warning);
  std::vector<runs::JudgedRun> runs;
  for (const auto& run : open.runs) {
    HOLISAFE_TRY(auto judged, runs::judged_run(run, flags.bootstrap));
    runs.push_back(std::move(judged));
  }
  if (flags.json) {
    print_json(runs);
  } else {
    print_tables(runs);
  }
  if (!flags.html.empty()) {
    HOLISAFE_CHECK(write_file_atomic(
        flags.html, report::page(runs::run_report(runs, flags.bootstrap, HOLISAFE_VERSION))));
  }
  if (!flags.predictions.empty()) {
    if (open.runs.size() != 1) {
      return fail(ErrorKind::usage, "cannot write predictions", flags.predictions,
                  fmt::format("expected one run or its shards, found {} runs", open.runs.size()));
    }
    HOLISAFE_CHECK(write_file_atomic(flags.predictions, [&](const WritePiece& piece) {
      return runs::prediction_file(open.runs.front(), piece);
    }));
  }
  return check_bounds(runs, flags);
}

}  // namespace

void add_bench_report(CLI::App& bench) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command =
      declare(bench, "report", "Runs side by side with published models; shards of one run are joined",
              {"holisafe bench report runs/base runs/safe --html report.html",
               "holisafe bench report runs/base-0 runs/base-1 --predictions base.json",
               "holisafe bench report runs/safe --fail-masr 0.2 --fail-rr 0.05 --junit junit.xml"});
  command->add_option("RUN", flags->runs, "Folders of runs")->required();
  command->add_flag("--json", flags->json, "One JSON object for each run and judge");
  command->add_option("--html", flags->html, "Write a report to this file");
  command->add_option("--predictions", flags->predictions,
                      "Write the joined predictions of one run to this file");
  command->add_option("--junit", flags->junit,
                      "Write the rates and which are over their bounds as JUnit XML");
  const auto bound = [&](const char* name, std::optional<double>& value, const char* what) {
    command->add_option(name, value, fmt::format("Exit 1 where {} is higher (a fraction)", what))
        ->check(CLI::Range(0.0, 1.0));
  };
  bound("--fail-masr", flags->bounds.masr, "a run's mASR (macro)");
  bound("--fail-masr-weighted", flags->bounds.masr_weighted, "a run's mASR (sample-weighted)");
  bound("--fail-asr", flags->bounds.asr, "the attack success rate of any combination");
  bound("--fail-rr", flags->bounds.rr, "a run's refusal rate on safe pairs");
  bound("--fail-unjudged", flags->bounds.unjudged, "the share of rows without a verdict");
  add_bootstrap_flags(command, flags->bootstrap);
  on_run(command, [flags] {
    const auto code = report_runs(*flags);
    return code ? *code : report(code.error());
  });
}

}  // namespace holisafe::cli
