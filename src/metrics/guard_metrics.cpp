#include "metrics/guard_metrics.h"

#include <algorithm>
#include <utility>

namespace holisafe::metrics {
namespace {

std::optional<double> share(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

std::optional<double> f1_of(std::uint64_t hits, std::uint64_t false_alarms, std::uint64_t misses) {
  return share(2 * hits, 2 * hits + false_alarms + misses);
}

std::size_t most_probable(const GuardRow& row) {
  const auto best = std::max_element(row.probabilities.begin(), row.probabilities.end());
  return static_cast<std::size_t>(best - row.probabilities.begin());
}

/// Mann-Whitney: the share of pairs (unsafe, safe) in which the unsafe row scores higher.
std::optional<double> auroc(std::span<const GuardRow> rows) {
  std::vector<std::pair<double, bool>> scores;
  scores.reserve(rows.size());
  for (const GuardRow& row : rows) scores.emplace_back(1 - row.probabilities[0], row.label != 0);
  std::sort(scores.begin(), scores.end());
  double above = 0;  // pairs won, ties half
  double safe_below = 0;
  double unsafe = 0;
  for (std::size_t begin = 0; begin < scores.size();) {
    std::size_t end = begin;
    double tied_unsafe = 0;
    while (end < scores.size() && scores[end].first == scores[begin].first)
      tied_unsafe += scores[end++].second;
    const double tied_safe = static_cast<double>(end - begin) - tied_unsafe;
    above += tied_unsafe * (safe_below + tied_safe / 2);
    safe_below += tied_safe;
    unsafe += tied_unsafe;
    begin = end;
  }
  if (unsafe == 0 || safe_below == 0) return std::nullopt;
  return above / (unsafe * safe_below);
}

void calibrate(std::span<const GuardRow> rows, GuardMetrics& out) {
  std::vector<Confidence> confidences;
  confidences.reserve(rows.size());
  for (const GuardRow& row : rows) {
    const std::size_t best = most_probable(row);
    confidences.push_back({row.probabilities[best], best == row.label});
  }
  CalibrationMetrics found = calibration_metrics(confidences);
  out.ece = found.error;
  out.calibration = std::move(found.bins);
}

void fill_classes(GuardMetrics& out) {
  std::uint64_t right = 0;
  for (std::size_t label = 0; label < guard_classes; ++label) {
    std::uint64_t predicted = 0;
    std::uint64_t support = 0;
    for (std::size_t other = 0; other < guard_classes; ++other) {
      predicted += out.confusion[other][label];
      support += out.confusion[label][other];
    }
    const std::uint64_t hits = out.confusion[label][label];
    right += hits;
    out.classes[label] = {support, share(hits, predicted), share(hits, support),
                          f1_of(hits, predicted - hits, support - hits)};
  }
  out.accuracy = share(right, out.rows);
}

}  // namespace

GuardMetrics guard_metrics(std::span<const GuardRow> rows, double threshold) {
  GuardMetrics out;
  out.rows = rows.size();
  out.threshold = threshold;
  for (const GuardRow& row : rows) {
    ++out.confusion[row.label][most_probable(row)];
    const bool flagged = 1 - row.probabilities[0] >= threshold;
    if (row.label != 0) {
      ++(flagged ? out.true_positives : out.false_negatives);
    } else {
      ++(flagged ? out.false_positives : out.true_negatives);
    }
  }
  fill_classes(out);
  out.binary_accuracy = share(out.true_positives + out.true_negatives, out.rows);
  out.precision = share(out.true_positives, out.true_positives + out.false_positives);
  out.recall = share(out.true_positives, out.true_positives + out.false_negatives);
  out.f1 = f1_of(out.true_positives, out.false_positives, out.false_negatives);
  out.auroc = auroc(rows);
  calibrate(rows, out);
  return out;
}

}  // namespace holisafe::metrics
