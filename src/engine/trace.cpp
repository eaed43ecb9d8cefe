// The trace of one prompt, and what a guard takes of images alone.
#include <utility>

#include "engine/boundary.h"
#include "engine/device.h"
#include "engine/engine.h"
#include "engine/reading.h"
#include "models/prompt_batch.h"

namespace holisafe::engine {
namespace {

/// The images' part of a trace.
void trace_images(const models::Model& model, std::span<const models::ProcessedImage> images, Trace& trace,
                  std::vector<torch::Tensor>& features) {
  std::vector<torch::Tensor> pixels;
  std::vector<torch::Tensor> grids;
  for (const auto& image : images) {
    pixels.push_back(image.pixel_values);
    if (image.grid_thw.defined()) grids.push_back(image.grid_thw);
    features.push_back(model.encode_image(image));
  }
  trace.pixel_values = at::cat(pixels, 0);
  if (!grids.empty()) trace.image_grid_thw = at::cat(grids, 0);
  trace.image_features = at::cat(features, 0).to(torch::kCPU, torch::kFloat32);
}

torch::Tensor whole_pass(const models::Model& model, const models::Prompt& prompt,
                         std::span<const torch::Tensor> features) {
  const models::Prompt* const only = &prompt;
  const auto batch = models::collate(model, std::span(&only, 1));
  return model.decoder().forward(batch.inputs(models::embed(model, batch, joined(features)))).squeeze(0);
}

}  // namespace

Result<torch::Tensor> Engine::pooled_alone(std::optional<std::string> system,
                                           std::span<const models::ProcessedImage> images,
                                           std::span<const torch::Tensor> features) const {
  if (pools(models::GuardPooling::projector)) return guard::pool_features(features);
  HOLISAFE_TRY(const auto prompt, rendered_images(*model_, std::move(system), images));
  return pooled_images(*model_, prompt, joined(features));
}

Result<Trace> Engine::trace(const Request& request) const {
  return within_boundary("cannot run the model", [&]() -> Result<Trace> {
    const ThreadScope threads(threads_);
    const c10::InferenceMode inference;
    HOLISAFE_TRY(const auto prompt, model_->render(request.conversation, request.images));
    Trace out;
    out.input_ids = torch::tensor(prompt.input_ids, torch::kInt64);
    std::vector<torch::Tensor> features;
    if (!request.images.empty()) trace_images(*model_, request.images, out, features);
    const auto hidden = whole_pass(*model_, prompt, features);
    out.hidden_states = hidden.to(torch::kCPU, torch::kFloat32);
    out.logits = model_->decoder().logits(hidden).to(torch::kCPU, torch::kFloat32);
    if (!guard_ || request.images.empty()) return out;
    HOLISAFE_TRY(const auto pooled, pooled_for_trace(request, prompt, hidden, features));
    HOLISAFE_TRY(const auto verdict, guard_->judge(pooled));
    out.guard_logits = torch::tensor(std::vector<float>(verdict.logits.begin(), verdict.logits.end()));
    return out;
  });
}

/// What the guard takes: what the images get before all text, in a pass of their own where some stands before
/// them.
Result<torch::Tensor> Engine::pooled_for_trace(const Request& request, const models::Prompt& prompt,
                                               const torch::Tensor& hidden_states,
                                               std::span<const torch::Tensor> features) const {
  const bool read = pools(models::GuardPooling::last_hidden) && request.conversation.images_first();
  if (read) return guard::pool_hidden(hidden_states, prompt.spans);
  return pooled_alone(request.conversation.system, request.images, features);
}

}  // namespace holisafe::engine
