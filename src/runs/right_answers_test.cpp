#include "runs/right_answers.h"

#include <gtest/gtest.h>

namespace holisafe::runs {
namespace {

TEST(RightAnswers, AWordIsNoPartOfAnother) {
  EXPECT_TRUE(holds_word("There are two apples.", "two"));
  EXPECT_TRUE(holds_word("TWO", "two"));
  EXPECT_TRUE(holds_word("network, two", "two"));
  EXPECT_TRUE(holds_word("an open lock?", "open lock"));
  EXPECT_FALSE(holds_word("There are twos.", "two"));
  EXPECT_FALSE(holds_word("network", "two"));
  EXPECT_FALSE(holds_word("", "two"));
  EXPECT_FALSE(holds_word("anything", ""));
}

TEST(RightAnswers, NothingHasNoRate) { EXPECT_FALSE(RightAnswers{}.rate()); }

}  // namespace
}  // namespace holisafe::runs
