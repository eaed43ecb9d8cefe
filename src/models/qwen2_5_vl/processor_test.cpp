#include "models/qwen2_5_vl/processor.h"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "models/qwen2_5_vl/reference_file.h"

namespace holisafe::models::qwen2_5_vl {
namespace {

TEST(SmartResize, EqualsTheReference) {
  const auto cases = reference("smart_resize");
  ASSERT_GT(cases.size(), 400U);
  for (const auto& row : cases) {
    const auto size = smart_resize({row[0], row[1]}, row[2], row[3], row[4]);
    ASSERT_TRUE(size) << size.error().message();
    EXPECT_EQ(*size, (Size{row[5], row[6]})) << row.dump();
  }
}

TEST(SmartResize, RoundsHalfToEven) {
  EXPECT_EQ(*smart_resize({42, 70}, 28, 1, 1 << 24), (Size{56, 56}));     // 1.5 -> 2, 2.5 -> 2
  EXPECT_EQ(*smart_resize({98, 126}, 28, 1, 1 << 24), (Size{112, 112}));  // 3.5 -> 4, 4.5 -> 4
}

TEST(SmartResize, RefusesShapesBeyondTwoHundredToOne) {
  EXPECT_TRUE(smart_resize({3, 600}, 28, 3136, 1 << 20));
  const auto size = smart_resize({3, 601}, 28, 3136, 1 << 20);
  ASSERT_FALSE(size);
  EXPECT_EQ(size.error().kind, ErrorKind::unsupported);
  EXPECT_NE(size.error().message().find("601 x 3"), std::string::npos);
}

ProcessorConfig plain() {
  ProcessorConfig config;
  config.patch_size = 2;
  config.min_pixels = 1;
  config.normalization.rescale_factor = 1;
  return config;
}

/// Every pixel is another number: 8 x 4 pixels are 2 x 1 tokens of 2 x 2 patches of 2 x 2 pixels.
TEST(Processor, OrdersPatchesByTokenThenColourThenFrame) {
  image::Image image{8, 4, std::vector<std::uint8_t>(3 * 8 * 4)};
  for (std::size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = static_cast<std::uint8_t>(i);
  const auto processed = Processor(plain()).process(image);
  ASSERT_TRUE(processed) << processed.error().message();
  EXPECT_TRUE(at::equal(processed->grid_thw, torch::tensor({1, 2, 4}, torch::kInt64).unsqueeze(0)));
  EXPECT_EQ(processed->piece_tokens, std::vector<std::int64_t>{2});
  const auto& values = processed->pixel_values;
  ASSERT_EQ(values.sizes(), (std::vector<std::int64_t>{8, 24}));
  // [row of tokens, row in token, y, column of tokens, column in token, x, colour] from the picture's rows.
  const auto pixels = torch::tensor(std::vector<std::int64_t>(image.rgb.begin(), image.rgb.end()))
                          .view({1, 2, 2, 2, 2, 2, 3})
                          .permute({0, 3, 1, 4, 6, 2, 5})
                          .unsqueeze(5)
                          .expand({1, 2, 2, 2, 3, 2, 2, 2})
                          .reshape({8, 24})
                          .to(torch::kFloat32);
  EXPECT_TRUE(at::equal(values, pixels));
}

ConfigFields fields(const char* text) { return {nlohmann::json::parse(text), "preprocessor_config.json"}; }

TEST(ProcessorConfig, TakesBoundsFromEitherFormTheExplicitOnesFirst) {
  const VisionConfig tower;
  const auto both = parse_processor(
      fields(R"({"size":{"shortest_edge":10,"longest_edge":20},"min_pixels":30,"max_pixels":40})"), tower);
  ASSERT_TRUE(both) << both.error().message();
  EXPECT_EQ(both->min_pixels, 30);
  EXPECT_EQ(both->max_pixels, 40);
  const auto edges = parse_processor(fields(R"({"size":{"shortest_edge":10,"longest_edge":20}})"), tower);
  ASSERT_TRUE(edges);
  EXPECT_EQ(edges->min_pixels, 10);
  EXPECT_EQ(edges->max_pixels, 20);
  const auto none = parse_processor(fields("{}"), tower);
  ASSERT_TRUE(none);
  EXPECT_EQ(none->min_pixels, 3136);
  EXPECT_EQ(none->max_pixels, 1003520);
}

TEST(ProcessorConfig, PatchesMustBeTheTowers) {
  const auto parsed = parse_processor(fields(R"({"patch_size":16})"), VisionConfig{});
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().kind, ErrorKind::mismatch);
  EXPECT_EQ(parsed.error().message(),
            "cannot use checkpoint: preprocessor_config.json: patch_size: expected the vision tower's 14, "
            "found 16");
}

}  // namespace
}  // namespace holisafe::models::qwen2_5_vl
