#include "cli/torch/model_answerer.h"

#include <algorithm>
#include <utility>

#include "cli/torch/model_flags.h"
#include "engine/boundary.h"
#include "engine/executor.h"
#include "engine/explain.h"
#include "schedule/scheduler.h"

namespace holisafe::cli {
namespace {

image::DecodeOptions decode_options(const chat::ModelSettings& settings) {
  image::DecodeOptions out;
  if (settings.image_bytes > 0) out.limits.file_bytes = settings.image_bytes;
  if (settings.image_pixels > 0) out.limits.pixels = settings.image_pixels;
  return out;
}

using Executor = std::shared_ptr<engine::ModelExecutor>;

Result<Executor> open_executor(const chat::ModelSettings& settings, bool needs_guard, bool explains) {
  HOLISAFE_TRY(auto engine, open_engine(settings));
  if (needs_guard && engine.guard() == nullptr) return fail(engine::no_guard(settings.model));
  say_hardware(engine);
  if (explains) engine::prepare_to_explain(engine);
  return std::make_shared<engine::ModelExecutor>(std::move(engine), decode_options(settings));
}

std::unique_ptr<schedule::Scheduler> schedule_on(const Executor& executor,
                                                 const chat::ModelSettings& settings, const StopFlag* stop) {
  schedule::Limits limits;
  limits.sequences = settings.sequences;
  limits.queue = settings.queue > 0 ? settings.queue : limits.sequences + limits.prepared_ahead;
  limits.cache_bytes = settings.cache_bytes > 0 ? settings.cache_bytes
                                                : std::max(std::uint64_t{2} << 30,
                                                           engine::usual_cache_bytes(executor->engine(), 8));
  return std::make_unique<schedule::Scheduler>(executor, limits, stop);
}

Result<std::unique_ptr<schedule::Scheduler>> open_scheduler(const chat::ModelSettings& settings,
                                                            const StopFlag* stop, bool needs_guard) {
  HOLISAFE_TRY(const auto executor, open_executor(settings, needs_guard, false));
  return schedule_on(executor, settings, stop);
}

class ModelExplainer final : public explain::ImageExplainer {
 public:
  ModelExplainer(Executor executor, engine::ExplainOptions options, const StopFlag* stop)
      : executor_(std::move(executor)), options_(options), stop_(stop) {}

  Result<explain::Explained> explain(const chat::Image& image) override {
    return engine::explain(executor_->engine(), image, {}, {}, options_, stop_);
  }

 private:
  Executor executor_;
  engine::ExplainOptions options_;
  const StopFlag* stop_;
};

}  // namespace

Result<std::unique_ptr<chat::Answerer>> open_model_answerer(const chat::ModelSettings& settings,
                                                            const StopFlag* stop) {
  HOLISAFE_TRY(auto scheduler,
               engine::within_boundary("cannot load", [&] { return open_scheduler(settings, stop, false); }));
  return std::unique_ptr<chat::Answerer>(std::move(scheduler));
}

Result<ExplainedModel> open_explained_model(const chat::ModelSettings& settings, const StopFlag* stop) {
  return engine::within_boundary("cannot load", [&]() -> Result<ExplainedModel> {
    HOLISAFE_TRY(const auto executor, open_executor(settings, true, true));
    engine::ExplainOptions options;
    options.decode = decode_options(settings);
    ExplainedModel out;
    out.answerer = schedule_on(executor, settings, stop);
    out.explainer = std::make_shared<ModelExplainer>(executor, options, stop);
    return out;
  });
}

Result<std::unique_ptr<schedule::Scheduler>> open_guard_scheduler(const chat::ModelSettings& settings,
                                                                  const StopFlag* stop) {
  return engine::within_boundary("cannot load", [&] { return open_scheduler(settings, stop, true); });
}

}  // namespace holisafe::cli
