// The visual guard module (VGM, arXiv 2506.04704): an image's visual tokens pooled to one vector, then an MLP
// over the 20 classes of taxonomy/taxonomy.h.
//
//   auto guard = guard::read("guard.safetensors");          // guard/file.h; or in_checkpoint()
//   const auto pooled = pool_hidden(hidden_states, prompt.spans);
//   auto verdict = guard->judge(pooled);
//   if (verdict->unsafe() >= 0.5) ...
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/model.h"
#include "nn/linear.h"
#include "nn/tensor.h"
#include "taxonomy/verdict.h"

namespace holisafe::guard {

/// What a guard's file says beside its weights.
struct GuardInfo {
  std::int64_t hidden_size = 0;  ///< of what is pooled: the language model's
  models::GuardPooling pooling = models::GuardPooling::last_hidden;
  std::string model_type;          ///< of the model it was trained on
  double temperature = 1;          ///< logits are divided by it before the softmax
  std::vector<double> thresholds;  ///< one a class, from calibration: its probability from which the class
                                   ///< counts as seen; empty: never calibrated
  double loss_lambda = 1;          ///< weight of its loss in training
  std::string
      base;  ///< of a plug-in file: models::base_fingerprint() of what it was trained on; may be empty
  std::string base_adapted;  ///< the same of the base with the adapter that was trained beside it, where the
                             ///< other is of both merged; may be empty

  /// Whether it was trained on that base; of a guard that does not say, always.
  [[nodiscard]] bool stands_on(const std::string& fingerprint) const {
    return base.empty() || fingerprint == base || fingerprint == base_adapted;
  }
};

/// "last_hidden", "projector".
std::string_view name(models::GuardPooling pooling);
/// Errors: unsupported (names the known ones); `where` is the file and field.
Result<models::GuardPooling> parse_pooling(std::string_view text, const std::string& where);

/// The MLP: Linear, GELU (erf), Dropout for each hidden layer, then Linear. Weights are float32. Running it
/// is thread-safe as long as nobody changes weights.
class Guard {
 public:
  /// Layers as they follow each other, at least one; each takes what the one before gives.
  Guard(GuardInfo info, std::vector<nn::Linear> layers);

  /// An untrained guard: weights and biases uniform within 1/sqrt(inputs), as PyTorch's Linear starts. Hidden
  /// layers are int(hidden_size x hidden_scale) wide.
  static Guard random(GuardInfo info, double hidden_scale, std::int64_t hidden_layers, std::uint64_t seed);

  [[nodiscard]] const GuardInfo& info() const { return info_; }
  GuardInfo& info() { return info_; }
  [[nodiscard]] const std::vector<nn::Linear>& layers() const { return layers_; }
  [[nodiscard]] std::int64_t hidden_layers() const { return static_cast<std::int64_t>(layers_.size()) - 1; }
  /// Width of the hidden layers as a share of hidden_size; 0 without one.
  [[nodiscard]] double hidden_scale() const;

  /// Logits float32 [..., 20] of pooled vectors [..., hidden_size] of any floating type. `dropout` > 0: drops
  /// that share after each GELU (training). Gradients flow to weights and `pooled` where they are asked for.
  [[nodiscard]] torch::Tensor forward(const torch::Tensor& pooled, double dropout = 0) const;

  /// The verdict on one pooled vector [hidden_size]. Errors: not_finite.
  [[nodiscard]] Result<taxonomy::Verdict> judge(const torch::Tensor& pooled) const;

  /// Weights by name: `prefix` + `mlp.0.weight`, …; numbered as in the reference's Sequential (0, 3, 6, …).
  void visit(const std::string& prefix, nn::Visitor visitor);

  /// Moves the weights.
  void to(torch::Device device);

  /// Of its weights, wherever they are kept (models/trained_beside.h).
  [[nodiscard]] std::string fingerprint() const;

  /// Errors: mismatch (a model of another family or hidden size; names both). `where` names the guard's file.
  [[nodiscard]] Result<void> check_fits(const models::ModelInfo& model, const std::string& where) const;

 private:
  GuardInfo info_;
  std::vector<nn::Linear> layers_;
};

/// Mean of hidden states [T, hidden_size] over all positions of the spans (at least one): float32
/// [hidden_size].
torch::Tensor pool_hidden(const torch::Tensor& hidden_states, std::span<const models::ImageSpan> spans);

/// Mean of each image's features [tokens, hidden_size], then of the images (at least one): float32
/// [hidden_size].
torch::Tensor pool_features(std::span<const torch::Tensor> image_features);

/// Probabilities from logits at a temperature, and the most probable class (the lowest among equals). Errors:
/// not_finite.
Result<taxonomy::Verdict> verdict_of(const torch::Tensor& logits, double temperature);

}  // namespace holisafe::guard
