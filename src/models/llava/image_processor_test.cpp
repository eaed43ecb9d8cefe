#include "models/llava/image_processor.h"

#include "models/llava/llava_case.h"

namespace holisafe::models::llava {
namespace {

TEST(LlavaImageProcessor, PicturesAreCroppedOrPadded) {
  const Json plain{{"image_mean", {0.5, 0.5, 0.5}},
                   {"image_std", {1, 1, 1}},
                   {"resample", 4},
                   {"size", 4},
                   {"crop_size", 4}};
  const ConfigFields fields(plain, "preprocessor_config.json");
  image::Image wide{8, 4, std::vector<std::uint8_t>(3 * 8 * 4, 255)};
  const auto cropped = ImageProcessor::make(fields, "crop", 4)->pixel_values(wide);
  ASSERT_TRUE(cropped);
  EXPECT_TRUE(at::all(*cropped == 0.5).item<bool>());
  const auto padded = ImageProcessor::make(fields, "pad", 4)->pixel_values(wide);
  ASSERT_TRUE(padded);
  // int(255 x 0.5) = 127
  EXPECT_NEAR((*padded)[0][0][0][0].item<double>(), 127.0 / 255 - 0.5, 1e-6);
  EXPECT_EQ(padded->sizes(), (std::vector<std::int64_t>{1, 3, 4, 4}));
  // do_pad decides where nobody else does.
  Json with_pad = plain;
  with_pad["do_pad"] = true;
  const ConfigFields pads(with_pad, "");
  EXPECT_TRUE(at::equal(*ImageProcessor::make(pads, "", 4)->pixel_values(wide), *padded));
  EXPECT_TRUE(at::equal(*ImageProcessor::make(pads, "anyres", 4)->pixel_values(wide), *cropped));
}

TEST(LlavaImageProcessor, FramesLieWhereTheyWereCut) {
  const ConfigFields fields(Json{{"size", 8}, {"crop_size", 8}}, "");
  // 30 x 20 becomes 12 x 8, of which the middle is left: 2 of 12 columns are cut at each side.
  const auto crop = ImageProcessor::make(fields, "crop", 8)->frame(30, 20, 2);
  EXPECT_NEAR(crop.left, 5, 1e-9);
  EXPECT_NEAR(crop.right, 25, 1e-9);
  EXPECT_NEAR(crop.top, 0, 1e-9);
  EXPECT_NEAR(crop.bottom, 20, 1e-9);
  EXPECT_EQ(crop.columns, 4);
  const auto pad = ImageProcessor::make(fields, "pad", 8)->frame(30, 21, 2);
  EXPECT_NEAR(pad.top, -4, 1e-9);  // (30 - 21) / 2, rounded down
  EXPECT_NEAR(pad.bottom, 26, 1e-9);
  EXPECT_NEAR(pad.right, 30, 1e-9);
  // Patches of 3 leave out what does not make one.
  const auto cut = ImageProcessor::make(fields, "crop", 8)->frame(80, 80, 3);
  EXPECT_EQ(cut.rows, 2);
  EXPECT_NEAR(cut.right, 60, 1e-9);
}

TEST(LlavaImageProcessor, PicturesTooNarrowToResizeAreErrors) {
  const ConfigFields fields(Json::object(), "");
  const auto crops = ImageProcessor::make(fields, "", 336);
  ASSERT_TRUE(crops);
  const auto pixels = crops->pixel_values(gradient(1, 20000));
  ASSERT_FALSE(pixels);
  EXPECT_EQ(pixels.error().kind, ErrorKind::too_large);
  EXPECT_TRUE(crops->pixel_values(gradient(3, 2)));
  const auto padded = ImageProcessor::make(fields, "pad", 336)->pixel_values(gradient(1, 20000));
  ASSERT_FALSE(padded);
  EXPECT_EQ(padded.error().kind, ErrorKind::too_large);
}

TEST(LlavaImageProcessor, ProcessorsThatDoNotFitTheTowerAreErrors) {
  const auto error = [](const Json& json) {
    const auto made = ImageProcessor::make(ConfigFields(json, "p.json"), "", 336);
    EXPECT_FALSE(made) << json;
    return made ? ErrorKind::internal : made.error().kind;
  };
  EXPECT_EQ(error({{"crop_size", 224}}), ErrorKind::mismatch);
  EXPECT_EQ(error({{"do_center_crop", false}}), ErrorKind::mismatch);
  EXPECT_EQ(error({{"size", "big"}}), ErrorKind::wrong_type);
  EXPECT_EQ(error({{"size", -1}}), ErrorKind::out_of_range);
  EXPECT_EQ(error({{"do_resize", false}}), ErrorKind::unsupported);
  EXPECT_EQ(error({{"resample", 77}}), ErrorKind::out_of_range);
  const Json exact{{"do_center_crop", false}, {"size", {{"height", 336}, {"width", 336}}}};
  EXPECT_TRUE(ImageProcessor::make(ConfigFields(exact, ""), "", 336));
}

}  // namespace
}  // namespace holisafe::models::llava
