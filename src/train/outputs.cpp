#include "train/outputs.h"

#include <cerrno>
#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "checkpoint/safetensors.h"
#include "guard/file.h"
#include "guard/write_checkpoint.h"
#include "models/adapter.h"

namespace holisafe::train {
namespace {

namespace fs = std::filesystem;

/// Makes the folder `place` by `write` into a folder beside it; replaces one that is there.
Result<void> write_folder(const fs::path& place, const std::function<Result<void>(const fs::path&)>& write) {
  const fs::path partial = place.parent_path() / fmt::format(".{}.partial", place.filename().string());
  std::error_code ignored;
  fs::remove_all(partial, ignored);
  HOLISAFE_CHECK(write(partial));
  fs::remove_all(place, ignored);
  if (::rename(partial.c_str(), place.c_str()) != 0) return fail(system_error("cannot write", place, errno));
  return {};
}

Error differs(const std::string& name, std::string detail) {
  return {ErrorKind::mismatch, "cannot resume: the checkpoint is of another run", name, std::move(detail)};
}

Result<torch::Tensor> take(const NamedTensors& from, const std::string& name, const torch::Tensor& like) {
  const auto found = from.find(name);
  if (found == from.end()) return fail(differs(name, "expected this tensor, found none"));
  if (found->second.sizes() != like.sizes()) {
    return fail(differs(name, fmt::format("expected {}, found {}", checkpoint::shape_text(like.sizes()),
                                          checkpoint::shape_text(found->second.sizes()))));
  }
  return found->second;
}

}  // namespace

Result<void> write_outputs(TrainedModel& trained, const Settings& settings) {
  const torch::NoGradGuard no_grad;
  if (trained.adapted) {
    HOLISAFE_CHECK(write_folder(settings.out / "adapter", [&](const fs::path& folder) {
      return models::write_adapter(folder, trained.adapter());
    }));
  }
  if (trained.guard) HOLISAFE_CHECK(guard::write(*trained.guard, settings.out / "guard.safetensors"));
  return write_folder(settings.out / "model", [&](const fs::path& folder) {
    guard::CheckpointRequest request;
    request.base = settings.model;
    request.model = trained.model.get();
    request.guard = trained.guard.get();
    request.drop_guard = trained.guard == nullptr;
    request.trained = trained.base_learns();
    if (!settings.freeze_vision) request.vision_tower = settings.vision_tower;
    request.out = folder;
    return guard::write_checkpoint(request);
  });
}

RunState make_state(std::int64_t step, const std::vector<TrainedTensor>& tensors) {
  RunState state;
  state.step = step;
  for (const TrainedTensor& trained : tensors) {
    state.trained[trained.name] = trained.tensor.detach();
    if (!trained.exp_avg.defined()) continue;  // never had a gradient
    state.optimizer[trained.name + ".exp_avg"] = trained.exp_avg;
    state.optimizer[trained.name + ".exp_avg_sq"] = trained.exp_avg_sq;
    state.optimizer[trained.name + ".step"] = trained.step;
  }
  return state;
}

Result<void> load_state(const RunState& state, std::vector<TrainedTensor>& tensors) {
  const torch::NoGradGuard no_grad;
  if (state.trained.size() != tensors.size()) {
    return fail(differs("trained.safetensors",
                        fmt::format("expected {} tensors, found {}", tensors.size(), state.trained.size())));
  }
  for (TrainedTensor& trained : tensors) {
    HOLISAFE_TRY(const auto value, take(state.trained, trained.name, trained.tensor));
    trained.tensor.copy_(value);
    if (!state.optimizer.contains(trained.name + ".step")) continue;
    const auto options = trained.tensor.options();
    HOLISAFE_TRY(const auto first, take(state.optimizer, trained.name + ".exp_avg", trained.tensor));
    HOLISAFE_TRY(const auto second, take(state.optimizer, trained.name + ".exp_avg_sq", trained.tensor));
    HOLISAFE_TRY(const auto step, take(state.optimizer, trained.name + ".step", torch::zeros({})));
    trained.exp_avg = first.to(options.device());
    trained.exp_avg_sq = second.to(options.device());
    trained.step = step.to(options.device());
  }
  return {};
}

}  // namespace holisafe::train
