#include "schedule/block_budget.h"

#include <algorithm>
#include <limits>

#include "base/checked.h"

namespace holisafe::schedule {

std::optional<std::uint64_t> blocks_for(std::span<const std::int64_t> stages, std::int64_t more) {
  if (more < 0) return std::nullopt;
  std::int64_t positions = more;
  for (const std::int64_t stage : stages) {
    const auto sum = stage < 0 ? std::nullopt : checked_add(positions, stage);
    if (!sum) return std::nullopt;
    positions = *sum;
  }
  const std::int64_t rest = positions % block_positions > 0 ? 1 : 0;
  return static_cast<std::uint64_t>(positions / block_positions + rest);
}

std::uint64_t blocks_in(std::uint64_t bytes, std::uint64_t bytes_per_position) {
  const auto block = checked_multiply(bytes_per_position, static_cast<std::uint64_t>(block_positions));
  if (!block) return 0;
  return bytes / std::max<std::uint64_t>(*block, 1);
}

std::uint64_t bytes_of(std::uint64_t blocks, std::uint64_t bytes_per_position) {
  const auto block = checked_multiply(bytes_per_position, static_cast<std::uint64_t>(block_positions));
  const auto bytes = block ? checked_multiply(blocks, *block) : std::nullopt;
  return bytes.value_or(std::numeric_limits<std::uint64_t>::max());
}

bool BlockBudget::reserve(std::uint64_t blocks) {
  if (blocks > free()) return false;
  used_ += blocks;
  peak_ = std::max(peak_, used_);
  return true;
}

void BlockBudget::release(std::uint64_t blocks) { used_ -= std::min(blocks, used_); }

}  // namespace holisafe::schedule
