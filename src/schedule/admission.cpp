#include "schedule/admission.h"

#include <array>
#include <cstdio>
#include <string>

#include "base/checked.h"

namespace holisafe::schedule {
namespace {

std::string size_text(std::uint64_t bytes) {
  static constexpr std::array units = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < units.size(); ++unit) size /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", size, units.at(unit));
  return text.data();
}

/// Two sizes that read the same are told to the byte.
std::string both_sizes(std::uint64_t most, std::uint64_t needed) {
  std::string expected = size_text(most);
  std::string found = size_text(needed);
  if (expected == found) {
    expected = std::to_string(most) + " bytes";
    found = std::to_string(needed) + " bytes";
  }
  return "expected at most " + expected + " (--cache-memory), needs " + found;
}

std::uint64_t missing(const Need& need, const PrefixTable::Entry* held) {
  return need.own + (held == nullptr ? need.prefix : 0);
}

}  // namespace

Result<Need> need_of(const Prepared& prepared, std::uint64_t cache_bytes, std::uint64_t bytes_per_position) {
  const auto own = blocks_for(prepared.own_stages, prepared.most_new_tokens);
  const auto prefix =
      prepared.prefix_key.empty() ? std::optional<std::uint64_t>(0) : blocks_for(prepared.prefix_stages);
  const auto all = own && prefix ? checked_add(*own, *prefix) : std::nullopt;
  if (!all) return fail(ErrorKind::overflow, "cannot count a question's positions");
  if (*all > blocks_in(cache_bytes, bytes_per_position)) {
    return fail(ErrorKind::too_large, "a question that does not fit into memory for keys and values", {},
                both_sizes(cache_bytes, bytes_of(*all, bytes_per_position)));
  }
  return Need{*own, *prefix};
}

bool has_blocks(const Need& need, const PrefixTable::Entry* held, const BlockBudget& budget,
                const PrefixTable& table) {
  return missing(need, held) <= budget.free() + table.idle_blocks(held);
}

std::size_t reserve_blocks(const Need& need, const PrefixTable::Entry* held, BlockBudget& budget,
                           PrefixTable& table) {
  std::size_t evicted = 0;
  while (!budget.reserve(missing(need, held))) {
    const auto blocks = table.evict(held);
    if (!blocks) break;
    budget.release(*blocks);
    ++evicted;
  }
  return evicted;
}

}  // namespace holisafe::schedule
