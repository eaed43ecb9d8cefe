#include "train/joint_loss.h"

#include <utility>

#include <ATen/autocast_mode.h>

#include "guard/guard.h"
#include "nn/activation_checkpoint.h"
#include "train/supervised_loss.h"

namespace holisafe::train {
namespace {

/// Linear algebra in bfloat16 (or not) while this lives. Casts are not cached: each weight is used once a
/// pass, and recomputed layers must not find casts made without gradients.
class Autocast {
 public:
  Autocast(torch::Device device, bool enabled)
      : type_(device.type()), before_(at::autocast::is_autocast_enabled(type_)) {
    at::autocast::set_autocast_cache_enabled(false);
    at::autocast::set_autocast_enabled(type_, enabled);
    if (enabled) at::autocast::set_autocast_dtype(type_, torch::kBFloat16);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;
  ~Autocast() { at::autocast::set_autocast_enabled(type_, before_); }

 private:
  at::DeviceType type_;
  bool before_;
};

/// Features of each image of `batch`, [tokens, hidden_size].
std::vector<torch::Tensor> encode(const models::Model& model, const MicroBatch& batch, bool checkpoint) {
  std::vector<models::ProcessedImage> images;
  std::vector<std::int64_t> tokens;
  for (const auto& image : batch.images) {
    images.push_back(*image);
    tokens.push_back(image->tokens());
  }
  if (!checkpoint) return model.encode_images(images);
  const auto tower = [&model, images](const torch::Tensor&) {
    return at::cat(model.encode_images(images), 0);
  };
  const auto features = nn::checkpointed(tower, images.front().pixel_values.to(model.device()));
  return features.split_with_sizes(tokens, 0);
}

/// What the guard sees of each labelled sample, as where it is asked for a verdict.
torch::Tensor pool(models::GuardPooling pooling, const MicroBatch& batch, const torch::Tensor& hidden,
                   const std::vector<torch::Tensor>& features) {
  const bool from_hidden = pooling == models::GuardPooling::last_hidden;
  const auto states = from_hidden ? hidden.unbind(0) : std::vector<torch::Tensor>();
  std::vector<torch::Tensor> out;
  for (std::size_t s = 0; s < batch.labelled.size(); ++s) {
    if (from_hidden) {
      out.push_back(guard::pool_hidden(states[batch.labelled[s]], batch.guard_spans[s]));
      continue;
    }
    std::vector<torch::Tensor> own;
    for (std::size_t i = 0; i < batch.shown.size(); ++i) {
      if (batch.shown_by[i] == batch.labelled[s]) own.push_back(features[batch.shown[i]]);
    }
    out.push_back(guard::pool_features(own));
  }
  return at::stack(out);
}

/// Features in the order in which prompts show them.
torch::Tensor in_shown_order(const MicroBatch& batch, const std::vector<torch::Tensor>& features) {
  if (batch.shown.empty()) return {};
  std::vector<torch::Tensor> ordered;
  for (const std::size_t image : batch.shown) ordered.push_back(features[image]);
  return at::cat(ordered, 0);
}

torch::Tensor run_decoder(const models::Model& model, const MicroBatch& batch,
                          const std::vector<torch::Tensor>& features) {
  const auto embeddings = models::embed(model, batch.prompts, in_shown_order(batch, features));
  return model.decoder().forward(batch.prompts.inputs(embeddings));
}

}  // namespace

ForwardOptions forward_options(const Settings& settings) {
  return {settings.guard_dropout, settings.guard_detach, settings.checkpoint_activations,
          settings.dtype == "bfloat16", settings.with_lm_loss()};
}

Losses guard_losses(const torch::Tensor& logits, const torch::Tensor& labels) {
  Losses out;
  out.guard = at::cross_entropy_loss(logits, labels, {}, at::Reduction::Sum);
  out.correct = logits.argmax(1).eq(labels).sum().item<std::int64_t>();
  return out;
}

Losses joint_losses(TrainedModel& trained, const MicroBatch& batch, const ForwardOptions& options) {
  models::Model& model = *trained.model;
  const Autocast autocast(model.device(), options.autocast);
  model.decoder().layer_hook = {};
  if (options.checkpoint_activations) model.decoder().layer_hook = nn::checkpointed;

  std::vector<torch::Tensor> features;  // [tokens, H] each
  if (!batch.images.empty()) {
    const torch::AutoGradMode with_grad(torch::GradMode::is_enabled() && trained.vision_learns);
    features = encode(model, batch, options.checkpoint_activations && trained.vision_learns);
  }
  const bool guarded = batch.labelled_count() > 0;
  const bool needs_decoder =
      options.lm_loss || (guarded && trained.guard->info().pooling == models::GuardPooling::last_hidden);
  torch::Tensor hidden;  // [B, T, H]
  if (needs_decoder) hidden = run_decoder(model, batch, features);

  Losses out;
  if (guarded) {
    const Autocast exact(model.device(), false);
    auto pooled = pool(trained.guard->info().pooling, batch, hidden, features);
    if (options.guard_detach) pooled = pooled.detach();
    out = guard_losses(trained.guard->forward(pooled, options.guard_dropout), batch.labels);
  }
  if (options.lm_loss && batch.supervised() > 0) {
    auto rows = hidden.flatten(0, 1).index_select(0, batch.supervised_rows);  // [N, H]
    if (options.autocast) rows = rows.to(torch::kBFloat16);
    out.lm = supervised_cross_entropy(rows, trained.output_weight(), batch.targets);
  }
  return out;
}

torch::Tensor pooled_vectors(models::Model& model, models::GuardPooling pooling, const MicroBatch& batch) {
  const torch::NoGradGuard no_grad;
  model.decoder().layer_hook = {};
  const auto features = encode(model, batch, false);
  const bool needs_decoder = pooling == models::GuardPooling::last_hidden;
  const auto hidden = needs_decoder ? run_decoder(model, batch, features) : torch::Tensor();
  return pool(pooling, batch, hidden, features);
}

}  // namespace holisafe::train
