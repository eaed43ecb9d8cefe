// The model being trained: a base, its adapter and its guard, and which of their tensors learn.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "guard/guard.h"
#include "models/adapter.h"
#include "models/model.h"
#include "nn/tensor.h"
#include "train/adamw.h"
#include "train/settings.h"

namespace holisafe::train {

/// Owned by the trainer. Weights that learn are float32 copies; frozen ones stay as loaded and have no
/// gradient buffers.
struct TrainedModel {
  std::unique_ptr<models::Model> model;
  std::unique_ptr<guard::Guard> guard;  ///< null: trained without
  std::vector<TrainedTensor> tensors;   ///< vision, projector, language (adapter or weights), guard
  models::AdapterConfig adapter_config;
  bool adapted = false;               ///< the language model learns through an adapter
  bool vision_learns = false;         ///< some tensor of tower or projector does
  bool language_learns = false;       ///< by adapter or in full
  std::vector<std::string> warnings;  ///< an adapter to start from without what was trained beside it

  /// What logits are made with: [vocab_size, hidden_size].
  [[nodiscard]] torch::Tensor output_weight() const;
  /// The adapter as it is now, on the CPU. Only where `adapted`.
  [[nodiscard]] models::Adapter adapter() const;
  /// Whether weights of the base itself (not an adapter beside them) learn.
  [[nodiscard]] bool base_learns() const { return vision_learns || (language_learns && !adapted); }
};

/// Loads the base and prepares what `settings` say. A guard comes from --init-guard, else from the base, else
/// it is fresh; a fresh adapter starts as PEFT's does (Kaiming-uniform A with a = sqrt(5), B zero); both are
/// drawn from the seed. With bfloat16, frozen linear layers that the base stores as bfloat16 stay so. Errors:
/// those of parse_device, load_model, read_adapter and guard::read; usage (a flag that does not fit the base
/// or the files given). `local_rank` is the GPU where --device cuda names none.
Result<TrainedModel> prepare(const Settings& settings, int local_rank = 0);

}  // namespace holisafe::train
