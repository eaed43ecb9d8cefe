#include "train/outputs.h"

#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/folder.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "guard/file.h"
#include "guard/write_checkpoint.h"
#include "models/adapter.h"
#include "models/base_fingerprint.h"
#include "models/registry/registry.h"
#include "models/trained_beside.h"
#include "models/weights.h"

namespace holisafe::train {
namespace {

namespace fs = std::filesystem;

/// The type that RUN/model holds a weight in: its file's; a tower that comes from a folder of its own goes
/// inside in the base's.
Result<torch::ScalarType> type_in_model(const TrainedModel& trained, const TrainedTensor& tensor,
                                        const Settings& settings) {
  const auto* view = trained.model->source(tensor.name);
  if (view != nullptr && (tensor.group != Group::vision || settings.vision_tower.empty()))
    return models::scalar_type(*view);
  HOLISAFE_TRY(const auto base, checkpoint::Checkpoint::open(settings.model));
  return models::stored_type(base.tensors());
}

/// What learned beside the adapter, as RUN/model and RUN/guard.safetensors hold it.
Result<std::map<std::string, std::string>> trained_beside(const TrainedModel& trained,
                                                          const Settings& settings) {
  std::map<std::string, std::string> out;
  for (const auto& [group, part] :
       {std::pair{Group::vision, nn::Part::vision}, std::pair{Group::projector, nn::Part::projector}}) {
    std::map<std::string, torch::Tensor> weights;
    for (const TrainedTensor& tensor : trained.tensors) {
      if (tensor.group != group) continue;
      HOLISAFE_TRY(const auto type, type_in_model(trained, tensor, settings));
      weights[tensor.name] = tensor.tensor.detach().to(torch::kCPU, type);
    }
    if (!weights.empty()) out[models::part_name(part)] = models::weights_fingerprint(weights);
  }
  if (trained.guard) out[models::part_name(nn::Part::guard)] = trained.guard->fingerprint();
  return out;
}

/// What the guard stands on from now on: RUN/model; where an adapter was trained beside it, also the base
/// under that adapter with tower and projector as trained.
Result<void> name_base(TrainedModel& trained, const Settings& settings) {
  models::LoadOptions options;
  options.stored_matrices = true;
  options.prompts = false;
  if (settings.freeze_vision) options.vision_tower = settings.vision_tower;
  HOLISAFE_TRY(const auto written, models::load_model(settings.out / "model", options));
  guard::GuardInfo& info = trained.guard->info();
  info.base = models::base_fingerprint(*written, nullptr);
  info.base_adapted.clear();
  if (!trained.adapted) return {};
  const models::Adapter adapter = trained.adapter();
  info.base_adapted = models::base_fingerprint(*trained.model, &adapter, written.get());
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
    models::Adapter adapter = trained.adapter();
    HOLISAFE_TRY(adapter.config.trained_beside, trained_beside(trained, settings));
    HOLISAFE_CHECK(replace_folder(settings.out / "adapter", [&](const fs::path& folder) {
      return models::write_adapter(folder, adapter);
    }));
  }
  guard::CheckpointRequest request;
  request.base = settings.model;
  request.model = trained.model.get();
  request.guard = trained.guard.get();
  request.drop_guard = trained.guard == nullptr;
  request.trained = trained.base_learns();
  if (!settings.freeze_vision) request.vision_tower = settings.vision_tower;
  request.out = settings.out / "model";
  HOLISAFE_CHECK(guard::write_checkpoint(request));
  if (!trained.guard) return {};
  HOLISAFE_CHECK(name_base(trained, settings));
  return guard::write(*trained.guard, settings.out / "guard.safetensors");
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
