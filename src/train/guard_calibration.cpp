#include "train/guard_calibration.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "dataset/rows.h"
#include "guard/file.h"
#include "metrics/figure_json.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::train {
namespace {

namespace fs = std::filesystem;

/// Labelled images, each once, in the order of their paths.
using Labels = std::map<std::string, std::int64_t>;

Result<Labels> read_labels(const fs::path& file) {
  HOLISAFE_TRY(const auto rows, dataset::RowFile::open(file.string()));
  Labels labels;
  HOLISAFE_CHECK(rows.for_each([&](const dataset::Row& row) -> Result<void> {
    const auto field = "image_safety_label";
    if (!row.image || !row.image_safety_label || *row.image_safety_label == -100) return {};
    const std::int64_t label = *row.image_safety_label;
    if (label < 0 || label >= static_cast<std::int64_t>(taxonomy::class_count)) {
      return fail(ErrorKind::out_of_range, "cannot calibrate", row.where(file.string(), field),
                  fmt::format("expected 0 to 19, or -100 for none, found {}", label));
    }
    const auto [place, is_new] = labels.try_emplace(std::string(*row.image), label);
    if (is_new || place->second == label) return {};
    return fail(ErrorKind::mismatch, "cannot calibrate", row.where(file.string(), field),
                fmt::format("expected {} as in another row of this image, found {}", place->second, label));
  }));
  if (labels.empty())
    return fail(ErrorKind::missing, "cannot calibrate", file.string(), "no row has an image and its label");
  return labels;
}

/// The images' logits, one image behind the other, in the order of their labels.
Result<std::vector<float>> logits_of(engine::EngineJudge& judge, const Labels& labels, const fs::path& images,
                                     Progress* progress, const StopFlag& stop) {
  auto next = labels.begin();
  const auto files = [&]() -> std::optional<engine::PictureFile> {
    if (next == labels.end() || stop.requested()) return std::nullopt;
    const auto path = resolve_beneath(images, (next++)->first);
    if (!path) return engine::PictureFile{{}, path.error()};
    return engine::PictureFile{path->string(), std::nullopt};
  };
  std::vector<float> logits;
  std::optional<Error> first_error;
  StopFlag enough;
  const auto keep = [&](const verdicts::JudgedPicture& judged) {
    const Result<taxonomy::Verdict>& verdict = judged.verdict;
    if (verdict) logits.insert(logits.end(), verdict->logits.begin(), verdict->logits.end());
    if (!verdict && !first_error) first_error = verdict.error();
    if (first_error || stop.requested()) enough.request();
  };
  const std::atomic<std::uint64_t> total = labels.size();
  engine::verdicts_of_files(judge, files, &total, keep, progress, enough);
  if (first_error) return fail(*std::move(first_error));
  if (stop.requested()) return fail(ErrorKind::interrupted, "stopped while calibrating");
  return logits;
}

/// Labels with probabilities, softmax(logits / temperature).
std::vector<metrics::GuardRow> guard_rows(const std::vector<float>& logits,
                                          const std::vector<std::int64_t>& labels, double temperature) {
  std::vector<metrics::GuardRow> out(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    out[i].label = static_cast<std::uint8_t>(labels[i]);
    const auto row = std::span(logits).subspan(i * metrics::guard_classes, metrics::guard_classes);
    const double top = *std::max_element(row.begin(), row.end());
    double sum = 0;
    for (std::size_t k = 0; k < row.size(); ++k) {
      out[i].probabilities[k] = std::exp((static_cast<double>(row[k]) - top) / temperature);
      sum += out[i].probabilities[k];
    }
    for (double& probability : out[i].probabilities) probability /= sum;
  }
  return out;
}

nlohmann::ordered_json class_json(const metrics::ClassAtThreshold& at, double threshold) {
  const auto rate = [](const std::optional<double>& value) {
    return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
  };
  return {{"images", at.images},
          {"threshold", threshold},
          {"precision", rate(at.precision)},
          {"precision_interval", metrics::ends_json(at.precision_interval)},
          {"recall", rate(at.recall)},
          {"recall_interval", metrics::ends_json(at.recall_interval)},
          {"average_precision", rate(at.average_precision)}};
}

}  // namespace

Result<GuardCalibration> calibrate_guard(engine::Engine engine, const GuardCalibrationSettings& settings,
                                         Progress* progress, const StopFlag& stop) {
  std::error_code ignored;
  const bool folder = fs::is_directory(settings.data, ignored);
  const fs::path file = folder ? settings.data / "holisafe_bench.json" : settings.data;
  const fs::path images = settings.images.empty() ? file.parent_path() / "images" : settings.images;
  HOLISAFE_TRY(const Labels labels, read_labels(file));
  HOLISAFE_TRY(const auto judge, engine::EngineJudge::make(std::move(engine), settings.judge, ""));
  HOLISAFE_TRY(const auto logits, logits_of(*judge, labels, images, progress, stop));
  std::vector<std::int64_t> wanted;
  for (const auto& [image, label] : labels) wanted.push_back(label);
  const auto count = static_cast<std::int64_t>(wanted.size());
  GuardCalibration out{{}, labels.size(), {}, {}};
  HOLISAFE_TRY(out.found, calibrate(torch::tensor(logits).view({count, -1}),
                                    torch::tensor(wanted, torch::kInt64), settings.options));
  out.before = guard_rows(logits, wanted, 1);
  out.after = guard_rows(logits, wanted, out.found.temperature);
  guard::Guard guard = *judge->engine().guard();
  guard.info().temperature = out.found.temperature;
  guard.info().thresholds = out.found.thresholds;
  HOLISAFE_CHECK(guard::write(guard, settings.out, checkpoint::FileOf::user));
  return out;
}

nlohmann::ordered_json to_json(const GuardCalibration& calibration, const std::string& guard) {
  const Calibration& found = calibration.found;
  nlohmann::ordered_json thresholds;
  nlohmann::ordered_json classes;
  for (std::size_t i = 0; i < found.thresholds.size(); ++i) {
    const std::string name(taxonomy::classes()[i].name);
    thresholds[name] = found.thresholds[i];
    classes[name] = class_json(found.classes[i], found.thresholds[i]);
  }
  auto too_few = nlohmann::ordered_json::array();
  for (const std::size_t index : found.too_few) too_few.push_back(taxonomy::classes()[index].name);
  return {{"guard", guard},
          {"images", calibration.images},
          {"temperature", found.temperature},
          {"thresholds", thresholds},
          {"nll", {{"before", found.nll_before}, {"after", found.nll_after}}},
          {"ece", {{"before", found.ece_before}, {"after", found.ece_after}}},
          {"accuracy", found.accuracy},
          {"classes", classes},
          {"too_few", too_few}};
}

}  // namespace holisafe::train
