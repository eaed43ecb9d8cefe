#include "guard/write_checkpoint.h"

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/folder.h"
#include "checkpoint/checkpoint.h"
#include "guard/file.h"
#include "models/weights.h"

namespace holisafe::guard {
namespace {

namespace fs = std::filesystem;

/// A model's weight and the linear layer it belongs to, if any.
struct Weight {
  torch::Tensor tensor;
  const nn::Linear* linear = nullptr;
  bool replaced = false;  ///< by an adapter's: no longer the file's

  [[nodiscard]] bool merges() const { return linear != nullptr && linear->lora.has_value(); }
};

/// Weights by the name they have in files.
std::map<std::string, Weight> weights_of(models::Model& model) {
  std::map<std::string, Weight> out;
  nn::Visitor visitor;
  visitor.parameter = [&](const nn::Parameter& parameter) {
    Weight& weight = out[model.file_name(parameter.name)];
    weight.tensor = parameter.floats();
    weight.replaced = model.replaced(parameter.name);
  };
  visitor.linear = [&](const std::string& name, nn::Linear& linear, nn::Part) {
    out[model.file_name(name + ".weight")].linear = &linear;
  };
  model.visit(visitor);
  return out;
}

/// Where a tied output projection is stored all the same, it is the embedding.
void add_tied_head(const models::Model& model, const checkpoint::Checkpoint& base,
                   std::map<std::string, Weight>& weights) {
  if (!model.decoder().config().tie_embeddings) return;
  const auto embedding = weights.find(model.file_name(std::string(nn::embedding_name)));
  for (const auto& [name, view] : base.tensors()) {
    if (name.ends_with("lm_head.weight")) weights[name] = embedding->second;
  }
}

/// Whether the model's output projection is a matrix that the base's files do not hold: one that an adapter
/// parted from the embedding.
bool has_new_head(const models::Model& model) {
  return !model.decoder().config().tie_embeddings && model.source(std::string(nn::head_name)) == nullptr;
}

/// Gives a new output projection the name that it has in the base's layout, or in its files, where those hold
/// the embedding once more. Returns what describes it: the embedding's place in the files, under that name.
checkpoint::TensorView name_new_head(const models::Model& model, const checkpoint::Checkpoint& base,
                                     std::map<std::string, Weight>& weights) {
  constexpr std::string_view inside = "language_model.";
  checkpoint::TensorView view = *model.source(std::string(nn::embedding_name));
  const bool nested = view.name.starts_with("language_model.model.");  // as transformers 4 has it
  view.name = (nested ? std::string(inside) : std::string()) + std::string(nn::head_name);
  for (const auto& [name, held] : base.tensors()) {
    if (name.ends_with(nn::head_name)) view.name = name;
  }
  auto head = weights.extract(model.file_name(std::string(nn::head_name)));
  head.key() = view.name;
  head.mapped().replaced = true;
  weights.insert(std::move(head));
  return view;
}

/// A tensor under the base's name and in its type, made when it is written.
Result<checkpoint::TensorSource> converted(const checkpoint::TensorView& view, const Weight& weight,
                                           bool trained) {
  HOLISAFE_TRY(const auto type, models::scalar_type(view));
  auto source = checkpoint::source_of(view);
  source.write = [view, weight, trained, type](const WritePiece& write) -> Result<void> {
    torch::NoGradGuard no_grad;
    torch::Tensor tensor = weight.tensor;
    if (!trained) {
      models::LoadOptions as_stored;
      as_stored.dtype = type;
      HOLISAFE_TRY(tensor, models::weight(view, as_stored));
    }
    if (weight.merges())
      tensor = nn::merged_weight(tensor.to(weight.linear->lora->a.device()), *weight.linear->lora);
    return models::source_of(view.name, tensor.detach().to(torch::kCPU, type)).write(write);
  };
  return source;
}

Result<std::vector<checkpoint::TensorSource>> sources_of(const CheckpointRequest& request,
                                                         const checkpoint::Checkpoint& base) {
  auto weights = weights_of(*request.model);
  std::string new_head;
  add_tied_head(*request.model, base, weights);
  std::vector<checkpoint::TensorSource> sources;
  if (has_new_head(*request.model)) {
    const checkpoint::TensorView head = name_new_head(*request.model, base, weights);
    HOLISAFE_TRY(auto source, converted(head, weights.at(head.name), true));
    sources.push_back(std::move(source));
    weights.erase(head.name);
    new_head = head.name;
  }
  for (const auto& [name, view] : base.tensors()) {
    if (name == new_head) continue;
    if ((request.guard != nullptr || request.drop_guard) && name.find(head_name) != std::string::npos)
      continue;
    const auto found = weights.find(name);
    if (found == weights.end() || (!request.trained && !found->second.merges() && !found->second.replaced)) {
      sources.push_back(checkpoint::source_of(view));
    } else {
      HOLISAFE_TRY(auto source, converted(view, found->second, request.trained || found->second.replaced));
      sources.push_back(std::move(source));
    }
    if (found != weights.end()) weights.erase(found);
  }
  if (!request.vision_tower.empty()) {  // what is left is the tower
    HOLISAFE_TRY(const auto type, models::stored_type(base.tensors()));
    for (const auto& [name, weight] : weights)
      sources.push_back(models::source_of(name, weight.tensor.detach().to(torch::kCPU, type)));
  }
  if (request.guard != nullptr) {
    for (auto& source : tensor_sources(*request.guard, head_name)) sources.push_back(std::move(source));
  }
  return sources;
}

/// The shape of a tower that is inside from now on, and how its pictures are made.
Result<void> add_tower_config(const CheckpointRequest& request, nlohmann::ordered_json& config) {
  if (request.vision_tower.empty()) return {};
  const fs::path pictures = request.out / "preprocessor_config.json";
  HOLISAFE_TRY(const auto own, checkpoint::read_json_if_there(pictures));
  HOLISAFE_TRY(const auto given,
               checkpoint::read_json_if_there(request.vision_tower / "preprocessor_config.json"));
  if (!own && given) HOLISAFE_CHECK(checkpoint::write_json(pictures, *given));
  if (config.contains("vision_config")) return {};
  HOLISAFE_TRY(const auto tower, checkpoint::Checkpoint::open_config(request.vision_tower));
  config["vision_config"] = tower.contains("vision_config") ? tower.at("vision_config") : tower;
  return {};
}

/// Readers are to use the output projection of the files.
void untie_config(nlohmann::ordered_json& config) {
  constexpr const char* key = "tie_word_embeddings";
  config[key] = false;
  if (const auto text = config.find("text_config"); text != config.end() && text->is_object())
    (*text)[key] = false;
}

/// The files of a checkpoint, into request.out.
Result<void> write_into(const CheckpointRequest& request) {
  HOLISAFE_TRY(const auto base, checkpoint::Checkpoint::open(request.base));
  HOLISAFE_TRY(auto sources, sources_of(request, base));
  HOLISAFE_CHECK(checkpoint::write_weights(request.out, std::move(sources)));
  HOLISAFE_CHECK(checkpoint::copy_side_files(request.base, request.out));
  nlohmann::ordered_json config(base.config());
  if (request.guard != nullptr || request.drop_guard) erase_config_keys(config);
  if (request.guard != nullptr) config.update(config_keys(*request.guard));
  HOLISAFE_CHECK(add_tower_config(request, config));
  if (has_new_head(*request.model)) untie_config(config);
  return checkpoint::write_json(request.out / "config.json", config);
}

}  // namespace

Result<void> write_checkpoint(const CheckpointRequest& request) {
  std::error_code code;
  if (fs::equivalent(request.base, request.out, code))
    return fail(ErrorKind::usage, "cannot write checkpoint", request.out.string(),
                "expected another folder than the base model's");
  return replace_folder(request.out, [&request](const fs::path& folder) {
    CheckpointRequest beside = request;
    beside.out = folder;
    return write_into(beside);
  });
}

}  // namespace holisafe::guard
