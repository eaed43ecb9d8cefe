// How an answer to a multiple-choice question of SIUO is read: by the authors' script (eval/mcqa-eval.py of
// sinwang20/SIUO). Where it draws a letter at random, there is none here.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace holisafe::benchmarks::siuo_mcq {

inline constexpr std::size_t options = 4;

/// The letter's index that an answer gives, less than `options`; nothing where the script would guess.
std::optional<std::size_t> chosen_option(std::string_view answer);

}  // namespace holisafe::benchmarks::siuo_mcq
