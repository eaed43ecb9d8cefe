#include "train/calibration.h"

#include <cmath>

#include <fmt/format.h>

#include "metrics/calibration.h"

namespace holisafe::train {
namespace {

double mean_nll(const torch::Tensor& logits, const torch::Tensor& labels, double temperature) {
  const auto log_probabilities = at::log_softmax(logits / temperature, 1);
  return -log_probabilities.gather(1, labels.unsqueeze(1)).mean().item<double>();
}

/// The negative log-likelihood is convex in 1 / temperature: golden-section search over its logarithm.
double fit_temperature(const torch::Tensor& logits, const torch::Tensor& labels) {
  const double ratio = (std::sqrt(5.0) - 1.0) / 2.0;
  const auto value = [&](double x) { return mean_nll(logits, labels, std::exp(x)); };
  double low = std::log(0.01);
  double high = std::log(100.0);
  double left = high - ratio * (high - low);
  double right = low + ratio * (high - low);
  double at_left = value(left);
  double at_right = value(right);
  while (high - low > 1e-6) {
    if (at_left <= at_right) {
      high = right;
      right = left;
      at_right = at_left;
      left = high - ratio * (high - low);
      at_left = value(left);
    } else {
      low = left;
      left = right;
      at_left = at_right;
      right = low + ratio * (high - low);
      at_right = value(right);
    }
  }
  return std::exp((low + high) / 2);
}

double calibration_error(const torch::Tensor& probabilities, const torch::Tensor& labels) {
  const auto [confidence, predicted] = probabilities.max(1);
  const auto values = confidence.contiguous();
  const auto right = predicted.eq(labels).contiguous();
  std::vector<metrics::Confidence> rows;
  for (std::int64_t i = 0; i < labels.size(0); ++i)
    rows.push_back({values.const_data_ptr<double>()[i], right.const_data_ptr<bool>()[i]});
  return metrics::calibration_metrics(rows).error.value_or(0);
}

/// One class's scores and which of the images are its own.
std::vector<metrics::ScoredImage> scored_images(const torch::Tensor& probabilities,
                                                const torch::Tensor& labels, std::int64_t index) {
  const auto scores = probabilities.select(1, index).contiguous();
  const auto own = labels.eq(index).contiguous();
  std::vector<metrics::ScoredImage> out;
  for (std::int64_t i = 0; i < labels.size(0); ++i)
    out.push_back({scores.const_data_ptr<double>()[i], own.const_data_ptr<bool>()[i]});
  return out;
}

}  // namespace

Result<Calibration> calibrate(const torch::Tensor& logits, const torch::Tensor& labels,
                              const CalibrationOptions& options) {
  const std::int64_t count = logits.size(0);
  const std::int64_t classes = logits.size(1);
  if (count == 0) return fail(ErrorKind::missing, "cannot calibrate", "", "no labelled images");
  if (labels.min().item<std::int64_t>() < 0 || labels.max().item<std::int64_t>() >= classes) {
    return fail(ErrorKind::out_of_range, "cannot calibrate", "image_safety_label",
                fmt::format("expected 0 to {}", classes - 1));
  }
  torch::NoGradGuard no_grad;
  const auto exact = logits.to(torch::kFloat64);
  Calibration out;
  out.temperature = fit_temperature(exact, labels);
  out.nll_before = mean_nll(exact, labels, 1.0);
  out.nll_after = mean_nll(exact, labels, out.temperature);
  out.ece_before = calibration_error(exact.softmax(1), labels);
  const auto probabilities = (exact / out.temperature).softmax(1);
  out.ece_after = calibration_error(probabilities, labels);
  out.accuracy = exact.argmax(1).eq(labels).to(torch::kFloat64).mean().item<double>();
  for (std::int64_t index = 0; index < classes; ++index) {
    const auto images = scored_images(probabilities, labels, index);
    const bool enough = labels.eq(index).sum().item<std::int64_t>() >= options.min_images;
    if (!enough) out.too_few.push_back(static_cast<std::size_t>(index));
    out.thresholds.push_back(enough ? metrics::class_threshold(images, options.objective) : 0.5);
    out.classes.push_back(metrics::class_at_threshold(images, out.thresholds.back()));
  }
  return out;
}

}  // namespace holisafe::train
