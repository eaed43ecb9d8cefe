// A micro-batch: samples rendered, padded and with everything the losses need to find their positions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/ahead.h"
#include "base/result.h"
#include "models/model.h"
#include "models/prompt_batch.h"
#include "train/image_cache.h"
#include "train/samples.h"

namespace holisafe::train {

/// B samples as one pass. Tensors are on the model's device.
struct MicroBatch {
  std::vector<std::int64_t> samples;  ///< indices into the sample set
  models::PromptBatch prompts;        ///< padded on the right: causal attention needs no mask then

  std::vector<std::shared_ptr<const models::ProcessedImage>> images;  ///< each once
  std::vector<std::size_t> shown;     ///< into `images`: every image of every sample, in order
  std::vector<std::size_t> shown_by;  ///< which of `samples` shows it

  torch::Tensor supervised_rows;  ///< i64 [N], row b x T + t whose hidden state predicts a supervised token
  torch::Tensor targets;          ///< i64 [N], those tokens

  torch::Tensor labels;               ///< i64 [S], of the samples with a guard label and an image
  std::vector<std::size_t> labelled;  ///< which of `samples` these are
  std::vector<std::vector<models::ImageSpan>> guard_spans;  ///< where their images stand

  [[nodiscard]] std::int64_t supervised() const { return targets.size(0); }
  [[nodiscard]] std::int64_t labelled_count() const { return labels.size(0); }
};

/// Tokens that a sample may have, and what says so.
struct LengthLimit {
  std::int64_t tokens = 0;
  std::string name = "--max-length";
};

/// Tokens of a sample as it is rendered.
struct SampleLength {
  std::int64_t tokens = 0;
  std::int64_t supervised = 0;
  std::int64_t kept = 0;  ///< supervised ones within the limit
};

/// Makes micro-batches. Thread-safe; everything it refers to must outlive it.
class Collator {
 public:
  Collator(const models::Model& model, const SampleSet& set, ImageCache& images, LengthLimit limit)
      : model_(model), set_(set), images_(images), limit_(std::move(limit)) {}

  /// Longer samples are cut at the limit. Errors name the sample: those of ImageCache::get and Model::render;
  /// usage (its images alone are longer than the limit).
  Result<MicroBatch> make(std::vector<std::int64_t> samples) const;

  /// Only what a guard sees: each sample's images in the template, cut after the last image position. All
  /// samples must have images.
  Result<MicroBatch> make_verdict(std::vector<std::int64_t> samples) const;

  /// How long a sample is. `image` stands for each of its own where it is not null. Errors as make().
  Result<SampleLength> measure(std::int64_t sample,
                               const std::shared_ptr<const models::ProcessedImage>& image) const;

 private:
  struct Building;
  Result<models::Prompt> render(const Sample& sample, const chat::Conversation& conversation,
                                Building& building) const;
  /// Error usage: the images alone are longer than the limit.
  Result<void> check_images(const models::Prompt& prompt, const Sample& sample) const;
  MicroBatch finish(Building building) const;

  const models::Model& model_;
  const SampleSet& set_;
  ImageCache& images_;
  LengthLimit limit_;
};

/// Micro-batches of given samples, made on threads before they are needed.
using MicroBatchesAhead = Ahead<std::vector<std::int64_t>, Result<MicroBatch>>;

/// Threads to make them on.
int reading_threads();

}  // namespace holisafe::train
