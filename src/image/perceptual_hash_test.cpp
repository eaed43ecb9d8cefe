#include "image/perceptual_hash.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "image/resize.h"

namespace holisafe::image {
namespace {

Image empty_picture(int width, int height) {
  return {width, height,
          std::vector<std::uint8_t>(3 * static_cast<std::size_t>(width) * static_cast<std::size_t>(height))};
}

/// Bits 24 to 31 of a linear congruential generator.
class Numbers {
 public:
  explicit Numbers(int width, int height, std::uint32_t more = 0)
      : state_(static_cast<std::uint32_t>(width) * 65536U + static_cast<std::uint32_t>(height) + more) {}
  std::uint8_t next() {
    state_ = state_ * 1664525U + 1013904223U;
    return static_cast<std::uint8_t>(state_ >> 24);
  }

 private:
  std::uint32_t state_;
};

template <class Colour>
Image drawn(int width, int height, const Colour& colour) {
  Image out = empty_picture(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const std::array<int, 3> rgb = colour(x, y);
      for (std::size_t c = 0; c < 3; ++c) out.pixel(x, y)[c] = static_cast<std::uint8_t>(rgb[c]);
    }
  }
  return out;
}

/// The formulas of tools/fixtures/perceptual_hash.py.
Image picture_of(const std::string& kind, int width, int height) {
  if (kind == "noise") {
    Numbers numbers(width, height);
    Image out = empty_picture(width, height);
    for (std::uint8_t& sample : out.rgb) sample = numbers.next();
    return out;
  }
  if (kind == "blocks") {
    Numbers numbers(width, height, 1);
    std::array<std::array<int, 3>, 35> colours{};
    for (auto& colour : colours) {
      for (int& sample : colour) sample = numbers.next();
    }
    return drawn(width, height, [&](int x, int y) {
      return colours[static_cast<std::size_t>(y * 5 / height * 7 + x * 7 / width)];
    });
  }
  if (kind == "slopes") {
    return drawn(width, height, [&](int x, int y) {
      return std::array<int, 3>{x * 255 / (width - 1), y * 255 / (height - 1), (x * 5 + y * 3) % 256};
    });
  }
  if (kind == "cross") {
    return drawn(width, height, [&](int x, int y) {
      const bool inside =
          std::abs(2 * x - (width - 1)) * 5 < width || std::abs(2 * y - (height - 1)) * 5 < height;
      return inside ? std::array<int, 3>{200, 40, 30} : std::array<int, 3>{255, 255, 255};
    });
  }
  return drawn(width, height, [](int, int) { return std::array<int, 3>{90, 160, 70}; });
}

TEST(PerceptualHash, EqualsTheReference) {
  std::ifstream file(std::filesystem::path(HOLISAFE_SOURCE_DIR) / "src/image/testdata/pdq.txt");
  std::string kind;
  std::string hash;
  std::string mirror;
  int width = 0;
  int height = 0;
  int quality = 0;
  int cases = 0;
  while (file >> kind >> width >> height >> hash >> mirror >> quality) {
    const auto hashed = perceptual_hash(picture_of(kind, width, height));
    ASSERT_TRUE(hashed) << hashed.error().message();
    const auto expected = parse_hash(hash);
    const auto expected_mirror = parse_hash(mirror);
    ASSERT_TRUE(expected && expected_mirror);
    const int most = quality < 50 ? 2 : 0;
    EXPECT_LE(distance(hashed->hash, *expected), most) << kind << " " << width << " x " << height;
    EXPECT_LE(distance(hashed->mirror, *expected_mirror), most) << kind << " " << width << " x " << height;
    EXPECT_EQ(hashed->quality, quality) << kind << " " << width << " x " << height;
    ++cases;
  }
  EXPECT_EQ(cases, 70);
}

TEST(PerceptualHash, TextIsTheHighestBitFirst) {
  PerceptualHash hash;
  hash.words[3] = std::uint64_t{1} << 63;
  hash.words[0] = 0xf;
  const std::string text = "8" + std::string(62, '0') + "f";
  EXPECT_EQ(hex(hash), text);
  EXPECT_EQ(parse_hash(text), hash);
  EXPECT_FALSE(parse_hash(text.substr(1)));
  EXPECT_FALSE(parse_hash("g" + text.substr(1)));
  EXPECT_EQ(parse_hash(std::string(63, '0') + "F")->words[0], 15U);
}

TEST(PerceptualHash, DistanceCountsBits) {
  PerceptualHash none;
  PerceptualHash all;
  all.words.fill(~std::uint64_t{0});
  EXPECT_EQ(distance(none, none), 0);
  EXPECT_EQ(distance(none, all), 256);
}

TEST(PerceptualHash, TooSmallIsAnError) {
  const auto hashed = perceptual_hash(empty_picture(4, 100));
  ASSERT_FALSE(hashed);
  EXPECT_EQ(hashed.error().kind, ErrorKind::out_of_range);
  EXPECT_NE(hashed.error().message().find("4 x 100"), std::string::npos);
}

TEST(PerceptualHash, MirrorIsNearTheMirrorsHash) {
  const Image picture = picture_of("blocks", 300, 200);
  const auto hashed = perceptual_hash(picture);
  const auto turned = perceptual_hash(upright(picture, 2));
  ASSERT_TRUE(hashed && turned);
  EXPECT_LE(distance(hashed->mirror, turned->hash), 8);
  EXPECT_GT(distance(hashed->hash, turned->hash), 60);
}

TEST(LumaGrid, AreaIsTheMeanOfEachCell) {
  // 96 columns: each cell has one and a half of them.
  const Image picture = drawn(96, 64, [](int x, int) { return std::array<int, 3>{x, x, x}; });
  const auto grid = luma_grid(picture);
  ASSERT_TRUE(grid);
  EXPECT_NEAR(grid->area[0], (0 + 0.5 * 1) / 1.5, 1e-4);
  EXPECT_NEAR(grid->area[1], (0.5 * 1 + 2) / 1.5, 1e-4);
  EXPECT_NEAR(grid->area[63 * 64 + 63], (0.5 * 94 + 95) / 1.5, 1e-4);
  // Fewer columns than cells: a column stands in several.
  const auto narrow = luma_grid(drawn(8, 200, [](int x, int) { return std::array<int, 3>{x, x, x}; }));
  ASSERT_TRUE(narrow);
  for (std::size_t x = 0; x < 64; ++x) EXPECT_NEAR(narrow->area[x], static_cast<double>(x / 8), 1e-4) << x;
}

}  // namespace
}  // namespace holisafe::image
