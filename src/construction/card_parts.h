// What the dataset card and the datasheet say both. Internal to this layer.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "construction/dataset_card.h"

namespace holisafe::construction {

/// The name as a title.
std::string title_of(const CardFacts& facts);
/// A count of summary(): `group` is "images" or "pairs". 0 where it is not there.
std::uint64_t build_count(const CardFacts& facts, std::string_view group, std::string_view name);
/// "12.5%"; "0.0%" of nothing.
std::string share_text(std::uint64_t part, std::uint64_t whole);
/// "a (12), b (3)", as Markdown; "none" of none.
std::string named_counts(const std::vector<std::pair<std::string, std::uint64_t>>& names,
                         std::uint64_t others = 0);
/// Pairs by combination and side.
std::string combination_table(const CardFacts& facts);
/// Pairs by subcategory and combination, training and benchmarking together.
std::string subcategory_table(const CardFacts& facts);
/// What became of every pair that was planned.
std::string state_table(const CardFacts& facts);
/// Sentences: how many near-duplicates were found and what was done with them.
std::string near_duplicate_text(const CardFacts& facts);
/// Sentences: which writers declined how many pairs.
std::string decline_text(const CardFacts& facts);
/// Sentences: who checked, whether it was the writer itself, and what people reviewed.
std::string check_text(const CardFacts& facts);
std::string review_text(const CardFacts& facts);
std::string license_text(const CardFacts& facts);

}  // namespace holisafe::construction
