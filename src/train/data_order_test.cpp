#include "train/data_order.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "train/schedule.h"

namespace holisafe::train {
namespace {

using ::testing::ElementsAre;

TEST(RateFactor, FollowsTransformersCosineWithWarmup) {
  // torch: get_cosine_schedule_with_warmup(optimizer, 2, 10), lr 1: 0, 0.5, 1, 0.96194, 0.85355, 0.69134,
  // 0.5, …
  const double expected[] = {0.0,
                             0.5,
                             1.0,
                             0.9619397662556434,
                             0.8535533905932737,
                             0.6913417161825449,
                             0.5,
                             0.3086582838174551,
                             0.14644660940672627,
                             0.03806023374435663};
  for (std::int64_t step = 1; step <= 10; ++step) {
    EXPECT_NEAR(rate_factor(Decay::cosine, 0.2, step, 10), expected[step - 1], 1e-12) << step;
  }
  EXPECT_EQ(rate_factor(Decay::constant, 0.2, 10, 10), 1.0);
  EXPECT_EQ(rate_factor(Decay::cosine, 0.0, 1, 10), 1.0);
  EXPECT_EQ(rate_factor(Decay::cosine, 0.03, 1, 10), 0.0);  // ceil(0.3) = 1 warm-up step
}

TEST(DataOrder, FileOrderWithSmallerLastStepWrapsAround) {
  DataOrder order({.samples = 5, .batch_size = 1, .micro_batches = 2, .seed = 7, .shuffle = false});
  EXPECT_EQ(order.steps_per_epoch(), 3);
  EXPECT_THAT(order.step_samples(1), ElementsAre(0, 1));
  EXPECT_THAT(order.step_samples(3), ElementsAre(4));
  EXPECT_THAT(order.step_samples(4), ElementsAre(0, 1));
}

TEST(DataOrder, ShuffleDependsOnSeedOnlyAndCoversAnEpoch) {
  DataOrder one({.samples = 10, .batch_size = 4, .micro_batches = 1, .seed = 7});
  DataOrder split({.samples = 10, .batch_size = 1, .micro_batches = 4, .seed = 7});
  DataOrder other({.samples = 10, .batch_size = 4, .micro_batches = 1, .seed = 8});
  std::set<std::int64_t> seen;
  bool differs = false;
  for (std::int64_t step = 1; step <= 3; ++step) {
    const auto samples = one.step_samples(step);
    EXPECT_EQ(samples, split.step_samples(step));
    differs = differs || samples != other.step_samples(step);
    seen.insert(samples.begin(), samples.end());
  }
  EXPECT_TRUE(differs);
  EXPECT_EQ(seen.size(), 10U);
  EXPECT_NE(one.step_samples(1), one.step_samples(4)) << "another epoch has another order";
}

TEST(DataOrder, GroupsByLengthInsideAStep) {
  DataOrder order({.samples = 6, .batch_size = 2, .micro_batches = 2, .seed = 0, .shuffle = false});
  const std::vector<std::int64_t> lengths{9, 1, 9, 1, 5, 5};
  EXPECT_THAT(order.micro_batches(1, lengths), ElementsAre(ElementsAre(1, 3), ElementsAre(0, 2)));
  EXPECT_THAT(order.micro_batches(2, lengths), ElementsAre(ElementsAre(4, 5)));
}

}  // namespace
}  // namespace holisafe::train
