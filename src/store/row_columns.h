// The columns of samples, predictions and verdicts in the order in which queries of this layer select them.
#pragma once

#include "store/run_store.h"

namespace holisafe::store {

/// For `FROM samples JOIN images`.
inline constexpr const char* sample_columns =
    "samples.position, samples.id, samples.id_is_string, samples.image, images.path, samples.query, "
    "samples.type, "
    "samples.subcategory, samples.label, samples.json";
/// For `LEFT JOIN predictions`; follow the samples'.
inline constexpr const char* prediction_columns =
    "predictions.state, predictions.text, predictions.finish_reason, predictions.reason, predictions.guard";
/// For `LEFT JOIN verdicts`; follow the predictions'.
inline constexpr const char* verdict_columns = "verdicts.state, verdicts.text, verdicts.reason";

/// Errors of these: malformed, where a column holds what this program never writes.
Result<void> read_sample(const Statement& statement, Sample& sample);
Result<void> read_prediction(const Statement& statement, std::optional<Prediction>& prediction);
Result<void> read_verdict(const Statement& statement, std::optional<Verdict>& verdict);

/// `[label, score, …]`, exact; nothing for no guard.
std::optional<std::string> guard_text(const std::optional<GuardResult>& guard);

}  // namespace holisafe::store
