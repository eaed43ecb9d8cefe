#include "models/qwen2_5_vl/config.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "nn/rotary.h"

namespace holisafe::models::qwen2_5_vl {
namespace {

std::string number(std::int64_t value) { return std::to_string(value); }

nn::Activation activation(const ConfigFields& fields) {
  const auto parsed = nn::parse_activation(fields.text("hidden_act", "silu"));
  if (parsed) return *parsed;
  fields.reject(parsed.error().kind, "hidden_act", parsed.error().detail);
  return nn::Activation::silu;
}

/// An integer, or the same one twice as [height, width].
std::int64_t side(const ConfigFields& fields, const std::string& key, std::int64_t fallback) {
  const auto sides = fields.integers(key, {fallback});
  for (const std::int64_t value : sides) {
    if (value != sides.front()) fields.reject(ErrorKind::unsupported, key, "expected equal sides");
  }
  if (!sides.empty() && sides.front() >= 1 && sides.front() <= 4096) return sides.front();
  fields.reject(ErrorKind::out_of_range, key, "expected 1 to 4096");
  return fallback;
}

void parse_attention(const ConfigFields& fields, VisionConfig& out) {
  const auto blocks = fields.integers("fullatt_block_indexes", {7, 15, 23, 31});
  out.full_attention.assign(static_cast<std::size_t>(out.depth), false);
  for (const std::int64_t block : blocks) {
    if (block >= 0 && block < out.depth) out.full_attention[static_cast<std::size_t>(block)] = true;
  }
  const ConfigFields rope = fields.object("rope_parameters");
  out.rope_theta = rope.number("rope_theta", fields.number("rope_theta", out.rope_theta));
  if (out.rope_theta <= 0) rope.reject(ErrorKind::out_of_range, "rope_theta", "expected a positive number");
  const std::string kind = rope.text("rope_type", "axial");
  if (kind != "axial") rope.reject(ErrorKind::unsupported, "rope_type", "expected axial, found " + kind);
}

VisionConfig parse_vision(const ConfigFields& fields) {
  VisionConfig out;
  out.depth = fields.integer("depth", out.depth, 1, 4096);
  out.hidden_size = fields.integer("hidden_size", out.hidden_size, 1, 1 << 20);
  out.intermediate_size = fields.integer("intermediate_size", out.intermediate_size, 1, 1 << 24);
  out.num_heads = fields.integer("num_heads", out.num_heads, 1, 1 << 16);
  out.patch_size = side(fields, "patch_size", out.patch_size);
  out.temporal_patch_size = side(fields, "temporal_patch_size", out.temporal_patch_size);
  out.spatial_merge_size = fields.integer("spatial_merge_size", out.spatial_merge_size, 1, 64);
  out.window_size = fields.integer("window_size", out.window_size, 1, 1 << 20);
  out.out_hidden_size = fields.integer("out_hidden_size", out.out_hidden_size, 1, 1 << 20);
  out.activation = activation(fields);
  if (fields.integer("in_channels", 3) != 3) {
    fields.reject(ErrorKind::unsupported, "in_channels", "expected 3 colours");
  }
  if (out.hidden_size % out.num_heads != 0 || out.head_dim() % 4 != 0) {
    fields.reject(ErrorKind::mismatch, "hidden_size",
                  "expected a multiple of 4 x num_heads (" + number(out.num_heads) + "), found " +
                      number(out.hidden_size));
  }
  if (out.window_side() < 1) {
    fields.reject(ErrorKind::mismatch, "window_size",
                  "expected at least patch_size x spatial_merge_size, found " + number(out.window_size));
  }
  parse_attention(fields, out);
  return out;
}

/// Positions of three axes: which slice of the rotary frequencies turns by which.
void check_sections(const ConfigFields& fields, const nn::DecoderConfig& text) {
  const auto& sections = text.rotary_global.sections;
  bool good = std::accumulate(sections.begin(), sections.end(), std::int64_t{0}) == text.head_dim / 2;
  for (const std::int64_t size : sections) good = good && size >= 0;
  if (good) return;
  std::string found;
  for (const std::int64_t size : sections) found += (found.empty() ? "" : " + ") + number(size);
  fields.reject(ErrorKind::mismatch, "mrope_section",
                "expected sizes that add up to half of the head size, " + number(text.head_dim / 2) +
                    ", found " + found);
}

std::int64_t positions(const ConfigFields& fields) {
  return fields.integer("max_position_embeddings", 32768);
}

const char* scaling_key(const ConfigFields& fields) {
  return fields.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
}

void parse_rotary(const ConfigFields& fields, nn::DecoderConfig& out) {
  const std::string key = scaling_key(fields);
  const ConfigFields rope = fields.object(key);
  const double theta = rope.number("rope_theta", fields.number("rope_theta", 1e6));
  if (theta <= 0) rope.reject(ErrorKind::out_of_range, "rope_theta", "expected a positive number");
  auto made = nn::make_rotary(out.head_dim, theta, fields.value(key), positions(fields));
  if (!made) {
    rope.reject(made.error().kind, made.error().where, made.error().detail);
    return;
  }
  out.rotary_global = *std::move(made);
  if (out.rotary_global.sections.empty()) out.rotary_global.sections = {16, 24, 24};
  check_sections(rope, out);
  out.rotary_local = out.rotary_global;
}

/// Layers that see a window of positions: by name, or all from max_window_layers on if the config turns
/// windows on (no released checkpoint does).
void parse_sliding(const ConfigFields& fields, nn::DecoderConfig& out) {
  const bool on = fields.flag("use_sliding_window", false);
  const std::int64_t window = on ? fields.integer("sliding_window", 4096) : 0;
  const auto layers = static_cast<std::size_t>(out.num_layers);
  std::vector<bool> sliding(layers, false);
  if (fields.has("layer_types")) {
    const auto types = fields.value("layer_types");
    if (!types.is_array() || types.size() != layers) {
      fields.reject(ErrorKind::mismatch, "layer_types",
                    "expected a list of " + number(out.num_layers) + " names");
      return;
    }
    for (std::size_t i = 0; i < layers; ++i) {
      sliding[i] = types[i] == "sliding_attention";
      if (!sliding[i] && types[i] != "full_attention") {
        fields.reject(ErrorKind::unsupported, "layer_types",
                      "expected full_attention or sliding_attention, found " + types[i].dump());
      }
    }
  } else if (on) {
    const std::int64_t first = fields.integer("max_window_layers", 80, 0);
    for (std::size_t i = 0; i < layers; ++i) sliding[i] = static_cast<std::int64_t>(i) >= first;
  }
  bool any = false;
  for (const bool layer : sliding) any = any || layer;
  if (!any) return;
  if (window == 0) {
    fields.reject(ErrorKind::missing, "sliding_window", "layer_types names sliding layers");
    return;
  }
  out.sliding = std::move(sliding);
  out.sliding_window = window;
}

nn::DecoderConfig parse_text(const ConfigFields& fields) {
  nn::DecoderConfig out;
  out.vocab_size = fields.integer("vocab_size", 152064, 1, 1 << 26);
  out.hidden_size = fields.integer("hidden_size", 8192, 1, 1 << 20);
  out.intermediate_size = fields.integer("intermediate_size", 29568, 1, 1 << 24);
  out.num_layers = fields.integer("num_hidden_layers", 80, 1, 4096);
  out.num_heads = fields.integer("num_attention_heads", 64, 1, 1 << 16);
  out.num_key_value_heads = fields.integer("num_key_value_heads", 8, 1, 1 << 16);
  out.rms_norm_eps = fields.number("rms_norm_eps", 1e-5);
  out.activation = activation(fields);
  out.qkv_bias = true;
  out.head_dim = out.hidden_size / out.num_heads;
  if (out.hidden_size % out.num_heads != 0 || out.head_dim % 2 != 0 || out.head_dim == 0) {
    fields.reject(ErrorKind::mismatch, "hidden_size",
                  "expected a multiple of 2 x num_attention_heads (" + number(out.num_heads) + "), found " +
                      number(out.hidden_size));
    return out;
  }
  if (out.num_heads % out.num_key_value_heads != 0) {
    fields.reject(ErrorKind::mismatch, "num_key_value_heads",
                  "expected a divisor of num_attention_heads (" + number(out.num_heads) + "), found " +
                      number(out.num_key_value_heads));
  }
  out.attention_scale = 1.0 / std::sqrt(static_cast<double>(out.head_dim));
  parse_rotary(fields, out);
  parse_sliding(fields, out);
  return out;
}

}  // namespace

Result<Config> parse_config(const nlohmann::json& config, const std::string& where) {
  const ConfigFields fields(config, where);
  HOLISAFE_CHECK(fields.check());
  Config out;
  out.nested = fields.has("text_config");
  const ConfigFields text = out.nested ? fields.object("text_config") : fields;
  const ConfigFields vision = fields.object("vision_config");
  out.vision = parse_vision(vision);
  out.text = parse_text(text);
  out.text.tie_embeddings =
      fields.flag("tie_word_embeddings", false) || text.flag("tie_word_embeddings", false);
  out.positions = positions(text);
  out.context_length = nn::stretched_context(text.value(scaling_key(text)), out.positions);
  out.image_token_id = fields.integer("image_token_id", out.image_token_id, 0);
  out.video_token_id = fields.integer("video_token_id", out.video_token_id, 0);
  out.eos_token_ids = fields.integers("eos_token_id", text.integers("eos_token_id", out.eos_token_ids));
  if (out.vision.out_hidden_size != out.text.hidden_size) {
    vision.reject(ErrorKind::mismatch, "out_hidden_size",
                  "expected the language model's hidden_size " + number(out.text.hidden_size) + ", found " +
                      number(out.vision.out_hidden_size));
  }
  HOLISAFE_CHECK(fields.check());
  return out;
}

}  // namespace holisafe::models::qwen2_5_vl
