// Names, configs, templates and preprocessing of LLaVA, without weights of real size.
#include "models/llava/llava.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "models/llava/names.h"
#include "models/llava/synth.h"
#include "models/prompt.h"
#include "models/weights.h"

namespace holisafe::models::llava {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

/// As llava-hf/llava-1.5-7b-hf has it, written by transformers 4: what equals a default is left out.
Json released_7b() {
  return Json::parse(R"({
    "architectures": ["LlavaForConditionalGeneration"], "ignore_index": -100, "image_token_index": 32000,
    "model_type": "llava", "pad_token_id": 32001, "projector_hidden_act": "gelu",
    "text_config": {"_name_or_path": "lmsys/vicuna-7b-v1.5", "architectures": ["LlamaForCausalLM"],
      "max_position_embeddings": 4096, "model_type": "llama", "rms_norm_eps": 1e-05, "torch_dtype": "float16",
      "vocab_size": 32064},
    "tie_word_embeddings": false, "torch_dtype": "float16", "transformers_version": "4.36.0.dev0",
    "vision_config": {"hidden_size": 1024, "image_size": 336, "intermediate_size": 4096,
      "model_type": "clip_vision_model", "num_attention_heads": 16, "num_hidden_layers": 24, "patch_size": 14,
      "projection_dim": 768, "vocab_size": 32000},
    "vision_feature_layer": -2, "vision_feature_select_strategy": "default"})");
}

Json released_13b() {
  Json config = released_7b();
  config["text_config"].update({{"hidden_size", 5120},
                                {"intermediate_size", 13824},
                                {"num_attention_heads", 40},
                                {"num_hidden_layers", 40},
                                {"num_key_value_heads", 40}});
  return config;
}

/// As the original repository writes LLaVA-1.5-7B, and SafeLLaVA its own.
Json original_7b() {
  return Json::parse(R"({
    "architectures": ["LlavaLlamaForCausalLM"], "bos_token_id": 1, "eos_token_id": 2,
    "freeze_mm_mlp_adapter": false, "hidden_act": "silu", "hidden_size": 4096, "image_aspect_ratio": "pad",
    "image_grid_pinpoints": null, "initializer_range": 0.02, "intermediate_size": 11008, "max_length": 4096,
    "max_position_embeddings": 4096, "mm_hidden_size": 1024, "mm_projector_type": "mlp2x_gelu",
    "mm_resampler_type": null, "mm_use_im_patch_token": false, "mm_use_im_start_end": false,
    "mm_vision_select_feature": "patch", "mm_vision_select_layer": -2,
    "mm_vision_tower": "openai/clip-vit-large-patch14-336", "model_type": "llava", "num_attention_heads": 32,
    "num_hidden_layers": 32, "num_key_value_heads": 32, "pad_token_id": 0, "pretraining_tp": 1,
    "rms_norm_eps": 1e-05, "rope_scaling": null, "tie_word_embeddings": false, "torch_dtype": "float16",
    "tune_mm_mlp_adapter": false, "tune_mm_vision_resampler": false, "unfreeze_mm_vision_tower": false,
    "use_cache": true, "use_mm_proj": true, "vocab_size": 32000})");
}

Result<Config> parse(const Json& config, const Json& tower = nullptr) {
  return parse_config(config, "config.json", tower);
}

class LlavaTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string pattern = (std::filesystem::temp_directory_path() / "holisafe_llava_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    for (const char* preset : {"tiny", "tiny-original"}) {
      const auto made = synth({preset, 1, folder_ / preset, true, {}});
      ASSERT_TRUE(made) << made.error().message();
    }
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder_); }

  static std::unique_ptr<Model> load(const std::string& preset, const LoadOptions& options = {}) {
    auto model = Llava::load(folder_ / preset, options);
    EXPECT_TRUE(model) << model.error().message();
    return model ? *std::move(model) : nullptr;
  }

  /// A model of any size, without weights.
  static Llava shaped(const Json& config) {
    const auto parsed = parse(config);
    EXPECT_TRUE(parsed) << parsed.error().message();
    return {*parsed, info_of(*parsed), *tokenizer::Tokenizer::open(folder_ / "tiny"),
            *ImageProcessor::make(ConfigFields(Json::object(), ""), "", parsed->vision.image_size),
            *template_of(*parsed, "")};
  }

  static std::vector<checkpoint::TensorSpec> specs(const Json& config) {
    Llava model = shaped(config);
    return tensor_specs([&model](const nn::Visitor& visitor) { model.visit(visitor); });
  }

  static inline std::filesystem::path folder_;
};

// ---- names

std::int64_t parameters(const std::vector<checkpoint::TensorSpec>& specs) {
  std::int64_t count = 0;
  for (const auto& spec : specs)
    count += std::accumulate(spec.shape.begin(), spec.shape.end(), std::int64_t{1}, std::multiplies<>());
  return count;
}

/// Tensors without bytes under other names: what a checkpoint's header says.
template <class Rename>
std::map<std::string, checkpoint::TensorView> header(const std::vector<checkpoint::TensorSpec>& specs,
                                                     Rename rename) {
  std::map<std::string, checkpoint::TensorView> out;
  for (const auto& spec : specs) {
    checkpoint::TensorView view;
    view.name = rename(spec.name);
    view.shape = spec.shape;
    out.emplace(view.name, view);
  }
  return out;
}

std::string prefixed(std::string name, const std::string& from, const std::string& to) {
  return name.starts_with(from) ? to + name.substr(from.size()) : name;
}

TEST_F(LlavaTest, RealSizesHaveTheirParameters) {
  // vocabulary of llava-hf: 32064 rows, of the original: 32000; the tower's 303,507,456 among them
  EXPECT_EQ(parameters(specs(released_7b())), 7'063'427'072);
  EXPECT_EQ(parameters(specs(released_13b())), 13'351'494'656);
  EXPECT_EQ(parameters(specs(original_7b())), 7'063'427'072 - 2 * 64 * 4096);
  EXPECT_EQ(specs(released_7b()).size(), 1 + 32 * 9 + 1 + 1 + 3 + 2 + 24 * 16 + 2 + 4);
}

TEST_F(LlavaTest, TensorsOfTheRealSizesHaveTheirShapes) {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const auto& spec : specs(released_7b())) shapes[spec.name] = spec.shape;
  using Shape = std::vector<std::int64_t>;
  EXPECT_EQ(shapes.at("language_model.embed_tokens.weight"), (Shape{32064, 4096}));
  EXPECT_EQ(shapes.at("lm_head.weight"), (Shape{32064, 4096}));
  EXPECT_EQ(shapes.at("language_model.layers.31.self_attn.k_proj.weight"), (Shape{4096, 4096}));
  EXPECT_EQ(shapes.at("language_model.layers.0.mlp.down_proj.weight"), (Shape{4096, 11008}));
  EXPECT_EQ(shapes.at("language_model.norm.weight"), (Shape{4096}));
  EXPECT_EQ(shapes.at("multi_modal_projector.linear_1.weight"), (Shape{4096, 1024}));
  EXPECT_EQ(shapes.at("multi_modal_projector.linear_2.bias"), (Shape{4096}));
  EXPECT_EQ(shapes.at("vision_tower.embeddings.class_embedding"), (Shape{1024}));
  EXPECT_EQ(shapes.at("vision_tower.embeddings.patch_embedding.weight"), (Shape{1024, 3, 14, 14}));
  EXPECT_EQ(shapes.at("vision_tower.embeddings.position_embedding.weight"), (Shape{577, 1024}));
  EXPECT_EQ(shapes.at("vision_tower.pre_layrnorm.bias"), (Shape{1024}));
  EXPECT_EQ(shapes.at("vision_tower.encoder.layers.23.self_attn.out_proj.bias"), (Shape{1024}));
  EXPECT_EQ(shapes.at("vision_tower.encoder.layers.23.mlp.fc1.weight"), (Shape{4096, 1024}));
}

TEST_F(LlavaTest, EveryPrefixInTheWildIsAccepted) {
  const std::vector<std::string> language{"language_model.model.", "model.language_model.",
                                          "model.language_model.model.", "model.", "language_model."};
  const std::vector<std::string> tower{"vision_tower.vision_model.",
                                       "vision_tower.",
                                       "model.vision_tower.vision_model.",
                                       "model.vision_tower.",
                                       "model.vision_tower.vision_tower.vision_model.",
                                       "model.vision_tower.vision_tower."};
  const std::vector<std::string> heads{"lm_head", "language_model.lm_head", "model.language_model.lm_head"};
  const std::vector<std::pair<std::string, std::string>> projectors{
      {"multi_modal_projector.linear_1.", "multi_modal_projector.linear_2."},
      {"model.multi_modal_projector.linear_1.", "model.multi_modal_projector.linear_2."},
      {"model.mm_projector.0.", "model.mm_projector.2."}};
  for (const Json& config : {released_7b(), released_13b(), original_7b()}) {
    const auto wanted = specs(config);
    for (std::size_t i = 0; i < 30; ++i) {
      const auto& [first, second] = projectors[i % projectors.size()];
      const auto tensors = header(wanted, [&, &first = first, &second = second](std::string name) {
        name = prefixed(name, "language_model.", language[i % language.size()]);
        name = prefixed(name, "vision_tower.", tower[i % tower.size()]);
        name = prefixed(name, "lm_head", heads[i % heads.size()]);
        name = prefixed(name, "multi_modal_projector.linear_1.", first);
        return prefixed(name, "multi_modal_projector.linear_2.", second);
      });
      const auto matched = checkpoint::match(wanted, tensors, name_rules(), "here");
      ASSERT_TRUE(matched) << matched.error().message().substr(0, 500);
      EXPECT_EQ(matched->size(), wanted.size());
    }
  }
}

TEST_F(LlavaTest, WrittenNamesAreReadBack) {
  for (const auto& spec : specs(released_7b())) {
    EXPECT_EQ(checkpoint::canonical_name(hf_name(spec.name), name_rules()), spec.name);
    EXPECT_EQ(checkpoint::canonical_name(original_name(spec.name), name_rules()), spec.name);
  }
  EXPECT_EQ(original_name("multi_modal_projector.linear_2.bias"), "model.mm_projector.2.bias");
  EXPECT_EQ(original_name("vision_tower.pre_layrnorm.bias"),
            "model.vision_tower.vision_tower.vision_model.pre_layrnorm.bias");
  EXPECT_EQ(hf_name("lm_head.weight"), "language_model.lm_head.weight");
}

TEST_F(LlavaTest, EveryMissingUnexpectedAndMisshapenTensorIsListed) {
  const auto wanted = specs(released_7b());
  auto tensors = header(wanted, hf_name);
  tensors.erase("language_model.lm_head.weight");
  tensors.at("multi_modal_projector.linear_1.weight").shape = {4096, 768};
  tensors["language_model.model.image_newline"] = {};
  tensors["language_model.model.layers.0.self_attn.rotary_emb.inv_freq"] = {};
  tensors["vision_tower.vision_model.embeddings.position_ids"] = {};
  const auto matched = checkpoint::match(wanted, tensors, name_rules(), "here");
  ASSERT_FALSE(matched);
  EXPECT_EQ(matched.error().kind, ErrorKind::mismatch);
  const std::string message = matched.error().message();
  EXPECT_THAT(message, HasSubstr("missing lm_head.weight [32064, 4096]"));
  EXPECT_THAT(message, HasSubstr("expected [4096, 1024], found [4096, 768]"));
  EXPECT_THAT(message, HasSubstr("unexpected language_model.model.image_newline"));
  EXPECT_THAT(message, testing::Not(HasSubstr("inv_freq")));
  EXPECT_THAT(message, testing::Not(HasSubstr("position_ids")));
}

// ---- configs

TEST_F(LlavaTest, DefaultsAreThoseOfTransformers) {
  const auto config = parse(released_7b());
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->layout, Layout::hf);
  EXPECT_EQ(config->text.hidden_size, 4096);
  EXPECT_EQ(config->text.num_key_value_heads, 32);
  EXPECT_EQ(config->text.head_dim, 128);
  EXPECT_EQ(config->text.activation, nn::Activation::silu);
  EXPECT_DOUBLE_EQ(config->text.rms_norm_eps, 1e-5);
  EXPECT_EQ(config->vision.activation, nn::Activation::quick_gelu);
  EXPECT_DOUBLE_EQ(config->vision.layer_norm_eps, 1e-5);
  EXPECT_EQ(config->feature_layers, std::vector<std::int64_t>{23});
  EXPECT_EQ(config->image_tokens(), 576);
  EXPECT_EQ(config->image_token_id, 32000);
  EXPECT_EQ(config->eos_token_ids, std::vector<std::int64_t>{2});

  Json bare{{"model_type", "llava"}};
  const auto empty = parse(bare);
  ASSERT_TRUE(empty) << empty.error().message();
  EXPECT_EQ(empty->vision.hidden_size, 1024);
  EXPECT_EQ(empty->vision.num_layers, 24);
  EXPECT_EQ(empty->text.vocab_size, 32000);
  bare["vision_config"] = Json::object();
  EXPECT_EQ(parse(bare)->vision.hidden_size, 768);
}

TEST_F(LlavaTest, OriginalLayoutIsKnownByItsKeys) {
  EXPECT_TRUE(recognise(original_7b()));
  EXPECT_TRUE(is_original(original_7b()));
  EXPECT_FALSE(is_original(released_7b()));
  EXPECT_TRUE(is_original({{"model_type", "llava_llama"}}));
  const auto config = parse(original_7b());
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->image_token_id, -200);
  EXPECT_EQ(config->image_aspect, "pad");
  EXPECT_EQ(config->vision.image_size, 336);
  EXPECT_EQ(config->feature_layers, std::vector<std::int64_t>{23});
  EXPECT_EQ(config->vision_tower, "openai/clip-vit-large-patch14-336");
}

TEST_F(LlavaTest, TowerOfTheOriginalLayoutIsTheOneSaid) {
  const Json small{{"hidden_size", 32}, {"num_attention_heads", 4}, {"num_hidden_layers", 5},
                   {"image_size", 56},  {"patch_size", 14},         {"intermediate_size", 64}};
  Json config = original_7b();
  EXPECT_EQ(parse(config, small)->vision.image_size, 56);
  EXPECT_EQ(parse(config, Json{{"vision_config", small}})->vision.hidden_size, 32);
  config["vision_config"] = small;
  config["vision_config"]["image_size"] = 28;
  EXPECT_EQ(parse(config, small)->vision.image_size, 28);
  config = original_7b();
  config["mm_vision_tower"] = "/models/clip-vit-large-patch14";
  EXPECT_EQ(parse(config)->vision.image_size, 224);
}

TEST_F(LlavaTest, RopeIsReadFromEitherPlace) {
  const auto frequency = [](Json text) {
    Json config = released_7b();
    config["text_config"].update(text);
    const auto parsed = parse(config);
    EXPECT_TRUE(parsed) << parsed.error().message();
    return parsed->text.rotary_global.inverse_frequencies[63].item<double>();
  };
  const double at_5e5 = frequency({{"rope_theta", 500000.0}});
  EXPECT_NEAR(at_5e5, std::pow(5e5, -126.0 / 128), 1e-10);
  EXPECT_EQ(frequency({{"rope_parameters", {{"rope_theta", 500000.0}, {"rope_type", "default"}}}}), at_5e5);
  EXPECT_NEAR(frequency({{"rope_theta", 500000.0}, {"rope_scaling", {{"type", "linear"}, {"factor", 2.0}}}}),
              at_5e5 / 2, 1e-10);
}

struct BadConfig {
  const char* pointer;
  Json value;
  ErrorKind kind;
  const char* says;
};

TEST_F(LlavaTest, ConfigsThatCannotBeUsedSayWhy) {
  const std::vector<BadConfig> hf{
      {"/text_config/hidden_size", "4096", ErrorKind::wrong_type, "text_config.hidden_size"},
      {"/text_config/hidden_size", 0, ErrorKind::out_of_range, "expected 1 to"},
      {"/text_config/num_hidden_layers", 4000000000, ErrorKind::out_of_range, "num_hidden_layers"},
      {"/text_config/hidden_size", 4100, ErrorKind::mismatch, "multiple of num_attention_heads 32"},
      {"/text_config/num_key_value_heads", 7, ErrorKind::mismatch, "divisor of num_attention_heads 32"},
      {"/text_config/model_type", "mistral", ErrorKind::unsupported, "expected llama, found mistral"},
      {"/text_config/hidden_act", "relu6", ErrorKind::unsupported, "found relu6"},
      {"/text_config/mlp_bias", true, ErrorKind::unsupported, "text_config.mlp_bias"},
      {"/text_config/rope_scaling", {{"type", "longrope"}}, ErrorKind::unsupported, "rope_scaling.rope_type"},
      {"/text_config/rope_scaling", {{"type", "linear"}}, ErrorKind::missing, "rope_scaling.factor"},
      {"/text_config", 3, ErrorKind::wrong_type, "text_config"},
      {"/vision_config/model_type", "siglip_vision_model", ErrorKind::unsupported, "siglip_vision_model"},
      {"/vision_config/patch_size", 400, ErrorKind::out_of_range, "patch_size"},
      {"/vision_feature_layer", 99, ErrorKind::out_of_range, "vision_feature_layer"},
      {"/vision_feature_layer", Json::array(), ErrorKind::missing, "vision_feature_layer"},
      {"/vision_feature_select_strategy", "cls", ErrorKind::unsupported, "expected default or full"},
      {"/projector_hidden_act", 5, ErrorKind::wrong_type, "projector_hidden_act"},
  };
  for (const BadConfig& bad : hf) {
    Json config = released_7b();
    config[Json::json_pointer(bad.pointer)] = bad.value;
    const auto parsed = parse(config);
    ASSERT_FALSE(parsed) << bad.pointer;
    EXPECT_EQ(parsed.error().kind, bad.kind) << bad.pointer << ": " << parsed.error().message();
    EXPECT_THAT(parsed.error().message(), HasSubstr(bad.says));
  }
  const std::vector<BadConfig> original{
      {"/mm_projector_type", "linear", ErrorKind::unsupported, "expected mlp2x_gelu, found linear"},
      {"/mm_vision_tower", "google/siglip", ErrorKind::unsupported, "google/siglip"},
      {"/mm_vision_tower", nullptr, ErrorKind::missing, "mm_vision_tower"},
      {"/mm_use_im_start_end", true, ErrorKind::unsupported, "mm_use_im_start_end"},
      {"/mm_vision_select_feature", "cls", ErrorKind::unsupported, "patch or cls_patch"},
  };
  for (const BadConfig& bad : original) {
    Json config = original_7b();
    config[Json::json_pointer(bad.pointer)] = bad.value;
    const auto parsed = parse(config);
    ASSERT_FALSE(parsed) << bad.pointer;
    EXPECT_EQ(parsed.error().kind, bad.kind) << bad.pointer << ": " << parsed.error().message();
    EXPECT_THAT(parsed.error().message(), HasSubstr(bad.says));
  }
}

// ---- pictures

image::Image gradient(int width, int height) {
  image::Image out{width, height, {}};
  for (int i = 0; i < 3 * width * height; ++i) out.rgb.push_back(static_cast<std::uint8_t>(i * 31 % 256));
  return out;
}

TEST_F(LlavaTest, PicturesAreCroppedOrPadded) {
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

TEST_F(LlavaTest, FramesLieWhereTheyWereCut) {
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

TEST_F(LlavaTest, PicturesTooNarrowToResizeAreErrors) {
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

TEST_F(LlavaTest, ProcessorsThatDoNotFitTheTowerAreErrors) {
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

// ---- templates

std::vector<ProcessedImage> processed(const Model& model, std::size_t count) {
  std::vector<ProcessedImage> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(*model.process_image(gradient(60, 70)));
  return out;
}

/// Text of a prompt; an image is one <image>.
std::string text_of(const Model& model, const Prompt& prompt) {
  std::vector<std::int64_t> ids;
  std::string out;
  const std::int64_t image = model.info().image_token_id;
  for (const std::int64_t id : prompt.input_ids) {
    if (id != image) {
      ids.push_back(id);
    } else if (!ids.empty() || out.empty()) {
      out += model.tokenizer().decode(ids, false) + "[I]";
      ids.clear();
    }
  }
  return out + model.tokenizer().decode(ids, false);
}

chat::Conversation asked(std::string text, std::size_t images,
                         std::optional<std::string> system = std::nullopt) {
  return chat::single_turn(std::vector<chat::Image>(images), std::move(text), std::move(system));
}

TEST_F(LlavaTest, TemplateOfTransformersLayout) {
  const auto model = load("tiny");
  ASSERT_TRUE(model);
  const auto images = processed(*model, 2);
  const auto text = [&](const chat::Conversation& conversation) {
    const std::size_t count = conversation.images().size();
    const auto prompt = model->render(conversation, std::span(images).first(count));
    EXPECT_TRUE(prompt) << prompt.error().message();
    EXPECT_EQ(prompt->spans.size(), count);
    for (const ImageSpan& span : prompt->spans) EXPECT_EQ(span.end - span.begin, 16);
    return text_of(*model, *prompt);
  };
  EXPECT_EQ(text(asked("hi", 0)), "<s> USER: hi ASSISTANT:");
  EXPECT_THAT(text(asked(" hi \n", 1)), testing::EndsWith("\n hi \n ASSISTANT:"));
  EXPECT_THAT(text(asked("hi", 1)), testing::StartsWith("<s> USER: [I]"));
  EXPECT_THAT(text(asked("hi", 1, "Be kind.")), testing::StartsWith("<s> Be kind. USER: [I]"));
  // Typed placeholders stay text; the number of images is that of the pictures.
  EXPECT_THAT(text(asked("an <image> here", 1)), testing::EndsWith("an <image> here ASSISTANT:"));
  EXPECT_EQ(text(asked("<image></s>", 0)), "<s> USER: <image></s> ASSISTANT:");
  const auto two = model->render(asked("hi", 2), images);
  ASSERT_TRUE(two);
  EXPECT_EQ(std::count(two->input_ids.begin(), two->input_ids.end(), model->info().image_token_id), 32);
  EXPECT_EQ(two->next_position, two->length());
}

TEST_F(LlavaTest, AnswersAndTheirEndsAreSupervised) {
  for (const char* preset : {"tiny", "tiny-original"}) {
    const auto model = load(preset);
    ASSERT_TRUE(model);
    const auto images = processed(*model, 1);
    const chat::Conversation talk{std::nullopt,
                                  {{chat::Role::user, {chat::Image{}, "what is it"}},
                                   {chat::Role::assistant, {"a red cup"}},
                                   {chat::Role::user, {"where"}},
                                   {chat::Role::assistant, {"here"}}}};
    const auto prompt = model->render(talk, images);
    ASSERT_TRUE(prompt) << prompt.error().message();
    ASSERT_EQ(prompt->supervised.size(), prompt->input_ids.size());
    std::vector<std::int64_t> supervised;
    for (std::size_t i = 0; i < prompt->supervised.size(); ++i) {
      if (prompt->supervised[i] != 0) supervised.push_back(prompt->input_ids[i]);
    }
    EXPECT_EQ(model->tokenizer().decode(supervised, false), "a red cup</s> here</s>");
    EXPECT_THAT(text_of(*model, *prompt), HasSubstr("what is it ASSISTANT: a red cup</s>"));
  }
}

TEST_F(LlavaTest, TemplatesOfTheOriginalLayout) {
  const auto model = load("tiny-original");
  ASSERT_TRUE(model);
  const auto images = processed(*model, 2);
  const auto prompt = model->render(asked("an <image> here", 2), images);
  ASSERT_TRUE(prompt);
  EXPECT_EQ(std::count(prompt->input_ids.begin(), prompt->input_ids.end(), -200), 32);
  EXPECT_THAT(text_of(*model, *prompt),
              testing::StartsWith("<s> A chat between a curious user and an artificial"));
  // Each section by itself, with its own dummy prefix.
  const auto& tokenizer = model->tokenizer();
  auto expected = std::vector<std::int64_t>(1, *tokenizer.bos_id());
  const std::string system =
      "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, "
      "detailed, and polite answers to the user's questions.";
  const auto add = [&](const std::string& text) {
    const auto ids = *tokenizer.encode(text);
    expected.insert(expected.end(), ids.begin(), ids.end());
  };
  add(system + " USER: ");
  expected.insert(expected.end(), 16, -200);
  add("\n");
  expected.insert(expected.end(), 16, -200);
  add("\nan <image> here ASSISTANT:");
  EXPECT_EQ(prompt->input_ids, expected);

  LoadOptions options;
  options.prompt_template = "llava_v1";
  const auto other = load("tiny-original", options);
  ASSERT_TRUE(other);
  EXPECT_THAT(text_of(*other, *other->render(asked("hi", 2), images)),
              testing::StartsWith("<s> A chat between a curious human and an artificial"));
  EXPECT_THAT(text_of(*other, *other->render(asked("hi", 2, "Be kind."), images)),
              testing::StartsWith("<s> Be kind. USER: [I]"));
}

TEST_F(LlavaTest, ImagesOpenTheirTurnInTransformersLayout) {
  const auto model = load("tiny");
  ASSERT_TRUE(model);
  const auto images = processed(*model, 3);
  const chat::Conversation talk{"Be kind.",
                                {{chat::Role::user, {"one", chat::Image{}, "two", chat::Image{}}},
                                 {chat::Role::assistant, {"a cup"}},
                                 {chat::Role::user, {chat::Image{}}}}};
  const auto prompt = model->render(talk, images);
  ASSERT_TRUE(prompt) << prompt.error().message();
  ASSERT_EQ(prompt->spans.size(), 3U);
  for (std::int64_t i = 0; i < 3; ++i) EXPECT_EQ(prompt->spans[static_cast<std::size_t>(i)].image, i);
  // One text with the placeholders where transformers' template puts them.
  std::string image;
  for (int i = 0; i < 16; ++i) image += "<image>";
  const std::string text = "Be kind. USER: " + image + "\n" + image +
                           "\none two ASSISTANT: a cup</s>USER: " + image + "\nASSISTANT:";
  auto expected = std::vector<std::int64_t>(1, *model->tokenizer().bos_id());
  const std::array<tokenizer::Piece, 1> pieces{{{text, true}}};
  const auto ids = model->tokenizer().encode(pieces)->ids;
  expected.insert(expected.end(), ids.begin(), ids.end());
  EXPECT_EQ(prompt->input_ids, expected);
}

TEST_F(LlavaTest, ImagesStandAnywhereInTheOriginalLayout) {
  const auto model = load("tiny-original");
  ASSERT_TRUE(model);
  const chat::Conversation talk{"Be kind.",
                                {{chat::Role::user, {"one ", chat::Image{}, " two", chat::Image{}}},
                                 {chat::Role::assistant, {"a cup"}},
                                 {chat::Role::user, {chat::Image{}, "and"}}}};
  const auto prompt = model->render(talk, processed(*model, 3));
  ASSERT_TRUE(prompt) << prompt.error().message();
  auto expected = std::vector<std::int64_t>(1, *model->tokenizer().bos_id());
  bool image = false;
  for (const char* text :
       {"Be kind. USER: one ", " two", " ASSISTANT: a cup</s>USER: ", "\nand ASSISTANT:"}) {
    if (image) expected.insert(expected.end(), 16, -200);
    image = true;
    const std::array<tokenizer::Piece, 1> pieces{{{text, true}}};
    const auto ids = model->tokenizer().encode(pieces)->ids;
    expected.insert(expected.end(), ids.begin(), ids.end());
  }
  EXPECT_EQ(prompt->input_ids, expected);
}

TEST_F(LlavaTest, IdsBeyondTheEmbeddingAreErrors) {
  const auto model = load("tiny");
  ASSERT_TRUE(model);
  const auto prompt = model->render(asked("hi", 1), processed(*model, 1));
  ASSERT_TRUE(prompt);
  EXPECT_TRUE(check_ids(*prompt, 1000));
  const auto found = check_ids(*prompt, 2);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::mismatch);
  EXPECT_THAT(found.error().message(), HasSubstr("expected an id below 2"));
}

TEST_F(LlavaTest, UnknownTemplatesAreErrors) {
  LoadOptions options;
  options.prompt_template = "mpt";
  EXPECT_EQ(Llava::load(folder_ / "tiny", options).error().kind, ErrorKind::usage);
  EXPECT_EQ(Llava::load(folder_ / "tiny-original", options).error().kind, ErrorKind::usage);
}

// ---- files

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
