#include "metrics/guard_metrics.h"

#include <algorithm>
#include <utility>

namespace holisafe::metrics {
namespace {

std::optional<double> f1_of(std::uint64_t hits, std::uint64_t false_alarms, std::uint64_t misses) {
  return share(2 * hits, 2 * hits + false_alarms + misses);
}

std::size_t most_probable(const GuardRow& row) {
  const auto best = std::max_element(row.probabilities.begin(), row.probabilities.end());
  return static_cast<std::size_t>(best - row.probabilities.begin());
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
  std::vector<BinaryRow> binary;
  binary.reserve(rows.size());
  for (const GuardRow& row : rows) {
    ++out.confusion[row.label][most_probable(row)];
    const double unsafe = 1 - row.probabilities[0];
    binary.push_back({row.label != 0, unsafe >= threshold, unsafe});
  }
  fill_classes(out);
  out.binary = binary_metrics(binary);
  calibrate(rows, out);
  return out;
}

}  // namespace holisafe::metrics
