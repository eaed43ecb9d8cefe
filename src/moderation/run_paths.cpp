#include "moderation/run_paths.h"

namespace holisafe::moderation {

Result<RunPaths> RunPaths::of(const verdicts::GuardStore& store) {
  HOLISAFE_TRY(std::string start, store.start());
  return RunPaths(std::move(start));
}

}  // namespace holisafe::moderation
