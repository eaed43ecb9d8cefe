// How an answer to an MMMU question is read, without a judge: by the authors' script (eval_utils.py of
// MMMU-Benchmark/MMMU) and by lmms-eval 0.7.3 (tasks/mmmu/utils.py, tasks/_task_utils/mmmu_mcq_utils.py).
// Where these draw a choice at random, there is none here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "benchmarks/letters.h"

namespace holisafe::benchmarks::mmmu {

/// The letter's index among `options` that an answer gives; nothing where the script would guess.
std::optional<std::size_t> chosen_option(std::string_view answer, const std::vector<std::string>& options,
                                         Script script);

/// A piece of an answer as it is compared: lower case, or a number rounded to two places.
using Piece = std::variant<std::string, double>;

/// What an answer to an open question may have meant; both scripts.
std::vector<Piece> meant(std::string_view answer);

/// Whether one of the pieces is one of `truths`, the right answers as the data have them.
bool any_right(const std::vector<Piece>& pieces, const std::vector<std::string>& truths);

}  // namespace holisafe::benchmarks::mmmu
