// `holisafe guard calibrate` as one call: fits a guard's temperature and thresholds on labelled images.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "engine/engine.h"
#include "engine/file_verdicts.h"
#include "metrics/guard_metrics.h"
#include "train/calibration.h"

namespace holisafe::train {

struct GuardCalibrationSettings {
  std::filesystem::path data;    ///< rows with image and image_safety_label, or a folder that holds them
  std::filesystem::path images;  ///< folder that image paths start from; empty: `images` beside the data
  std::filesystem::path out;     ///< guard to write
  engine::JudgeOptions judge;
  CalibrationOptions options;
};

struct GuardCalibration {
  Calibration found;
  std::size_t images = 0;
  /// The images with their labels and probabilities at temperature 1 and at the one that was found.
  std::vector<metrics::GuardRow> before;
  std::vector<metrics::GuardRow> after;
};

/// Judges every labelled image once with the engine's guard, fits, and writes the guard with what was found.
/// Errors: those of RowFile, calibrate() and writing; mismatch (one image with
/// two labels), out_of_range (a label), missing (no guard, no such row), an image's own, interrupted.
Result<GuardCalibration> calibrate_guard(engine::Engine engine, const GuardCalibrationSettings& settings,
                                         Progress* progress, const StopFlag& stop);

/// {"guard", "images", "temperature", "thresholds": {class: number}, "nll": {"before", "after"}, "ece": {…},
/// "accuracy", "classes": {class: {"images", "threshold", "precision", "precision_interval", "recall",
/// "recall_interval", "average_precision"}}, "too_few": [class, …]}.
nlohmann::ordered_json to_json(const GuardCalibration& calibration, const std::string& guard);

}  // namespace holisafe::train
