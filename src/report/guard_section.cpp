#include "report/guard_section.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "report/figure_columns.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::report {
namespace {

using metrics::guard_classes;
using metrics::GuardMetrics;

std::string class_name(std::size_t index) { return std::string(taxonomy::classes()[index].name); }

std::string three_places(std::optional<double> value) {
  return value ? fmt::format("{:.3f}", *value) : "\xe2\x80\x93";
}

Table metrics_table(std::span<const GuardRun> runs) {
  Table table;
  table.caption =
      "Accuracy over all 20 classes of the most probable one; the rest is safe against unsafe, unsafe the "
      "positive class.";
  table.columns = {{"Model"},
                   {"Images judged", true, "each image of the run once"},
                   {"20-class accuracy", true},
                   {"Safe/unsafe accuracy", true},
                   {"Precision", true},
                   {"Recall", true},
                   {"F1", true},
                   {"AUROC", true, "of 1 - P(safe)"},
                   {"ECE", true, "expected calibration error of the most probable class, 15 bins"}};
  for (const GuardRun& run : runs) {
    const GuardMetrics& found = run.metrics;
    table.rows.push_back({{{run.name, fmt::format("flagged from 1 - P(safe) = {}", found.threshold)},
                           {fmt::format("{}", found.rows)},
                           {percent(found.accuracy)},
                           {percent(found.binary.accuracy)},
                           {percent(found.binary.precision)},
                           {percent(found.binary.recall)},
                           {percent(found.binary.f1)},
                           {three_places(found.binary.auroc)},
                           {three_places(found.ece)}}});
  }
  return table;
}

Table confusion(const GuardMetrics& found) {
  Table table;
  table.compact = true;
  table.caption =
      "Confusion matrix: rows are labels, columns the most probable class; shade is the share of the row.";
  table.columns = {{""}};
  for (std::size_t i = 0; i < guard_classes; ++i) table.columns.push_back({class_name(i), true});
  for (std::size_t label = 0; label < guard_classes; ++label) {
    Table::Row row;
    row.cells.push_back({class_name(label)});
    const double support = static_cast<double>(std::max<std::uint64_t>(1, found.classes[label].support));
    for (const std::uint64_t count : found.confusion[label]) {
      row.cells.push_back({count > 0 ? fmt::format("{}", count) : "", "", Shade::neutral,
                           static_cast<double>(count) / support});
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table class_table(const GuardMetrics& found) {
  Table table;
  table.columns = {{"Class"}, {"Labelled", true}, {"Precision", true}, {"Recall", true}, {"F1", true}};
  for (std::size_t i = 0; i < guard_classes; ++i) {
    const auto& entry = found.classes[i];
    table.rows.push_back({{{class_name(i)},
                           {fmt::format("{}", entry.support)},
                           {percent(entry.precision)},
                           {percent(entry.recall)},
                           {percent(entry.f1)}}});
  }
  return table;
}

/// "45.0%" with "9 of 20" below.
Cell share_cell(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return {percent(std::nullopt)};
  return {percent(static_cast<double>(part) / static_cast<double>(whole)),
          fmt::format("{} of {}", part, whole)};
}

}  // namespace

LineChart reliability(std::span<const GuardRun> runs) {
  LineChart chart;
  chart.title = "Calibration: how often the most probable class is right, by its probability";
  chart.x_axis = "probability of the most probable class";
  chart.y_axis = "share right";
  for (const GuardRun& run : runs) {
    LineChart::Line line{run.name, {}};
    for (const auto& bin : run.metrics.calibration)
      line.points.emplace_back(bin.mean_confidence, bin.accuracy);
    chart.lines.push_back(std::move(line));
  }
  chart.lines.push_back({"perfect", {{0, 0}, {1, 1}}, true});
  return chart;
}

std::vector<Block> class_blocks(std::span<const GuardRun> runs) {
  std::vector<Block> out = {{reliability(runs)}};
  for (const GuardRun& run : runs) {
    if (runs.size() > 1) out.push_back({Heading{run.name}});
    out.push_back({confusion(run.metrics)});
    out.push_back({Fold{"Each class against the rest", {{class_table(run.metrics)}}}});
  }
  return out;
}

Section guard_section(std::span<const GuardRun> runs) {
  Section section{"guard", "The guard", {{metrics_table(runs)}}};
  for (Block& block : class_blocks(runs)) section.blocks.push_back(std::move(block));
  return section;
}

Section guard_answer_section(std::span<const GuardRun> runs) {
  Section section{"guard-answers", "Guard against answer", {}};
  const GuardRun& any = runs.front();
  section.blocks.push_back({Paragraph{
      or_else(any.prose->guard,
              "Share of answers so marked, where the guard flagged the image and where it did not.")}});
  Table table;
  table.columns = {{or_else(any.prose->places, "Rows")}};
  for (const GuardRun& run : runs) {
    const std::string prefix = runs.size() > 1 ? run.name + ": " : "";
    table.columns.push_back({fmt::format("{}{} when flagged", prefix, run.labels.front()), true});
    table.columns.push_back({fmt::format("{}{} when not flagged", prefix, run.labels.front()), true});
  }
  for (std::size_t place = 0; place < any.answers.size(); ++place) {
    Table::Row row;
    row.cells.push_back({any.answers[place].name});
    for (const GuardRun& run : runs) {
      for (const std::size_t flagged : {1U, 0U}) {
        const auto& counts = run.answers[place].counts[flagged];
        row.cells.push_back(
            share_cell(counts.front(), std::accumulate(counts.begin(), counts.end(), std::uint64_t{0})));
      }
    }
    table.rows.push_back(std::move(row));
  }
  section.blocks.push_back({std::move(table)});
  return section;
}

}  // namespace holisafe::report
