// A guard's metrics as the command line prints them.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "metrics/guard_metrics.h"

namespace holisafe::metrics {

/// {"n","accuracy","threshold","binary":{"accuracy","precision","recall","f1","auroc","true_positives",…},"ece",
/// "classes":{name:{"support","precision","recall","f1"}},"confusion":[20][20] by label and prediction,
/// "calibration":[{"low","high","n","confidence","accuracy"}]}: fractions, null where nothing defines them.
nlohmann::ordered_json to_json(const GuardMetrics& metrics);

}  // namespace holisafe::metrics
