#include <algorithm>
#include <cmath>
#include <utility>

#include "train/objective.h"

namespace holisafe::train {
namespace {

constexpr std::size_t micro_batches_ahead = 8;

bool finite(const torch::Tensor& loss) { return !loss.defined() || std::isfinite(loss.item<double>()); }

class Joint final : public Objective {
 public:
  explicit Joint(ObjectiveParts parts)
      : parts_(std::move(parts)),
        forward_(forward_options(parts_.settings)),
        ahead_([this](std::vector<std::int64_t> samples) { return collated(std::move(samples)); },
               reading_threads()) {}

  Result<StepCounts> load(std::int64_t step) override {
    batches_.clear();
    if (requested_ < step - 1) requested_ = step - 1;
    request_until(step);
    StepCounts counts;
    for (std::size_t left = sizes_.front(); left > 0; --left) {
      HOLISAFE_TRY(MicroBatch batch, *ahead_.next());
      counts.tokens += batch.supervised();
      counts.images += batch.labelled_count();
      batches_.push_back(std::move(batch));
    }
    sizes_.pop_front();
    while (requested_ < parts_.steps && ahead_.waiting() < micro_batches_ahead) request_until(requested_ + 1);
    return counts;
  }

  std::size_t size() const override { return batches_.size(); }

  Losses losses(std::size_t i) override { return joint_losses(parts_.trained, batches_[i], forward_); }

  Result<std::vector<std::int64_t>> not_finite(std::size_t i) override {
    const torch::NoGradGuard no_grad;
    std::vector<std::int64_t> found;
    for (const std::int64_t sample : batches_[i].samples) {
      HOLISAFE_TRY(const MicroBatch alone, collated({sample}));
      const Losses losses = joint_losses(parts_.trained, alone, forward_);
      if (!finite(losses.lm) || !finite(losses.guard)) found.push_back(sample);
    }
    return found.empty() ? batches_[i].samples : found;
  }

 private:
  /// Without lm_loss a prompt ends with its images.
  [[nodiscard]] Result<MicroBatch> collated(std::vector<std::int64_t> samples) const {
    return forward_.lm_loss ? parts_.collator.make(std::move(samples))
                            : parts_.collator.make_verdict(std::move(samples));
  }

  /// Micro-batches of a step; without lm_loss, samples without a labelled image teach nothing.
  std::vector<std::vector<std::int64_t>> plan(std::int64_t step) {
    auto batches = parts_.plan(step);
    if (forward_.lm_loss) return batches;
    for (auto& samples : batches) {
      std::erase_if(samples, [this](std::int64_t index) {
        const Sample& sample = parts_.set.samples[static_cast<std::size_t>(index)];
        return sample.label == no_label || sample.images.empty();
      });
    }
    std::erase_if(batches, [](const auto& samples) { return samples.empty(); });
    return batches;
  }

  void request_until(std::int64_t step) {
    while (requested_ < step) {
      auto plan = this->plan(++requested_);
      sizes_.push_back(plan.size());
      for (auto& samples : plan) ahead_.push(std::move(samples));
    }
  }

  ObjectiveParts parts_;
  ForwardOptions forward_;
  std::vector<MicroBatch> batches_;  // of the step loaded
  std::int64_t requested_ = 0;       // last step whose micro-batches were requested
  std::deque<std::size_t> sizes_;    // micro-batches of each step requested and not loaded
  MicroBatchesAhead ahead_;          // last: its threads use what is above
};

}  // namespace

std::unique_ptr<Objective> joint_objective(ObjectiveParts parts) {
  return std::make_unique<Joint>(std::move(parts));
}

}  // namespace holisafe::train
