// A random tiny checkpoint through the family's own loading: what the parity test with transformers does not
// see.
#include "models/qwen2_5_vl/qwen2_5_vl.h"

#include <array>
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "models/prompt_batch.h"
#include "nn/kv_cache.h"

namespace holisafe::models::qwen2_5_vl {
namespace {

class Qwen : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string pattern = (std::filesystem::temp_directory_path() / "holisafe_qwen_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    const auto made = synth({"tiny", 7, folder, true, {}});
    ASSERT_TRUE(made) << made.error().message();
    auto loaded = load(folder, {});
    ASSERT_TRUE(loaded) << loaded.error().message();
    model = *std::move(loaded);
  }
  static void TearDownTestSuite() {
    model.reset();
    std::filesystem::remove_all(folder);
  }

  static ProcessedImage picture(int width, int height) {
    image::Image image{width, height,
                       std::vector<std::uint8_t>(static_cast<std::size_t>(3 * width * height))};
    for (std::size_t i = 0; i < image.rgb.size(); ++i)
      image.rgb[i] = static_cast<std::uint8_t>(i * i / 7 % 251);
    return *model->process_image(image);
  }

  static Prompt ask(const std::string& text, std::span<const ProcessedImage> images) {
    return *model->render(chat::single_turn(std::vector<chat::Image>(images.size()), text), images);
  }

  /// Hidden states of one prompt; its keys and values stay in `cache`, where one is given.
  static torch::Tensor hidden(const Prompt& prompt, std::span<const ProcessedImage> images,
                              nn::KvCache* cache = nullptr) {
    const Prompt* const only = &prompt;
    const auto batch = collate(*model, std::span(&only, 1));
    const auto features = images.empty() ? torch::Tensor() : at::cat(model->encode_images(images), 0);
    return model->decoder().forward(batch.inputs(embed(*model, batch, features)), cache)[0];
  }

  static inline std::filesystem::path folder;
  static inline std::unique_ptr<Model> model;
  torch::NoGradGuard no_grad_;
};

TEST_F(Qwen, ABatchOfUnequalPromptsGivesWhatEachGivesAlone) {
  const std::array<ProcessedImage, 2> two{picture(150, 90), picture(60, 230)};
  const std::array<Prompt, 3> prompts{ask("Which is wider?", two), ask("And this?", std::span(two).first(1)),
                                      ask("No picture at all.", {})};
  const std::array<const Prompt*, 3> batched{&prompts[0], &prompts[1], &prompts[2]};
  const auto batch = collate(*model, batched);
  auto features = model->encode_images(two);
  features.push_back(features.front());
  const auto together =
      model->decoder().forward(batch.inputs(models::embed(*model, batch, at::cat(features, 0))));
  const std::array<std::span<const ProcessedImage>, 3> images{two, std::span(two).first(1), {}};
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto alone = hidden(prompts[i], images[i]);
    const auto row = together[static_cast<std::int64_t>(i)].slice(0, 0, alone.size(0));
    EXPECT_LT((row - alone).abs().max().item<float>(), 1e-4);
  }
}

TEST_F(Qwen, CachedDecodingGivesWhatOnePassGives) {
  const std::array<ProcessedImage, 1> one{picture(150, 90)};
  Prompt prompt = ask("What is it?", one);
  EXPECT_LT(prompt.next_position, prompt.length());  // an image takes fewer positions than tokens
  nn::KvCache cache(model->info().num_layers);
  hidden(prompt, one, &cache);
  const auto token = torch::tensor({std::int64_t{17}}).view({1, 1});
  const auto place = at::full({3, 1, 1}, prompt.next_position, torch::kInt64);
  const auto stepped = model->decoder().forward({model->decoder().embed(token), place, {}, {}}, &cache);
  prompt.input_ids.push_back(17);
  prompt.positions = at::cat({prompt.positions, place.view({3, 1})}, 1);
  const auto whole = hidden(prompt, one);
  EXPECT_LT((stepped[0][0] - whole[-1]).abs().max().item<float>(), 1e-4);
}

TEST_F(Qwen, SupervisesTheAnswersAndTheirEndTokens) {
  const auto prompt = model->render({"Be brief.",
                                     {{chat::Role::user, {"One?"}},
                                      {chat::Role::assistant, {"Yes."}},
                                      {chat::Role::user, {"Two?"}},
                                      {chat::Role::assistant, {"No."}}}},
                                    {});
  ASSERT_TRUE(prompt) << prompt.error().message();
  std::vector<std::int64_t> supervised;
  for (std::size_t i = 0; i < prompt->input_ids.size(); ++i) {
    if (prompt->supervised[i] != 0) supervised.push_back(prompt->input_ids[i]);
  }
  EXPECT_EQ(model->tokenizer().decode(supervised, false), "Yes.<|im_end|>No.<|im_end|>");
  EXPECT_EQ(model->tokenizer().decode(prompt->input_ids, false),
            "<|im_start|>system\nBe "
            "brief.<|im_end|>\n<|im_start|>user\nOne?<|im_end|>\n<|im_start|>assistant\nYes.<|im_end|>\n"
            "<|im_start|>user\nTwo?<|im_end|>\n<|im_start|>assistant\nNo.<|im_end|>\n");
}

TEST_F(Qwen, PutsImagesWhereTheyStand) {
  const std::array<ProcessedImage, 2> two{picture(150, 90), picture(60, 230)};
  const auto prompt = model->render({std::nullopt,
                                     {{chat::Role::user, {"One ", chat::Image{}, " or"}},
                                      {chat::Role::assistant, {"Yes."}},
                                      {chat::Role::user, {" two?\n", chat::Image{}}}}},
                                    two);
  ASSERT_TRUE(prompt) << prompt.error().message();
  const auto image = [&](const ProcessedImage& picture) {
    std::string out = "<|vision_start|>";
    for (std::int64_t i = 0; i < picture.tokens(); ++i) out += "<|image_pad|>";
    return out + "<|vision_end|>";
  };
  EXPECT_EQ(model->tokenizer().decode(prompt->input_ids, false),
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nOne " +
                image(two[0]) +
                " or<|im_end|>\n<|im_start|>assistant\nYes.<|im_end|>\n<|im_start|>user\n two?\n" +
                image(two[1]) + "<|im_end|>\n<|im_start|>assistant\n");
  ASSERT_EQ(prompt->spans.size(), 2U);
  EXPECT_EQ(prompt->spans[1].image, 1);
}

TEST_F(Qwen, ConversationsThatCannotBeRenderedNameTheTurn) {
  const std::array<ProcessedImage, 1> one{picture(150, 90)};
  const auto asked = model->render(
      {std::nullopt, {{chat::Role::user, {"One?"}}, {chat::Role::assistant, {chat::Image{}, "Yes."}}}}, one);
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().kind, ErrorKind::usage);
  EXPECT_EQ(asked.error().where, "turn 2");
  const auto twice =
      model->render({std::nullopt, {{chat::Role::user, {"One?"}}, {chat::Role::user, {"Two?"}}}}, {});
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().where, "turn 2");
  const auto fewer = model->render(chat::single_turn(std::vector<chat::Image>(2), "What?"), one);
  ASSERT_FALSE(fewer);
  EXPECT_EQ(fewer.error().kind, ErrorKind::mismatch);
  EXPECT_EQ(fewer.error().detail, "expected 1 images in its turns, found 2");
}

TEST_F(Qwen, TheMergerIsTheProjector) {
  std::map<nn::Part, int> tensors;
  nn::Visitor visitor;
  visitor.parameter = [&](const nn::Parameter& parameter) {
    tensors[parameter.part] += 1;
    EXPECT_EQ(parameter.part == nn::Part::projector, parameter.name.starts_with("visual.merger."))
        << parameter.name;
  };
  model->visit(visitor);
  EXPECT_EQ(tensors[nn::Part::projector], 5);
  EXPECT_GT(tensors[nn::Part::vision], 0);
  EXPECT_GT(tensors[nn::Part::language], 0);
}

TEST_F(Qwen, OptionsOfOtherFamiliesAreRefused) {
  LoadOptions options;
  options.image_aspect = "pad";
  const auto loaded = load(folder, options);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().kind, ErrorKind::usage);
  EXPECT_NE(loaded.error().message().find("image aspect"), std::string::npos);
}

TEST_F(Qwen, AnUnknownPresetIsNamed) {
  const auto made = synth({"8b", 1, folder / "other", false, {}});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::usage);
}

}  // namespace
}  // namespace holisafe::models::qwen2_5_vl
