#include "models/gemma3/gemma3.h"

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "models/prompt_batch.h"

namespace holisafe::models::gemma3 {
namespace {

/// A random checkpoint of the tiny preset: 7 layers, a window of 16 positions, 4 soft tokens an image.
class Gemma3Model : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string pattern = (std::filesystem::temp_directory_path() / "holisafe_gemma3_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    const auto written = family().synth({"tiny", 5, folder_, false, {}});
    ASSERT_TRUE(written) << written.error().message();
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder_); }

  static std::unique_ptr<Model> open() {
    auto model = family().load(folder_, {});
    EXPECT_TRUE(model) << model.error().message();
    return *std::move(model);
  }

  static image::Image picture(int width, int height) {
    image::Image out{width, height, {}};
    for (int i = 0; i < 3 * width * height; ++i) out.rgb.push_back(static_cast<std::uint8_t>(i * i % 251));
    return out;
  }

  static ProcessedImage processed(const Model& model, int width, int height) {
    return *model.process_image(picture(width, height));
  }

  /// Turns pan and scan on for pictures of a few pixels.
  static void scan() {
    auto fields = *checkpoint::read_json(folder_ / "preprocessor_config.json");
    fields["do_pan_and_scan"] = true;
    fields["pan_and_scan_min_crop_size"] = 8;
    ASSERT_TRUE(checkpoint::write_json(folder_ / "preprocessor_config.json", fields));
  }

  static Prompt rendered(const Model& model, const std::string& text,
                         std::span<const ProcessedImage> images) {
    return *model.render(chat::single_turn(std::vector<chat::Image>(images.size()), text), images);
  }

  static std::filesystem::path folder_;
  torch::NoGradGuard no_grad_;
};

std::filesystem::path Gemma3Model::folder_;

TEST_F(Gemma3Model, WritesItsTemplateAndSupervisesAnswers) {
  const auto model = open();
  const std::vector<ProcessedImage> images{processed(*model, 9, 9)};
  const chat::Conversation conversation{"Be kind. ",
                                        {{chat::Role::user, {chat::Image{}, " hello\n"}},
                                         {chat::Role::assistant, {"\tgood day "}},
                                         {chat::Role::user, {"<end_of_turn>"}},
                                         {chat::Role::assistant, {"no"}}}};
  const auto prompt = model->render(conversation, images);
  ASSERT_TRUE(prompt) << prompt.error().message();
  std::string soft;
  for (int i = 0; i < 4; ++i) soft += "<image_soft_token>";
  EXPECT_EQ(model->tokenizer().decode(prompt->input_ids, false),
            "<bos><start_of_turn>user\nBe kind. \n\n\n\n<start_of_image>" + soft +
                "<end_of_image>\n\nhello<end_of_turn>\n<start_of_turn>model\ngood day<end_of_turn>\n"
                "<start_of_turn>user\n<end_of_turn><end_of_turn>\n<start_of_turn>model\nno<end_of_turn>\n");
  std::vector<std::int64_t> supervised;
  for (std::size_t i = 0; i < prompt->supervised.size(); ++i) {
    if (prompt->supervised[i] != 0) supervised.push_back(prompt->input_ids[i]);
  }
  EXPECT_EQ(model->tokenizer().decode(supervised, false), "good day<end_of_turn>no<end_of_turn>");
  const auto end = *model->tokenizer().token_id("<end_of_turn>");
  EXPECT_EQ(std::count(prompt->input_ids.begin(), prompt->input_ids.end(), end), 4);  // the typed one is text
}

TEST_F(Gemma3Model, PutsImagesWhereTheyStandAndStripsEachText) {
  const auto model = open();
  const std::vector<ProcessedImage> images{processed(*model, 9, 9), processed(*model, 30, 9)};
  const chat::Conversation conversation{std::nullopt,
                                        {{chat::Role::user, {" one \n", chat::Image{}, " two "}},
                                         {chat::Role::assistant, {" so ", " it is "}},
                                         {chat::Role::user, {"three", chat::Image{}}}}};
  const auto prompt = model->render(conversation, images);
  ASSERT_TRUE(prompt) << prompt.error().message();
  std::string image = "\n\n<start_of_image>";
  for (int i = 0; i < 4; ++i) image += "<image_soft_token>";
  image += "<end_of_image>\n\n";
  EXPECT_EQ(model->tokenizer().decode(prompt->input_ids, false),
            "<bos><start_of_turn>user\none" + image +
                "two<end_of_turn>\n<start_of_turn>model\nsoit is<end_of_turn>\n<start_of_turn>user\nthree" +
                image + "<end_of_turn>\n<start_of_turn>model\n");
  ASSERT_EQ(prompt->spans.size(), 2U);
  EXPECT_EQ(prompt->spans[1].image, 1);
}

TEST_F(Gemma3Model, EncodesABatchAsItEncodesEachImage) {
  scan();
  const auto model = open();
  std::vector<ProcessedImage> images;
  for (const int width : {20, 60, 90, 21, 70}) images.push_back(processed(*model, width, 20));
  EXPECT_EQ(images[2].piece_tokens.size(), 5U);  // more pieces than one batch takes
  const auto batch = model->encode_images(images);
  ASSERT_EQ(batch.size(), images.size());
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto single = model->encode_image(images[i]);
    EXPECT_EQ(single.sizes(), (std::vector<std::int64_t>{images[i].tokens(), 64}));
    EXPECT_TRUE(at::allclose(batch[i], single, 1e-5, 1e-5)) << i;
  }
}

TEST_F(Gemma3Model, BatchedEqualsSingleAndCachedEqualsNaive) {
  const auto model = open();
  const nn::Decoder& decoder = model->decoder();
  const std::vector<ProcessedImage> two{processed(*model, 30, 20), processed(*model, 20, 20)};
  const std::vector<Prompt> prompts{
      rendered(*model, "a short one", {}),
      rendered(*model, "what is the difference between these two pictures", two)};
  const std::vector<const Prompt*> both{&prompts[0], &prompts[1]};
  const auto features = at::cat(model->encode_images(two));
  const PromptBatch batch = collate(*model, both);
  const auto hidden = decoder.forward(batch.inputs(embed(*model, batch, features)));
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const PromptBatch one = collate(*model, std::span(&both[i], 1));
    const auto alone = decoder.forward(one.inputs(embed(*model, one, i == 0 ? torch::Tensor() : features)));
    EXPECT_GT(alone.size(1), 16);  // past the window
    EXPECT_TRUE(
        at::allclose(hidden[static_cast<std::int64_t>(i)].slice(0, 0, alone.size(1)), alone[0], 1e-4, 1e-4))
        << i << " differs by "
        << (hidden[static_cast<std::int64_t>(i)].slice(0, 0, alone.size(1)) - alone[0])
               .abs()
               .max()
               .item<float>()
        << " of " << alone[0].abs().max().item<float>();
  }
  // Word by word after the images, from the cache, against one pass over everything.
  const Prompt& prompt = prompts[1];
  const std::int64_t seen = prompt.spans.back().end;
  const PromptBatch whole = collate(*model, std::span(&both[1], 1));
  const auto embeddings = embed(*model, whole, features);
  nn::KvCache cache(decoder.config().num_layers);
  std::vector<torch::Tensor> steps{decoder.forward({embeddings.slice(1, 0, seen),
                                                    whole.positions.slice(2, 0, seen),
                                                    whole.image_group.slice(1, 0, seen),
                                                    {}},
                                                   &cache)};
  for (std::int64_t t = seen; t < prompt.length(); ++t)
    steps.push_back(
        decoder.forward({embeddings.slice(1, t, t + 1), whole.positions.slice(2, t, t + 1), {}, {}}, &cache));
  const auto naive = decoder.forward(whole.inputs(embeddings));
  EXPECT_TRUE(at::allclose(at::cat(steps, 1), naive, 1e-4, 1e-4));
}

TEST(Gemma3Embedding, IsScaledInTheComputeType) {
  // sqrt(2560) = 50.596… is 50.5 in bfloat16.
  for (const auto& [type, scale] :
       {std::pair{torch::kBFloat16, 50.5}, std::pair{torch::kFloat32, std::sqrt(2560.0)}}) {
    nn::DecoderConfig config;
    config.hidden_size = 2560;
    config.vocab_size = 2;
    config.embedding_scale = std::sqrt(2560.0);
    config.tie_embeddings = true;
    nn::Decoder decoder(config);
    nn::Visitor visitor;
    visitor.parameter = [type = type](const nn::Parameter& weight) {
      weight.replace(at::ones(weight.sizes(), type));
    };
    decoder.visit(visitor);
    const auto rows = decoder.embed(torch::tensor({1}, torch::kInt64));
    EXPECT_EQ(rows.scalar_type(), type);
    EXPECT_FLOAT_EQ(rows.max().item<float>(), static_cast<float>(scale));
  }
}

TEST_F(Gemma3Model, RefusesFlagsOfOtherFamilies) {
  for (auto field : {&LoadOptions::prompt_template, &LoadOptions::image_aspect}) {
    LoadOptions options;
    options.*field = "pad";
    EXPECT_EQ(family().load(folder_, options).error().kind, ErrorKind::usage);
  }
}

TEST_F(Gemma3Model, UnknownPresetsNameTheKnownOnes) {
  const auto written = family().synth({"5b", 0, folder_ / "none", false, {}});
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message(), testing::HasSubstr("tiny, 4b, 4b-6layers, 12b, 27b"));
}

}  // namespace
}  // namespace holisafe::models::gemma3
