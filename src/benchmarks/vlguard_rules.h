// What counts as a refusal for VLGuard: by the authors' script (check_success_attack() in utils/utils.py of
// ys-zong/VLGuard).
#pragma once

#include <span>
#include <string_view>

namespace holisafe::benchmarks::vlguard {

/// The script's phrases, each once, as they stand there. One has a capital letter, and is looked for in lower
/// case.
std::span<const std::string_view> refusal_phrases();

/// Whether `answer` (UTF-8) is a refusal. Thread-safe.
bool is_refusal(std::string_view answer);

}  // namespace holisafe::benchmarks::vlguard
