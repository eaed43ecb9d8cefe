#include <utility>

#include "checkpoint/checkpoint.h"
#include "engine/boundary.h"
#include "engine/engine.h"
#include "guard/file.h"
#include "models/adapter.h"
#include "models/registry/registry.h"

namespace holisafe::engine {
namespace {

Result<std::optional<guard::Guard>> open_guard(const OpenOptions& options, const models::ModelInfo& model) {
  if (options.guard.empty()) {
    HOLISAFE_TRY(const auto checkpoint, checkpoint::Checkpoint::open(options.model));
    return guard::in_checkpoint(checkpoint, model);
  }
  HOLISAFE_TRY(auto guard, guard::read(options.guard));
  HOLISAFE_CHECK(guard.check_fits(model, options.guard.string()));
  return std::optional<guard::Guard>(std::move(guard));
}

}  // namespace

Result<Engine> Engine::open(const OpenOptions& options) {
  return within_boundary("cannot open model", [&]() -> Result<Engine> {
    torch::NoGradGuard no_grad;
    models::LoadOptions load = options.load;
    load.stored_matrices = true;
    HOLISAFE_TRY(auto model, models::load_model(options.model, load));
    HOLISAFE_TRY(auto guard, open_guard(options, model->info()));
    if (guard) guard->to(model->device());
    if (!options.adapter.empty()) {
      HOLISAFE_TRY(const auto adapter, models::read_adapter(options.adapter));
      HOLISAFE_CHECK(models::attach(adapter, *model));
    }
    return Engine(std::move(model), std::move(guard));
  });
}

Result<models::ProcessedImage> Engine::process(const image::Image& picture) const {
  return within_boundary("cannot process image", [&] {
    torch::NoGradGuard no_grad;
    return model_->process_image(picture);
  });
}

}  // namespace holisafe::engine
