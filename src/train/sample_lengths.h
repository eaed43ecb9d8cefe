// How long samples are, and what a limit on that leaves of their answers: looked at before the first step.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "models/model.h"
#include "train/micro_batch.h"
#include "train/samples.h"
#include "train/settings.h"

namespace holisafe::train {

/// --max-length, or the model's context where that is shorter.
LengthLimit length_limit(const Settings& settings, const models::ModelInfo& info);

/// What is left of a set's answers.
struct AnswerLengths {
  std::vector<std::int64_t> lost;  ///< samples of whose answers nothing is left: they teach nothing
  std::int64_t cut = 0;            ///< samples that lose a part of their answers
  std::int64_t longest = 0;        ///< tokens of the longest sample that could be too long
};

/// Renders the samples that could be too long, on threads. Pictures are opened only where their tokens depend
/// on their size. Errors: those of Collator::measure; interrupted.
Result<AnswerLengths> measure_answers(const models::Model& model, const SampleSet& set,
                                      const Collator& collator, const LengthLimit& limit, Progress* progress,
                                      const StopFlag& stop);

/// What to say of them; empty where nothing is cut. Error usage: no sample has anything left.
Result<std::string> cut_answers_warning(const AnswerLengths& lengths, const SampleSet& set,
                                        const LengthLimit& limit);

}  // namespace holisafe::train
