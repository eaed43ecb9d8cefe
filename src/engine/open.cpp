#include <utility>

#include <fmt/format.h>

#include "checkpoint/checkpoint.h"
#include "engine/boundary.h"
#include "engine/device.h"
#include "engine/engine.h"
#include "guard/file.h"
#include "models/adapter.h"
#include "models/base_fingerprint.h"
#include "models/registry/registry.h"
#include "models/trained_beside.h"

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
    std::vector<std::string> warnings;
    std::optional<models::Adapter> adapter;
    if (!options.adapter.empty()) {
      HOLISAFE_TRY(adapter, models::read_adapter(options.adapter));
      HOLISAFE_CHECK(models::attach(*adapter, *model));
      HOLISAFE_TRY(auto missing,
                   models::missing_beside(*adapter, *model, guard ? guard->fingerprint() : std::string()));
      if (!missing.empty())
        warnings.push_back(fmt::format("{}: {}", options.adapter.string(), std::move(missing)));
    }
    Engine out(std::move(model), std::move(guard), options.threads, std::move(warnings));
    out.adapter_ = std::move(adapter);
    out.compare_base(options);
    return out;
  });
}

std::string Engine::base() const {
  return models::base_fingerprint(*model_, adapter_ ? &*adapter_ : nullptr);
}

/// A guard inside a checkpoint stands on it.
void Engine::compare_base(const OpenOptions& options) {
  if (!guard_ || options.guard.empty() || guard_->info().base.empty()) return;
  const std::string found = base();
  if (guard_->info().stands_on(found)) return;
  other_base_ =
      Error{ErrorKind::mismatch, "guard was trained on another base", options.guard.string(),
            fmt::format("expected {}, found {} ({})", guard_->info().base, found, options.model.string())};
}

Error no_guard(std::string where) {
  return {ErrorKind::missing, "no guard", std::move(where),
          "expected img_safety_head in the checkpoint or --guard FILE, found neither"};
}

Result<OpenOptions> options_of(const chat::ModelSettings& settings) {
  OpenOptions out;
  out.model = settings.model;
  out.guard = settings.guard;
  out.adapter = settings.adapter;
  HOLISAFE_TRY(out.load.dtype, parse_dtype(settings.dtype));
  HOLISAFE_TRY(out.load.device, parse_device(settings.device));
  HOLISAFE_CHECK(check_computes(out.load.dtype, out.load.device));
  out.load.vision_tower = settings.vision_tower;
  out.load.prompt_template = settings.prompt_template;
  out.load.image_aspect = settings.image_aspect;
  out.threads = settings.threads;
  return out;
}

Result<Engine> open_engine(const chat::ModelSettings& settings) {
  HOLISAFE_TRY(const OpenOptions options, options_of(settings));
  return Engine::open(options);
}

std::string Engine::description() const {
  const ThreadScope threads(threads_);
  return fmt::format("{} in {} on {}", model_->info().family, name(model_->dtype()),
                     hardware(model_->device()));
}

Result<models::LoadedImage> Engine::load(const chat::Image& image,
                                         const image::DecodeOptions& options) const {
  return within_boundary("cannot read image", [&] {
    const ThreadScope threads(threads_);
    torch::NoGradGuard no_grad;
    return models::load_image(*model_, image, options);
  });
}

Result<Request> Engine::load(chat::Conversation conversation, const image::DecodeOptions& options) const {
  Request out{std::move(conversation), {}};
  for (const chat::Image* image : out.conversation.images()) {
    HOLISAFE_TRY(auto loaded, load(*image, options));
    out.images.push_back(std::move(loaded.image));
  }
  return out;
}

}  // namespace holisafe::engine
