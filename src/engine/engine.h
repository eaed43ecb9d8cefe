// A loaded Safe-VLM.
//
//   auto engine = open_engine({.model = "SafeLLaVA-7B"});
//   auto trace = engine->trace(*engine->load(conversation, {}));
//
// Questions are answered and images judged by a scheduler over it: engine/executor.h.
#pragma once

#include <filesystem>
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
#include "models/load_image.h"
#include "models/model.h"
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
  /// Whether there is a guard that pools so.
  [[nodiscard]] bool pools(models::GuardPooling pooling) const {
    return guard_ && guard_->info().pooling == pooling;
  }
  /// What a user should know of what was opened: an adapter without what was trained beside it.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  /// That the guard's file names another base than this model: mismatch, with both fingerprints.
  [[nodiscard]] const std::optional<Error>& other_base() const { return other_base_; }
  /// models::base_fingerprint() of the model with its adapter.
  [[nodiscard]] std::string base() const;

  /// Of one operation on the CPU; 0: LibTorch's choice.
  [[nodiscard]] int threads() const { return threads_; }

  /// What computes, in a line: family, type, processor, threads.
  [[nodiscard]] std::string description() const;

  /// A picture as the model takes it, from a file or its bytes. Errors: those of models::load_image.
  [[nodiscard]] Result<models::LoadedImage> load(const chat::Image& image,
                                                 const image::DecodeOptions& options) const;
  /// All images of a conversation, in order.
  [[nodiscard]] Result<Request> load(chat::Conversation conversation,
                                     const image::DecodeOptions& options) const;

  /// What the guard takes of images that stand before all text, f32 [hidden_size], from the projector's
  /// output of each: where the guard pools hidden states, of a pass of their own up to the last one's end.
  /// Errors: those of rendered_images().
  [[nodiscard]] Result<torch::Tensor> pooled_alone(std::optional<std::string> system,
                                                   std::span<const models::ProcessedImage> images,
                                                   std::span<const torch::Tensor> features) const;

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
  Result<torch::Tensor> pooled_for_trace(const Request& request, const models::Prompt& prompt,
                                         const torch::Tensor& hidden_states,
                                         std::span<const torch::Tensor> features) const;
  std::unique_ptr<models::Model> model_;
  std::optional<guard::Guard> guard_;
  int threads_;
  std::vector<std::string> warnings_;
  std::optional<Error> other_base_;
  std::optional<models::Adapter> adapter_;  ///< as it was read
};

/// That what `where` names has no guard: missing.
Error no_guard(std::string where);

/// What settings say in words. Errors: usage (a dtype or device of another name), unsupported (no such GPU,
/// or one that nothing computes in on it: check_computes()).
Result<OpenOptions> options_of(const chat::ModelSettings& settings);

/// Errors: those of options_of and Engine::open.
Result<Engine> open_engine(const chat::ModelSettings& settings);

}  // namespace holisafe::engine
