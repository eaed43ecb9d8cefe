// Which pairs are planned, and that nothing is planned twice.
#include "construction/plan.h"

#include <map>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holisafe::construction {
namespace {

using taxonomy::Combination;
using testing::ElementsAre;

ImageRow labelled(std::int64_t id, std::size_t label) {
  ImageRow out;
  out.id = id;
  out.source = "s";
  out.path = fmt::format("{}.png", id);
  out.label = label;
  return out;
}

std::vector<PairRow> planned(const Work& work) {
  std::vector<PairRow> out;
  EXPECT_TRUE(work.for_each_pair({}, [&](const PairRow& pair) {
    out.push_back(pair);
    return Result<void>();
  }));
  return out;
}

TEST(Plan, SafeImagesGetThreeCombinationsAndUnsafeOnesTwo) {
  Work work = Work::in_memory().value();
  ImageRow disputed = labelled(2, 0);
  disputed.state = ImageState::disputed;
  ASSERT_TRUE(work.write(std::vector{labelled(0, 0), labelled(1, 7), disputed}));
  EXPECT_EQ(plan_pairs(work, {}).value(), 5);
  std::vector<std::string> found;
  for (const PairRow& pair : planned(work)) {
    found.push_back(fmt::format("{} {} {}", pair.id, pair.image_id, taxonomy::name(pair.type)));
    EXPECT_EQ(pair.state, PairState::planned);
    EXPECT_TRUE(pair.image_id != 1 || pair.subcategory == 7);
  }
  EXPECT_THAT(found, ElementsAre("0 0 SSS", "1 0 SSU", "2 0 SUU", "3 1 USU", "4 1 UUU"));
  EXPECT_EQ(plan_pairs(work, {}).value(), 0);
}

TEST(Plan, CellsOfSafeImagesFillEvenly) {
  Work work = Work::in_memory().value();
  std::vector<ImageRow> images;
  for (std::int64_t i = 0; i < 190; ++i) images.push_back(labelled(i, 0));
  for (std::int64_t i = 100; i < 105; ++i) images[static_cast<std::size_t>(i)].subcategory = 3;
  ASSERT_TRUE(work.write(images));
  PlanSettings settings;
  settings.types = {Combination::SSU};
  settings.pairs_per_type = 2;
  settings.seed = 5;
  EXPECT_EQ(plan_pairs(work, settings).value(), 380);
  std::map<std::size_t, int> cells;
  for (const PairRow& pair : planned(work)) ++cells[pair.subcategory];
  EXPECT_EQ(cells.size(), 19);
  for (const auto& [harm, count] : cells) EXPECT_EQ(count, 20) << harm;
  for (const PairRow& pair : planned(work)) {
    const bool has_its_own = pair.image_id >= 100 && pair.image_id < 105;
    EXPECT_TRUE(!has_its_own || pair.subcategory == 3);
  }
}

TEST(Plan, TheSeedGivesTheOrder) {
  const auto harms = [](std::uint64_t seed) {
    Work work = Work::in_memory().value();
    std::vector<ImageRow> images;
    for (std::int64_t i = 0; i < 19; ++i) images.push_back(labelled(i, 0));
    EXPECT_TRUE(work.write(images));
    PlanSettings settings;
    settings.types = {Combination::SSS};
    settings.seed = seed;
    EXPECT_TRUE(plan_pairs(work, settings));
    std::vector<std::size_t> out;
    for (const PairRow& pair : planned(work)) out.push_back(pair.subcategory);
    return out;
  };
  EXPECT_EQ(harms(1), harms(1));
  EXPECT_NE(harms(1), harms(2));
  const auto one = harms(1);
  EXPECT_EQ(std::set<std::size_t>(one.begin(), one.end()).size(), 19);
}

TEST(Plan, WhatASetBroughtCountsAndNewImagesGetTheNextIds) {
  Work work = Work::in_memory().value();
  ASSERT_TRUE(work.write(std::vector{labelled(0, 0)}));
  PairRow brought;
  brought.id = 0;
  brought.image_id = 0;
  brought.type = Combination::SSU;
  brought.brought = true;
  brought.place = "s\nt\n0";
  ASSERT_TRUE(work.write(std::vector{brought}));
  EXPECT_EQ(plan_pairs(work, {}).value(), 2);
  ASSERT_TRUE(work.write(std::vector{labelled(1, 4)}));
  EXPECT_EQ(plan_pairs(work, {}).value(), 2);
  const auto all = planned(work);
  ASSERT_EQ(all.size(), 5);
  EXPECT_EQ(all[1].type, Combination::SSS);
  EXPECT_EQ(all[2].type, Combination::SUU);
  EXPECT_EQ(all[4].id, 4);
  EXPECT_EQ(all[4].image_id, 1);
}

TEST(Plan, NothingIsPlannedWhereNoPairsAreWanted) {
  Work work = Work::in_memory().value();
  ASSERT_TRUE(work.write(std::vector{labelled(0, 0)}));
  PlanSettings settings;
  settings.pairs_per_type = 0;
  EXPECT_EQ(plan_pairs(work, settings).value(), 0);
}

}  // namespace
}  // namespace holisafe::construction
