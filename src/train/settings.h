// Everything a training run can be told: the flags of `holisafe train`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "taxonomy/taxonomy.h"
#include "train/schedule.h"

namespace holisafe::train {

/// Another conversation file of which `count` samples are added (all when absent).
struct Mix {
  std::filesystem::path file;
  std::optional<std::int64_t> count;

  /// Reads `FILE:N` or `FILE`. Error usage: N is not a positive number.
  static Result<Mix> parse(const std::string& text);
};

/// Defaults are those of LLaVA-1.5's published LoRA recipe; where that has none (vision and guard rates), see
/// docs/training.md.
struct Settings {
  std::filesystem::path model;   ///< base checkpoint
  std::filesystem::path data;    ///< conversations, LLaVA format
  std::filesystem::path images;  ///< root of the samples' image paths
  std::filesystem::path out;     ///< run folder
  std::vector<Mix> mixes;
  std::vector<taxonomy::Combination> without_types;  ///< samples of these combinations are left out
  std::filesystem::path vision_tower;                ///< of a base that has none inside, else empty
  std::string prompt_template;                       ///< of families with several; empty: the base's
  std::string image_aspect;                          ///< "pad", "crop" or empty: as the base says
  std::filesystem::path init_adapter;                ///< empty: a fresh one
  std::filesystem::path init_guard;                  ///< empty: the base's, or a fresh one

  double epochs = 1;
  std::int64_t max_steps = 0;  ///< 0: as many as `epochs` make
  std::int64_t batch_size = 16;
  std::int64_t grad_accum = 8;
  std::int64_t max_length = 2048;  ///< tokens of a sample, image tokens included; longer ones are cut
  std::uint64_t seed = 42;
  bool shuffle = true;

  double lr = 2e-4;
  double projector_lr = 2e-5;
  double vision_lr = 2e-6;
  double guard_lr = 1e-4;
  Decay schedule = Decay::cosine;
  double warmup_ratio = 0.03;
  double weight_decay = 0.0;
  double max_grad_norm = 1.0;

  std::int64_t lora_rank = 128;
  double lora_alpha = 256;
  double lora_dropout = 0.05;
  std::vector<std::string> lora_targets{"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                        "gate_proj", "up_proj", "down_proj"};
  bool full = false;  ///< train every weight, no LoRA
  bool freeze_vision = false;
  bool freeze_projector = false;
  bool freeze_language = false;

  bool with_guard = true;         ///< else none is trained or written, and the base's own is left out
  bool guard_loss_alone = false;  ///< no lm_loss: what is not frozen learns from the guard's labels only
  double guard_lambda = 1.0;
  double guard_dropout = 0.1;
  std::string guard_pooling;  ///< last_hidden or projector; empty: the base's, or its family's
  bool guard_detach = false;

  bool checkpoint_activations = false;
  std::int64_t save_every = 0;  ///< steps between checkpoints; 0: none but the last
  std::int64_t keep = 2;        ///< newest checkpoints kept
  bool resume = false;
  std::string device = "cpu";
  std::string dtype = "float32";

  /// Whether answers are learned.
  [[nodiscard]] bool with_lm_loss() const { return !guard_loss_alone && !guard_only(); }

  /// Only the guard learns: everything else is frozen, so that its input can be computed once.
  [[nodiscard]] bool guard_only() const {
    return freeze_vision && freeze_projector && freeze_language && !full;
  }

  /// Reads a comma-separated list of vision, projector, language, all. Error usage names an unknown word.
  Result<void> freeze(const std::string& list);

  /// Checks ranges and combinations. Error usage names the flag.
  [[nodiscard]] Result<void> check() const;

  /// What must be the same for `--resume` to give the bytes of an uninterrupted run: flag name -> value.
  /// Paths, how often checkpoints are written and how many are kept are not in it.
  [[nodiscard]] nlohmann::ordered_json identity() const;
};

}  // namespace holisafe::train
