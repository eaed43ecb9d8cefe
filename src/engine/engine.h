// A loaded Safe-VLM.
//
//   auto engine = open_engine({.model = "SafeLLaVA-7B"});
//   auto image = engine->process(picture);
//   auto verdict = engine->verdict(*image);                        // runs only what the verdict needs
//   auto prefill = engine->prefill({conversation, {*image}});      // verdict and first logits in one pass
//   auto answer = engine->generate(*std::move(prefill), options);
//
// Several questions on the same images share their prefix:
//   auto prefix = engine->read_images(images, system);
//   for (question) engine->generate(engine->prefill(*prefix, question), options);
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "chat/chat.h"
#include "chat/local_model.h"
#include "guard/guard.h"
#include "image/image.h"
#include "models/adapter.h"
#include "models/model.h"
#include "nn/kv_cache.h"
#include "nn/tensor.h"

namespace holisafe::engine {

struct OpenOptions {
  std::filesystem::path model;    ///< checkpoint folder
  std::filesystem::path guard;    ///< plug-in file; empty: the checkpoint's own, if it has one
  std::filesystem::path adapter;  ///< PEFT folder; empty: none
  models::LoadOptions load;
  int threads = 0;  ///< of one operation on the CPU; 0 leaves LibTorch's choice
};

/// A conversation and all images in it, in order.
struct Request {
  chat::Conversation conversation;
  std::vector<models::ProcessedImage> images;
};

/// B sequences after their prompts, ready to be continued. Made by an Engine and used up by generate().
struct Prefill {
  std::vector<std::vector<std::int64_t>> prompt_ids;       ///< of each sequence, image placeholders expanded
  std::vector<std::optional<taxonomy::Verdict>> verdicts;  ///< of each; nothing without a guard or an image
  torch::Tensor logits;  ///< [B, vocabulary], after each prompt's last token
  nn::KvCache cache;
  torch::Tensor key_valid;       ///< bool [B, T], false at padding; undefined: no padding
  torch::Tensor next_positions;  ///< i64 [1 or 3, B, 1]
};

/// Images that a model has read, to be asked about any number of times.
struct ImagePrefix {
  std::optional<std::string> system;
  std::vector<models::ProcessedImage> images;
  models::Prompt prompt;  ///< up to the last image's last token
  std::optional<taxonomy::Verdict> verdict;
  nn::KvCache cache;
};

struct GenerateOptions {
  std::int64_t max_new_tokens = 512;
  double temperature = 0;         ///< 0: greedy
  double top_p = 1;               ///< with a temperature: the smallest set of tokens with this probability
  double repetition_penalty = 1;  ///< as transformers applies it, over prompt and answer
  std::uint64_t seed = 0;         ///< of sampling; sequence i of a batch takes seed + i
  std::vector<std::string> stops = {};     ///< texts that end an answer and are not part of it
  std::function<bool()> interrupted = {};  ///< asked before each token: whether to give up
};

enum class FinishReason { stop, length, interrupted };
std::string_view name(FinishReason reason);

struct Answer {
  std::string text;                          ///< without special tokens
  std::vector<std::int64_t> completion_ids;  ///< ends with the stop token where one was produced
  FinishReason finish_reason = FinishReason::length;
};

/// Hears text of sequence `row` as soon as it is certain.
using OnText = std::function<void(std::size_t row, const std::string& text)>;

/// Every stage of one prefill, for checking parity. Tensors of images are undefined without one, the guard's
/// without a guard.
struct Trace {
  torch::Tensor input_ids;       ///< i64 [T]
  torch::Tensor pixel_values;    ///< f32, as the family's processor makes them
  torch::Tensor image_grid_thw;  ///< i64 [images, 3]
  torch::Tensor image_features;  ///< f32 [visual tokens, hidden_size]
  torch::Tensor hidden_states;   ///< f32 [T, hidden_size], after the final norm
  torch::Tensor logits;          ///< f32 [T, vocabulary]
  torch::Tensor guard_logits;    ///< f32 [20], before the temperature
};

/// A verdict on an image, and what the guard's MLP took.
struct PooledVerdict {
  taxonomy::Verdict verdict;
  torch::Tensor pooled;  ///< f32 [hidden_size]
};

/// Model, guard and adapter. Const functions may run on several threads at once.
class Engine {
 public:
  /// Errors: those of load_model, guard::read, guard::in_checkpoint, read_adapter, attach; mismatch (a guard
  /// of another hidden size).
  static Result<Engine> open(const OpenOptions& options);

  [[nodiscard]] models::Model& model() const { return *model_; }
  /// Null if there is none.
  [[nodiscard]] const guard::Guard* guard() const { return guard_ ? &*guard_ : nullptr; }
  guard::Guard* guard() { return guard_ ? &*guard_ : nullptr; }
  /// What a user should know of what was opened: an adapter without what was trained beside it.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  /// That the guard's file names another base than this model: mismatch, with both fingerprints.
  [[nodiscard]] const std::optional<Error>& other_base() const { return other_base_; }
  /// models::base_fingerprint() of the model with its adapter.
  [[nodiscard]] std::string base() const;

  /// What computes, in a line: family, type, processor, threads.
  [[nodiscard]] std::string description() const;

  /// A picture as the model takes it. Errors: those of Model::process_image.
  [[nodiscard]] Result<models::ProcessedImage> process(const image::Image& picture) const;
  /// The same from a file or its bytes. Errors: those of models::load_image.
  [[nodiscard]] Result<models::ProcessedImage> load(const chat::Image& image,
                                                    const image::DecodeOptions& options) const;
  /// All images of a conversation, in order.
  [[nodiscard]] Result<Request> load(chat::Conversation conversation,
                                     const image::DecodeOptions& options) const;

  /// The guard's verdict on each image alone: without the language model where the guard pools the
  /// projector's output, else with it up to the image's last token. One pass for all. Errors: missing (no
  /// guard), not_finite, those of Model::render.
  [[nodiscard]] Result<std::vector<taxonomy::Verdict>> verdicts(
      std::span<const models::ProcessedImage> images) const;
  /// The same with the pooled vectors.
  [[nodiscard]] Result<std::vector<PooledVerdict>> pooled_verdicts(
      std::span<const models::ProcessedImage> images) const;

  /// One pass over each request's whole prompt; of requests of several lengths the shorter are padded on the
  /// left. A verdict is what the images get before all text: where some stands before them, in a pass of its
  /// own. At least one request. Errors: those of Model::render and models::check_context, not_finite (a
  /// verdict).
  [[nodiscard]] Result<Prefill> prefill(std::span<const Request> requests) const;
  [[nodiscard]] Result<Prefill> prefill(const Request& request) const {
    return prefill(std::span(&request, 1));
  }

  /// Reads images once for several questions. At least one image. Errors: as prefill().
  [[nodiscard]] Result<ImagePrefix> read_images(std::vector<models::ProcessedImage> images,
                                                std::optional<std::string> system) const;
  /// The pass over the rest of a conversation that begins with them and has no others. Errors: as prefill();
  /// usage (text before them, another system text).
  [[nodiscard]] Result<Prefill> prefill(const ImagePrefix& prefix,
                                        const chat::Conversation& conversation) const;

  /// Continues each sequence until a stop token, the bound, the end of the model's context (finish reason
  /// length), or a request to stop. Errors: not_finite (logits).
  [[nodiscard]] Result<std::vector<Answer>> generate(Prefill prefill, const GenerateOptions& options,
                                                     const OnText& on_text = {}) const;

  /// Of any length, also beyond the model's context. Errors: those of Model::render.
  [[nodiscard]] Result<Trace> trace(const Request& request) const;

 private:
  Engine(std::unique_ptr<models::Model> model, std::optional<guard::Guard> guard, int threads,
         std::vector<std::string> warnings)
      : model_(std::move(model)),
        guard_(std::move(guard)),
        threads_(threads),
        warnings_(std::move(warnings)) {}
  void compare_base(const OpenOptions& options);
  [[nodiscard]] bool pools(models::GuardPooling pooling) const {
    return guard_ && guard_->info().pooling == pooling;
  }
  Result<std::vector<torch::Tensor>> pooled_after(std::span<const models::ProcessedImage> images,
                                                  std::span<const torch::Tensor> features) const;
  Result<std::optional<taxonomy::Verdict>> verdict_of(const Request& request, const models::Prompt& prompt,
                                                      const torch::Tensor& hidden_states,
                                                      std::span<const torch::Tensor> features) const;

  std::unique_ptr<models::Model> model_;
  std::optional<guard::Guard> guard_;
  int threads_;
  std::vector<std::string> warnings_;
  std::optional<Error> other_base_;
  std::optional<models::Adapter> adapter_;  ///< as it was read
};

/// What settings say in words. Errors: usage (a dtype or device of another name), unsupported (no such GPU).
Result<OpenOptions> options_of(const chat::ModelSettings& settings);

/// Errors: those of options_of and Engine::open.
Result<Engine> open_engine(const chat::ModelSettings& settings);

}  // namespace holisafe::engine
