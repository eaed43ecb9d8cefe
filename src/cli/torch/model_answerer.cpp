#include "cli/torch/model_answerer.h"

#include <utility>

#include "cli/torch/model_flags.h"
#include "engine/answerer.h"
#include "engine/boundary.h"

namespace holisafe::cli {

Result<std::unique_ptr<chat::Answerer>> open_model_answerer(const chat::ModelSettings& settings,
                                                            const StopFlag* stop) {
  return engine::within_boundary("cannot load", [&]() -> Result<std::unique_ptr<chat::Answerer>> {
    HOLISAFE_TRY(auto engine, open_engine(settings));
    say_hardware(engine);
    return std::make_unique<engine::LocalAnswerer>(std::move(engine), stop);
  });
}

}  // namespace holisafe::cli
