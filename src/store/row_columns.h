// The columns of samples, answers and judgements in the order in which queries of this layer select them.
#pragma once

#include "store/run_store.h"

namespace holisafe::store {

/// For `FROM samples`.
inline constexpr const char* sample_columns =
    "samples.position, samples.id, samples.id_is_string, samples.cluster, samples.parts, samples.query, "
    "samples.group_values, samples.target, samples.label, samples.json";
/// For `LEFT JOIN predictions` at a number of `numbers`; follow the samples'.
inline constexpr const char* answer_columns =
    "numbers.number, predictions.state, predictions.text, predictions.finish_reason, predictions.reason, "
    "predictions.verdict";
/// For `LEFT JOIN verdicts`; follow the answers'.
inline constexpr const char* judgement_columns =
    "verdicts.state, verdicts.text, verdicts.reason, verdicts.value";

/// Errors of these: malformed, where a column holds what this program never writes. The sample of a row is
/// read first.
Result<void> read_sample(const Statement& statement, Sample& sample);
Result<void> read_answer(const Statement& statement, Row& row);
Result<void> read_judgement(const Statement& statement, Row& row);

/// `[{"image":PATH},TEXT,…]`. Errors of this and the next: invalid_utf8.
Result<std::string> parts_text(const std::vector<chat::Part>& parts);
/// `[[NAME,VALUE],…]`.
Result<std::string> groups_text(const Groups& groups);
/// `[label,score,…]`, exact; nothing for no verdict.
std::optional<std::string> verdict_text(const std::optional<taxonomy::Verdict>& verdict);

}  // namespace holisafe::store
