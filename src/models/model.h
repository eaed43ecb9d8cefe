// A vision-language model as everything above sees it: images and a conversation in, embeddings and positions
// for the decoder out. One family is one folder under models/; models/registry/ holds the table.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "chat/chat.h"
#include "checkpoint/match.h"
#include "image/frame.h"
#include "image/image.h"
#include "nn/decoder.h"
#include "nn/tensor.h"
#include "tokenizer/tokenizer.h"

namespace holisafe::models {

/// What a guard pools (guard/guard.h).
enum class GuardPooling {
  last_hidden,  ///< the decoder's hidden states after its final norm, at image positions
  projector,    ///< the projector's output, an image at a time
};

struct ModelInfo {
  std::string family;      ///< as the registry names it
  std::string model_type;  ///< as config.json does
  std::string layout;      ///< which layout of the family the files follow, in words
  std::int64_t hidden_size = 0;
  std::int64_t num_layers = 0;
  std::int64_t vocab_size = 0;
  std::int64_t context_length = 0;  ///< longest sequence, rotary scaling counted; 0: not said
  std::int64_t positions = 0;       ///< max_position_embeddings, as config.json says
  std::int64_t image_token_id = 0;  ///< stands at image positions of input_ids
  std::vector<std::int64_t> stop_token_ids;
  GuardPooling guard_pooling = GuardPooling::last_hidden;  ///< where a checkpoint does not say
  bool bidirectional_images = false;  ///< an image's positions see each other in prefill (Gemma 3)
};

/// An image as the family's processor makes it.
struct ProcessedImage {
  torch::Tensor pixel_values;              ///< f32: [pieces, 3, H, W], or Qwen's [patches, values]
  torch::Tensor grid_thw;                  ///< i64 [1, 3] (Qwen), else undefined
  std::vector<std::int64_t> piece_tokens;  ///< soft tokens of each piece: the image, then its crops
  std::vector<image::Frame> frames;  ///< where each piece's cells lie in the picture, one a visual token

  [[nodiscard]] std::int64_t tokens() const;
};

/// Positions [begin, end) that hold one piece of an image.
struct ImageSpan {
  std::int64_t image = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// A conversation as the model sees it.
struct Prompt {
  std::vector<std::int64_t> input_ids;   ///< image placeholders expanded
  std::vector<ImageSpan> spans;          ///< in order
  torch::Tensor positions;               ///< i64 [1 or 3, T]
  std::int64_t next_position = 0;        ///< of the first token after the prompt
  std::vector<std::uint8_t> supervised;  ///< [T], 1 at the assistant's text and its end token

  [[nodiscard]] std::int64_t length() const { return static_cast<std::int64_t>(input_ids.size()); }
};

/// How to load.
struct LoadOptions {
  torch::ScalarType dtype = torch::kFloat32;
  torch::Device device = torch::kCPU;
  bool writable = false;  ///< weights are copied from the files, for training
  /// Computing in float32 on the CPU: matrices of linear layers and the embedding that files hold in 16 bits
  /// stay mapped as they are and are widened as they are used (nn/stored_matrix.h). For inference.
  bool stored_matrices = false;
  std::filesystem::path
      vision_tower;  ///< LLaVA's original layout: a CLIP checkpoint, where the tower is not inside
  /// By a family's own name for it; empty: its default, which the checkpoint's chat template must not
  /// contradict.
  std::string prompt_template;
  bool prompts = true;       ///< the model will be asked: its prompt matters
  std::string image_aspect;  ///< "pad", "crop" or empty: as the checkpoint says (LLaVA)
};

/// A loaded model. process_image, render and encode_image are thread-safe as long as nobody changes weights.
class Model {
 public:
  Model(ModelInfo info, tokenizer::Tokenizer tokenizer, nn::DecoderConfig decoder);
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  virtual ~Model();

  [[nodiscard]] const ModelInfo& info() const { return info_; }
  [[nodiscard]] const tokenizer::Tokenizer& tokenizer() const { return tokenizer_; }
  [[nodiscard]] nn::Decoder& decoder() { return decoder_; }
  [[nodiscard]] const nn::Decoder& decoder() const { return decoder_; }
  /// Where the weights are and the type activations have.
  [[nodiscard]] torch::Device device() const { return options_.device; }
  [[nodiscard]] torch::ScalarType dtype() const { return options_.dtype; }

  /// Resize, crop, normalise. Errors: those of the family's processor (an image it cannot take).
  virtual Result<ProcessedImage> process_image(const image::Image& image) const = 0;

  /// The pixels of each cell of its frames: a view of `values`, which are `image.pixel_values` or a tensor
  /// like it, [pieces, rows, columns, channels, numbers, numbers].
  [[nodiscard]] virtual torch::Tensor cells(const ProcessedImage& image,
                                            const torch::Tensor& values) const = 0;

  /// The projector's output for one image, [image.tokens(), hidden_size], on the model's device. Gradients
  /// flow to its pixel values where they are asked for.
  virtual torch::Tensor encode_image(const ProcessedImage& image) const = 0;

  /// The same for several images, each its own tensor; a family whose images have one size runs them as one
  /// batch.
  [[nodiscard]] virtual std::vector<torch::Tensor> encode_images(
      std::span<const ProcessedImage> images) const;

  /// The family's template; `images` are all of the conversation's, in order. Errors: those of check_turns()
  /// and of the tokenizer.
  virtual Result<Prompt> render(const chat::Conversation& conversation,
                                std::span<const ProcessedImage> images) const = 0;

  /// What runs every layer of tower and decoder from now on; empty: they run plainly. Not while anything
  /// else runs on the model.
  void set_layer_hook(const nn::LayerHook& hook);

  /// Every weight and linear layer by canonical name, Part::vision, projector, then language.
  void visit(nn::Visitor visitor);

  /// Name of a canonical tensor in the files it came from; the canonical one if it came from none.
  [[nodiscard]] std::string file_name(const std::string& canonical) const;

  /// What files hold of a canonical tensor; null if it came from none.
  [[nodiscard]] const checkpoint::TensorView* source(const std::string& canonical) const;

  /// Whether a weight was put there by replace().
  [[nodiscard]] bool replaced(const std::string& canonical) const { return replaced_.contains(canonical); }

  /// Gives a tied output projection a matrix of its own: what the embedding is now. Nothing where it has one.
  void untie();

  /// Puts whole weights by canonical name in the place of those that were loaded, in the model's dtype and on
  /// its device. A tied output projection follows the embedding. Errors: mismatch (no such weight, or another
  /// shape; names it); the model is then unchanged.
  Result<void> replace(const std::map<std::string, torch::Tensor>& weights);

  /// Binds weights from a checkpoint. An output projection in the files that differs from the embedding is
  /// used, whatever the config ties, as transformers does. Errors: those of checkpoint::match, and
  /// unsupported (a dtype that holds no weights).
  Result<void> load_weights(const std::map<std::string, checkpoint::TensorView>& tensors,
                            const checkpoint::NameRules& rules, const std::string& where,
                            const LoadOptions& options);

  /// Fills all weights with random numbers, the same for the same seed.
  void randomize(std::uint64_t seed, torch::ScalarType dtype);

 protected:
  /// Vision tower and projector; sets visitor.part.
  virtual void visit_vision(nn::Visitor visitor) = 0;

  /// The tower's part of set_layer_hook().
  virtual void hook_vision(const nn::LayerHook& hook) = 0;

  ModelInfo info_;

 private:
  tokenizer::Tokenizer tokenizer_;
  nn::Decoder decoder_;
  LoadOptions options_;
  std::map<std::string, checkpoint::TensorView> sources_;  ///< by canonical name
  std::set<std::string> replaced_;                         ///< canonical names
};

/// A model of random weights to write: config.json, tokenizer and processor files, and weights by file name.
struct SynthRequest {
  std::string preset;  ///< "tiny", "7b", …
  std::uint64_t seed = 0;
  std::filesystem::path out;
  bool guard = false;
  std::filesystem::path corpus;  ///< a sentence a line, whose words become tokens (presets that ask for one)
};

/// A line of the registry.
struct Family {
  std::string name;
  /// Whether a config.json is this family's.
  bool (*recognise)(const nlohmann::json& config);
  /// Opens a checkpoint directory. Errors: those of Checkpoint::open, Tokenizer::open, config fields,
  /// load_weights.
  Result<std::unique_ptr<Model>> (*load)(const std::filesystem::path& folder, const LoadOptions& options);
  std::vector<std::string> presets;
  /// Writes a random checkpoint. Errors: usage (an unknown preset), those of writing.
  Result<void> (*synth)(const SynthRequest& request);
};

}  // namespace holisafe::models
