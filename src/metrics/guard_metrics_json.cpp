#include "metrics/guard_metrics_json.h"

#include <nlohmann/json.hpp>
#include <string>

#include "taxonomy/taxonomy.h"

namespace holisafe::metrics {
namespace {

using Json = nlohmann::ordered_json;

Json number(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

}  // namespace

nlohmann::ordered_json to_json(const GuardMetrics& metrics) {
  Json classes = Json::object();
  for (std::size_t i = 0; i < guard_classes; ++i) {
    const ClassMetrics& entry = metrics.classes[i];
    classes[std::string(taxonomy::classes()[i].name)] = {{"support", entry.support},
                                                         {"precision", number(entry.precision)},
                                                         {"recall", number(entry.recall)},
                                                         {"f1", number(entry.f1)}};
  }
  Json calibration = Json::array();
  for (const CalibrationBin& bin : metrics.calibration) {
    calibration.push_back({{"low", bin.low},
                           {"high", bin.high},
                           {"n", bin.rows},
                           {"confidence", bin.mean_confidence},
                           {"accuracy", bin.accuracy}});
  }
  Json out;
  out["n"] = metrics.rows;
  out["accuracy"] = number(metrics.accuracy);
  out["threshold"] = metrics.threshold;
  out["binary"] = {{"accuracy", number(metrics.binary.accuracy)},
                   {"precision", number(metrics.binary.precision)},
                   {"recall", number(metrics.binary.recall)},
                   {"f1", number(metrics.binary.f1)},
                   {"auroc", number(metrics.binary.auroc)},
                   {"true_positives", metrics.binary.true_positives},
                   {"false_positives", metrics.binary.false_positives},
                   {"true_negatives", metrics.binary.true_negatives},
                   {"false_negatives", metrics.binary.false_negatives}};
  out["ece"] = number(metrics.ece);
  out["classes"] = std::move(classes);
  out["confusion"] = metrics.confusion;
  out["calibration"] = std::move(calibration);
  return out;
}

}  // namespace holisafe::metrics
