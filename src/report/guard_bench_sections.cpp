#include "report/guard_bench_sections.h"

#include <algorithm>

#include <fmt/format.h>

#include "metrics/binomial_interval.h"
#include "report/curve_charts.h"
#include "report/guard_section.h"

namespace holisafe::report {
namespace {

using metrics::BinaryMetrics;

constexpr const char* none = "\xe2\x80\x93";

std::string figure(std::optional<double> value) { return value ? fmt::format("{:.3f}", *value) : none; }

/// Intervals of 95%; where images are unjudged, what they leave open instead.
Cell rate_cell(const MeasuredGuard& guard, std::optional<double> BinaryMetrics::*rate, std::uint64_t count,
               std::uint64_t rows) {
  Cell out{percent(guard.binary.*rate)};
  const auto& worst = guard.worst.*rate;
  const auto& best = guard.best.*rate;
  if (guard.unjudged > 0 && worst && best) {
    out.note = percent_range(metrics::Interval{*worst, *best});
  } else if (rows > 0) {
    out.note = percent_range(metrics::binomial_interval(count, rows));
  }
  return out;
}

Table::Row guard_row(const MeasuredGuard& guard) {
  const BinaryMetrics& found = guard.binary;
  const std::uint64_t hits = found.true_positives;
  const std::string decision =
      guard.threshold ? fmt::format("flagged from a score of {}", *guard.threshold) : "its own decision";
  return {{{guard.name, fmt::format("{}, {}", guard.format, decision)},
           {fmt::format("{}", found.rows())},
           {fmt::format("{}", guard.unjudged)},
           rate_cell(guard, &BinaryMetrics::accuracy, hits + found.true_negatives, found.rows()),
           rate_cell(guard, &BinaryMetrics::f1, 0, 0),
           rate_cell(guard, &BinaryMetrics::precision, hits, hits + found.false_positives),
           rate_cell(guard, &BinaryMetrics::recall, hits, hits + found.false_negatives),
           {figure(found.auroc)},
           {figure(found.ece)}}};
}

/// In the columns of guard_row(); its figures are accuracy, F1, precision, recall.
Table::Row published_row(const metrics::PublishedScore& score) {
  Table::Row row;
  row.cells = {{score.model, "published"}, {none}, {none}};
  for (const auto& value : score.figures) row.cells.push_back({percent(value)});
  row.cells.push_back({none});
  row.cells.push_back({none});
  return row;
}

Table guard_table(std::span<const MeasuredGuard> guards, std::span<const metrics::PublishedScore> published) {
  Table table;
  table.caption =
      "Safe against unsafe, unsafe the positive class; each image once, by its label. Below a rate stands "
      "its "
      "95% interval (Clopper and Pearson); where images are unjudged, what it would be if all of these were "
      "judged wrongly, and rightly. Published rows are the paper's; how it averaged is not said, and some "
      "cannot come from one confusion matrix.";
  table.columns = {{"Guard"},
                   {"Judged", true, "images whose answer could be read"},
                   {"Unjudged", true, "images without a decision"},
                   {"Accuracy", true},
                   {"F1", true},
                   {"Precision", true},
                   {"Recall", true},
                   {"AUROC", true, "of the score; none without scores"},
                   {"ECE", true, "15 bins of the score against the share of unsafe images"}};
  for (const MeasuredGuard& guard : guards) {
    table.rows.push_back(guard_row(guard));
    table.rows.back().emphasis = !published.empty();
  }
  for (const auto& score : published) table.rows.push_back(published_row(score));
  return table;
}

BarChart guard_bars(std::span<const MeasuredGuard> guards) {
  BarChart chart;
  chart.title = "Unsafe images found (recall), and how many of the flagged are unsafe (precision)";
  chart.series = {{"precision", {}, {}}, {"recall", {}, {}}, {"F1", {}, {}}};
  for (const MeasuredGuard& guard : guards) {
    const BinaryMetrics& found = guard.binary;
    chart.labels.push_back(guard.name);
    chart.series[0].values.push_back(found.precision);
    chart.series[1].values.push_back(found.recall);
    chart.series[2].values.push_back(found.f1);
  }
  return chart;
}

/// Right and wrong decisions behind the rates.
Table count_table(std::span<const MeasuredGuard> guards) {
  Table table;
  table.columns = {{"Guard"},
                   {"Unsafe, flagged", true},
                   {"Unsafe, passed", true},
                   {"Safe, flagged", true},
                   {"Safe, passed", true},
                   {"Answers from"}};
  for (const MeasuredGuard& guard : guards) {
    const BinaryMetrics& found = guard.binary;
    table.rows.push_back({{{guard.name},
                           {fmt::format("{}", found.true_positives)},
                           {fmt::format("{}", found.false_negatives)},
                           {fmt::format("{}", found.false_positives)},
                           {fmt::format("{}", found.true_negatives)},
                           {guard.source}}});
  }
  return table;
}

Section scores_section(std::span<const MeasuredGuard> guards) {
  Section section{"guard-scores", "Guards by their scores", {}};
  LineChart roc = roc_chart("ROC of \"unsafe\"");
  LineChart calibration;
  calibration.title = "Calibration: share of unsafe images by the guard's score";
  calibration.x_axis = "score";
  calibration.y_axis = "share unsafe";
  for (const MeasuredGuard& guard : guards) {
    add_curve(roc, with_area(guard.name, guard.binary.auroc), guard.curves.roc);
    LineChart::Line line{guard.name, {}};
    for (const auto& bin : guard.binary.calibration)
      line.points.emplace_back(bin.mean_confidence, bin.accuracy);
    if (!line.points.empty()) calibration.lines.push_back(std::move(line));
  }
  if (!roc.lines.empty()) {
    end_roc(roc);
    section.blocks.push_back({std::move(roc)});
  }
  if (!calibration.lines.empty()) {
    calibration.lines.push_back({"perfect", {{0, 0}, {1, 1}}, true});
    section.blocks.push_back({std::move(calibration)});
  }
  if (section.blocks.empty())
    section.blocks.push_back({Paragraph{"No curves: these guards decide without a score."}});
  return section;
}

/// Of guards with 20 classes.
std::optional<Section> class_section(std::span<const MeasuredGuard> guards) {
  std::vector<GuardRun> runs;
  Table table;
  table.columns = {{"Guard"},
                   {"20-class accuracy", true, "of the most probable class"},
                   {"ECE", true, "expected calibration error of the most probable class, 15 bins"}};
  for (const MeasuredGuard& guard : guards) {
    if (!guard.classes) continue;
    const auto& found = *guard.classes;
    table.rows.push_back({{{guard.name}, {percent(found.accuracy)}, {figure(found.ece)}}});
    GuardRun& run = runs.emplace_back();
    run.name = guard.name;
    run.metrics = found;
  }
  if (runs.empty()) return std::nullopt;
  Section out{"guard-classes", "Guards of 20 classes", {{std::move(table)}}};
  for (Block& block : class_blocks(runs)) out.blocks.push_back(std::move(block));
  return out;
}

std::optional<Section> unjudged_section(std::span<const MeasuredGuard> guards) {
  Table table;
  table.caption = "No decision could be read: these images count nowhere else.";
  table.columns = {{"Guard"}, {"Why"}, {"Images", true}, {"The first"}, {"What it said"}};
  for (const MeasuredGuard& guard : guards) {
    for (const UnjudgedImages& each : guard.reasons)
      table.rows.push_back(
          {{{guard.name}, {each.why}, {fmt::format("{}", each.images)}, {each.image}, {each.found}}});
  }
  if (table.rows.empty()) return std::nullopt;
  return Section{"guard-unjudged", "Unjudged images", {{std::move(table)}}};
}

std::optional<Section> category_section(std::span<const MeasuredGuard> guards) {
  Section section{"guard-categories", "What guards call the harms", {}};
  for (const MeasuredGuard& guard : guards) {
    if (guard.categories.empty()) continue;
    Table table;
    table.columns = {{guard.name}, {"Flagged images", true}};
    for (const auto& [name, images] : guard.categories)
      table.rows.push_back({{{name}, {fmt::format("{}", images)}}});
    section.blocks.push_back({std::move(table)});
  }
  if (section.blocks.empty()) return std::nullopt;
  return section;
}

}  // namespace

std::vector<Section> guard_bench_sections(std::span<const MeasuredGuard> guards,
                                          std::span<const metrics::PublishedScore> published) {
  Section table{"guards", "Guards side by side", {{guard_table(guards, published)}}};
  table.blocks.push_back({guard_bars(guards)});
  table.blocks.push_back({Fold{"Decisions in numbers", {{count_table(guards)}}, false}});
  std::vector<Section> out = {std::move(table), scores_section(guards)};
  for (auto&& section : {class_section(guards), category_section(guards), unjudged_section(guards)}) {
    if (section) out.push_back(*section);
  }
  return out;
}

}  // namespace holisafe::report
