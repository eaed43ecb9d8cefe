#include "models/qwen2_5_vl/qwen2_5_vl.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "checkpoint/checkpoint.h"
#include "models/config_fields.h"
#include "models/prompt.h"
#include "models/qwen2_5_vl/chat_templates.h"
#include "models/qwen2_5_vl/config.h"
#include "models/qwen2_5_vl/names.h"
#include "models/qwen2_5_vl/positions.h"
#include "models/qwen2_5_vl/processor.h"
#include "models/qwen2_5_vl/vision.h"
#include "models/side_files.h"

namespace holisafe::models::qwen2_5_vl {
namespace {

constexpr const char* image_token = "<|image_pad|>";
constexpr const char* video_token = "<|video_pad|>";
constexpr const char* default_system = "You are a helpful assistant.";

class QwenModel final : public Model {
 public:
  QwenModel(ModelInfo info, tokenizer::Tokenizer tokenizer, const Config& config,
            const ProcessorConfig& processor)
      : Model(std::move(info), std::move(tokenizer), config.text),
        tower_(config.vision),
        processor_(processor),
        video_token_id_(config.video_token_id) {}

  [[nodiscard]] Result<ProcessedImage> process_image(const image::Image& image) const override {
    return processor_.process(image);
  }

  [[nodiscard]] torch::Tensor cells(const ProcessedImage& image, const torch::Tensor& values) const override {
    const TokenGrid tokens = grid(image);
    const std::int64_t patches = tower_.config().merge_unit();
    constexpr std::int64_t channels = 3;
    return values.view({1, tokens.height, tokens.width, patches, channels, values.size(1) / channels})
        .transpose(3, 4);
  }

  [[nodiscard]] torch::Tensor encode_image(const ProcessedImage& image) const override {
    return tower_.forward(image.pixel_values.to(device(), dtype()), grid(image));
  }

  [[nodiscard]] Result<Prompt> render(const chat::Conversation& conversation,
                                      std::span<const ProcessedImage> images) const override;

 protected:
  void visit_vision(nn::Visitor visitor) override { tower_.visit(std::move(visitor)); }
  void hook_vision(const nn::LayerHook& hook) override { tower_.layer_hook = hook; }

 private:
  [[nodiscard]] TokenGrid grid(const ProcessedImage& image) const {
    const auto* const thw = image.grid_thw.const_data_ptr<std::int64_t>();
    const std::int64_t merge = tower_.config().spatial_merge_size;
    return {thw[1] / merge, thw[2] / merge};
  }

  VisionTower tower_;
  Processor processor_;
  std::int64_t video_token_id_;
};

std::string image_markup(const ProcessedImage& image) {
  std::string out = "<|vision_start|>";
  for (std::int64_t i = 0; i < image.tokens(); ++i) out += image_token;
  return out + "<|vision_end|>";
}

/// ChatML as the released chat template writes it: the system turn first, images where they stand.
PromptText fill_template(const chat::Conversation& conversation, std::span<const ProcessedImage> images) {
  PromptText text;
  text.markup("<|im_start|>system\n");
  if (conversation.system) {
    text.typed(*conversation.system);
  } else {
    text.markup(default_system);
  }
  text.markup("<|im_end|>\n");
  auto image = images.begin();
  for (const chat::Turn& turn : conversation.turns) {
    if (turn.role == chat::Role::assistant) {
      text.markup("<|im_start|>assistant\n");
      text.answer(turn.text(), "<|im_end|>");
      text.markup("\n");
      continue;
    }
    text.markup("<|im_start|>user\n");
    for (const chat::Part& part : turn.parts) {
      if (const auto* words = std::get_if<std::string>(&part)) {
        text.typed(*words);
      } else {
        text.markup(image_markup(*image++));
      }
    }
    text.markup("<|im_end|>\n");
  }
  if (conversation.turns.back().role == chat::Role::user) text.markup("<|im_start|>assistant\n");
  return text;
}

Result<Prompt> QwenModel::render(const chat::Conversation& conversation,
                                 std::span<const ProcessedImage> images) const {
  HOLISAFE_CHECK(check_turns(conversation, images.size()));
  HOLISAFE_TRY(Prompt prompt,
               fill_template(conversation, images).encode(tokenizer(), info().image_token_id, images));
  for (const std::int64_t id : prompt.input_ids) {
    if (id == video_token_id_) {
      return fail(ErrorKind::unsupported, "cannot render a conversation", video_token,
                  "video is not supported, only images");
    }
  }
  HOLISAFE_CHECK(check_ids(prompt, info().vocab_size));
  std::vector<TokenGrid> grids;
  for (const ProcessedImage& image : images) grids.push_back(grid(image));
  auto [positions, next] = multimodal_positions(prompt.length(), prompt.spans, grids);
  prompt.positions = std::move(positions);
  prompt.next_position = next;
  return prompt;
}

/// What LLaVA may be asked for.
Result<void> check_options(const LoadOptions& options) {
  const auto reject = [](const char* option, const std::string& value) {
    return fail(ErrorKind::usage, "cannot load a Qwen2.5-VL checkpoint", option,
                "this family has no such choice, found " + value);
  };
  if (!options.vision_tower.empty()) return reject("vision tower", options.vision_tower.string());
  if (!options.prompt_template.empty() && options.prompt_template != template_name)
    return fail(ErrorKind::usage, "no such template", options.prompt_template, "expected chatml");
  if (!options.image_aspect.empty()) return reject("image aspect", options.image_aspect);
  return {};
}

ModelInfo describe(const nlohmann::json& document, const Config& config) {
  ModelInfo info;
  info.family = "qwen2_5_vl";
  info.model_type = model_type(document);
  info.layout = config.nested ? "nested text_config (transformers 4.52 and later)"
                              : "flat config (transformers before 4.52, and the released files)";
  info.hidden_size = config.text.hidden_size;
  info.num_layers = config.text.num_layers;
  info.vocab_size = config.text.vocab_size;
  info.context_length = config.context_length;
  info.positions = config.positions;
  info.image_token_id = config.image_token_id;
  info.guard_pooling = GuardPooling::last_hidden;
  return info;
}

/// The tokenizer with the tokens of images and videos special, after a check that they are config.json's.
Result<tokenizer::Tokenizer> open_tokenizer(const std::filesystem::path& folder, const Config& config) {
  HOLISAFE_TRY(const auto plain, tokenizer::Tokenizer::open(folder));
  HOLISAFE_CHECK(expect_token(plain, image_token, config.image_token_id, "image_token_id"));
  std::vector<std::int64_t> special{config.image_token_id};
  for (const char* token : {"<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"}) {
    const auto id = plain.token_id(token);
    if (!id) {
      return fail(ErrorKind::missing, "cannot use checkpoint", folder.string(),
                  std::string("the tokenizer has no ") + token + ", which the template needs");
    }
    special.push_back(*id);
  }
  if (const auto video = plain.token_id(video_token)) special.push_back(*video);
  return plain.also_special(special);
}

}  // namespace

Result<std::unique_ptr<Model>> make(const std::filesystem::path& folder, const nlohmann::json& document) {
  HOLISAFE_TRY(const Config config, parse_config(document, (folder / "config.json").string()));
  HOLISAFE_TRY(const ConfigFields fields, image_processor_fields(folder));
  HOLISAFE_TRY(const ProcessorConfig processor, parse_processor(fields, config.vision));
  HOLISAFE_TRY(auto tokens, open_tokenizer(folder, config));
  ModelInfo info = describe(document, config);
  HOLISAFE_TRY(info.stop_token_ids, stop_token_ids(folder, config.eos_token_ids));
  return std::make_unique<QwenModel>(std::move(info), std::move(tokens), config, processor);
}

Result<std::unique_ptr<Model>> load(const std::filesystem::path& folder, const LoadOptions& options) {
  HOLISAFE_CHECK(check_options(options));
  HOLISAFE_TRY(const auto checkpoint, checkpoint::Checkpoint::open(folder));
  HOLISAFE_TRY(auto model, make(folder, checkpoint.config()));
  HOLISAFE_CHECK(check_chat_template(folder, known_templates, template_name, options));
  HOLISAFE_CHECK(model->load_weights(checkpoint.tensors(), name_rules(), folder.string(), options));
  return model;
}

Family family() {
  return {"qwen2_5_vl", [](const nlohmann::json& config) { return model_type(config) == "qwen2_5_vl"; }, load,
          presets(), synth};
}

}  // namespace holisafe::models::qwen2_5_vl
