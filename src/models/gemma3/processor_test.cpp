#include "models/gemma3/processor.h"

#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holisafe::models::gemma3 {
namespace {

using nlohmann::json;

Config config(std::int64_t image_size) {
  Config out;
  out.vision.image_size = image_size;
  out.vision.patch_size = 14;
  out.tokens_per_image = 4;
  return out;
}

Result<Processor> processor_of(const json& fields, std::int64_t image_size = 896) {
  return parse_processor(ConfigFields(fields, "preprocessor_config.json"), config(image_size));
}

Processor scanning() {
  Processor out;
  out.pan_and_scan = true;
  return out;
}

std::vector<std::array<int, 4>> crops(const Processor& processor, int width, int height) {
  std::vector<std::array<int, 4>> out;
  for (const Crop& crop : processor.crops(width, height))
    out.push_back({crop.left, crop.top, crop.width, crop.height});
  return out;
}

using Boxes = std::vector<std::array<int, 4>>;

TEST(Gemma3Processor, ScansLongPicturesAlongTheirLongSide) {
  EXPECT_EQ(crops(scanning(), 1000, 500), (Boxes{{0, 0, 500, 500}, {500, 0, 500, 500}}));
  EXPECT_EQ(crops(scanning(), 500, 1251), (Boxes{{0, 0, 500, 417}, {0, 417, 500, 417}, {0, 834, 500, 417}}));
  // The last crop is what is left.
  EXPECT_EQ(crops(scanning(), 1000, 330), (Boxes{{0, 0, 334, 330}, {334, 0, 334, 330}, {668, 0, 332, 330}}));
  EXPECT_EQ(crops(scanning(), 9000, 1000).size(), 4U);  // the most
}

TEST(Gemma3Processor, ScansNeitherSquareNorSmallPicturesNorUnasked) {
  EXPECT_TRUE(crops(scanning(), 1190, 1000).empty());
  EXPECT_FALSE(crops(scanning(), 1200, 1000).empty());
  EXPECT_TRUE(crops(scanning(), 500, 300).empty());   // two crops of 250
  EXPECT_TRUE(crops(scanning(), 2000, 255).empty());  // too flat
  EXPECT_TRUE(crops(Processor{}, 2000, 1000).empty());
}

TEST(Gemma3Processor, ReadsBothSpellingsOfSizeAndTheDefaults) {
  const auto published =
      processor_of({{"size", {{"height", 896}, {"width", 896}}}, {"do_pan_and_scan", nullptr}});
  ASSERT_TRUE(published) << published.error().message();
  EXPECT_EQ(published->width, 896);
  EXPECT_FALSE(published->pan_and_scan);
  EXPECT_EQ(published->normalization.filter, image::Filter::bilinear);
  EXPECT_FLOAT_EQ(published->normalization.mean[1], 0.5F);
  EXPECT_EQ(processor_of({{"size", 896}})->height, 896);
  EXPECT_EQ(processor_of(json::object(), 224)->height, 224);
  const auto scan =
      processor_of({{"size", 896}, {"do_pan_and_scan", true}, {"pan_and_scan_max_num_crops", 7}});
  EXPECT_TRUE(scan->pan_and_scan);
  EXPECT_EQ(scan->max_num_crops, 7);
  EXPECT_EQ(scan->min_crop_size, 256);
}

TEST(Gemma3Processor, NamesTheFieldItCannotUse) {
  EXPECT_THAT(processor_of({{"size", 448}}).error().message(),
              testing::HasSubstr("expected vision_config.image_size 896, found 448 x 448"));
  EXPECT_THAT(processor_of({{"size", {{"shortest_edge", 896}}}}).error().message(),
              testing::HasSubstr("expected height and width"));
  EXPECT_THAT(processor_of({{"size", 896}, {"do_resize", false}}).error().message(),
              testing::HasSubstr("do_resize"));
  EXPECT_THAT(processor_of({{"size", 896}, {"do_pan_and_scan", 1}}).error().message(),
              testing::HasSubstr("do_pan_and_scan"));
}

TEST(Gemma3Processor, StacksThePictureAndItsCrops) {
  Processor processor = scanning();
  processor.min_crop_size = 2;
  processor.width = processor.height = 6;
  processor.tokens_per_image = 4;
  image::Image picture{8, 4, std::vector<std::uint8_t>(3 * 8 * 4, 0)};
  for (int y = 0; y < 4; ++y) {
    for (int x = 4; x < 8; ++x) picture.pixel(x, y)[0] = 255;
  }
  const auto processed = processor.process(picture);
  ASSERT_TRUE(processed);
  EXPECT_EQ(processed->pixel_values.sizes(), (std::vector<std::int64_t>{3, 3, 6, 6}));
  EXPECT_EQ(processed->piece_tokens, (std::vector<std::int64_t>{4, 4, 4}));
  EXPECT_FLOAT_EQ(processed->pixel_values[1].max().item<float>(), 0);
  EXPECT_FLOAT_EQ(processed->pixel_values[2][0].min().item<float>(), 1);
}

TEST(Gemma3Processor, SaysWhereThePictureAndItsCropsLie) {
  Processor processor = scanning();
  processor.width = processor.height = 98;  // 7 x 7 patches of 14, of which 6 x 6 are averaged
  processor.tokens_per_side = 3;
  processor.token_size = 28;
  const auto processed =
      processor.process({500, 1251, std::vector<std::uint8_t>(std::size_t{3} * 500 * 1251)});
  ASSERT_TRUE(processed);
  const auto& frames = processed->frames;
  ASSERT_EQ(frames.size(), 4U);
  EXPECT_NEAR(frames[0].right, 500.0 * 84 / 98, 1e-9);
  EXPECT_NEAR(frames[0].bottom, 1251.0 * 84 / 98, 1e-9);
  EXPECT_NEAR(frames[2].top, 417, 1e-9);
  EXPECT_NEAR(frames[2].bottom, 417 + 417.0 * 84 / 98, 1e-9);
  EXPECT_EQ(frames[2].left, 0);
  EXPECT_EQ(frames[3].rows, 3);
}

TEST(Gemma3Processor, RefusesPicturesTooSmallForTheCropsAskedFor) {
  Processor processor = scanning();
  processor.min_crop_size = 1;
  processor.max_num_crops = 9;
  image::Image picture{11, 1, std::vector<std::uint8_t>(33, 0)};  // nine crops of two pixels
  const auto processed = processor.process(picture);
  ASSERT_FALSE(processed);
  EXPECT_EQ(processed.error().kind, ErrorKind::out_of_range);
}

}  // namespace
}  // namespace holisafe::models::gemma3
