// How an answer to an MME-RealWorld question is read: by the authors' script (evaluation/eval_your_results.py
// of yfzhang114/MME-RealWorld) and by lmms-eval 0.7.3 (tasks/mme_realworld/utils.py).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "benchmarks/letters.h"

namespace holisafe::benchmarks::mme_realworld {

/// The letter, A to E, that an answer gives; nothing where the script gives none. `options` are the row's as
/// the data have them, "(A) …": the authors look into them for an answer without a letter.
std::optional<char> chosen_letter(std::string_view answer, std::span<const std::string> options,
                                  Script script);

}  // namespace holisafe::benchmarks::mme_realworld
