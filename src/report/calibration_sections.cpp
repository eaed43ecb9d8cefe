#include "report/calibration_sections.h"

#include <utility>

#include <fmt/format.h>

#include "metrics/curves.h"
#include "report/curve_charts.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::report {
namespace {

using metrics::GuardRow;
using metrics::ScoredImage;

std::string change(double before, double after) {
  return fmt::format("{:.4f} \xe2\x86\x92 {:.4f}", before, after);
}

std::vector<ScoredImage> unsafe_images(std::span<const GuardRow> rows) {
  std::vector<ScoredImage> out;
  for (const GuardRow& row : rows) out.push_back({1 - row.probabilities[0], row.label != 0});
  return out;
}

std::vector<ScoredImage> class_images(std::span<const GuardRow> rows, std::size_t index) {
  std::vector<ScoredImage> out;
  for (const GuardRow& row : rows) out.push_back({row.probabilities[index], row.label == index});
  return out;
}

Section overview(const CalibrationPage& page, const metrics::GuardMetrics& before,
                 const metrics::GuardMetrics& after) {
  Tiles tiles;
  tiles.tiles = {{"Pictures", fmt::format("{}", page.after.size()), "labelled"},
                 {"Temperature", fmt::format("{:.3f}", page.temperature), "logits are divided by it"},
                 {"Calibration error", change(before.ece.value_or(0), after.ece.value_or(0)), "15 bins"},
                 {"Negative log-likelihood", change(page.nll_before, page.nll_after), "a picture"},
                 {"Accuracy", percent(after.accuracy), "of 20 classes"}};
  return {"overview", "Overview", {{std::move(tiles)}}};
}

LineChart::Line reliability_line(std::string name, const metrics::GuardMetrics& found) {
  LineChart::Line line{std::move(name), {}};
  for (const auto& bin : found.calibration) line.points.emplace_back(bin.mean_confidence, bin.accuracy);
  return line;
}

Table bin_table(std::string caption, const metrics::GuardMetrics& found) {
  Table table;
  table.caption = std::move(caption);
  table.columns = {{"Probability"}, {"Pictures", true}, {"Mean probability", true}, {"Share right", true}};
  for (const auto& bin : found.calibration) {
    table.rows.push_back({{{percent_range(metrics::Interval{bin.low, bin.high})},
                           {fmt::format("{}", bin.rows)},
                           {percent(bin.mean_confidence)},
                           {percent(bin.accuracy)}}});
  }
  return table;
}

Section reliability(const metrics::GuardMetrics& before, const metrics::GuardMetrics& after) {
  LineChart chart;
  chart.title = "How often the most probable class is right, by its probability";
  chart.x_axis = "probability of the most probable class";
  chart.y_axis = "share right";
  chart.lines = {reliability_line("before", before),
                 reliability_line("after", after),
                 {"perfect", {{0, 0}, {1, 1}}, true}};
  Fold numbers{"The numbers", {{bin_table("Before", before)}, {bin_table("After", after)}}};
  return {"reliability", "Reliability", {{std::move(chart)}, {std::move(numbers)}}};
}

Section safe_or_unsafe(const CalibrationPage& page, const metrics::GuardMetrics& before,
                       const metrics::GuardMetrics& after) {
  LineChart precision = precision_recall_chart("Precision and recall of \"unsafe\"");
  LineChart roc = roc_chart("ROC of \"unsafe\"");
  const metrics::Curves curves_before = metrics::curves(unsafe_images(page.before));
  const metrics::Curves curves_after = metrics::curves(unsafe_images(page.after));
  add_curve(precision, "before", curves_before.precision_recall);
  add_curve(precision, "after", curves_after.precision_recall);
  add_curve(roc, with_area("before", before.binary.auroc), curves_before.roc);
  add_curve(roc, with_area("after", after.binary.auroc), curves_after.roc);
  Section section{"unsafe",
                  "Safe against unsafe",
                  {{Paragraph{"Every threshold on the probability of not being safe, which --threshold acts "
                              "on; unsafe is the positive class."}}}};
  if (precision.lines.empty() || roc.lines.empty()) {
    section.blocks.push_back({Paragraph{"No curves: the pictures are all safe, or all unsafe."}});
    return section;
  }
  end_roc(roc);
  section.blocks.push_back({std::move(precision)});
  section.blocks.push_back({std::move(roc)});
  return section;
}

Table threshold_table(const CalibrationPage& page) {
  Table table;
  table.caption = fmt::format(
      "Each class against the rest, at its threshold for {}; 95% intervals are Clopper and Pearson's. "
      "Average "
      "precision is over all thresholds.",
      page.objective);
  table.columns = {{"Class"},           {"Pictures", true}, {"Threshold", true},
                   {"Precision", true}, {"Recall", true},   {"Average precision", true}};
  for (std::size_t i = 0; i < page.classes.size(); ++i) {
    const metrics::ClassAtThreshold& at = page.classes[i];
    table.rows.push_back({{{std::string(taxonomy::classes()[i].name)},
                           {fmt::format("{}", at.images)},
                           {fmt::format("{:.4f}", page.thresholds[i])},
                           {percent(at.precision), percent_range(at.precision_interval)},
                           {percent(at.recall), percent_range(at.recall_interval)},
                           {percent(at.average_precision)}}});
  }
  return table;
}

/// The curves of a category's classes; nothing where no picture is of one.
std::optional<Fold> category_curves(const CalibrationPage& page, std::string_view category) {
  LineChart precision = precision_recall_chart("Precision and recall");
  LineChart roc = roc_chart("ROC");
  for (std::size_t i = 0; i < page.classes.size(); ++i) {
    if (taxonomy::classes()[i].category != category) continue;
    const std::string name(taxonomy::classes()[i].name);
    const metrics::Curves curves = metrics::curves(class_images(page.after, i));
    add_curve(precision, name, curves.precision_recall);
    add_curve(roc, name, curves.roc);
  }
  if (precision.lines.empty() || roc.lines.empty()) return std::nullopt;
  end_roc(roc);
  return Fold{std::string(category), {{std::move(precision)}, {std::move(roc)}}};
}

Section classes(const CalibrationPage& page) {
  Section section{"classes", "Each class", {{threshold_table(page)}}};
  for (const std::string_view category : taxonomy::categories()) {
    if (auto curves = category_curves(page, category)) section.blocks.push_back({*std::move(curves)});
  }
  return section;
}

}  // namespace

std::vector<Section> calibration_sections(const CalibrationPage& page) {
  const auto before = metrics::guard_metrics(page.before);
  const auto after = metrics::guard_metrics(page.after);
  return {overview(page, before, after), reliability(before, after), safe_or_unsafe(page, before, after),
          classes(page)};
}

}  // namespace holisafe::report
