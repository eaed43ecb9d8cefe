#include "models/gemma3/synth.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint.h"
#include "models/gemma3/template.h"
#include "models/synth_files.h"

namespace holisafe::models::gemma3 {
namespace {

using nlohmann::ordered_json;

/// What the sizes differ in; the rest is the default of the configuration classes.
struct Preset {
  std::string name;
  ordered_json text;
  ordered_json vision;
  std::int64_t tokens_per_image;
  std::int64_t tokenizer_size;  ///< `<image_soft_token>` has this id
};

ordered_json siglip(std::int64_t layers = 27) {
  return {{"hidden_size", 1152},
          {"image_size", 896},
          {"intermediate_size", 4304},
          {"num_attention_heads", 16},
          {"num_hidden_layers", layers},
          {"patch_size", 14},
          {"model_type", "siglip_vision_model"},
          {"vision_use_head", false}};
}

ordered_json published_text(ordered_json sizes) {
  sizes["model_type"] = "gemma3_text";
  sizes["rope_scaling"] = {{"factor", 8.0}, {"rope_type", "linear"}};
  sizes["sliding_window"] = 1024;
  return sizes;
}

/// As the config.json files of google/gemma-3-{4b,12b,27b}-it say.
const std::vector<Preset>& table() {
  static const std::vector<Preset> presets{
      {"tiny",
       {{"head_dim", 16},
        {"hidden_size", 64},
        {"intermediate_size", 128},
        {"model_type", "gemma3_text"},
        {"num_attention_heads", 4},
        {"num_hidden_layers", 7},
        {"num_key_value_heads", 2},
        {"query_pre_attn_scalar", 16},
        {"rope_scaling", {{"factor", 8.0}, {"rope_type", "linear"}}},
        {"sliding_window", 16},
        {"vocab_size", 704}},
       {{"hidden_size", 32},
        {"image_size", 56},
        {"intermediate_size", 64},
        {"model_type", "siglip_vision_model"},
        {"num_attention_heads", 2},
        {"num_hidden_layers", 2},
        {"patch_size", 14},
        {"vision_use_head", false}},
       4,
       640},
      {"4b", published_text({{"hidden_size", 2560}, {"intermediate_size", 10240}, {"num_hidden_layers", 34}}),
       siglip(), 256, 262144},
      {"4b-6layers",  // one layer in six is global; the tower cut down alike
       published_text({{"hidden_size", 2560}, {"intermediate_size", 10240}, {"num_hidden_layers", 6}}),
       siglip(4), 256, 262144},
      {"12b",
       published_text({{"hidden_size", 3840},
                       {"intermediate_size", 15360},
                       {"num_attention_heads", 16},
                       {"num_hidden_layers", 48},
                       {"num_key_value_heads", 8}}),
       siglip(), 256, 262144},
      {"27b",
       published_text({{"head_dim", 128},
                       {"hidden_size", 5376},
                       {"intermediate_size", 21504},
                       {"num_attention_heads", 32},
                       {"num_hidden_layers", 62},
                       {"num_key_value_heads", 16},
                       {"query_pre_attn_scalar", 168}}),
       siglip(), 256, 262144},
  };
  return presets;
}

const std::vector<std::string>& first_tokens() {
  static const std::vector<std::string> tokens{
      "<pad>",
      "<eos>",
      std::string(begin_text_token),
      "<unk>",
      std::string(begin_turn_token),
      std::string(end_turn_token),
      std::string(begin_image_token),
      std::string(end_image_token),
  };
  return tokens;
}

std::int64_t id_of(std::string_view token) {
  const auto& tokens = first_tokens();
  return std::find(tokens.begin(), tokens.end(), token) - tokens.begin();
}

ordered_json config(const Preset& preset, bool guard) {
  ordered_json out{{"architectures", {"Gemma3ForConditionalGeneration"}},
                   {"boi_token_index", id_of(begin_image_token)},
                   {"eoi_token_index", id_of(end_image_token)},
                   {"eos_token_id", {1, id_of(end_turn_token)}},
                   {"image_token_index", preset.tokenizer_size},
                   {"mm_tokens_per_image", preset.tokens_per_image},
                   {"model_type", "gemma3"},
                   {"text_config", preset.text},
                   {"torch_dtype", preset.name == "tiny" ? "float32" : "bfloat16"},
                   {"vision_config", preset.vision}};
  if (guard) add_guard_keys(out);
  return out;
}

ordered_json tokenizer(const Preset& preset) {
  ordered_json out = synth_tokenizer(
      {ByteTokens::fallback, first_tokens(), preset.tokenizer_size, {std::string(image_token)}});
  const ordered_json blank{{"String", " "}};
  const char* const low_line = "\xe2\x96\x81";  // U+2581
  out["normalizer"] = {{"type", "Replace"}, {"pattern", blank}, {"content", low_line}};
  out["pre_tokenizer"] = {
      {"type", "Split"}, {"pattern", blank}, {"behavior", "MergedWithPrevious"}, {"invert", false}};
  const std::string bos(begin_text_token);
  const ordered_json own{{"SpecialToken", {{"id", bos}, {"type_id", 0}}}};
  const ordered_json text{{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const ordered_json pair{{"Sequence", {{"id", "B"}, {"type_id", 1}}}};
  ordered_json special;
  special[bos] = {{"id", bos}, {"ids", {id_of(begin_text_token)}}, {"tokens", {bos}}};
  out["post_processor"] = {{"type", "TemplateProcessing"},
                           {"single", {own, text}},
                           {"pair", {own, text, pair}},
                           {"special_tokens", special}};
  out["decoder"] = {{"type", "Sequence"},
                    {"decoders",
                     {{{"type", "Replace"}, {"pattern", {{"String", low_line}}}, {"content", " "}},
                      {{"type", "ByteFallback"}},
                      {{"type", "Fuse"}}}}};
  return out;
}

ordered_json tokenizer_config() {
  const ordered_json images{
      {"boi_token", begin_image_token}, {"eoi_token", end_image_token}, {"image_token", image_token}};
  ordered_json out{{"tokenizer_class", "GemmaTokenizer"},
                   {"processor_class", "Gemma3Processor"},
                   {"bos_token", begin_text_token},
                   {"eos_token", "<eos>"},
                   {"pad_token", "<pad>"},
                   {"unk_token", "<unk>"},
                   {"add_bos_token", true},
                   {"extra_special_tokens", images}};
  out.update(images);
  return out;
}

ordered_json image_processor(const Preset& preset) {
  const auto side = preset.vision.at("image_size");
  const ordered_json half{0.5, 0.5, 0.5};
  return {{"do_convert_rgb", nullptr},
          {"do_normalize", true},
          {"do_pan_and_scan", nullptr},
          {"do_rescale", true},
          {"do_resize", true},
          {"image_mean", half},
          {"image_processor_type", "Gemma3ImageProcessor"},
          {"image_std", half},
          {"processor_class", "Gemma3Processor"},
          {"resample", 2},
          {"rescale_factor", 1.0 / 255.0},
          {"size", {{"height", side}, {"width", side}}}};
}

}  // namespace

std::vector<std::string> presets() {
  std::vector<std::string> names;
  for (const Preset& preset : table()) names.push_back(preset.name);
  return names;
}

Result<void> write_side_files(const SynthRequest& request) {
  const auto preset = std::find_if(table().begin(), table().end(),
                                   [&](const Preset& one) { return one.name == request.preset; });
  if (preset == table().end()) {
    std::string known;
    for (const Preset& one : table()) known += (known.empty() ? "" : ", ") + one.name;
    return fail(ErrorKind::usage, "no such preset of gemma3", request.preset, "expected one of " + known);
  }
  HOLISAFE_CHECK(make_folders(request.out));
  const auto write = [&](const char* name, const ordered_json& document) {
    return checkpoint::write_json(request.out / name, document);
  };
  HOLISAFE_CHECK(write("config.json", config(*preset, request.guard)));
  HOLISAFE_CHECK(write("tokenizer.json", tokenizer(*preset)));
  HOLISAFE_CHECK(write("tokenizer_config.json", tokenizer_config()));
  HOLISAFE_CHECK(write("preprocessor_config.json", image_processor(*preset)));
  HOLISAFE_CHECK(write("processor_config.json", {{"image_seq_length", preset->tokens_per_image},
                                                 {"processor_class", "Gemma3Processor"}}));
  return write("generation_config.json", {{"bos_token_id", id_of(begin_text_token)},
                                          {"eos_token_id", {1, id_of(end_turn_token)}},
                                          {"pad_token_id", 0}});
}

torch::ScalarType weight_type(const std::string& preset) {
  return preset == "tiny" ? torch::kFloat32 : torch::kBFloat16;
}

std::string published_name(const std::string& canonical) {
  for (const auto& [from, to] :
       {std::pair<std::string, std::string>{"language_model.", "language_model.model."},
        {"vision_tower.", "vision_tower.vision_model."},
        {"lm_head.", "language_model.lm_head."}}) {
    if (canonical.starts_with(from)) return to + canonical.substr(from.size());
  }
  return canonical;
}

}  // namespace holisafe::models::gemma3
