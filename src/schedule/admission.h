// Whether a question may begin: the blocks that it can need at most are free, or can be made so.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/result.h"
#include "schedule/block_budget.h"
#include "schedule/executor.h"
#include "schedule/prefix_table.h"

namespace holisafe::schedule {

/// Blocks that a question can take at most.
struct Need {
  std::uint64_t own = 0;     ///< its own stages and new tokens
  std::uint64_t prefix = 0;  ///< of its prefix, where nobody holds it
};

/// A question that can be admitted.
struct Ready {
  std::unique_ptr<Prepared> prepared;
  Need need;
};

/// Errors: too_large where it could not begin in an empty cache of `cache_bytes`, with both sizes; overflow
/// and internal for positions that are no sum.
Result<Need> need_of(const Prepared& prepared, std::uint64_t cache_bytes, std::uint64_t bytes_per_position);

/// Whether `need` is free, or would be without prefixes that nobody uses. `held`: its prefix, where it is
/// there.
bool has_blocks(const Need& need, const PrefixTable::Entry* held, const BlockBudget& budget,
                const PrefixTable& table);

/// Reserves them, dropping such prefixes one by one; gives how many. Only where has_blocks().
std::size_t reserve_blocks(const Need& need, const PrefixTable::Entry* held, BlockBudget& budget,
                           PrefixTable& table);

}  // namespace holisafe::schedule
