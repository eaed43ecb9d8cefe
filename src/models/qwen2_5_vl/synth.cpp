// Random checkpoints in the layout of the released files: flat config.json, `model.…` beside `visual.…`.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "models/qwen2_5_vl/chat_templates.h"
#include "models/qwen2_5_vl/qwen2_5_vl.h"
#include "models/synth_files.h"

namespace holisafe::models::qwen2_5_vl {
namespace {

using Json = nlohmann::ordered_json;

struct Preset {
  const char* name;
  std::int64_t hidden_size, intermediate_size, num_layers, num_heads, num_key_value_heads;
  std::int64_t vocab_size, tokenizer_size;  ///< the tokenizer's without special tokens
  std::int64_t vision_depth, vision_hidden_size, vision_intermediate_size, vision_heads;
  bool tied;
  torch::ScalarType dtype;
};

// "7b-4layers": the 7B shapes, small enough to compare speeds on any machine.
constexpr std::array<Preset, 6> preset_table{{
    {"tiny", 64, 128, 2, 4, 2, 1024, 1000, 4, 32, 48, 2, false, torch::kFloat32},
    {"3b", 2048, 11008, 36, 16, 2, 151936, 151643, 32, 1280, 3420, 16, true, torch::kBFloat16},
    {"7b", 3584, 18944, 28, 28, 4, 152064, 151643, 32, 1280, 3420, 16, false, torch::kBFloat16},
    {"7b-4layers", 3584, 18944, 4, 28, 4, 152064, 151643, 32, 1280, 3420, 16, false, torch::kBFloat16},
    {"32b", 5120, 27648, 64, 40, 8, 152064, 151643, 32, 1280, 3456, 16, false, torch::kBFloat16},
    {"72b", 8192, 29568, 80, 64, 8, 152064, 151643, 32, 1280, 3456, 16, false, torch::kBFloat16},
}};

/// The released tokenizer's, in the order of their ids.
constexpr std::array<std::string_view, 14> special_tokens{
    "<|endoftext|>",  "<|im_start|>",   "<|im_end|>",     "<|object_ref_start|>", "<|object_ref_end|>",
    "<|box_start|>",  "<|box_end|>",    "<|quad_start|>", "<|quad_end|>",         "<|vision_start|>",
    "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>",  "<|video_pad|>"};

constexpr const char* split_pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

std::int64_t token_id(const Preset& preset, const std::string& token) {
  const auto place = std::find(special_tokens.begin(), special_tokens.end(), token);
  return preset.tokenizer_size + (place - special_tokens.begin());
}

Json vision_config(const Preset& preset) {
  const bool small = preset.vision_depth < 32;
  return {{"depth", preset.vision_depth},
          {"fullatt_block_indexes", small ? Json{1, 3} : Json{7, 15, 23, 31}},
          {"hidden_act", "silu"},
          {"hidden_size", preset.vision_hidden_size},
          {"intermediate_size", preset.vision_intermediate_size},
          {"num_heads", preset.vision_heads},
          {"in_chans", 3},
          {"out_hidden_size", preset.hidden_size},
          {"patch_size", 14},
          {"spatial_merge_size", 2},
          {"spatial_patch_size", 14},
          {"temporal_patch_size", 2},
          {"tokens_per_second", 2},
          {"window_size", 112}};
}

Json config(const Preset& preset, bool guard) {
  const std::int64_t frequencies = preset.hidden_size / preset.num_heads / 2;
  // As the released 16, 24, 24 of 64.
  const std::int64_t first = frequencies / 4;
  const std::int64_t other = (frequencies - first) / 2;
  const bool half = preset.dtype == torch::kBFloat16;
  Json out{
      {"architectures",
       {guard ? "SafeQwen2_5_VLForConditionalGeneration" : "Qwen2_5_VLForConditionalGeneration"}},
      {"attention_dropout", 0.0},
      {"eos_token_id", token_id(preset, "<|im_end|>")},
      {"hidden_act", "silu"},
      {"hidden_size", preset.hidden_size},
      {"image_token_id", token_id(preset, "<|image_pad|>")},
      {"initializer_range", 0.02},
      {"intermediate_size", preset.intermediate_size},
      {"max_position_embeddings", 128000},
      {"max_window_layers", preset.num_layers},
      {"model_type", "qwen2_5_vl"},
      {"num_attention_heads", preset.num_heads},
      {"num_hidden_layers", preset.num_layers},
      {"num_key_value_heads", preset.num_key_value_heads},
      {"rms_norm_eps", 1e-6},
      {"rope_scaling", {{"mrope_section", {first, other, frequencies - first - other}}, {"type", "mrope"}}},
      {"rope_theta", 1000000.0},
      {"sliding_window", 32768},
      {"tie_word_embeddings", preset.tied},
      {"torch_dtype", half ? "bfloat16" : "float32"},
      {"use_cache", true},
      {"use_sliding_window", false},
      {"video_token_id", token_id(preset, "<|video_pad|>")},
      {"vision_config", vision_config(preset)},
      {"vision_end_token_id", token_id(preset, "<|vision_end|>")},
      {"vision_start_token_id", token_id(preset, "<|vision_start|>")},
      {"vision_token_id", token_id(preset, "<|vision_pad|>")},
      {"vocab_size", preset.vocab_size}};
  if (guard) add_guard_keys(out);
  return out;
}

Json tokenizer(const Preset& preset) {
  Json out = synth_tokenizer(
      {ByteTokens::level, {}, preset.tokenizer_size, {special_tokens.begin(), special_tokens.end()}});
  const Json level{
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}, {"use_regex", false}};
  out["normalizer"] = {{"type", "NFC"}};
  out["pre_tokenizer"] = {{"type", "Sequence"},
                          {"pretokenizers",
                           {{{"type", "Split"},
                             {"pattern", {{"Regex", split_pattern}}},
                             {"behavior", "Isolated"},
                             {"invert", false}},
                            level}}};
  out["post_processor"] = level;
  out["decoder"] = level;
  return out;
}

Result<void> write_side_files(const Preset& preset, const SynthRequest& request) {
  using checkpoint::write_json;
  HOLISAFE_CHECK(make_folders(request.out));
  HOLISAFE_CHECK(write_json(request.out / "config.json", config(preset, request.guard)));
  HOLISAFE_CHECK(write_json(request.out / "tokenizer.json", tokenizer(preset)));
  HOLISAFE_CHECK(write_json(request.out / "tokenizer_config.json", {{"tokenizer_class", "Qwen2Tokenizer"},
                                                                    {"bos_token", nullptr},
                                                                    {"eos_token", "<|im_end|>"},
                                                                    {"pad_token", "<|endoftext|>"},
                                                                    {"chat_template", written_template}}));
  HOLISAFE_CHECK(write_json(request.out / "preprocessor_config.json",
                            {{"image_processor_type", "Qwen2VLImageProcessor"},
                             {"processor_class", "Qwen2_5_VLProcessor"},
                             {"min_pixels", 3136},
                             {"max_pixels", 12845056},
                             {"patch_size", 14},
                             {"temporal_patch_size", 2},
                             {"merge_size", 2},
                             {"image_mean", {0.48145466, 0.4578275, 0.40821073}},
                             {"image_std", {0.26862954, 0.26130258, 0.27577711}}}));
  const std::int64_t pad = token_id(preset, "<|endoftext|>");
  return write_json(request.out / "generation_config.json",
                    {{"eos_token_id", {token_id(preset, "<|im_end|>"), pad}}, {"pad_token_id", pad}});
}

/// The released files' name of a tensor.
std::string file_name(const std::string& canonical) {
  constexpr std::string_view language = "language_model.";
  return canonical.starts_with(language) ? "model." + canonical.substr(language.size()) : canonical;
}

}  // namespace

const std::vector<std::string>& presets() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    out.reserve(preset_table.size());
    for (const Preset& preset : preset_table) out.emplace_back(preset.name);
    return out;
  }();
  return names;
}

Result<void> synth(const SynthRequest& request) {
  HOLISAFE_CHECK(refuse_corpus(request));
  const auto* const preset = std::find_if(preset_table.begin(), preset_table.end(),
                                          [&](const Preset& one) { return request.preset == one.name; });
  if (preset == preset_table.end()) {
    std::string known;
    for (const std::string& name : presets()) known += (known.empty() ? "" : ", ") + name;
    return fail(ErrorKind::usage, "no such preset of qwen2_5_vl", request.preset, "expected one of " + known);
  }
  HOLISAFE_CHECK(write_side_files(*preset, request));
  HOLISAFE_TRY(const auto document, checkpoint::Checkpoint::open_config(request.out));
  HOLISAFE_TRY(const auto model, make(request.out, document));
  return write_random_weights(request.out, *model, {request.seed, preset->dtype, request.guard, file_name});
}

}  // namespace holisafe::models::qwen2_5_vl
