#include "models/gemma3/config.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "models/config_fields.h"

namespace holisafe::models::gemma3 {
namespace {

constexpr std::int64_t most_layers = 4096;
constexpr std::int64_t most_size = std::int64_t{1} << 24;

Result<nn::Activation> activation(const ConfigFields& fields, const char* key) {
  return nn::parse_activation(fields.text(key, "gelu_pytorch_tanh"));
}

/// A square root that is whole; 0 for other numbers.
std::int64_t whole_root(std::int64_t square) {
  const auto root = static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(square))));
  return root * root == square ? root : 0;
}

/// SigLIP's defaults.
Result<nn::VisionEncoderConfig> parse_vision(const ConfigFields& fields) {
  nn::VisionEncoderConfig out;
  out.hidden_size = fields.integer("hidden_size", 768, 1, most_size);
  out.intermediate_size = fields.integer("intermediate_size", 3072, 1, most_size);
  out.num_layers = fields.integer("num_hidden_layers", 12, 1, most_layers);
  out.num_heads = fields.integer("num_attention_heads", 12, 1, most_size);
  out.image_size = fields.integer("image_size", 224, 1, 1 << 14);
  out.patch_size = fields.integer("patch_size", 16, 1, out.image_size);
  out.layer_norm_eps = fields.number("layer_norm_eps", 1e-6);
  out.patch_bias = true;
  HOLISAFE_TRY(out.activation, activation(fields, "hidden_act"));
  if (fields.integer("num_channels", out.num_channels) != out.num_channels)
    fields.reject(ErrorKind::unsupported, "num_channels", "expected 3");
  if (out.hidden_size % out.num_heads != 0) {
    fields.reject(ErrorKind::mismatch, "num_attention_heads",
                  "expected a divisor of hidden_size " + std::to_string(out.hidden_size) + ", found " +
                      std::to_string(out.num_heads));
  }
  return out;
}

/// Per layer, whether it slides.
std::vector<bool> sliding_layers(const ConfigFields& fields, std::int64_t num_layers) {
  std::vector<bool> out;
  const auto types = fields.value("layer_types");
  if (types.is_null()) {
    const std::int64_t pattern = fields.integer("sliding_window_pattern", 6);
    for (std::int64_t i = 0; i < num_layers; ++i) out.push_back((i + 1) % pattern != 0);
    return out;
  }
  if (!types.is_array() || types.size() != static_cast<std::size_t>(num_layers)) {
    fields.reject(ErrorKind::mismatch, "layer_types",
                  "expected a list of num_hidden_layers " + std::to_string(num_layers) + " names");
    return out;
  }
  for (const auto& type : types) {
    if (type != "sliding_attention" && type != "full_attention") {
      fields.reject(ErrorKind::unsupported, "layer_types",
                    "expected sliding_attention or full_attention, found " + type.dump());
    }
    out.push_back(type == "sliding_attention");
  }
  return out;
}

/// Global layers have the base `rope_theta` and what `rope_scaling` adds, sliding ones
/// `rope_local_base_freq`; transformers 5 writes both into `rope_parameters`, by the kind of layer.
Result<void> parse_rotary(const ConfigFields& fields, std::int64_t trained, nn::DecoderConfig& out) {
  const ConfigFields both = fields.object("rope_parameters");
  if (both.has("rope_type") || both.has("rope_theta")) {
    fields.reject(ErrorKind::unsupported, "rope_parameters",
                  "expected full_attention and sliding_attention, found parameters for all layers at once");
  }
  const auto rotary = [&](const char* kind, const nlohmann::json& update, const char* base_key,
                          double base) -> Result<nn::Rotary> {
    const ConfigFields own = both.object(kind);
    const double theta = own.number("rope_theta", fields.number(base_key, base));
    if (theta <= 0) fields.reject(ErrorKind::out_of_range, base_key, "expected a number above 0");
    HOLISAFE_CHECK(fields.check());
    nlohmann::json scaling = both.value(kind);
    if (scaling.is_null()) scaling = nlohmann::json::object();
    if (update.is_object()) scaling.update(update);
    return nn::make_rotary(out.head_dim, theta, scaling, trained);
  };
  HOLISAFE_TRY(out.rotary_global,
               rotary("full_attention", fields.value("rope_scaling"), "rope_theta", 1'000'000.0));
  HOLISAFE_TRY(out.rotary_local, rotary("sliding_attention", {}, "rope_local_base_freq", 10'000.0));
  return {};
}

/// What the configuration classes know but this program does not run.
void refuse_unsupported(const ConfigFields& fields) {
  // No released file has soft caps, and the reference does not run those of a vision-language model's config.
  for (const char* cap : {"final_logit_softcapping", "attn_logit_softcapping"}) {
    if (fields.has(cap))
      fields.reject(ErrorKind::unsupported, cap, "expected null, found " + fields.value(cap).dump());
  }
  if (fields.flag("use_bidirectional_attention", false))
    fields.reject(ErrorKind::unsupported, "use_bidirectional_attention", "expected false");
}

Result<nn::DecoderConfig> parse_text(const ConfigFields& fields, std::int64_t context_length) {
  nn::DecoderConfig out;
  out.hidden_size = fields.integer("hidden_size", 2304, 1, most_size);
  out.intermediate_size = fields.integer("intermediate_size", 9216, 1, most_size);
  out.num_layers = fields.integer("num_hidden_layers", 26, 1, most_layers);
  out.num_heads = fields.integer("num_attention_heads", 8, 1, most_size);
  out.num_key_value_heads = fields.integer("num_key_value_heads", 4, 1, most_size);
  out.head_dim = fields.integer("head_dim", 256, 2, 1 << 16);
  out.vocab_size = fields.integer("vocab_size", 262208, 1, most_size);
  out.rms_norm_eps = fields.number("rms_norm_eps", 1e-6);
  const double query_scalar = fields.number("query_pre_attn_scalar", 256);
  if (query_scalar <= 0)
    fields.reject(ErrorKind::out_of_range, "query_pre_attn_scalar", "expected a number above 0");
  out.attention_scale = 1.0 / std::sqrt(query_scalar);
  out.embedding_scale = std::sqrt(static_cast<double>(out.hidden_size));
  out.qkv_bias = out.output_bias = fields.flag("attention_bias", false);
  out.qk_norm = out.unit_offset_norm = out.sandwich_norms = true;
  out.sliding_window = fields.integer("sliding_window", 4096);
  out.sliding = sliding_layers(fields, out.num_layers);
  HOLISAFE_TRY(out.activation, activation(fields, "hidden_activation"));
  refuse_unsupported(fields);
  if (out.num_heads % out.num_key_value_heads != 0) {
    fields.reject(ErrorKind::mismatch, "num_key_value_heads",
                  "expected a divisor of num_attention_heads " + std::to_string(out.num_heads) + ", found " +
                      std::to_string(out.num_key_value_heads));
  }
  if (out.head_dim % 2 != 0) fields.reject(ErrorKind::out_of_range, "head_dim", "expected an even number");
  HOLISAFE_CHECK(fields.check());
  HOLISAFE_CHECK(parse_rotary(fields, context_length, out));
  return out;
}

/// The pooling must give exactly the soft tokens that prompts reserve.
void check_pooling(const ConfigFields& fields, const Config& config) {
  const std::int64_t side = whole_root(config.tokens_per_image);
  const std::int64_t patches = config.patches_per_side();
  if (side > 0 && side <= patches && patches / (patches / side) == side) return;
  fields.reject(ErrorKind::mismatch, "mm_tokens_per_image",
                "expected a square number that pooling " + std::to_string(patches) +
                    " patches a side gives, found " + std::to_string(config.tokens_per_image));
}

/// A nested config that names another kind of model is not this family's.
void expect_type(const ConfigFields& fields, const char* type) {
  const std::string found = fields.text("model_type", type);
  if (found != type)
    fields.reject(ErrorKind::unsupported, "model_type", "expected " + std::string(type) + ", found " + found);
}

}  // namespace

std::int64_t Config::pooling_size() const { return patches_per_side() / whole_root(tokens_per_image); }

bool recognise(const nlohmann::json& document) {
  const std::string type = model_type(document);
  return type == "gemma3" || type == "gemma3_text";
}

Result<Config> parse_config(const nlohmann::json& document, const std::string& where) {
  if (model_type(document) == "gemma3_text") {
    return fail(
        ErrorKind::unsupported, "cannot use checkpoint", where + ": model_type",
        "expected gemma3 (4B, 12B, 27B), found gemma3_text, a model for text only: it has no vision tower");
  }
  const ConfigFields fields(document, where);
  const ConfigFields text = fields.has("text_config") ? fields.object("text_config") : fields;
  const ConfigFields vision = fields.object("vision_config");
  if (fields.has("text_config")) expect_type(text, "gemma3_text");
  expect_type(vision, "siglip_vision_model");
  Config out;
  out.model_type = model_type(document);
  out.context_length = text.integer("max_position_embeddings", out.context_length);
  HOLISAFE_TRY(out.text, parse_text(text, out.context_length));
  HOLISAFE_TRY(out.vision, parse_vision(vision));
  out.pooling_head = vision.flag("vision_use_head", true);
  out.text.tie_embeddings = fields.flag("tie_word_embeddings", text.flag("tie_word_embeddings", true));
  out.tokens_per_image = fields.integer("mm_tokens_per_image", out.tokens_per_image);
  out.image_token_id =
      fields.integer("image_token_index", fields.integer("image_token_id", out.image_token_id), 0);
  out.stop_token_ids =
      fields.integers("eos_token_id", text.integers("eos_token_id", std::move(out.stop_token_ids)));
  HOLISAFE_CHECK(fields.check());
  check_pooling(fields, out);
  HOLISAFE_CHECK(fields.check());
  return out;
}

}  // namespace holisafe::models::gemma3
