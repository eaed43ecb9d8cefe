#include "image/luma_grid.h"

#include <gtest/gtest.h>

#include "image/strip_filter.h"

namespace holisafe::image {
namespace {

Image noise(int width, int height) {
  Image out{
      width, height,
      std::vector<std::uint8_t>(3 * static_cast<std::size_t>(width) * static_cast<std::size_t>(height))};
  std::uint32_t state = 1;
  for (auto& sample : out.rgb) {
    state = state * 1664525U + 1013904223U;
    sample = static_cast<std::uint8_t>(state >> 24U);
  }
  return out;
}

TEST(LumaGrid, EverySetOfInstructionsGivesTheSameBits) {
  // About whole strips and registers; boxes of one sample and of many.
  const std::array<int, 14> sides = {5, 6, 15, 16, 17, 31, 63, 64, 65, 129, 191, 500, 1025, 4500};
  for (const int width : sides) {
    for (const int height : sides) {
      if (width * height > 600'000) continue;
      const Image picture = noise(width, height);
      const auto expected = luma_grid(picture, *strip_filters().front());
      ASSERT_TRUE(expected);
      for (const StripFilter* filter : strip_filters()) {
        const auto grid = luma_grid(picture, *filter);
        ASSERT_TRUE(grid);
        EXPECT_EQ(grid->tent, expected->tent) << filter->name << " " << width << " x " << height;
        EXPECT_EQ(grid->area, expected->area) << filter->name << " " << width << " x " << height;
      }
    }
  }
}

TEST(LumaGrid, LumaIsTheReferencesSumOfProductsInDouble) {
  // Cells of one pixel: their means are its luma.
  Image picture = noise(64, 64);
  for (int round = 0; round < 64; ++round) {
    for (auto& sample : picture.rgb) sample = static_cast<std::uint8_t>(sample * 5 + round);
    for (const StripFilter* filter : strip_filters()) {
      const auto grid = luma_grid(picture, *filter);
      ASSERT_TRUE(grid);
      for (int i = 0; i < 64 * 64; ++i) {
        const std::uint8_t* const pixel = picture.pixel(i % 64, i / 64);
        const auto luma = static_cast<float>((pixel[0] * 0.299 + pixel[1] * 0.587) + pixel[2] * 0.114);
        ASSERT_EQ(grid->area[static_cast<std::size_t>(i)], luma) << filter->name << ", pixel " << i;
      }
    }
  }
}

}  // namespace
}  // namespace holisafe::image
