#include "models/qwen2_5_vl/windows.h"

#include <array>
#include <cstddef>

namespace holisafe::models::qwen2_5_vl {
namespace {

/// A run of equal windows along one axis.
struct Run {
  std::int64_t begin = 0;
  std::int64_t windows = 0;
  std::int64_t size = 0;
};

std::array<Run, 2> cut(std::int64_t length, std::int64_t side) {
  const std::int64_t whole = length / side;
  const std::int64_t rest = length % side;
  return {{{0, whole, side}, {whole * side, rest > 0 ? 1 : 0, rest}}};
}

}  // namespace

WindowPlan plan_windows(std::int64_t height, std::int64_t width, std::int64_t side) {
  WindowPlan plan;
  plan.order.reserve(static_cast<std::size_t>(height * width));
  for (const Run& rows : cut(height, side)) {
    for (const Run& columns : cut(width, side)) {
      if (rows.windows * columns.windows == 0) continue;
      plan.groups.push_back({rows.windows * columns.windows, rows.size * columns.size});
      for (std::int64_t window = 0; window < rows.windows * columns.windows; ++window) {
        const std::int64_t top = rows.begin + window / columns.windows * rows.size;
        const std::int64_t left = columns.begin + window % columns.windows * columns.size;
        for (std::int64_t y = top; y < top + rows.size; ++y) {
          for (std::int64_t x = left; x < left + columns.size; ++x) plan.order.push_back(y * width + x);
        }
      }
    }
  }
  plan.inverse.resize(plan.order.size());
  for (std::size_t place = 0; place < plan.order.size(); ++place) {
    plan.inverse[static_cast<std::size_t>(plan.order[place])] = static_cast<std::int64_t>(place);
  }
  return plan;
}

}  // namespace holisafe::models::qwen2_5_vl
