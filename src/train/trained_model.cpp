#include "train/trained_model.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "checkpoint/checkpoint.h"
#include "engine/device.h"
#include "guard/file.h"
#include "models/registry/registry.h"
#include "models/trained_beside.h"

namespace holisafe::train {
namespace {

constexpr double guard_hidden_scale = 0.5;  // the paper's choice (Table 7)
constexpr std::int64_t guard_hidden_layers = 1;

std::string last_part(const std::string& name) { return name.substr(name.rfind('.') + 1); }

using LinearLayers = std::map<std::string, nn::Linear*>;

/// The language model's linear layers but its output projection.
LinearLayers language_layers(models::Model& model) {
  LinearLayers layers;
  nn::Visitor visitor;
  visitor.linear = [&layers](const std::string& name, nn::Linear& linear, nn::Part part) {
    if (part == nn::Part::language && name != "lm_head") layers[name] = &linear;
  };
  model.visit(visitor);
  return layers;
}

/// Those that --lora-targets names. Error usage: a target that names none.
Result<LinearLayers> targeted(models::Model& model, const std::vector<std::string>& targets) {
  const LinearLayers all = language_layers(model);
  std::set<std::string> known;
  for (const auto& [name, linear] : all) known.insert(last_part(name));
  for (const std::string& target : targets) {
    if (!known.contains(target)) {
      return fail(ErrorKind::usage, "cannot train", "--lora-targets",
                  fmt::format("expected names out of {}, found {}", fmt::join(known, ", "), target));
    }
  }
  LinearLayers out;
  for (const auto& [name, linear] : all) {
    if (std::find(targets.begin(), targets.end(), last_part(name)) != targets.end()) out[name] = linear;
  }
  return out;
}

/// torch.nn.init.kaiming_uniform_(a=sqrt(5)) bounds a matrix [rank, in] by 1/sqrt(in).
nn::Lora fresh_lora(const nn::Linear& linear, std::int64_t rank, at::Generator& generator) {
  const auto in = linear.weight.columns();
  const double bound = 1.0 / std::sqrt(static_cast<double>(in));
  nn::Lora lora;
  lora.a = torch::empty({rank, in}, torch::kFloat32).uniform_(-bound, bound, generator);
  lora.b = torch::zeros({linear.weight.rows(), rank}, torch::kFloat32);
  return lora;
}

/// Error usage: the adapter is not one that the --lora-* flags describe.
Result<void> check_adapter(const models::Adapter& adapter, const Settings& settings,
                           const LinearLayers& layers) {
  const auto differs = [](const std::string& flag, const auto& flagged, const auto& found) {
    return fail(ErrorKind::usage, "cannot train", "--init-adapter",
                fmt::format("expected an adapter as {} {} says, found {}", flag, flagged, found));
  };
  if (adapter.config.rank != settings.lora_rank)
    return differs("--lora-rank", settings.lora_rank, adapter.config.rank);
  if (adapter.config.alpha != settings.lora_alpha)
    return differs("--lora-alpha", settings.lora_alpha, adapter.config.alpha);
  if (adapter.config.rslora) return differs("--lora-alpha", settings.lora_alpha, "one scaled by sqrt(rank)");
  if (adapter.config.dora || !adapter.saved.empty())
    return differs("--lora-rank", settings.lora_rank, "magnitudes or whole weights (DoRA, modules_to_save)");
  const auto targets = fmt::format("{}", fmt::join(settings.lora_targets, ","));
  for (const auto& [name, lora] : adapter.modules) {
    if (!layers.contains(name)) return differs("--lora-targets", targets, name);
    if (lora.a.size(0) != settings.lora_rank)
      return differs("--lora-rank", settings.lora_rank, fmt::format("{} for {}", lora.a.size(0), name));
    if (lora.scale != settings.lora_alpha / static_cast<double>(settings.lora_rank))
      return differs("--lora-alpha", settings.lora_alpha, "another scale for " + name);
  }
  for (const auto& [name, linear] : layers) {
    if (!adapter.modules.contains(name)) return differs("--lora-targets", targets, "none for " + name);
  }
  return {};
}

Result<void> add_adapter(TrainedModel& trained, const Settings& settings) {
  HOLISAFE_TRY(const LinearLayers layers, targeted(*trained.model, settings.lora_targets));
  if (!settings.init_adapter.empty()) {
    HOLISAFE_TRY(const models::Adapter adapter, models::read_adapter(settings.init_adapter));
    HOLISAFE_CHECK(check_adapter(adapter, settings, layers));
    HOLISAFE_CHECK(models::attach(adapter, *trained.model));
  } else {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(settings.seed);
    for (const auto& [name, linear] : layers)
      linear->lora = fresh_lora(*linear, settings.lora_rank, generator);
  }
  for (const auto& [name, linear] : layers) {
    nn::Lora& lora = *linear->lora;
    lora.a = lora.a.to(trained.model->device()).contiguous();
    lora.b = lora.b.to(trained.model->device()).contiguous();
    lora.scale = settings.lora_alpha / static_cast<double>(settings.lora_rank);
    lora.dropout = settings.lora_dropout;
    for (auto& [suffix, matrix] :
         {std::pair<const char*, torch::Tensor&>{".lora_A.weight", lora.a}, {".lora_B.weight", lora.b}}) {
      matrix.requires_grad_();
      trained.tensors.push_back({name + suffix, matrix, Group::lora});
    }
  }
  trained.adapted = true;
  trained.adapter_config = {
      settings.lora_rank, settings.lora_alpha, settings.lora_dropout, false, settings.model.string(), {}};
  return {};
}

/// The base's weights that learn, as float32 copies of their own.
void unfreeze(TrainedModel& trained, const Settings& settings) {
  nn::Visitor visitor;
  visitor.parameter = [&](const nn::Parameter& parameter) {
    const bool learns = parameter.part == nn::Part::vision      ? !settings.freeze_vision
                        : parameter.part == nn::Part::projector ? !settings.freeze_projector
                                                                : settings.full;
    if (!learns) return;
    const Group group = parameter.part == nn::Part::vision      ? Group::vision
                        : parameter.part == nn::Part::projector ? Group::projector
                                                                : Group::lora;
    parameter.replace(parameter.float_copy().requires_grad_());
    trained.tensors.push_back({parameter.name, parameter.floats(), group});
    trained.vision_learns = trained.vision_learns || parameter.part != nn::Part::language;
  };
  trained.model->visit(visitor);
}

Result<guard::Guard> initial_guard(const Settings& settings, const checkpoint::Checkpoint& base,
                                   const models::ModelInfo& info) {
  std::optional<guard::Guard> found;
  if (!settings.init_guard.empty()) {
    HOLISAFE_TRY(found, guard::read(settings.init_guard));
    HOLISAFE_CHECK(found->check_fits(info, settings.init_guard.string()));
  } else {
    HOLISAFE_TRY(found, guard::in_checkpoint(base, info));
  }
  std::optional<models::GuardPooling> wanted;
  if (!settings.guard_pooling.empty()) {
    HOLISAFE_TRY(wanted, guard::parse_pooling(settings.guard_pooling, "--guard-pooling"));
  }
  if (!found) {
    guard::GuardInfo fresh;
    fresh.hidden_size = info.hidden_size;
    fresh.pooling = wanted.value_or(info.guard_pooling);
    fresh.model_type = info.model_type;
    return guard::Guard::random(fresh, guard_hidden_scale, guard_hidden_layers, settings.seed);
  }
  if (wanted && *wanted != found->info().pooling) {
    return fail(ErrorKind::usage, "cannot train", "--guard-pooling",
                fmt::format("expected {} as the guard to start from has, found {}",
                            guard::name(found->info().pooling), settings.guard_pooling));
  }
  return *std::move(found);
}

Result<void> add_guard(TrainedModel& trained, const Settings& settings, const checkpoint::Checkpoint& base) {
  HOLISAFE_TRY(auto guard, initial_guard(settings, base, trained.model->info()));
  guard.info().model_type = trained.model->info().model_type;
  guard.info().loss_lambda = settings.guard_lambda;
  // Calibration holds for the weights it was made with.
  guard.info().temperature = 1;
  guard.info().thresholds.clear();
  trained.guard = std::make_unique<guard::Guard>(std::move(guard));
  trained.guard->to(trained.model->device());
  nn::Visitor visitor;
  visitor.parameter = [&](const nn::Parameter& parameter) {
    parameter.replace(parameter.float_copy().requires_grad_());
    trained.tensors.push_back({parameter.name, parameter.floats(), Group::guard});
  };
  trained.guard->visit(guard::head_name, visitor);
  return {};
}

/// Frozen linear weights that the base stores as bfloat16 need no float32 copy under autocast: nothing is
/// lost.
void keep_frozen_in_bf16(models::Model& model) {
  const auto stored_in_bf16 = [&](const std::string& canonical) {
    const auto* view = model.source(canonical);
    return view != nullptr && view->dtype == checkpoint::DType::bf16;
  };
  nn::Visitor visitor;
  visitor.linear = [&](const std::string& name, nn::Linear& linear, nn::Part) {
    if (linear.weight.learns() || !stored_in_bf16(name + ".weight")) return;
    linear.weight = linear.weight.floats().to(torch::kBFloat16);
  };
  model.visit(visitor);
}

/// Whether the adapter to start from stood beside other weights than those here.
Result<void> compare_with_adapter(TrainedModel& trained, const Settings& settings) {
  HOLISAFE_TRY(const models::Adapter adapter, models::read_adapter(settings.init_adapter));
  const std::string guard = trained.guard ? trained.guard->fingerprint() : std::string();
  HOLISAFE_TRY(auto missing, models::missing_beside(adapter, *trained.model, guard));
  if (!missing.empty())
    trained.warnings.push_back(fmt::format("{}: {}", settings.init_adapter.string(), std::move(missing)));
  return {};
}

}  // namespace

torch::Tensor TrainedModel::output_weight() const {
  const bool tied = model->decoder().config().tie_embeddings;
  const std::string_view wanted = tied ? nn::embedding_name : nn::head_name;
  torch::Tensor out;
  nn::Visitor visitor;
  visitor.parameter = [&](const nn::Parameter& parameter) {
    if (parameter.name == wanted) out = parameter.floats();
  };
  model->visit(visitor);
  return out;
}

models::Adapter TrainedModel::adapter() const {
  models::Adapter out;
  out.config = adapter_config;
  for (const auto& [name, linear] : language_layers(*model)) {
    if (!linear->lora) continue;
    const nn::Lora& lora = *linear->lora;
    out.modules[name] = {lora.a.detach().cpu(), lora.b.detach().cpu(), lora.scale, lora.dropout};
  }
  return out;
}

Result<TrainedModel> prepare(const Settings& settings, int local_rank) {
  models::LoadOptions options;
  HOLISAFE_TRY(
      options.device,
      engine::parse_device(settings.device == "cuda" ? fmt::format("cuda:{}", local_rank) : settings.device));
  options.vision_tower = settings.vision_tower;
  options.prompt_template = settings.prompt_template;
  options.image_aspect = settings.image_aspect;
  TrainedModel trained;
  HOLISAFE_TRY(trained.model, models::load_model(settings.model, options));
  HOLISAFE_TRY(const auto base, checkpoint::Checkpoint::open(settings.model));
  unfreeze(trained, settings);
  if (!settings.full && !settings.freeze_language) HOLISAFE_CHECK(add_adapter(trained, settings));
  trained.language_learns = settings.full || trained.adapted;
  if (settings.with_guard) HOLISAFE_CHECK(add_guard(trained, settings, base));
  if (!settings.init_adapter.empty()) HOLISAFE_CHECK(compare_with_adapter(trained, settings));
  if (settings.dtype == "bfloat16") keep_frozen_in_bf16(*trained.model);
  return trained;
}

}  // namespace holisafe::train
