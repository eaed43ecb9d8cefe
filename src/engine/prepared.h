// What the executor holds of a question under way, and of a prefix that several share.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/image_store.h"
#include "engine/reading.h"
#include "engine/sequence.h"
#include "nn/kv_cache.h"
#include "schedule/executor.h"

namespace holisafe::engine {

/// One stage of a question or of its prefix.
struct Stage {
  enum class Kind {
    encode,          ///< images through tower and projector
    judge_together,  ///< the verdict on all images, in a pass of its own
    judge_alone,     ///< on image number `image`, as if it stood alone
    read,            ///< a piece of the prompt
  };
  Kind kind = Kind::read;
  std::size_t image = 0;
  Range piece = {};
};

/// Since the question was taken up.
class Clock {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

/// A verdict, and what the guard's MLP took.
struct PooledVerdict {
  taxonomy::Verdict verdict;
  torch::Tensor pooled;  ///< f32 [hidden_size]
};

struct ModelPrefix final : schedule::Prefix {
  std::shared_ptr<nn::KvCache> cache;
  std::optional<PooledVerdict> verdict;  ///< on all its images, where there is a guard
  torch::Tensor features;  ///< while it is read: of all its images, [image positions, hidden_size]
  std::vector<torch::Tensor>
      image_hidden;  ///< while it is read: hidden states at image positions, piece by piece
};

struct ModelPrepared final : schedule::Prepared {
  chat::Question question;
  Clock clock;
  std::vector<ImageStore::Found> images;
  models::Prompt prompt;
  /// Of the stage judge_together: the images before all text, and nothing else.
  std::optional<models::Prompt> images_prompt;
  std::vector<Stage> prefix_plan, own_plan;
  /// Whether the verdict on all images is that on the one image alone.
  bool alone_together = false;

  // Once it takes part:
  std::shared_ptr<ModelPrefix> prefix;
  torch::Tensor features;  ///< of all its images as the prefix's, where there is none; while it is read
  std::optional<nn::KvCache> cache;
  std::optional<Sequence> sequence;  ///< once the prompt is read
  std::optional<PooledVerdict> verdict;
  std::vector<taxonomy::Verdict> image_verdicts;
  chat::Timings timings;

  /// Nothing of it is decoded.
  [[nodiscard]] bool verdict_alone() const { return question.how.max_new_tokens == 0; }
  [[nodiscard]] std::vector<const models::ProcessedImage*> processed() const {
    std::vector<const models::ProcessedImage*> out;
    for (const auto& found : images) out.push_back(&found.image());
    return out;
  }
  /// Copies that share their tensors.
  [[nodiscard]] std::vector<models::ProcessedImage> shared_images() const {
    std::vector<models::ProcessedImage> out;
    for (const auto& found : images) out.push_back(found.image());
    return out;
  }
};

}  // namespace holisafe::engine
