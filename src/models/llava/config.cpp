#include "models/llava/config.h"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "models/config_fields.h"

namespace holisafe::models::llava {
namespace {

constexpr std::int64_t most_layers = 1000;
constexpr std::int64_t most_size = std::int64_t{1} << 20;
constexpr std::int64_t most_tokens = std::int64_t{1} << 24;
constexpr std::int64_t image_index = -200;  // IMAGE_TOKEN_INDEX of the original repository

nn::Activation activation(const ConfigFields& fields, const std::string& key, const std::string& fallback) {
  auto parsed = nn::parse_activation(fields.text(key, fallback));
  if (parsed) return *parsed;
  fields.reject(parsed.error().kind, key, parsed.error().detail + ", found " + parsed.error().where);
  return nn::Activation::silu;
}

void parse_rotary(const ConfigFields& fields, Config& out) {
  nn::DecoderConfig& text = out.text;
  const bool has_parameters = fields.has("rope_parameters");
  const ConfigFields parameters = fields.object("rope_parameters");
  const double theta = parameters.number("rope_theta", fields.number("rope_theta", 10000.0));
  const char* const key = has_parameters ? "rope_parameters" : "rope_scaling";
  auto rotary = nn::make_rotary(text.head_dim, theta, fields.value(key), out.positions);
  out.context_length = nn::stretched_context(fields.value(key), out.positions);
  if (rotary) {
    text.rotary_global = *std::move(rotary);
  } else {
    fields.reject(rotary.error().kind, std::string(key) + "." + rotary.error().where, rotary.error().detail);
  }
  if (parameters.number("partial_rotary_factor", 1.0) != 1.0)
    fields.reject(ErrorKind::unsupported, "rope_parameters.partial_rotary_factor", "expected 1");
}

/// LlamaConfig's fields.
void parse_text(const ConfigFields& fields, Config& out) {
  nn::DecoderConfig& text = out.text;
  text.hidden_size = fields.integer("hidden_size", 4096, 1, most_size);
  text.intermediate_size = fields.integer("intermediate_size", 11008, 1, most_size);
  text.num_layers = fields.integer("num_hidden_layers", 32, 1, most_layers);
  text.num_heads = fields.integer("num_attention_heads", 32, 1, most_size);
  text.num_key_value_heads = fields.integer("num_key_value_heads", text.num_heads, 1, most_size);
  text.head_dim =
      fields.integer("head_dim", std::max<std::int64_t>(text.hidden_size / text.num_heads, 1), 1, most_size);
  text.vocab_size = fields.integer("vocab_size", 32000, 1, most_tokens);
  text.rms_norm_eps = fields.number("rms_norm_eps", 1e-6);
  text.activation = activation(fields, "hidden_act", "silu");
  text.attention_scale = 1.0 / std::sqrt(static_cast<double>(text.head_dim));
  text.qkv_bias = fields.flag("attention_bias", false);
  text.output_bias = text.qkv_bias;
  out.positions = fields.integer("max_position_embeddings", 2048, 1);
  out.eos_token_ids = fields.integers("eos_token_id", {2});
  if (fields.flag("mlp_bias", false)) fields.reject(ErrorKind::unsupported, "mlp_bias", "expected false");
  if (!fields.has("head_dim") && text.hidden_size % text.num_heads != 0) {
    fields.reject(ErrorKind::mismatch, "hidden_size",
                  "expected a multiple of num_attention_heads " + std::to_string(text.num_heads) +
                      ", found " + std::to_string(text.hidden_size));
  }
  if (text.num_heads % text.num_key_value_heads != 0) {
    fields.reject(ErrorKind::mismatch, "num_key_value_heads",
                  "expected a divisor of num_attention_heads " + std::to_string(text.num_heads) + ", found " +
                      std::to_string(text.num_key_value_heads));
  }
  if (text.head_dim % 2 != 0) {
    fields.reject(ErrorKind::unsupported, "head_dim",
                  "expected an even number, found " + std::to_string(text.head_dim));
    return;
  }
  parse_rotary(fields, out);
}

nn::VisionEncoderConfig clip_large(std::int64_t image_size) {
  nn::VisionEncoderConfig vision;
  vision.hidden_size = 1024;
  vision.intermediate_size = 4096;
  vision.num_layers = 24;
  vision.num_heads = 16;
  vision.image_size = image_size;
  vision.patch_size = 14;
  return vision;
}

/// CLIPVisionConfig's fields.
void parse_vision(const ConfigFields& fields, nn::VisionEncoderConfig& vision) {
  const std::string type = fields.text("model_type", "clip_vision_model");
  if (type != "clip_vision_model")
    fields.reject(ErrorKind::unsupported, "model_type", "expected clip_vision_model, found " + type);
  vision.hidden_size = fields.integer("hidden_size", 768, 1, most_size);
  vision.intermediate_size = fields.integer("intermediate_size", 3072, 1, most_size);
  vision.num_layers = fields.integer("num_hidden_layers", 12, 1, most_layers);
  vision.num_heads = fields.integer("num_attention_heads", 12, 1, most_size);
  vision.image_size = fields.integer("image_size", 224, 1, 16384);
  vision.patch_size = fields.integer("patch_size", 32, 1, vision.image_size);
  vision.num_channels = fields.integer("num_channels", 3, 3, 3);
  vision.layer_norm_eps = fields.number("layer_norm_eps", 1e-5);
  vision.activation = activation(fields, "hidden_act", "quick_gelu");
  if (vision.hidden_size % vision.num_heads != 0) {
    fields.reject(ErrorKind::mismatch, "hidden_size",
                  "expected a multiple of num_attention_heads " + std::to_string(vision.num_heads) +
                      ", found " + std::to_string(vision.hidden_size));
  }
}

/// Indices as into transformers' list of hidden states: 0 the embeddings, -1 the last layer's output.
std::vector<std::int64_t> parse_feature_layers(const ConfigFields& fields, const std::string& key,
                                               std::int64_t num_layers) {
  auto layers = fields.integers(key, {-2});
  if (layers.empty()) fields.reject(ErrorKind::missing, key, "expected at least one layer");
  for (std::int64_t& layer : layers) {
    const std::int64_t index = layer < 0 ? layer + num_layers + 1 : layer;
    if (index < 0 || index > num_layers) {
      fields.reject(ErrorKind::out_of_range, key,
                    "expected " + std::to_string(-num_layers - 1) + " to " + std::to_string(num_layers) +
                        ", found " + std::to_string(layer));
    }
    layer = index;
  }
  return layers;
}

bool parse_strategy(const ConfigFields& fields, const std::string& key, const std::string& patches,
                    const std::string& all) {
  const std::string found = fields.text(key, patches);
  if (found != patches && found != all) {
    fields.reject(ErrorKind::unsupported, key, "expected " + patches + " or " + all + ", found " + found);
  }
  return found == all;
}

void parse_hf(const ConfigFields& fields, Config& out) {
  const ConfigFields text = fields.object("text_config");
  const std::string type = text.text("model_type", "llama");
  if (type != "llama") text.reject(ErrorKind::unsupported, "model_type", "expected llama, found " + type);
  parse_text(text, out);
  out.text.tie_embeddings =
      fields.flag("tie_word_embeddings", false) || text.flag("tie_word_embeddings", false);
  if (fields.has("vision_config")) {
    parse_vision(fields.object("vision_config"), out.vision);
  } else {
    out.vision = clip_large(336);
  }
  out.feature_layers = parse_feature_layers(fields, "vision_feature_layer", out.vision.num_layers);
  out.keeps_class_token = parse_strategy(fields, "vision_feature_select_strategy", "default", "full");
  out.projector_activation = activation(fields, "projector_hidden_act", "gelu");
  out.projector_bias = fields.flag("multimodal_projector_bias", true);
  const char* const image_token = fields.has("image_token_id") ? "image_token_id" : "image_token_index";
  out.image_token_id = fields.integer(image_token, 32000, 0, most_tokens);
}

/// The shape of a CLIP model by its name on the hub, whatever folder it stands in.
void parse_named_tower(const ConfigFields& fields, Config& out) {
  static constexpr std::array<std::pair<std::string_view, std::int64_t>, 2> known_towers{
      {{"clip-vit-large-patch14-336", 336}, {"clip-vit-large-patch14", 224}}};
  const std::string base = out.vision_tower.substr(out.vision_tower.find_last_of('/') + 1);
  for (const auto& [name, image_size] : known_towers) {
    if (base == name) {
      out.vision = clip_large(image_size);
      return;
    }
  }
  out.vision = clip_large(336);
  if (out.vision_tower.empty()) {
    fields.reject(ErrorKind::missing, "mm_vision_tower",
                  "expected the name of a CLIP model, or vision_config");
  } else {
    fields.reject(ErrorKind::unsupported, "mm_vision_tower",
                  "expected clip-vit-large-patch14-336 or clip-vit-large-patch14, or vision_config, found " +
                      out.vision_tower);
  }
}

void parse_original(const ConfigFields& fields, const nlohmann::json& tower, Config& out) {
  parse_text(fields, out);
  out.text.tie_embeddings = fields.flag("tie_word_embeddings", false);
  out.vision_tower = fields.text("mm_vision_tower", fields.text("vision_tower", ""));
  if (fields.has("vision_config")) {
    parse_vision(fields.object("vision_config"), out.vision);
  } else if (tower.is_object()) {
    const ConfigFields given(tower, "vision tower's config.json");
    parse_vision(given.has("vision_config") ? given.object("vision_config") : given, out.vision);
    if (auto checked = given.check(); !checked)
      fields.reject(checked.error().kind, "vision tower: " + checked.error().where, checked.error().detail);
  } else {
    parse_named_tower(fields, out);
  }
  out.feature_layers = parse_feature_layers(fields, "mm_vision_select_layer", out.vision.num_layers);
  out.keeps_class_token = parse_strategy(fields, "mm_vision_select_feature", "patch", "cls_patch");
  const std::string projector = fields.text("mm_projector_type", "mlp2x_gelu");
  if (projector != "mlp2x_gelu") {
    fields.reject(ErrorKind::unsupported, "mm_projector_type", "expected mlp2x_gelu, found " + projector);
  }
  if (fields.flag("mm_use_im_start_end", false))
    fields.reject(ErrorKind::unsupported, "mm_use_im_start_end", "expected false");
  out.image_token_id = image_index;
}

}  // namespace

bool is_original(const nlohmann::json& config) {
  if (model_type(config) == "llava_llama") return true;
  if (!config.is_object()) return false;
  for (const auto& [key, value] : config.items()) {
    if (key.starts_with("mm_")) return true;
  }
  return false;
}

bool recognise(const nlohmann::json& config) {
  const std::string type = model_type(config);
  return type == "llava" || type == "llava_llama";
}

Result<Config> parse_config(const nlohmann::json& config, const std::string& where,
                            const nlohmann::json& tower) {
  const ConfigFields fields(config, where);
  Config out;
  out.model_type = model_type(config);
  out.layout = is_original(config) ? Layout::original : Layout::hf;
  if (out.layout == Layout::original) {
    parse_original(fields, tower, out);
  } else {
    parse_hf(fields, out);
  }
  out.vision.class_token = true;
  out.vision.input_norm = true;
  out.image_aspect = fields.text("image_aspect_ratio", "");
  HOLISAFE_CHECK(fields.check());
  return out;
}

}  // namespace holisafe::models::llava
