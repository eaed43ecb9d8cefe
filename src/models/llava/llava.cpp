#include "models/llava/llava.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "checkpoint/checkpoint.h"
#include "models/llava/chat_templates.h"
#include "models/llava/names.h"
#include "models/llava/synth.h"
#include "models/prompt.h"
#include "models/side_files.h"
#include "models/square_cells.h"

namespace holisafe::models::llava {
namespace {

using Tensors = std::map<std::string, checkpoint::TensorView>;

/// Pixels of one batch through the tower: enough to fill the cores, few enough to keep memory flat.
constexpr std::int64_t most_pixels_at_once = std::int64_t{8} * 336 * 336;

bool has_tower(const Tensors& tensors) {
  return std::any_of(tensors.begin(), tensors.end(), [](const auto& entry) {
    return checkpoint::canonical_name(entry.first, name_rules()).starts_with("vision_tower.");
  });
}

/// The vision tower of a CLIP checkpoint (the whole model or its tower alone), named as if the original
/// layout held it.
Tensors tower_tensors(const checkpoint::Checkpoint& clip) {
  Tensors out;
  for (const auto& [name, view] : clip.tensors()) {
    std::string_view rest = name;
    for (const std::string_view prefix : {"vision_tower.", "vision_model."}) {
      if (rest.starts_with(prefix)) rest.remove_prefix(prefix.size());
    }
    const bool text = name.starts_with("text_model.");
    const bool belongs = rest.starts_with("embeddings.") || rest.starts_with("pre_layrnorm.") ||
                         rest.starts_with("encoder.") || rest.starts_with("post_layernorm.");
    if (text || !belongs) continue;
    checkpoint::TensorView own = view;
    own.name = original_name("vision_tower." + std::string(rest));
    out.emplace(own.name, std::move(own));
  }
  return out;
}

/// The vision tower that is given besides the checkpoint, if there is one. Errors: see Llava::load.
Result<std::optional<checkpoint::Checkpoint>> open_tower(const checkpoint::Checkpoint& main,
                                                         const LoadOptions& options) {
  const bool own = has_tower(main.tensors());
  if (own && !options.vision_tower.empty()) {
    return fail(ErrorKind::usage, "cannot use --vision-tower", main.folder().string(),
                "the checkpoint has a vision tower of its own");
  }
  if (own || !is_original(main.config())) {
    if (options.vision_tower.empty()) return std::optional<checkpoint::Checkpoint>();
    return fail(ErrorKind::usage, "cannot use --vision-tower", main.folder().string(),
                "it is for checkpoints in the original LLaVA layout");
  }
  if (options.vision_tower.empty()) {
    const ConfigFields fields(main.config(), "config.json");
    const std::string name = fields.text("mm_vision_tower", "a CLIP checkpoint");
    return fail(ErrorKind::missing, "checkpoint has no vision tower", main.folder().string(),
                "give the folder of " + name + " with --vision-tower DIR");
  }
  HOLISAFE_TRY(auto clip, checkpoint::Checkpoint::open(options.vision_tower));
  return std::optional<checkpoint::Checkpoint>(std::move(clip));
}

/// preprocessor_config.json of the checkpoint. The original layout may leave it to the CLIP model it names:
/// then that of the tower given besides, else that model's values, which are the defaults.
Result<ConfigFields> processor_fields(const std::filesystem::path& folder, const Config& config,
                                      const std::filesystem::path& tower) {
  auto own = image_processor_fields(folder);
  const bool optional = config.layout == Layout::original;
  if (own || !optional || own.error().kind != ErrorKind::not_found) return own;
  if (!tower.empty()) {
    auto given = image_processor_fields(tower);
    if (given || given.error().kind != ErrorKind::not_found) return given;
  }
  return ConfigFields(nlohmann::json::object(), "preprocessor_config.json");
}

std::string layout_words(const Config& config, const Tensors& tensors) {
  if (config.layout == Layout::original) return "original LLaVA";
  const bool old = std::any_of(tensors.begin(), tensors.end(), [](const auto& entry) {
    return entry.first.find("vision_tower.vision_model.") != std::string::npos;
  });
  return old ? "llava-hf, names of transformers 4" : "llava-hf, names of transformers 5";
}

}  // namespace

ModelInfo info_of(const Config& config) {
  ModelInfo info;
  info.family = "llava";
  info.model_type = config.model_type;
  info.hidden_size = config.text.hidden_size;
  info.num_layers = config.text.num_layers;
  info.vocab_size = config.text.vocab_size;
  info.context_length = config.context_length;
  info.positions = config.positions;
  info.image_token_id = config.image_token_id;
  info.stop_token_ids = config.eos_token_ids;
  info.guard_pooling = GuardPooling::last_hidden;
  return info;
}

Llava::Llava(const Config& config, ModelInfo info, tokenizer::Tokenizer tokenizer, ImageProcessor processor,
             Template format)
    : Model(std::move(info), std::move(tokenizer), config.text),
      config_(config),
      processor_(std::move(processor)),
      format_(std::move(format)),
      tower_(config.vision),
      projector_in_(nn::Linear::shaped(
          config.vision.hidden_size * static_cast<std::int64_t>(config.feature_layers.size()),
          config.text.hidden_size, config.projector_bias)),
      projector_out_(
          nn::Linear::shaped(config.text.hidden_size, config.text.hidden_size, config.projector_bias)) {}

Result<std::unique_ptr<Model>> Llava::load(const std::filesystem::path& folder, const LoadOptions& options) {
  HOLISAFE_TRY(const auto main, checkpoint::Checkpoint::open(folder));
  HOLISAFE_TRY(const auto tower, open_tower(main, options));
  HOLISAFE_TRY(const auto config, parse_config(main.config(), (folder / "config.json").string(),
                                               tower ? tower->config() : nlohmann::json()));
  HOLISAFE_TRY(auto tokenizer, tokenizer::Tokenizer::open(folder));
  if (config.layout == Layout::hf) {
    HOLISAFE_CHECK(expect_token(tokenizer, "<image>", config.image_token_id, "image_token_index"));
    tokenizer = tokenizer.also_special(std::array{config.image_token_id});
  }
  HOLISAFE_TRY(const auto fields, processor_fields(folder, config, options.vision_tower));
  const std::string& aspect = options.image_aspect.empty() ? config.image_aspect : options.image_aspect;
  HOLISAFE_TRY(auto processor, ImageProcessor::make(fields, aspect, config.vision.image_size));
  HOLISAFE_TRY(auto format, template_of(config, options.prompt_template));
  HOLISAFE_CHECK(check_chat_template(folder, known_templates, template_name, options));
  ModelInfo info = info_of(config);
  HOLISAFE_TRY(info.stop_token_ids, stop_token_ids(folder, config.eos_token_ids));
  info.layout = layout_words(config, main.tensors());
  auto model = std::make_unique<Llava>(config, std::move(info), std::move(tokenizer), std::move(processor),
                                       std::move(format));
  Tensors tensors = main.tensors();
  if (tower) tensors.merge(tower_tensors(*tower));
  HOLISAFE_CHECK(model->load_weights(tensors, name_rules(), folder.string(), options));
  return model;
}

Result<ProcessedImage> Llava::process_image(const image::Image& image) const {
  ProcessedImage out;
  HOLISAFE_TRY(out.pixel_values, processor_.pixel_values(image));
  out.piece_tokens = {config_.image_tokens()};
  out.frames = {processor_.frame(image.width, image.height, config_.vision.patch_size)};
  return out;
}

torch::Tensor Llava::cells(const ProcessedImage& image, const torch::Tensor& values) const {
  const image::Frame& frame = image.frames.front();
  return square_cells(values, frame.rows, frame.columns, config_.vision.patch_size);
}

torch::Tensor Llava::features(const torch::Tensor& pixels) const {
  auto layers = tower_.hidden_states(pixels.to(device()), config_.feature_layers);
  for (torch::Tensor& hidden : layers) {
    if (!config_.keeps_class_token) hidden = hidden.slice(1, 1);
  }
  const auto selected = layers.size() == 1 ? layers.front() : at::cat(layers, -1);
  return projector_out_.forward(nn::activate(config_.projector_activation, projector_in_.forward(selected)));
}

torch::Tensor Llava::encode_image(const ProcessedImage& image) const {
  return features(image.pixel_values)[0];
}

std::vector<torch::Tensor> Llava::encode_images(std::span<const ProcessedImage> images) const {
  std::vector<torch::Tensor> out;
  const std::int64_t size = tower_.config().image_size;
  const auto most = static_cast<std::size_t>(std::max(std::int64_t{1}, most_pixels_at_once / (size * size)));
  for (std::size_t begin = 0; begin < images.size(); begin += most) {
    std::vector<torch::Tensor> pixels;
    for (const ProcessedImage& image : images.subspan(begin, std::min(most, images.size() - begin)))
      pixels.push_back(image.pixel_values);
    const auto batch = features(at::cat(pixels, 0));
    for (std::int64_t i = 0; i < batch.size(0); ++i) out.push_back(batch[i]);
  }
  return out;
}

Result<Prompt> Llava::render(const chat::Conversation& conversation,
                             std::span<const ProcessedImage> images) const {
  HOLISAFE_TRY(auto prompt, render_conversation(format_, tokenizer(), conversation, images));
  HOLISAFE_CHECK(check_ids(prompt, config_.text.vocab_size));
  return prompt;
}

void Llava::visit_vision(nn::Visitor visitor) {
  visitor.part = nn::Part::vision;
  tower_.visit("vision_tower", visitor);
  visitor.part = nn::Part::projector;
  projector_in_.visit("multi_modal_projector.linear_1", visitor);
  projector_out_.visit("multi_modal_projector.linear_2", visitor);
}

Family family() { return {"llava", recognise, Llava::load, presets(), synth}; }

}  // namespace holisafe::models::llava
