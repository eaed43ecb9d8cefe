#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "train/objective.h"
#include "train/pooled.h"

namespace holisafe::train {
namespace {

class GuardAlone final : public Objective {
 public:
  GuardAlone(ObjectiveParts parts, Pooled pooled) : parts_(std::move(parts)), pooled_(std::move(pooled)) {}

  Result<StepCounts> load(std::int64_t step) override {
    batches_ = parts_.plan(step);
    StepCounts counts;
    for (auto& samples : batches_) {
      std::erase_if(samples, [this](std::int64_t sample) { return pooled_.row(sample) < 0; });
      counts.images += static_cast<std::int64_t>(samples.size());
    }
    return counts;
  }

  std::size_t size() const override { return batches_.size(); }

  Losses losses(std::size_t i) override {
    if (batches_[i].empty()) return {};
    return losses_of(batches_[i], parts_.settings.guard_dropout);
  }

  Result<std::vector<std::int64_t>> not_finite(std::size_t i) override {
    const torch::NoGradGuard no_grad;
    std::vector<std::int64_t> found;
    for (const std::int64_t sample : batches_[i]) {
      if (!std::isfinite(losses_of({sample}, 0).guard.item<double>())) found.push_back(sample);
    }
    return found.empty() ? batches_[i] : found;
  }

 private:
  Losses losses_of(const std::vector<std::int64_t>& samples, double dropout) const {
    std::vector<std::int64_t> rows, labels;
    for (const std::int64_t sample : samples) {
      rows.push_back(pooled_.row(sample));
      labels.push_back(parts_.set.samples[static_cast<std::size_t>(sample)].label);
    }
    const auto device = pooled_.vectors.device();
    const auto chosen = pooled_.vectors.index_select(0, torch::tensor(rows, torch::kInt64).to(device));
    return guard_losses(parts_.trained.guard->forward(chosen, dropout),
                        torch::tensor(labels, torch::kInt64).to(device));
  }

  ObjectiveParts parts_;
  Pooled pooled_;
  std::vector<std::vector<std::int64_t>> batches_;
};

}  // namespace

Result<std::unique_ptr<Objective>> guard_objective(ObjectiveParts parts, ProcessGroup& group,
                                                   Progress* progress, const StopFlag& stop) {
  HOLISAFE_TRY(Pooled pooled, pool_samples({parts.set, *parts.trained.model, parts.collator,
                                            parts.trained.guard->info().pooling, parts.settings.batch_size},
                                           group, progress, stop));
  return std::make_unique<GuardAlone>(std::move(parts), std::move(pooled));
}

}  // namespace holisafe::train
