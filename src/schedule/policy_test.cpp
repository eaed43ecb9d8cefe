#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "schedule/admission.h"
#include "schedule/block_budget.h"
#include "schedule/prefix_table.h"
#include "schedule/step_plan.h"

namespace holisafe::schedule {
namespace {

constexpr std::int64_t most_positions = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t most_bytes = std::numeric_limits<std::uint64_t>::max();

struct NoPrefix final : Prefix {};

TEST(BlockBudget, CountsWholeBlocks) {
  const std::vector<std::int64_t> stages = {0, 31, 1, 32};
  EXPECT_EQ(blocks_for(stages), 2U);
  EXPECT_EQ(blocks_for(stages, 1), 3U);
  EXPECT_EQ(blocks_for({}), 0U);
  EXPECT_EQ(blocks_for({}, most_positions), (std::uint64_t{1} << 58));
  EXPECT_EQ(blocks_for(stages, most_positions), std::nullopt);
  EXPECT_EQ(blocks_for(stages, -1), std::nullopt);
  EXPECT_EQ(blocks_for(std::vector<std::int64_t>{5, -1}), std::nullopt);
  EXPECT_EQ(blocks_in(3 * 32 * 100 - 1, 100), 2U);
  EXPECT_EQ(blocks_in(1000, most_bytes), 0U);
  EXPECT_EQ(blocks_in(1000, 0), 1000U);
  EXPECT_EQ(bytes_of(3, 100), 9600U);
  EXPECT_EQ(bytes_of(most_bytes / 8, 100), most_bytes);
}

TEST(BlockBudget, GivesNoMoreThanThereAre) {
  BlockBudget budget(5);
  EXPECT_TRUE(budget.reserve(3));
  EXPECT_FALSE(budget.reserve(3));
  EXPECT_FALSE(budget.reserve(most_bytes));
  EXPECT_TRUE(budget.reserve(2));
  EXPECT_EQ(budget.free(), 0U);
  budget.release(4);
  EXPECT_EQ(budget.used(), 1U);
  EXPECT_EQ(budget.peak(), 5U);
}

/// Read to its end, with one user.
PrefixTable::Entry& add_ready(PrefixTable& table, std::string key, std::uint64_t blocks) {
  PrefixTable::Entry& entry = table.add(std::move(key), blocks, 1);
  entry.prefix = std::make_shared<NoPrefix>();
  entry.next_stage = 1;
  return entry;
}

TEST(PrefixTable, DropsTheOneUsedLastLongestAgoThatNobodyUses) {
  PrefixTable table;
  for (const char* key : {"a", "b", "c", "d"}) {
    PrefixTable::Entry& entry = add_ready(table, key, 2);
    if (entry.key == "b") continue;
    EXPECT_FALSE(table.release(entry, {}));
  }
  EXPECT_EQ(table.idle_blocks(), 6U);
  PrefixTable::Entry* a = table.find("a");
  EXPECT_EQ(table.idle_blocks(a), 4U);
  table.hold(*a);
  EXPECT_EQ(table.idle_blocks(), 4U);
  EXPECT_EQ(table.idle_blocks(a), 4U);
  EXPECT_FALSE(table.release(*a, {}));
  EXPECT_EQ(table.evict(table.find("c")), 2U);
  EXPECT_EQ(table.find("d"), nullptr);  // c is kept, b in use, a used later
  EXPECT_EQ(table.evict(), 2U);
  EXPECT_EQ(table.find("c"), nullptr);
  EXPECT_EQ(table.evict(), 2U);
  EXPECT_EQ(table.find("a"), nullptr);
  EXPECT_EQ(table.evict(), std::nullopt);
  EXPECT_NE(table.find("b"), nullptr);
  EXPECT_EQ(table.idle_blocks(), 0U);
}

TEST(PrefixTable, OneInReadingIsNotDroppedAndBegunAnewByAnother) {
  PrefixTable table;
  PrefixTable::Entry& entry = table.add("a", 2, 3);
  entry.prefix = std::make_shared<NoPrefix>();
  entry.reader = Ticket{1};
  entry.next_stage = 2;
  EXPECT_EQ(table.evict(), std::nullopt);
  table.hold(entry);
  table.hold(entry);
  EXPECT_FALSE(table.release(entry, Ticket{2}));  // one that waited
  EXPECT_EQ(entry.next_stage, 2U);
  EXPECT_FALSE(table.release(entry, Ticket{1}));  // its reader
  EXPECT_EQ(entry.prefix, nullptr);
  EXPECT_EQ(entry.reader, std::nullopt);
  EXPECT_EQ(entry.next_stage, 0U);
  EXPECT_TRUE(table.release(entry, Ticket{3}));
  EXPECT_EQ(table.size(), 0U);
}

std::unique_ptr<Prepared> prepared(std::string key, std::vector<std::int64_t> prefix,
                                   std::vector<std::int64_t> own, std::int64_t tokens) {
  struct Plain final : Prepared {};
  auto out = std::make_unique<Plain>();
  out->prefix_key = std::move(key);
  out->prefix_stages = std::move(prefix);
  out->own_stages = std::move(own);
  out->most_new_tokens = tokens;
  return out;
}

TEST(Admission, WhatNeverCouldFitNamesBothSizes) {
  const std::uint64_t position = 512 << 10;
  const auto question = prepared("a", {0, 4096}, {1000}, 200);
  const auto need = need_of(*question, std::uint64_t{4} << 30, position);
  ASSERT_TRUE(need);
  EXPECT_EQ(need->prefix, 128U);
  EXPECT_EQ(need->own, 38U);
  const auto never = need_of(*question, std::uint64_t{2} << 30, position);
  ASSERT_FALSE(never);
  EXPECT_EQ(never.error().kind, ErrorKind::too_large);
  EXPECT_EQ(never.error().detail, "expected at most 2.0 GiB (--cache-memory), needs 2.6 GiB");
  const auto nearly = need_of(*question, (std::uint64_t{166} * 32 * position) - 1, position);
  ASSERT_FALSE(nearly);
  EXPECT_EQ(nearly.error().detail,
            "expected at most 2785017855 bytes (--cache-memory), needs 2785017856 bytes");
  EXPECT_EQ(need_of(*prepared("", {}, {most_positions}, 1), most_bytes, 1).error().kind, ErrorKind::overflow);
  EXPECT_EQ(need_of(*prepared("", {}, {-1}, 1), most_bytes, 1).error().kind, ErrorKind::overflow);
}

TEST(Admission, DropsUnusedPrefixesOnlyWhereThatIsEnough) {
  BlockBudget budget(10);
  PrefixTable table;
  for (const char* key : {"a", "b", "c"}) {
    ASSERT_TRUE(budget.reserve(2));
    EXPECT_FALSE(table.release(add_ready(table, key, 2), {}));
  }
  const Need large{.own = 7, .prefix = 2};
  // It has its own prefix, which must stay: 4 are free, and 4 more without the others.
  EXPECT_TRUE(has_blocks(large, table.find("a"), budget, table));
  EXPECT_FALSE(has_blocks({.own = 9, .prefix = 2}, table.find("a"), budget, table));
  EXPECT_TRUE(has_blocks(large, nullptr, budget, table));
  EXPECT_FALSE(has_blocks({.own = 9, .prefix = 2}, nullptr, budget, table));
  EXPECT_EQ(table.size(), 3U);
  EXPECT_EQ(reserve_blocks(large, table.find("a"), budget, table), 2U);
  EXPECT_NE(table.find("a"), nullptr);
  EXPECT_EQ(budget.used(), 9U);
}

TEST(StepPlan, EveryTokenAndOneStageBesideThem) {
  using Kind = Work::Kind;
  const std::vector<std::optional<Next>> under_way = {std::nullopt, Next{Kind::decode, 0}, Next{Kind::own, 3},
                                                      Next{Kind::decode, 0}, Next{Kind::prefix, 1}};
  const auto plan = plan_step(under_way);
  ASSERT_EQ(plan.size(), 3U);
  EXPECT_EQ(plan[0].place, 1U);
  EXPECT_EQ(plan[1].place, 3U);
  EXPECT_EQ(plan[2].place, 2U);
  EXPECT_EQ(plan[2].next.kind, Kind::own);
  EXPECT_EQ(plan[2].next.stage, 3U);
  EXPECT_TRUE(plan_step({}).empty());
  EXPECT_TRUE(plan_step(std::vector<std::optional<Next>>(3)).empty());
}

}  // namespace
}  // namespace holisafe::schedule
