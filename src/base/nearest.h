// The known words nearest to one nobody knows, for errors that say what was meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace holisafe {

/// The candidates nearest to what was typed, nearest first, at most three; none where none is near.
std::vector<std::string> nearest(std::string_view typed, const std::vector<std::string>& candidates);

}  // namespace holisafe
