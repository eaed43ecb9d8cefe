#include "construction/exported.h"

#include <gmock/gmock.h>

namespace holisafe::construction {
namespace {

PairRow pair_in(PairState state, const std::string& decision = {}) {
  PairRow out;
  out.state = state;
  if (!decision.empty()) out.review = Review{decision, "ada", "", ""};
  return out;
}

TEST(Exported, ReadyUnlessRejectedAndHeldBackOnlyIfWanted) {
  EXPECT_TRUE(is_chosen(pair_in(PairState::ready), false));
  EXPECT_TRUE(is_chosen(pair_in(PairState::ready, "accept"), false));
  EXPECT_TRUE(is_chosen(pair_in(PairState::ready, "edit"), false));
  EXPECT_FALSE(is_chosen(pair_in(PairState::ready, "reject"), false));
  for (const PairState held : {PairState::mismatch, PairState::leaks, PairState::filtered}) {
    EXPECT_FALSE(is_chosen(pair_in(held), false));
    EXPECT_TRUE(is_chosen(pair_in(held, "accept"), false));
    EXPECT_TRUE(is_chosen(pair_in(held, "edit"), true));
    EXPECT_FALSE(is_chosen(pair_in(held, "reject"), false));
  }
  for (const PairState never : {PairState::planned, PairState::declined, PairState::failed})
    EXPECT_FALSE(is_chosen(pair_in(never, "accept"), false));
}

TEST(Exported, ReviewedOnlyTakesWhatAPersonWanted) {
  EXPECT_FALSE(is_chosen(pair_in(PairState::ready), true));
  EXPECT_TRUE(is_chosen(pair_in(PairState::ready, "accept"), true));
  EXPECT_FALSE(is_chosen(pair_in(PairState::ready, "reject"), true));
}

TEST(Exported, PicturesMustBeKeptAndFit) {
  PairRow pair = pair_in(PairState::ready);
  pair.type = taxonomy::Combination::USU;
  EXPECT_EQ(why_left_out(pair, ImageState::kept, 3), "");
  EXPECT_NE(why_left_out(pair, ImageState::kept, 0), "");
  EXPECT_NE(why_left_out(pair, ImageState::kept, std::nullopt), "");
  for (const ImageState state : {ImageState::quarantined, ImageState::disputed, ImageState::near_duplicate})
    EXPECT_NE(why_left_out(pair, state, 3), "");
}

TEST(Exported, PagesFollowEachOther) {
  auto work = Work::in_memory().value();
  ImageRow image;
  image.id = 0;
  image.path = image.file = "a.png";
  image.cluster = 0;
  image.label = 0;
  ASSERT_TRUE(work.write(std::vector{image}));
  std::vector<PairRow> pairs;
  for (std::int64_t i = 0; i < 2500; ++i) {
    pairs.push_back(pair_in(i % 5 == 0 ? PairState::declined : PairState::ready));
    pairs.back().id = i;
    pairs.back().image_id = 0;
  }
  pairs[7].type = taxonomy::Combination::USU;
  ASSERT_TRUE(work.write(pairs));
  ExportedPairs exported(work, false);
  std::vector<std::int64_t> found;
  while (const PairWithImage* const next = exported.next().value()) found.push_back(next->pair.id);
  std::vector<std::int64_t> expected;
  for (std::int64_t i = 0; i < 2500; ++i) {
    if (i % 5 != 0 && i != 7) expected.push_back(i);
  }
  EXPECT_EQ(found, expected);
  ASSERT_EQ(exported.left_out().size(), 1U);
  EXPECT_EQ(exported.left_out()[0].second, 1U);
  ExportedPairs of_bench(work, false, Side::bench);
  EXPECT_EQ(of_bench.next().value(), nullptr);
}

}  // namespace
}  // namespace holisafe::construction
