#include "image/near_duplicates.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "base/random.h"
#include "image/low_frequency_index.h"
#include "image/resize.h"
#include "image/same_picture.h"
#include "image/sketch_file.h"

namespace holisafe::image {
namespace {

using Rgb = std::array<std::uint8_t, 3>;

Image of_one_colour(int width, int height, const Rgb& colour) {
  Image out{width, height, {}};
  for (int i = 0; i < width * height; ++i) out.rgb.insert(out.rgb.end(), colour.begin(), colour.end());
  return out;
}

/// Smooth noise: a few random colours, blown up.
Image landscape(std::uint64_t seed, int width = 192, int height = 144) {
  Random random(seed);
  Image small = of_one_colour(12, 9, {0, 0, 0});
  for (std::uint8_t& sample : small.rgb) sample = static_cast<std::uint8_t>(random.next());
  return resize(small, width, height, Filter::bicubic);
}

struct SignPlace {
  int x = 100;
  int y = 100;
};

/// A disc with a bar, or a cross, in it.
Image sign(const Rgb& colour, bool cross, SignPlace at = {}) {
  Image out = of_one_colour(200, 200, {255, 255, 255});
  for (int y = 0; y < 200; ++y) {
    for (int x = 0; x < 200; ++x) {
      const int across = x - at.x;
      const int down = y - at.y;
      const bool bar = std::abs(down) < 9 && std::abs(across) < 45;
      const bool post = cross && std::abs(across) < 9 && std::abs(down) < 45;
      if (across * across + down * down < 70 * 70 && !bar && !post)
        std::copy(colour.begin(), colour.end(), out.pixel(x, y));
    }
  }
  return out;
}
constexpr Rgb red{200, 40, 30};
constexpr Rgb blue{20, 90, 170};

Image changed_luma(Image image, double gain, double offset) {
  for (std::uint8_t& sample : image.rgb)
    sample = static_cast<std::uint8_t>(std::clamp(gain * sample + offset, 0.0, 255.0));
  return image;
}

Image grey(Image image) {
  for (std::size_t i = 0; i < image.rgb.size(); i += 3) {
    const double luma = 0.299 * image.rgb[i] + 0.587 * image.rgb[i + 1] + 0.114 * image.rgb[i + 2];
    std::fill_n(image.rgb.begin() + static_cast<std::ptrdiff_t>(i), 3,
                static_cast<std::uint8_t>(std::lround(luma)));
  }
  return image;
}

Image through_jpeg(const Image& image, int quality) {
  const std::string bytes = encode_jpeg(image, quality).value();
  return decode(std::as_bytes(std::span(bytes)), {}).value();
}

PixelSketch sketch_of(const Image& image) { return describe(image).value().sketch; }

Agreement compared(const Image& a, const Image& b) {
  const ComparablePicture first(sketch_of(a));
  const ComparablePicture second(sketch_of(b));
  const Agreement found = compare(first, second);
  EXPECT_EQ(found.same, compare(second, first).same);
  return found;
}

/// Both ways that all changes of one picture must come out.
void expect_one(const Image& image) {
  const int width = image.width;
  const int height = image.height;
  EXPECT_TRUE(compared(image, through_jpeg(image, 45)).same);
  EXPECT_TRUE(compared(image, resize(image, width / 2, height / 2, Filter::bicubic)).same);
  EXPECT_TRUE(compared(image, resize(image, width * 8 / 10, height, Filter::bicubic)).same);
  EXPECT_TRUE(compared(image, changed_luma(image, 0.75, 0)).same);
  EXPECT_TRUE(compared(image, changed_luma(image, 0.8, 25)).same);
  EXPECT_TRUE(compared(image, grey(image)).same);
  EXPECT_TRUE(compared(image, crop(image, width / 20, 0, width - width / 20, height)).same);
  EXPECT_TRUE(compared(image, crop(image, width / 25, height / 25, width - 2 * (width / 25),
                                   height - 2 * (height / 25)))
                  .same);
  const Agreement mirrored = compared(image, through_jpeg(upright(image, 2), 60));
  EXPECT_TRUE(mirrored.same);
}

TEST(SamePicture, ChangedPicturesAreOne) {
  expect_one(landscape(1));
  expect_one(sign(red, true));
  expect_one(sign(blue, false));
  EXPECT_TRUE(compared(landscape(1), upright(landscape(1), 2)).mirrored);
}

TEST(SamePicture, LookAlikesAreNot) {
  EXPECT_FALSE(compared(landscape(1), landscape(2)).same);
  EXPECT_FALSE(compared(sign(red, true), sign(blue, true)).same);
  EXPECT_FALSE(compared(sign(red, true), sign(red, false)).same);
  EXPECT_FALSE(compared(sign(red, true), sign(red, true, {122, 100})).same);
  EXPECT_FALSE(compared(sign(red, true), sign(red, true, {100, 78})).same);
  EXPECT_FALSE(compared(landscape(1), changed_luma(landscape(1), -1, 255)).same);  // a negative
}

/// A dark head, and below it small marks that hardly stand out.
Image card(std::uint64_t seed) {
  Random random(seed);
  Image out = of_one_colour(200, 200, {200, 200, 200});
  for (int y = 0; y < 200; y += 8) {
    for (int x = 0; x < 200; x += 8) {
      const auto value = static_cast<std::uint8_t>(y < 64 ? 0 : 194 + 6 * (random.next() % 2));
      for (int row = 0; row < 8; ++row) std::fill_n(out.pixel(x, y + row), 3 * 8, value);
    }
  }
  return out;
}

TEST(SamePicture, ManySmallDifferencesCount) {
  const Agreement found = compared(card(1), card(2));
  EXPECT_LT(found.worst_tile, 0.45F);  // no place tells by itself
  EXPECT_FALSE(found.same);
  EXPECT_TRUE(compared(card(1), through_jpeg(card(1), 60)).same);
}

/// A white stripe to be seen on violet, and a comb as dark as its ground.
Image comb_of_one_luma(bool upright) {
  constexpr Rgb white{255, 255, 255};
  constexpr Rgb ink{24, 53, 220};
  Image out = of_one_colour(192, 192, {90, 20, 215});
  for (int y = 0; y < 192; ++y) {
    for (int x = 0; x < 192; ++x) {
      const bool in_comb =
          std::max(std::abs(x - 96), std::abs(y - 112)) <= 48 && (upright ? x + 8 : y + 8) / 16 % 2 == 0;
      if (y < 30 || in_comb) std::copy_n((y < 30 ? white : ink).begin(), 3, out.pixel(x, y));
    }
  }
  return out;
}

TEST(SamePicture, WhatIsSeenByItsColourAloneCounts) {
  const Image one = comb_of_one_luma(true);
  const Agreement found = compared(one, comb_of_one_luma(false));
  EXPECT_FALSE(found.same);
  EXPECT_GT(found.correlation, 0.99F);
  EXPECT_LT(found.unexplained, 0.02F);
  EXPECT_LT(found.recoloured, 0.01F);
  EXPECT_TRUE(compared(one, through_jpeg(one, 45)).same);
  EXPECT_TRUE(compared(one, resize(one, 144, 144, Filter::bicubic)).same);
  EXPECT_TRUE(compared(one, changed_luma(one, 0.8, 20)).same);
  // A cut at the left changes nothing in the luma of that, but moves the comb.
  EXPECT_TRUE(compared(through_jpeg(one, 45), one).same);
}

TEST(SamePicture, GreyIsToldApart) {
  const Agreement found = compared(sign(red, true), grey(sign(red, true)));
  EXPECT_TRUE(found.same);
  EXPECT_TRUE(found.across_grey);
  EXPECT_FALSE(compared(sign(red, true), through_jpeg(sign(red, true), 80)).across_grey);
  // Black is not what red is without colour.
  EXPECT_FALSE(compared(sign(red, true), sign({0, 0, 0}, true)).same);
  // Nor is a grey of luma 20 what a red of luma 28 is.
  const Agreement darker = compared(sign({20, 20, 20}, true), sign({60, 14, 20}, true));
  EXPECT_FALSE(darker.same);
  EXPECT_LT(darker.luma_difference, 6);
}

TEST(SamePicture, FlatPicturesAreComparedByColour) {
  const Image green = of_one_colour(100, 80, {40, 160, 60});
  EXPECT_TRUE(compared(green, through_jpeg(green, 50)).same);
  EXPECT_TRUE(compared(green, of_one_colour(50, 40, {41, 160, 61})).same);
  EXPECT_FALSE(compared(green, of_one_colour(100, 80, {60, 160, 60})).same);
  EXPECT_FALSE(compared(green, of_one_colour(100, 80, {50, 170, 70})).same);
  EXPECT_FALSE(compared(green, sign(red, true)).same);
  // The same luma all over, but something to see in the colours.
  Image halves = of_one_colour(100, 80, {200, 40, 30});
  for (int y = 0; y < 80; ++y) {
    for (int x = 0; x < 30; ++x)
      std::copy_n(of_one_colour(1, 1, {30, 127, 28}).rgb.begin(), 3, halves.pixel(x, y));
  }
  EXPECT_TRUE(compared(halves, upright(halves, 2)).same);
  EXPECT_FALSE(compared(halves, of_one_colour(100, 80, {200, 40, 30})).same);
}

TEST(SamePicture, ShapesTooDifferentAreNot) {
  const Image image = landscape(3);
  EXPECT_FALSE(compared(image, resize(image, 100, 200, Filter::bicubic)).same);
}

TEST(LowFrequencies, MirrorAndCutsAreNear) {
  LowFrequencyTable table;
  const Image image = landscape(4);
  const std::vector<Image> pictures{
      image,        upright(image, 2), crop(image, 8, 0, 184, 144), crop(image, 8, 6, 176, 132),
      landscape(5), landscape(6),      of_one_colour(90, 90, red)};
  std::vector<SeenFrequencies> seen;
  for (const Image& picture : pictures) {
    const auto described = describe(picture).value();
    table.add(described.frequencies);
    seen.push_back(seen_frequencies(luma_of(described.sketch)));
  }
  const auto near = table.nearest({0, seen[0]}, 10, 0.9F);
  std::vector<std::uint32_t> numbers;
  for (const auto& one : near) numbers.push_back(one.number);
  std::sort(numbers.begin(), numbers.end());
  EXPECT_EQ(numbers, (std::vector<std::uint32_t>{1, 2, 3}));
  EXPECT_EQ(table.nearest({0, seen[0]}, 2, 0.9F).size(), 2U);
  EXPECT_GE(near[0].nearness, near[1].nearness);
  EXPECT_TRUE(table.at(6).flat());
  EXPECT_TRUE(table.nearest({6, seen[6]}, 10, 0).empty());
}

/// Pictures whose sketches are asked for by number.
struct Album {
  LowFrequencyTable table;
  std::vector<PixelSketch> sketches;

  void add(const Image& image) {
    const auto described = describe(image).value();
    table.add(described.frequencies);
    sketches.push_back(described.sketch);
  }
  [[nodiscard]] Result<std::vector<PictureCluster>> clusters(NearDuplicateOptions options = {}) const {
    return find_near_duplicates(
        table, [this](std::size_t number) -> Result<PixelSketch> { return sketches.at(number); }, options);
  }
};

Album mixed_album() {
  Album album;
  for (std::uint64_t seed = 10; seed < 20; ++seed) album.add(landscape(seed));  // 0 to 9
  album.add(through_jpeg(landscape(13), 50));                                   // 10
  album.add(upright(landscape(15), 2));                                         // 11
  album.add(resize(landscape(13), 80, 60, Filter::bicubic));                    // 12
  album.add(sign(red, true));                                                   // 13
  album.add(sign(blue, true));                                                  // 14
  album.add(grey(sign(blue, true)));                                            // 15
  album.add(of_one_colour(60, 60, red));                                        // 16
  album.add(of_one_colour(60, 60, blue));                                       // 17
  album.add(through_jpeg(of_one_colour(80, 60, red), 70));                      // 18
  return album;
}

TEST(NearDuplicates, FindsClusters) {
  const auto clusters = mixed_album().clusters();
  ASSERT_TRUE(clusters);
  EXPECT_EQ(*clusters, (std::vector<PictureCluster>{{3, 10, 12}, {5, 11}, {14, 15}, {16, 18}}));
}

TEST(NearDuplicates, ThreadsAndMemoryDoNotShow) {
  const Album album = mixed_album();
  NearDuplicateOptions options;
  options.threads = 1;
  options.cached = 1;
  const auto alone = album.clusters(options);
  options.threads = 4;
  options.cached = 100;
  ASSERT_TRUE(alone);
  EXPECT_EQ(*alone, album.clusters(options).value());
}

TEST(NearDuplicates, GreyJoinsOneColouringOnly) {
  Album album;
  album.add(grey(sign(red, true)));
  album.add(sign(red, true));
  album.add(sign(blue, true));
  album.add(grey(sign(blue, true)));
  const auto clusters = album.clusters();
  ASSERT_TRUE(clusters);
  for (const PictureCluster& cluster : *clusters)
    EXPECT_FALSE(std::count(cluster.begin(), cluster.end(), 1U) > 0 &&
                 std::count(cluster.begin(), cluster.end(), 2U) > 0);
}

TEST(NearDuplicates, GreyJoinsTheColouringThatHalfOfItMatches) {
  const Image black = sign({20, 20, 20}, true);
  Album album;
  album.add(black);
  album.add(through_jpeg(black, 60));
  album.add(resize(black, 120, 120, Filter::bicubic));
  album.add(changed_luma(black, 0.78, 55));
  album.add(sign({20, 80, 150}, true));  // as dark as the last one, and no copy of the black one
  ASSERT_TRUE(
      compare(ComparablePicture(album.sketches[3]), ComparablePicture(album.sketches[4])).across_grey);
  EXPECT_EQ(album.clusters().value(), (std::vector<PictureCluster>{{0, 1, 2, 3}}));
}

TEST(NearDuplicates, GreyJoinsOfColouringsOfOneLumaTheOneWithMostCopies) {
  const Image brown = sign({170, 40, 35}, true);  // luma 78.3; blue's is 78.2, and grey is 78
  Album album;
  album.add(sign(blue, true));
  album.add(brown);
  album.add(through_jpeg(brown, 75));
  album.add(grey(brown));
  EXPECT_EQ(album.clusters().value(), (std::vector<PictureCluster>{{1, 2, 3}}));
}

/// A sign whose one spot of colour is so strong.
Image nearly_grey_sign(int strength) {
  Image out = sign({90, 90, 90}, true);
  for (int y = 95; y < 107; ++y) {
    for (int x = 95; x < 107; ++x) {
      std::uint8_t* const pixel = out.pixel(x, y);
      pixel[0] = static_cast<std::uint8_t>(200 + strength);
      pixel[1] = 200;
      pixel[2] = static_cast<std::uint8_t>(200 - strength);
    }
  }
  return out;
}

TEST(NearDuplicates, WhatHasItsColouringJoinsNoOther) {
  Album album;
  album.add(nearly_grey_sign(30));
  album.add(nearly_grey_sign(9));  // as good as grey
  album.add(sign({60, 104, 92}, true));
  ASSERT_TRUE(ComparablePicture(album.sketches[1]).grey());
  ASSERT_FALSE(ComparablePicture(album.sketches[0]).grey());
  ASSERT_TRUE(
      compare(ComparablePicture(album.sketches[1]), ComparablePicture(album.sketches[2])).across_grey);
  EXPECT_EQ(album.clusters().value(), (std::vector<PictureCluster>{{0, 1}}));
}

/// Strangers, and of every third what is left of it after a cut, mirrored, or through JPEG.
Album many_landscapes() {
  Album album;
  for (std::uint64_t seed = 100; seed < 220; ++seed) {
    const Image image = landscape(seed, 96, 72);
    album.add(image);
    if (seed % 9 == 0) album.add(crop(image, 4, 3, 88, 66));
    if (seed % 9 == 3) album.add(through_jpeg(upright(image, 2), 60));
    if (seed % 9 == 6) album.add(upright(crop(image, 0, 3, 96, 69), 2));
  }
  album.add(of_one_colour(90, 90, red));
  album.add(of_one_colour(90, 90, red));
  return album;
}

TEST(LowFrequencyIndex, FindsWhatMeasuringAllFinds) {
  const Album album = many_landscapes();
  const auto count = static_cast<std::uint32_t>(album.table.size());
  std::vector<SeenFrequencies> seen;
  for (const PixelSketch& sketch : album.sketches) seen.push_back(seen_frequencies(luma_of(sketch)));
  const LowFrequencyIndex index(album.table);
  const auto found = index.nearest(0, seen, {8, 0.9F}, 1);
  ASSERT_EQ(found.size(), count);
  std::size_t pairs = 0;
  const auto expect_same = [&](const auto& some, std::uint32_t number) {
    const auto expected = album.table.nearest({number, seen[number]}, 8, 0.9F);
    ASSERT_EQ(some.size(), expected.size()) << number;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(some[i].number, expected[i].number) << number;
      EXPECT_EQ(some[i].nearness, expected[i].nearness) << number;
    }
    pairs += expected.size();
  };
  for (std::uint32_t i = 0; i < count; ++i) expect_same(found[i], i);
  EXPECT_GE(pairs, 60U);
  const auto some = index.nearest(50, std::span(seen).subspan(50, 10), {8, 0.9F}, 3);
  for (std::uint32_t i = 50; i < 60; ++i) expect_same(some[i - 50], i);
}

TEST(NearDuplicates, IndexAndMeasuringAllGiveTheSame) {
  const Album album = many_landscapes();
  NearDuplicateOptions options;
  options.indexed_from = album.table.size() + 1;
  const auto all = album.clusters(options);
  options.indexed_from = 0;
  EXPECT_GE(all.value().size(), 40U);
  EXPECT_EQ(all.value(), album.clusters(options).value());
}

TEST(NearDuplicates, SourcesErrorEndsTheSearch) {
  const Album album = mixed_album();
  NearDuplicateOptions options;
  for (const std::size_t indexed_from : {std::size_t{65536}, std::size_t{0}}) {
    options.indexed_from = indexed_from;
    const auto clusters = find_near_duplicates(
        album.table,
        [](std::size_t number) -> Result<PixelSketch> {
          return fail(ErrorKind::io, "gone", std::to_string(number));
        },
        options);
    ASSERT_FALSE(clusters);
    EXPECT_EQ(clusters.error().kind, ErrorKind::io);
    EXPECT_EQ(clusters.error().where, "0");
  }
}

TEST(NearDuplicates, StopIsHeeded) {
  StopFlag stop;
  stop.request();
  NearDuplicateOptions options;
  options.stop = &stop;
  const auto clusters = mixed_album().clusters(options);
  ASSERT_FALSE(clusters);
  EXPECT_EQ(clusters.error().kind, ErrorKind::interrupted);
}

TEST(SketchFile, GivesBackWhatItWasGiven) {
  const auto file = SketchFile::open(std::filesystem::temp_directory_path());
  ASSERT_TRUE(file) << file.error().message();
  const std::array<PixelSketch, 2> sketches{sketch_of(landscape(1)), sketch_of(sign(red, true))};
  for (const PixelSketch& sketch : sketches) ASSERT_TRUE((*file)->add(sketch));
  ASSERT_EQ((*file)->size(), 2U);
  for (const std::size_t i : {1U, 0U}) {
    const auto back = (*file)->at(i);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->luma, sketches.at(i).luma);
    EXPECT_EQ(back->blue, sketches.at(i).blue);
    EXPECT_EQ(back->aspect, sketches.at(i).aspect);
  }
  const auto beyond = (*file)->at(2);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().kind, ErrorKind::truncated);
  const auto nowhere = SketchFile::open("/no/such/folder");
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().kind, ErrorKind::not_found);
}

TEST(NearDuplicates, NothingIsNothing) {
  const auto clusters = Album{}.clusters();
  ASSERT_TRUE(clusters);
  EXPECT_TRUE(clusters->empty());
}

}  // namespace
}  // namespace holisafe::image
