#include "base/nearest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holisafe {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Nearest, NamesTheNearestFirst) {
  EXPECT_THAT(nearest("thx", {"then", "the", "thermal"}), ElementsAre("the", "then"));
  EXPECT_THAT(nearest("blok", {"allow", "block"}), ElementsAre("block"));
  EXPECT_THAT(nearest("aaaa", {"aaab", "aaac", "aaad", "aaae"}), ElementsAre("aaab", "aaac", "aaad"));
}

TEST(Nearest, NamesNoneThatIsFar) {
  EXPECT_THAT(nearest("picture", {"threshold", "action"}), IsEmpty());
  EXPECT_THAT(nearest("x", {}), IsEmpty());
}

}  // namespace
}  // namespace holisafe
