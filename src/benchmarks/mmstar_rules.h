// How an answer to an MMStar question is read: by the authors' script (eval/vlmeval/evaluate/mmstar.py of
// MMStar-Benchmark/MMStar) and by lmms-eval 0.7.3 (tasks/_task_utils/mcq_extract.py).
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "benchmarks/letters.h"

namespace holisafe::benchmarks::mmstar {

inline constexpr std::size_t options = 4;

/// The letter's index that an answer gives, less than `options`; nothing where the script finds none. Time
/// grows as the answer does.
std::optional<std::size_t> chosen_option(std::string_view answer, Script script);

}  // namespace holisafe::benchmarks::mmstar
