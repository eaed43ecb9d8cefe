// How answers to VizWiz's questions are compared: by lmms-eval 0.7.3 (tasks/_task_utils/vqa_eval_metric.py,
// tasks/vizwiz_vqa/utils.py) and by the authors' script (vqaEval.py of the VizWiz API). The copies of that
// script that are about have damaged apostrophes in their table of contractions; here both have lmms-eval's.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "benchmarks/letters.h"

namespace holisafe::benchmarks::vizwiz {

/// An answer as it is compared: without most punctuation and articles, numbers as digits.
std::string normalized(std::string_view answer, Script script);

/// The mean over the people asked of min(1, a third of how many others said what `answer`, normalised, is):
/// in [0, 1], 0 without `truths`. lmms-eval compares what they said normalised, the authors as it stands.
double accuracy(std::string_view answer, std::span<const std::string> truths, Script script);

}  // namespace holisafe::benchmarks::vizwiz
