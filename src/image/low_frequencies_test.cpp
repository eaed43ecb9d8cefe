#include "image/low_frequencies.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "image/low_frequency_index.h"
#include "image/pixel_sketch.h"
#include "image/resize.h"

namespace holisafe::image {
namespace {

constexpr int side = 200;

/// A page with a dark head, and lines of dark words below.
Image page(std::uint64_t seed) {
  Random random(seed);
  Image out{side, side, std::vector<std::uint8_t>(std::size_t{3} * side * side, 240)};
  const auto darken = [&](int left, int top, int right, int bottom) {
    for (int y = top; y < bottom; ++y)
      std::fill(out.pixel(left, y), out.pixel(left, y) + 3 * (right - left), 20);
  };
  darken(0, 0, side, side * 16 / 100);
  for (int top = 50; top < 190; top += 24) {
    for (int left = 12; left < 150;) {
      const int right = left + 8 + static_cast<int>(random.next() % 30);
      darken(left, top, right, top + 10);
      left = right + 6;
    }
  }
  return out;
}

Image cut(const Image& image, const PictureCut& cut) {
  const int left = static_cast<int>(std::lround(cut.left * side));
  const int top = static_cast<int>(std::lround(cut.top * side));
  const int right = side - static_cast<int>(std::lround(cut.right * side));
  const int bottom = side - static_cast<int>(std::lround(cut.bottom * side));
  return crop(image, left, top, right - left, bottom - top);
}

float cosine(const LowFrequencies& a, const LowFrequencies& b) {
  int product = 0;
  int square_a = 0;
  int square_b = 0;
  for (std::size_t i = 0; i < LowFrequencies::count; ++i) {
    product += a.values[i] * b.values[i];
    square_a += a.values[i] * a.values[i];
    square_b += b.values[i] * b.values[i];
  }
  return static_cast<float>(product) / std::sqrt(static_cast<float>(square_a) * static_cast<float>(square_b));
}

SeenFrequencies seen(const Image& image) { return seen_frequencies(luma_of(describe(image).value().sketch)); }

TEST(SeenFrequencies, AreThoseOfThePictureThatIsCut) {
  const Image image = page(1);
  const SeenFrequencies found = seen(image);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto described = describe(cut(image, usual_cuts[i])).value();
    EXPECT_GT(cosine(found[i], described.frequencies), 0.995F) << i;
  }
}

TEST(SeenFrequencies, WhatACutTakesAwayIsSeenNoMore) {
  Image image{side, side, std::vector<std::uint8_t>(std::size_t{3} * side * side, 240)};
  std::fill(image.pixel(0, 0), image.pixel(0, side * 3 / 100), 20);  // nothing but a dark edge at the top
  const SeenFrequencies found = seen(image);
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i].flat(), usual_cuts[i].top > 0) << i;
}

/// Pages with the same head: the whole one, what a cut at the top leaves of it, and strangers.
TEST(SeenFrequencies, FindWhatIsCutAmongLookAlikes) {
  LowFrequencyTable table;
  table.add(describe(page(1)).value().frequencies);
  table.add(describe(cut(page(1), {0, 0, 0.05F, 0})).value().frequencies);
  for (std::uint64_t seed = 2; seed < 200; ++seed) table.add(describe(page(seed)).value().frequencies);
  const std::vector<SeenFrequencies> wanted{seen(page(1))};
  const auto found = table.nearest({0, wanted[0]}, 1, 0.8F);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].number, 1U);
  EXPECT_GT(found[0].nearness, 0.99F);
  const auto by_index = LowFrequencyIndex(table).nearest(0, wanted, {1, 0.8F}, 1);
  ASSERT_EQ(by_index.at(0).size(), 1U);
  EXPECT_EQ(by_index[0][0].number, 1U);
}

}  // namespace
}  // namespace holisafe::image
