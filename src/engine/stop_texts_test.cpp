#include "engine/stop_texts.h"

#include <gtest/gtest.h>

namespace holisafe::engine {
namespace {

TEST(StopTexts, EndAtTheFirstWhateverThePieces) {
  const std::string text = "one two\nUser: three###";
  for (std::size_t length = 1; length <= text.size(); ++length) {
    StopTexts stops({"", "###", "\nUser:", "\nUsers"});
    std::string found;
    for (std::size_t begin = 0; begin < text.size(); begin += length)
      found += stops.push(text.substr(begin, length));
    EXPECT_TRUE(stops.met());
    EXPECT_EQ(found + stops.finish(), "one two") << length;
  }
}

TEST(StopTexts, HoldBackOnlyWhatMayBeTheBeginningOfOne) {
  StopTexts stops({"aab"});
  EXPECT_EQ(stops.push("xa"), "x");
  EXPECT_EQ(stops.push("a"), "");
  EXPECT_EQ(stops.push("a"), "a");
  EXPECT_EQ(stops.push("c"), "aac");
  EXPECT_EQ(stops.push("aa"), "");
  EXPECT_FALSE(stops.met());
  EXPECT_EQ(stops.finish(), "aa");
}

TEST(StopTexts, NoneLetEverythingThrough) {
  StopTexts none({});
  EXPECT_EQ(none.push("any"), "any");
  EXPECT_EQ(none.finish(), "");
}

}  // namespace
}  // namespace holisafe::engine
