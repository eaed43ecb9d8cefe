#include "models/llava/synth.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "models/llava/chat_templates.h"
#include "models/llava/llava.h"
#include "models/llava/names.h"
#include "models/synth_files.h"

namespace holisafe::models::llava {
namespace {

using Json = nlohmann::ordered_json;

struct Preset {
  std::string name;
  bool original;
  bool half;  ///< float16 as the released files, else float32
  std::int64_t hidden_size, intermediate_size, num_layers, num_heads, num_key_value_heads;
  std::int64_t vocab_size;      ///< of the tokenizer's model; the embedding has more in the hf layout
  std::int64_t embedding_size;  ///< rows of the embedding
  std::int64_t context_length;
  std::int64_t vision_size, vision_intermediate, vision_layers, vision_heads, image_size;
  std::int64_t patch_size = 14;
  std::int64_t feature_layer = -2;
  std::vector<std::string> words = {};  ///< of a corpus; see takes_corpus()
};

const std::array<Preset, 6>& preset_table() {
  static const std::array<Preset, 6> table{{
      {"tiny", false, false, 64, 128, 3, 4, 2, 1000, 1064, 2048, 32, 64, 3, 4, 56},
      {"7b", false, true, 4096, 11008, 32, 32, 32, 32000, 32064, 4096, 1024, 4096, 24, 16, 336},
      {"13b", false, true, 5120, 13824, 40, 40, 40, 32000, 32064, 4096, 1024, 4096, 24, 16, 336},
      {"7b-4layers", false, true, 4096, 11008, 4, 32, 32, 32000, 32064, 4096, 1024, 4096, 24, 16, 336},
      {"tiny-original", true, false, 64, 128, 3, 4, 2, 1000, 1000, 2048, 32, 64, 3, 4, 56},
      // What models/pictogram-base/ starts from: small pictures, and a vocabulary of the words it is to know.
      {"pictogram", false, true, 128, 384, 4, 4, 4, 0, 0, 512, 128, 384, 4, 4, 64, 8, -1},
  }};
  return table;
}

/// Whether the vocabulary is made of a corpus's words.
bool takes_corpus(const Preset& preset) { return preset.vocab_size == 0; }

Json vision_config(const Preset& preset) {
  return {{"model_type", "clip_vision_model"},
          {"hidden_size", preset.vision_size},
          {"intermediate_size", preset.vision_intermediate},
          {"num_hidden_layers", preset.vision_layers},
          {"num_attention_heads", preset.vision_heads},
          {"image_size", preset.image_size},
          {"patch_size", preset.patch_size},
          {"projection_dim", 768},
          {"hidden_act", "quick_gelu"},
          {"layer_norm_eps", 1e-5}};
}

Json text_config(const Preset& preset) {
  return {{"hidden_size", preset.hidden_size},
          {"intermediate_size", preset.intermediate_size},
          {"num_hidden_layers", preset.num_layers},
          {"num_attention_heads", preset.num_heads},
          {"num_key_value_heads", preset.num_key_value_heads},
          {"vocab_size", preset.embedding_size},
          {"max_position_embeddings", preset.context_length},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 10000.0},
          {"hidden_act", "silu"},
          {"bos_token_id", 1},
          {"eos_token_id", 2},
          {"tie_word_embeddings", false}};
}

Json config_of(const Preset& preset, bool guard) {
  const char* const dtype = preset.half ? "float16" : "float32";
  Json config;
  if (preset.original) {
    config = text_config(preset);
    config["architectures"] = {"LlavaLlamaForCausalLM"};
    config["model_type"] = "llava_llama";
    config["image_aspect_ratio"] = "pad";
    config["mm_vision_tower"] = "openai/clip-vit-large-patch14-336";
    config["mm_projector_type"] = "mlp2x_gelu";
    config["mm_hidden_size"] = preset.vision_size;
    config["mm_vision_select_layer"] = preset.feature_layer;
    config["mm_vision_select_feature"] = "patch";
    config["mm_use_im_start_end"] = false;
    config["mm_use_im_patch_token"] = false;
  } else {
    config = {{"architectures", {"LlavaForConditionalGeneration"}},
              {"model_type", "llava"},
              {"image_token_index", preset.vocab_size},
              {"image_seq_length",
               (preset.image_size / preset.patch_size) * (preset.image_size / preset.patch_size)},
              {"pad_token_id", preset.vocab_size + 1},
              {"projector_hidden_act", "gelu"},
              {"vision_feature_layer", preset.feature_layer},
              {"vision_feature_select_strategy", "default"},
              {"tie_word_embeddings", false},
              {"text_config", text_config(preset)}};
    config["text_config"]["model_type"] = "llama";
  }
  config["vision_config"] = vision_config(preset);
  config["torch_dtype"] = dtype;
  if (guard) add_guard_keys(config);
  return config;
}

/// Llama's special tokens and the preset's vocabulary, without what the layout adds.
SynthTokenizer vocabulary_of(const Preset& preset) {
  return {ByteTokens::fallback, {"<unk>", "<s>", "</s>"}, preset.vocab_size, {}, preset.words};
}

/// Llama's tokenizer.json: blanks become U+2581, one is put before the text, ids of a text begin with <s>.
Json tokenizer_of(const Preset& preset) {
  SynthTokenizer request = vocabulary_of(preset);
  if (!preset.original) request.added = {"<image>", "<pad>"};
  Json out = synth_tokenizer(request);
  out["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "first"}, {"split", false}};
  const Json begin{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
  const auto text = [](const char* id, int type) {
    return Json{{"Sequence", {{"id", id}, {"type_id", type}}}};
  };
  out["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single", Json::array({begin, text("A", 0)})},
      {"pair", Json::array({begin, text("A", 0), begin, text("B", 1)})},
      {"special_tokens",
       {{"<s>", {{"id", "<s>"}, {"ids", Json::array({1})}, {"tokens", Json::array({"<s>"})}}}}}};
  out["decoder"] = {
      {"type", "Sequence"},
      {"decoders", Json::array({{{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}},
                                {{"type", "ByteFallback"}},
                                {{"type", "Fuse"}},
                                {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}})}};
  return out;
}

Json preprocessor_of(const Preset& preset) {
  const Json square{{"height", preset.image_size}, {"width", preset.image_size}};
  Json out{{"image_processor_type", "CLIPImageProcessor"},
           {"do_resize", true},
           {"size", {{"shortest_edge", preset.image_size}}},
           {"resample", 3},
           {"do_center_crop", true},
           {"crop_size", square},
           {"do_rescale", true},
           {"rescale_factor", 1.0 / 255.0},
           {"do_normalize", true},
           {"image_mean", {0.48145466, 0.4578275, 0.40821073}},
           {"image_std", {0.26862954, 0.26130258, 0.27577711}},
           {"do_convert_rgb", true}};
  if (!preset.original) out["processor_class"] = "LlavaProcessor";
  return out;
}

Result<void> write_side_files(const Preset& preset, const std::filesystem::path& out) {
  HOLISAFE_CHECK(checkpoint::write_json(out / "tokenizer.json", tokenizer_of(preset)));
  Json tokenizer{{"tokenizer_class", "LlamaTokenizer"},
                 {"add_bos_token", true},
                 {"add_eos_token", false},
                 {"bos_token", "<s>"},
                 {"eos_token", "</s>"},
                 {"unk_token", "<unk>"},
                 {"pad_token", preset.original ? "<unk>" : "<pad>"},
                 {"legacy", false},
                 {"clean_up_tokenization_spaces", false},
                 {"padding_side", "left"},
                 {"model_max_length", preset.context_length}};
  HOLISAFE_CHECK(checkpoint::write_json(out / "preprocessor_config.json", preprocessor_of(preset)));
  Json generation{{"bos_token_id", 1}, {"eos_token_id", 2}};
  if (!preset.original) {
    tokenizer["processor_class"] = "LlavaProcessor";
    generation["pad_token_id"] = preset.vocab_size + 1;
    HOLISAFE_CHECK(checkpoint::write_json(out / "processor_config.json",
                                          {{"processor_class", "LlavaProcessor"},
                                           {"image_token", "<image>"},
                                           {"num_additional_image_tokens", 1},
                                           {"patch_size", preset.patch_size},
                                           {"vision_feature_select_strategy", "default"}}));
    HOLISAFE_CHECK(write_file_atomic(out / "chat_template.jinja", written_template));
  }
  HOLISAFE_CHECK(checkpoint::write_json(out / "tokenizer_config.json", tokenizer));
  return checkpoint::write_json(out / "generation_config.json", generation);
}

Result<const Preset*> preset_named(const std::string& name) {
  std::string known;
  for (const Preset& preset : preset_table()) {
    if (preset.name == name) return &preset;
    known += (known.empty() ? "" : ", ") + preset.name;
  }
  return fail(ErrorKind::usage, "no such preset of llava", name, "expected one of " + known);
}

/// The preset a request names, with the vocabulary of its corpus where it takes one.
Result<Preset> preset_of(const SynthRequest& request) {
  HOLISAFE_TRY(const Preset* const named, preset_named(request.preset));
  Preset preset = *named;
  if (!takes_corpus(preset)) {
    HOLISAFE_CHECK(refuse_corpus(request));
    return preset;
  }
  if (request.corpus.empty()) {
    return fail(ErrorKind::usage, "cannot make checkpoint", "--corpus",
                "is required by preset " + preset.name);
  }
  HOLISAFE_TRY(const std::string corpus, read_file(request.corpus));
  preset.words = words_of(corpus);
  for (const char* speaker : {"USER", " ASSISTANT"}) preset.words.emplace_back(speaker);
  preset.vocab_size = vocabulary_size(vocabulary_of(preset));
  constexpr std::int64_t added = 2;  // <image> and <pad>
  preset.embedding_size = preset.vocab_size + added;
  return preset;
}

}  // namespace

std::vector<std::string> presets() {
  std::vector<std::string> names;
  for (const Preset& preset : preset_table()) names.push_back(preset.name);
  return names;
}

Result<void> synth(const SynthRequest& request) {
  HOLISAFE_TRY(const Preset preset, preset_of(request));
  HOLISAFE_CHECK(make_folders(request.out));
  const Json config = config_of(preset, request.guard);
  HOLISAFE_CHECK(checkpoint::write_json(request.out / "config.json", config));
  HOLISAFE_CHECK(write_side_files(preset, request.out));
  // The model without weights says which tensors there are.
  HOLISAFE_TRY(const auto parsed, parse_config(config, "config.json", nullptr));
  HOLISAFE_TRY(auto tokenizer, tokenizer::Tokenizer::open(request.out));
  const ConfigFields fields(preprocessor_of(preset), "preprocessor_config.json");
  HOLISAFE_TRY(auto processor, ImageProcessor::make(fields, "", parsed.vision.image_size));
  HOLISAFE_TRY(auto format, template_of(parsed, ""));
  Llava model(parsed, info_of(parsed), std::move(tokenizer), std::move(processor), std::move(format));
  SynthWeights weights;
  weights.seed = request.seed;
  weights.dtype = preset.half ? torch::kFloat16 : torch::kFloat32;
  weights.guard = request.guard;
  weights.file_name = preset.original ? original_name : hf_name;
  return write_random_weights(request.out, model, weights);
}

}  // namespace holisafe::models::llava
