#include "models/gemma3/gemma3.h"

#include <utility>

#include "checkpoint/checkpoint.h"
#include "models/gemma3/chat_templates.h"
#include "models/gemma3/config.h"
#include "models/gemma3/processor.h"
#include "models/gemma3/synth.h"
#include "models/gemma3/template.h"
#include "models/gemma3/vision.h"
#include "models/side_files.h"
#include "models/square_cells.h"
#include "models/synth_files.h"

namespace holisafe::models::gemma3 {
namespace {

/// Pieces of one batch through the tower: a published one has 4096 patches, which fill the cores already.
constexpr std::int64_t most_pieces = 2;

class Gemma3 final : public Model {
 public:
  Gemma3(ModelInfo info, tokenizer::Tokenizer tokenizer, const Config& config, Processor processor)
      : Model(std::move(info), std::move(tokenizer), config.text), processor_(processor), vision_(config) {}

  void set_layout(std::string layout) { info_.layout = std::move(layout); }

  Result<ProcessedImage> process_image(const image::Image& image) const override {
    return processor_.process(image);
  }

  [[nodiscard]] torch::Tensor cells(const ProcessedImage& /*image*/,
                                    const torch::Tensor& values) const override {
    return square_cells(values, processor_.tokens_per_side, processor_.tokens_per_side,
                        processor_.token_size);
  }

  torch::Tensor encode_image(const ProcessedImage& image) const override {
    return encode(image.pixel_values);
  }

  std::vector<torch::Tensor> encode_images(std::span<const ProcessedImage> images) const override {
    if (images.empty()) return {};
    std::vector<torch::Tensor> pixels;
    std::vector<std::int64_t> tokens;
    for (const ProcessedImage& image : images) {
      pixels.push_back(image.pixel_values);
      tokens.push_back(image.tokens());
    }
    return encode(at::cat(pixels)).split_with_sizes(tokens);
  }

  Result<Prompt> render(const chat::Conversation& conversation,
                        std::span<const ProcessedImage> images) const override {
    HOLISAFE_TRY(const PromptText text, fill_template(conversation, images));
    HOLISAFE_TRY(auto prompt, text.encode(tokenizer(), info_.image_token_id, images));
    HOLISAFE_CHECK(check_ids(prompt, info_.vocab_size));
    return prompt;
  }

 protected:
  void visit_vision(nn::Visitor visitor) override { vision_.visit(std::move(visitor)); }
  void hook_vision(const nn::LayerHook& hook) override { vision_.tower.layer_hook = hook; }

 private:
  /// Soft tokens of all pieces in a row, [pieces x tokens, hidden size].
  [[nodiscard]] torch::Tensor encode(const torch::Tensor& pixels) const {
    std::vector<torch::Tensor> features;
    for (const auto& batch : pixels.split(most_pieces))
      features.push_back(vision_.forward(batch.to(device(), dtype())).flatten(0, 1));
    return at::cat(features);
  }

  Processor processor_;
  Vision vision_;
};

/// The template's tokens are special whatever the tokenizer's file says.
Result<tokenizer::Tokenizer> open_tokenizer(const std::filesystem::path& folder, const Config& config) {
  HOLISAFE_TRY(const auto plain, tokenizer::Tokenizer::open(folder));
  HOLISAFE_CHECK(expect_token(plain, std::string(image_token), config.image_token_id, "image_token_index"));
  std::vector<std::int64_t> ids;
  for (const std::string_view token : {begin_text_token, begin_turn_token, end_turn_token, begin_image_token,
                                       image_token, end_image_token}) {
    const auto id = plain.token_id(token);
    if (!id) {
      return fail(ErrorKind::missing, "cannot use checkpoint", "tokenizer",
                  "no token " + std::string(token) + ", which Gemma 3's template writes");
    }
    ids.push_back(*id);
  }
  return plain.also_special(ids);
}

/// Weights as the files name them, without SigLIP's own pooling head.
std::map<std::string, checkpoint::TensorView> wanted_tensors(const checkpoint::Checkpoint& checkpoint,
                                                             const Config& config) {
  auto tensors = checkpoint.tensors();
  if (!config.pooling_head) return tensors;
  const auto rules = name_rules();
  std::erase_if(tensors, [&rules](const auto& entry) {
    return checkpoint::canonical_name(entry.first, rules).starts_with("vision_tower.head.");
  });
  return tensors;
}

std::string layout_of(const std::map<std::string, checkpoint::TensorView>& tensors) {
  for (const auto& [name, view] : tensors) {
    for (const char* prefix :
         {"model.language_model.model.", "model.language_model.", "language_model.model."}) {
      if (name.starts_with(prefix)) return "decoder under " + std::string(prefix, std::strlen(prefix) - 1);
    }
  }
  return "decoder under model";
}

ModelInfo describe(const Config& config) {
  ModelInfo info;
  info.family = "gemma3";
  info.model_type = config.model_type;
  info.hidden_size = config.text.hidden_size;
  info.num_layers = config.text.num_layers;
  info.vocab_size = config.text.vocab_size;
  // The released config's length has its rotary scaling counted already.
  info.context_length = info.positions = config.context_length;
  info.image_token_id = config.image_token_id;
  info.guard_pooling = GuardPooling::projector;
  info.bidirectional_images = true;
  return info;
}

Result<Config> read_config(const std::filesystem::path& folder) {
  HOLISAFE_TRY(const auto document, checkpoint::Checkpoint::open_config(folder));
  return parse_config(document, (folder / "config.json").string());
}

/// A checkpoint directory but for its weights, which stay without storage.
Result<std::unique_ptr<Gemma3>> open_without_weights(const std::filesystem::path& folder,
                                                     const Config& config) {
  HOLISAFE_TRY(const auto fields, image_processor_fields(folder));
  HOLISAFE_TRY(const auto processor, parse_processor(fields, config));
  HOLISAFE_TRY(auto tokenizer, open_tokenizer(folder, config));
  ModelInfo info = describe(config);
  HOLISAFE_TRY(info.stop_token_ids, stop_token_ids(folder, config.stop_token_ids));
  return std::make_unique<Gemma3>(std::move(info), std::move(tokenizer), config, processor);
}

/// Errors: usage (a flag of another family, or a template of another name).
Result<void> check_options(const LoadOptions& options) {
  const auto refuse = [](const char* flag) {
    return fail(ErrorKind::usage, std::string("cannot use ") + flag, "gemma3",
                "it belongs to LLaVA checkpoints");
  };
  if (!options.vision_tower.empty()) return refuse("--vision-tower");
  if (!options.prompt_template.empty() && options.prompt_template != template_name)
    return fail(ErrorKind::usage, "no such template", options.prompt_template, "expected gemma");
  if (!options.image_aspect.empty()) return refuse("--image-aspect");
  return {};
}

Result<std::unique_ptr<Model>> load(const std::filesystem::path& folder, const LoadOptions& options) {
  HOLISAFE_CHECK(check_options(options));
  // The config speaks first: a model for text only is named as such, whatever else its folder lacks.
  HOLISAFE_TRY(const auto config, read_config(folder));
  HOLISAFE_TRY(const auto checkpoint, checkpoint::Checkpoint::open(folder));
  HOLISAFE_TRY(auto model, open_without_weights(folder, config));
  HOLISAFE_CHECK(check_chat_template(folder, known_templates, template_name, options));
  const auto tensors = wanted_tensors(checkpoint, config);
  model->set_layout(layout_of(tensors));
  HOLISAFE_CHECK(model->load_weights(tensors, name_rules(), folder.string(), options));
  return model;
}

Result<void> synth(const SynthRequest& request) {
  HOLISAFE_CHECK(refuse_corpus(request));
  HOLISAFE_CHECK(write_side_files(request));
  HOLISAFE_TRY(const auto config, read_config(request.out));
  HOLISAFE_TRY(const auto model, open_without_weights(request.out, config));
  return write_random_weights(request.out, *model,
                              {request.seed, weight_type(request.preset), request.guard, published_name});
}

}  // namespace

Family family() { return {"gemma3", recognise, load, presets(), synth}; }

}  // namespace holisafe::models::gemma3
