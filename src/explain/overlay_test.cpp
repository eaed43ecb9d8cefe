#include "explain/overlay.h"

#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

namespace holisafe::explain {
namespace {

image::Image plain(int width, int height, std::array<std::uint8_t, 3> colour) {
  image::Image out{width, height, {}};
  for (int i = 0; i < width * height; ++i) out.rgb.insert(out.rgb.end(), colour.begin(), colour.end());
  return out;
}

Explanation over(int width, int height, Piece piece) {
  Explanation out;
  out.width = width;
  out.height = height;
  out.label = 1;
  out.pieces.push_back(std::move(piece));
  return out;
}

int change(const image::Image& a, const image::Image& b, int x, int y) {
  int out = 0;
  for (int channel = 0; channel < 3; ++channel)
    out += std::abs(a.pixel(x, y)[channel] - b.pixel(x, y)[channel]);
  return out;
}

TEST(Overlay, GrowsWithTheValuesAndIsNothingWhereTheyAre) {
  const Explanation explained = over(40, 40,
                                     {{0, 0, 40, 40, 4, 4},
                                      {0, 1, 2, 3,  //
                                       0, 1, 2, 3,  //
                                       -5, 1, 2, 3, 0, 1, 2, 3}});
  const std::vector<std::array<std::uint8_t, 3>> grounds{{0, 0, 0},     {255, 255, 255}, {128, 128, 128},
                                                         {220, 20, 20}, {20, 200, 40},   {250, 220, 0},
                                                         {20, 60, 250}, {230, 0, 230}};
  for (const auto& ground : grounds) {
    const image::Image picture = plain(40, 40, ground);
    const image::Image drawn = draw_overlay(explained, picture);
    ASSERT_EQ(drawn.rgb.size(), picture.rgb.size());
    int before = -1;
    for (const int x : {5, 15, 25, 35}) {
      const int now = change(drawn, picture, x, 25);
      EXPECT_GT(now, before) << int{ground[0]} << " at " << x;
      before = now;
    }
    EXPECT_EQ(change(drawn, picture, 2, 25), 0);
    EXPECT_GT(before, 150) << "the strongest place is seen on " << int{ground[0]} << " " << int{ground[1]};
  }
}

TEST(Overlay, IsInterpolatedBetweenCentres) {
  const Strengths strengths(over(20, 10, {{0, 0, 20, 10, 1, 2}, {1, 0}}));
  std::vector<float> row(20);
  strengths.row(5, row);
  EXPECT_FLOAT_EQ(row[2], 1.0F);
  EXPECT_NEAR(row[9], 0.55F, 1e-6);
  EXPECT_NEAR(row[10], 0.45F, 1e-6);
  EXPECT_FLOAT_EQ(row[17], 0.0F);
}

TEST(Overlay, OfCellsSmallerThanAPixelIsTheirMean) {
  const Strengths strengths(over(2, 1, {{0, 0, 2, 1, 2, 4}, {1, 0, 0, 0, 1, 1, 0, 0}}));
  std::vector<float> row(2);
  strengths.row(0, row);
  EXPECT_FLOAT_EQ(row[0], 0.75F);
  EXPECT_FLOAT_EQ(row[1], 0.0F);
}

TEST(Overlay, MarksWhatTheModelDidNotSee) {
  const Explanation cropped = over(60, 20, {{20, 0, 40, 20, 2, 2}, {0, 0, 0, 0}});
  for (const auto& ground :
       std::vector<std::array<std::uint8_t, 3>>{{0, 0, 0}, {255, 255, 255}, {128, 128, 128}}) {
    const image::Image picture = plain(60, 20, ground);
    const image::Image drawn = draw_overlay(cropped, picture);
    int most = 0;
    for (int x = 0; x < 20; ++x) most = std::max(most, change(drawn, picture, x, 10));
    EXPECT_GT(most, 50) << int{ground[0]};
    for (int x = 20; x < 40; ++x) EXPECT_EQ(change(drawn, picture, x, 10), 0);
  }
}

TEST(Overlay, OutlinesTheBoxInBlackAndWhite) {
  Explanation explained = over(40, 40, {{0, 0, 40, 40, 2, 2}, {0, 0, 0, 0}});
  explained.box = Box{10, 5, 30, 25};
  const image::Image picture = plain(40, 40, {90, 160, 90});
  const image::Image drawn = draw_overlay(explained, picture);
  int black = 0;
  int white = 0;
  for (int y = 0; y < 40; ++y) {
    for (int x = 0; x < 40; ++x) {
      const bool on_line = x >= 10 && x < 30 && y >= 5 && y < 25 && (x == 10 || x == 29 || y == 5 || y == 24);
      EXPECT_EQ(change(drawn, picture, x, y) != 0, on_line) << x << " " << y;
      if (on_line) ++(drawn.pixel(x, y)[0] == 0 ? black : white);
    }
  }
  EXPECT_GT(black, 20);
  EXPECT_GT(white, 20);
}

TEST(Overlay, OutlinesLargePicturesWithThickerLines) {
  Explanation explained = over(480, 320, {{0, 0, 480, 320, 2, 2}, {0, 0, 0, 0}});
  explained.box = Box{100, 100, 300, 300};
  const image::Image picture = plain(480, 320, {90, 160, 90});
  const image::Image drawn = draw_overlay(explained, picture);
  int changed = 0;
  for (int x = 0; x < 480; ++x) changed += change(drawn, picture, x, 200) != 0 ? 1 : 0;
  EXPECT_EQ(changed, 2 * 3) << "a line of one pixel is lost where the page shows it smaller";
}

TEST(Overlay, TakesPicturesOfAnySize) {
  for (const auto& [width, height] : {std::pair{1, 1}, {2000, 1}, {1, 700}, {3, 2}}) {
    Explanation explained = over(width, height,
                                 {{0, 0, static_cast<double>(width), static_cast<double>(height), 3, 5},
                                  std::vector<double>(15, 1.0)});
    explained.box = Box{0, 0, width, height};
    const image::Image drawn = draw_overlay(explained, plain(width, height, {9, 9, 9}));
    EXPECT_EQ(drawn.width, width);
    EXPECT_EQ(drawn.height, height);
  }
}

}  // namespace
}  // namespace holisafe::explain
