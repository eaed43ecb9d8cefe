#include "cli/torch/model_answerer.h"

#include <algorithm>
#include <utility>

#include "cli/torch/model_flags.h"
#include "engine/boundary.h"
#include "engine/executor.h"
#include "schedule/scheduler.h"

namespace holisafe::cli {
namespace {

image::DecodeOptions decode_options(const chat::ModelSettings& settings) {
  image::DecodeOptions out;
  if (settings.image_bytes > 0) out.limits.file_bytes = settings.image_bytes;
  if (settings.image_pixels > 0) out.limits.pixels = settings.image_pixels;
  return out;
}

Result<std::unique_ptr<schedule::Scheduler>> open_scheduler(const chat::ModelSettings& settings,
                                                            const StopFlag* stop, bool needs_guard) {
  HOLISAFE_TRY(auto engine, open_engine(settings));
  if (needs_guard && engine.guard() == nullptr) return fail(engine::no_guard(settings.model));
  say_hardware(engine);
  schedule::Limits limits;
  limits.sequences = settings.sequences;
  limits.queue = settings.queue > 0 ? settings.queue : limits.sequences + limits.prepared_ahead;
  limits.cache_bytes = settings.cache_bytes > 0
                           ? settings.cache_bytes
                           : std::max(std::uint64_t{2} << 30, engine::usual_cache_bytes(engine, 8));
  return std::make_unique<schedule::Scheduler>(
      std::make_shared<engine::ModelExecutor>(std::move(engine), decode_options(settings)), limits, stop);
}

}  // namespace

Result<std::unique_ptr<chat::Answerer>> open_model_answerer(const chat::ModelSettings& settings,
                                                            const StopFlag* stop) {
  HOLISAFE_TRY(auto scheduler,
               engine::within_boundary("cannot load", [&] { return open_scheduler(settings, stop, false); }));
  return std::unique_ptr<chat::Answerer>(std::move(scheduler));
}

Result<std::unique_ptr<schedule::Scheduler>> open_guard_scheduler(const chat::ModelSettings& settings,
                                                                  const StopFlag* stop) {
  return engine::within_boundary("cannot load", [&] { return open_scheduler(settings, stop, true); });
}

}  // namespace holisafe::cli
