#include "models/llava/llava.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "models/llava/llava_case.h"

namespace holisafe::models::llava {
namespace {

using testing::HasSubstr;

TEST_F(LlavaTest, TowerMustBeInsideOrGiven) {
  LoadOptions options;
  options.vision_tower = folder_ / "tiny";
  EXPECT_EQ(Llava::load(folder_ / "tiny", options).error().kind, ErrorKind::usage);
  EXPECT_EQ(Llava::load(folder_ / "tiny-original", options).error().kind, ErrorKind::usage);
}

TEST_F(LlavaTest, BatchedImagesEqualSingleOnes) {
  torch::NoGradGuard no_grad;
  const auto model = load("tiny");
  ASSERT_TRUE(model);
  std::vector<ProcessedImage> images;
  for (int i = 0; i < 11; ++i) images.push_back(*model->process_image(gradient(40 + i, 90 - 3 * i)));
  const auto features = model->encode_images(images);
  ASSERT_EQ(features.size(), images.size());
  for (std::size_t i = 0; i < images.size(); ++i) {
    EXPECT_LT((features[i] - model->encode_image(images[i])).abs().max().item<double>(), 1e-5);
  }
}

TEST_F(LlavaTest, SynthIsTheSameForTheSameSeed) {
  const auto bytes = [](const std::filesystem::path& folder) {
    return *read_file(folder / "model.safetensors") + *read_file(folder / "config.json") +
           *read_file(folder / "tokenizer.json");
  };
  ASSERT_TRUE(synth({"tiny", 1, folder_ / "again", true, {}}));
  ASSERT_TRUE(synth({"tiny", 2, folder_ / "other", true, {}}));
  EXPECT_EQ(bytes(folder_ / "again"), bytes(folder_ / "tiny"));
  EXPECT_NE(bytes(folder_ / "other"), bytes(folder_ / "tiny"));
  const auto unknown = synth({"huge", 1, folder_ / "no", false, {}});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::usage);
  EXPECT_THAT(unknown.error().message(), HasSubstr("tiny, 7b, 13b"));
}

}  // namespace
}  // namespace holisafe::models::llava
