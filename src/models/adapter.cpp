#include "models/adapter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "models/adapter_config.h"
#include "models/weights.h"

namespace holisafe::models {
namespace {

namespace fs = std::filesystem;
constexpr const char* config_name = "adapter_config.json";
constexpr const char* weights_name = "adapter_model.safetensors";
constexpr const char* pickled_name = "adapter_model.bin";
constexpr std::string_view wrapper = "base_model.model.";
constexpr std::string_view language = "language_model.";

/// Where trainers leave what they trained beside the adapter, pickled: without it the model is another one.
constexpr std::array<const char*, 4> left_beside{"non_lora_trainables.bin", "non_lora_trainables.safetensors",
                                                 "non_lora_state_dict.bin", "mm_projector.bin"};

/// Module paths of transformers 5 begin with `model.`; earlier versions had the decoder's `model` inside the
/// language model (LLaVA, Gemma 3), or the decoder without a language model around it (Qwen2.5-VL, the
/// original LLaVA), and towers inside a `vision_model`.
const checkpoint::NameRules& path_rules() {
  static const checkpoint::NameRules rules{
      {{"model.language_model.model.", "language_model."},
       {"model.language_model.lm_head.", "lm_head."},
       {"model.language_model.", "language_model."},
       {"language_model.model.", "language_model."},
       {"language_model.lm_head.", "lm_head."},
       {"model.vision_tower.vision_tower.vision_model.", "vision_tower."},
       {"model.vision_tower.vision_tower.", "vision_tower."},
       {"model.vision_tower.vision_model.", "vision_tower."},
       {"vision_tower.vision_model.", "vision_tower."},
       {"model.mm_projector.0.", "multi_modal_projector.linear_1."},
       {"model.mm_projector.2.", "multi_modal_projector.linear_2."},
       {"model.layers.", "language_model.layers."},
       {"model.embed_tokens.", "language_model.embed_tokens."},
       {"model.norm.", "language_model.norm."},
       {"model.", ""}},
      {}};
  return rules;
}

/// What a tensor of an adapter is.
enum class Piece { a, b, magnitude, whole };

struct PieceName {
  Piece piece = Piece::whole;
  std::string path;       ///< as the file has it: of the module, of a whole weight its own
  std::string canonical;  ///< the same
};

/// Nothing for a name that no piece has.
std::optional<PieceName> parse_name(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, Piece>, 4> ends{
      {{".lora_A.weight", Piece::a},
       {".lora_B.weight", Piece::b},
       {".lora_magnitude_vector", Piece::magnitude},
       {".lora_magnitude_vector.weight", Piece::magnitude}}};
  if (!name.starts_with(wrapper)) return std::nullopt;
  name.remove_prefix(wrapper.size());
  for (const auto& [end, piece] : ends) {
    if (!name.ends_with(end)) continue;
    std::string path(name.substr(0, name.size() - end.size()));
    std::string canonical = checkpoint::canonical_name(path + ".", path_rules());
    canonical.pop_back();
    return PieceName{piece, std::move(path), std::move(canonical)};
  }
  if (name.find(".lora_") != std::string_view::npos) return std::nullopt;
  std::string path(name);
  // A layer's own weight stands in the file too where its adapter is on the embedding or the output
  // projection.
  for (const std::string_view part : {".modules_to_save.", ".base_layer."}) {
    if (const auto at = path.find(part); at != std::string::npos) path.replace(at, part.size(), ".");
  }
  std::string canonical = checkpoint::canonical_name(path, path_rules());
  return PieceName{Piece::whole, std::move(path), std::move(canonical)};
}

/// Rank and scale of a module by its names.
Result<void> configure(nn::Lora& lora, std::int64_t& rank, const std::vector<std::string>& names,
                       const AdapterFile& file) {
  const AdapterConfig& config = file.config;
  HOLISAFE_TRY(const double own_rank, value_for(names, file.ranks, static_cast<double>(config.rank)));
  HOLISAFE_TRY(const double alpha, value_for(names, file.alphas, config.alpha));
  rank = static_cast<std::int64_t>(own_rank);
  lora.scale = alpha / (config.rslora ? std::sqrt(own_rank) : own_rank);
  lora.dropout = config.dropout;
  return {};
}

Result<void> check_module(const std::string& module, const nn::Lora& lora, std::int64_t rank, bool dora,
                          const std::string& where) {
  const auto refuse = [&](ErrorKind kind, std::string detail) {
    return fail(kind, "cannot use adapter", where + ": " + module, std::move(detail));
  };
  if (!lora.a.defined() || !lora.b.defined()) {
    return refuse(ErrorKind::missing, std::string("expected lora_A and lora_B, found no ") +
                                          (lora.a.defined() ? "lora_B" : "lora_A"));
  }
  if (lora.a.dim() != 2 || lora.b.dim() != 2 || lora.a.size(0) != rank || lora.b.size(1) != rank) {
    return refuse(ErrorKind::mismatch, fmt::format("expected rank {}, found lora_A {} and lora_B {}", rank,
                                                   checkpoint::shape_text(lora.a.sizes()),
                                                   checkpoint::shape_text(lora.b.sizes())));
  }
  if (dora != lora.magnitude.defined()) {
    return refuse(dora ? ErrorKind::missing : ErrorKind::unexpected,
                  dora ? "use_dora: expected lora_magnitude_vector, found none"
                       : "expected no lora_magnitude_vector without use_dora");
  }
  if (dora && (lora.magnitude.dim() != 1 || lora.magnitude.size(0) != lora.b.size(0))) {
    return refuse(ErrorKind::mismatch,
                  fmt::format("expected lora_magnitude_vector [{}], found {}", lora.b.size(0),
                              checkpoint::shape_text(lora.magnitude.sizes())));
  }
  return {};
}

/// Every module of modules_to_save is in the file.
Result<void> check_saved(const std::vector<std::string>& modules, const std::set<std::string>& paths,
                         const std::string& where) {
  for (const std::string& module : modules) {
    const std::string part = "." + module + ".";
    const bool there = std::any_of(paths.begin(), paths.end(), [&part](const std::string& path) {
      return ("." + path).find(part) != std::string::npos;
    });
    if (!there) {
      return fail(ErrorKind::missing, "cannot use adapter", where,
                  fmt::format("modules_to_save: expected weights of {}, found none", module));
    }
  }
  return {};
}

/// Errors: unsupported (pickled files), naming them.
Result<void> refuse_pickled(const fs::path& folder) {
  std::error_code code;
  for (const char* name : left_beside) {
    if (!fs::exists(folder / name, code)) continue;
    return fail(ErrorKind::unsupported, "cannot use adapter", (folder / name).string(),
                "expected all that was trained inside the adapter, found trained weights beside it that this "
                "program does not read: merge them into a checkpoint first");
  }
  if (fs::exists(folder / weights_name, code) || !fs::exists(folder / pickled_name, code)) return {};
  return fail(ErrorKind::unsupported, "cannot use adapter", (folder / pickled_name).string(),
              fmt::format("expected {}, found a pickled file alone: convert it first (save_pretrained writes "
                          "safetensors)",
                          weights_name));
}

/// Whether the output projection is another matrix than the embedding with this adapter, were they tied.
bool parts_head(const Adapter& adapter) {
  const std::string head(nn::head_name);
  if (adapter.saved.contains(head) || adapter.modules.contains(head.substr(0, head.rfind('.')))) return true;
  return adapter.saved.contains(std::string(nn::embedding_name)) && !adapter.config.tied;
}

std::string last_part(const std::string& module) { return module.substr(module.rfind('.') + 1); }

std::string module_path(const std::string& module) { return "model." + module; }

nlohmann::ordered_json config_document(const Adapter& adapter) {
  std::set<std::string> targets;
  for (const auto& [module, lora] : adapter.modules) targets.insert(last_part(module));
  const AdapterConfig& config = adapter.config;
  const auto as_written = [](double number) -> nlohmann::ordered_json {
    const auto whole = static_cast<std::int64_t>(number);
    if (static_cast<double>(whole) == number) return whole;
    return number;
  };
  nlohmann::ordered_json out{{"alpha_pattern", nlohmann::ordered_json::object()},
                             {"base_model_name_or_path", config.base_model},
                             {"bias", "none"},
                             {"fan_in_fan_out", false},
                             {"inference_mode", true},
                             {"init_lora_weights", true},
                             {"lora_alpha", as_written(config.alpha)},
                             {"lora_dropout", config.dropout},
                             {"modules_to_save", nullptr},
                             {"peft_type", "LORA"},
                             {"r", config.rank},
                             {"rank_pattern", nlohmann::ordered_json::object()},
                             {"target_modules", target_pattern({targets.begin(), targets.end()})},
                             {"task_type", nullptr},
                             {"use_dora", false},
                             {"use_rslora", config.rslora}};
  if (!config.trained_beside.empty()) out[trained_beside_key] = config.trained_beside;
  return out;
}

}  // namespace

std::string target_pattern(const std::vector<std::string>& targets) {
  return fmt::format("(?:.*\\.)?language_model\\..*\\.(?:{})", fmt::join(targets, "|"));
}

Result<Adapter> read_adapter(const fs::path& folder) {
  HOLISAFE_TRY(const AdapterFile file, read_adapter_config(folder / config_name));
  HOLISAFE_CHECK(refuse_pickled(folder));
  Adapter adapter;
  adapter.config = file.config;
  const fs::path path = folder / weights_name;
  HOLISAFE_TRY(const auto tensors, checkpoint::SafetensorsFile::open(path));
  LoadOptions options;
  options.writable = true;
  std::map<std::string, std::string> paths;  // of modules, by canonical name
  std::set<std::string> saved;
  for (const checkpoint::TensorView& view : tensors.tensors()) {
    const auto name = parse_name(view.name);
    if (!name) {
      return fail(ErrorKind::unexpected, "cannot use adapter", path.string() + ": " + view.name,
                  "expected base_model.model.<module>.lora_A.weight or .lora_B.weight");
    }
    nn::Lora* const lora = name->piece == Piece::whole ? nullptr : &adapter.modules[name->canonical];
    torch::Tensor& place = name->piece == Piece::a           ? lora->a
                           : name->piece == Piece::b         ? lora->b
                           : name->piece == Piece::magnitude ? lora->magnitude
                                                             : adapter.saved[name->canonical];
    if (place.defined())
      return fail(ErrorKind::duplicate, "cannot use adapter", path.string() + ": " + view.name);
    HOLISAFE_TRY(place, weight(view, options));
    if (lora != nullptr)
      paths[name->canonical] = name->path;
    else
      saved.insert(name->path);
  }
  if (adapter.modules.empty() && adapter.saved.empty())
    return fail(ErrorKind::missing, "cannot use adapter", path.string(), "expected matrices, found none");
  for (auto& [module, lora] : adapter.modules) {
    std::int64_t rank = 0;
    HOLISAFE_CHECK(configure(lora, rank, {paths.at(module), module_path(module)}, file));
    HOLISAFE_CHECK(check_module(module, lora, rank, adapter.config.dora, path.string()));
  }
  HOLISAFE_CHECK(check_saved(file.saved_modules, saved, path.string()));
  return adapter;
}

Result<void> attach(const Adapter& adapter, Model& model) {
  if (parts_head(adapter)) model.untie();
  std::map<std::string, nn::Linear*> layers;
  nn::Visitor visitor;
  visitor.linear = [&layers](const std::string& name, nn::Linear& linear, nn::Part) {
    layers[name] = &linear;
  };
  model.visit(visitor);
  for (const auto& [module, lora] : adapter.modules) {
    const auto layer = layers.find(module);
    if (layer == layers.end())
      return fail(ErrorKind::mismatch, "cannot attach adapter", module, "the model has no such linear layer");
    const nn::Matrix& weight = layer->second->weight;
    if (weight.rows() != lora.b.size(0) || weight.columns() != lora.a.size(1)) {
      return fail(ErrorKind::mismatch, "cannot attach adapter", module,
                  fmt::format("expected a layer of {}, found {}",
                              checkpoint::shape_text(std::vector{lora.b.size(0), lora.a.size(1)}),
                              checkpoint::shape_text(std::vector{weight.rows(), weight.columns()})));
    }
  }
  HOLISAFE_CHECK(model.replace(adapter.saved));
  for (const auto& [module, lora] : adapter.modules) {
    nn::Linear& layer = *layers[module];
    nn::Lora own{lora.a.to(model.device(), model.dtype()), lora.b.to(model.device(), model.dtype()),
                 lora.scale, 0.0};
    if (lora.magnitude.defined()) {
      own.magnitude = lora.magnitude.to(model.device());
      own.row_factors = nn::row_factors(layer.weight.floats(), own);
    }
    layer.lora = std::move(own);
  }
  return {};
}

void merge_adapters(Model& model) {
  nn::Visitor visitor;
  visitor.linear = [](const std::string&, nn::Linear& linear, nn::Part) { linear.merge(); };
  model.visit(visitor);
}

Result<void> write_adapter(const fs::path& folder, const Adapter& adapter) {
  std::vector<checkpoint::TensorSource> sources;
  for (const auto& [module, lora] : adapter.modules) {
    if (!module.starts_with(language))
      return fail(ErrorKind::unsupported, "cannot write adapter", module, "outside the language model");
    const std::string path = std::string(wrapper) + module_path(module);
    sources.push_back(source_of(path + ".lora_A.weight", lora.a));
    sources.push_back(source_of(path + ".lora_B.weight", lora.b));
  }
  HOLISAFE_CHECK(make_folders(folder));
  HOLISAFE_CHECK(
      checkpoint::write_safetensors(folder / weights_name, std::move(sources), {{"format", "pt"}}));
  return checkpoint::write_json(folder / config_name, config_document(adapter));
}

}  // namespace holisafe::models
