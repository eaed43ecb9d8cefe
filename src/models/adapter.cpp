#include "models/adapter.h"

#include <nlohmann/json.hpp>
#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "models/config_fields.h"
#include "models/weights.h"

namespace holisafe::models {
namespace {

namespace fs = std::filesystem;
constexpr const char* config_name = "adapter_config.json";
constexpr const char* weights_name = "adapter_model.safetensors";
constexpr const char* beside_key = "holisafe_trained_beside";
constexpr std::string_view wrapper = "base_model.model.";
constexpr std::string_view language = "language_model.";

/// Module paths of transformers 5 begin with `model.`; earlier versions had the decoder's `model` inside the
/// language model (LLaVA, Gemma 3), or the decoder without a language model around it (Qwen2.5-VL).
const checkpoint::NameRules& path_rules() {
  static const checkpoint::NameRules rules{{{"model.language_model.", "language_model."},
                                            {"language_model.model.", "language_model."},
                                            {"language_model.lm_head", "lm_head"},
                                            {"model.layers.", "language_model.layers."},
                                            {"model.", ""}},
                                           {}};
  return rules;
}

struct MatrixName {
  std::string module;
  bool is_a = false;
};

std::optional<MatrixName> parse_name(std::string_view name) {
  if (!name.starts_with(wrapper)) return std::nullopt;
  name.remove_prefix(wrapper.size());
  for (const std::string_view suffix : {".lora_A.weight", ".lora_B.weight"}) {
    if (!name.ends_with(suffix)) continue;
    const std::string path(name.substr(0, name.size() - suffix.size()));
    return MatrixName{checkpoint::canonical_name(path, path_rules()), suffix[6] == 'A'};
  }
  return std::nullopt;
}

/// Whether a field asks for something: not absent, null, false, 0, or empty.
bool asks(const nlohmann::json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value.get<double>() != 0;
  return !value.empty();
}

void read_beside(const ConfigFields& fields, AdapterConfig& config) {
  const auto beside = fields.value(beside_key);
  if (beside.is_null()) return;
  if (!beside.is_object()) return fields.reject(ErrorKind::wrong_type, beside_key, "expected an object");
  for (const auto& [part, sum] : beside.items()) {
    if (!sum.is_string())
      fields.reject(ErrorKind::wrong_type, beside_key, "expected a fingerprint of " + part);
    else
      config.trained_beside[part] = sum.get<std::string>();
  }
}

Result<AdapterConfig> read_config(const fs::path& path) {
  HOLISAFE_TRY(auto document, checkpoint::read_json(path));
  const ConfigFields fields(std::move(document), path.string());
  const std::string type = fields.text("peft_type", "");
  if (type != "LORA")
    fields.reject(ErrorKind::unsupported, "peft_type", "expected LORA, found \"" + type + "\"");
  const std::string bias = fields.text("bias", "none");
  if (bias != "none") fields.reject(ErrorKind::unsupported, "bias", "expected none, found \"" + bias + "\"");
  for (const char* key :
       {"use_dora", "lora_bias", "fan_in_fan_out", "modules_to_save", "rank_pattern", "alpha_pattern",
        "layer_replication", "trainable_token_indices", "target_parameters", "alora_invocation_tokens",
        "use_qalora", "use_bdlora", "arrow_config", "kasa_config", "velora_config", "monteclora_config"}) {
    if (const auto value = fields.value(key); asks(value))
      fields.reject(ErrorKind::unsupported, key, "expected it unset, found " + value.dump());
  }
  AdapterConfig config;
  config.rank = fields.integer("r", 8, 1, 1 << 20);
  config.alpha = fields.number("lora_alpha", 8);
  config.dropout = fields.number("lora_dropout", 0);
  config.rslora = fields.flag("use_rslora", false);
  config.base_model = fields.text("base_model_name_or_path", "");
  read_beside(fields, config);
  HOLISAFE_CHECK(fields.check());
  return config;
}

double scale_of(const AdapterConfig& config) {
  const auto rank = static_cast<double>(config.rank);
  return config.alpha / (config.rslora ? std::sqrt(rank) : rank);
}

Result<void> check_pairs(const Adapter& adapter, const std::string& where) {
  if (adapter.modules.empty())
    return fail(ErrorKind::missing, "cannot use adapter", where, "expected matrices, found none");
  for (const auto& [module, lora] : adapter.modules) {
    if (!lora.a.defined() || !lora.b.defined()) {
      return fail(
          ErrorKind::missing, "cannot use adapter", where + ": " + module,
          std::string("expected lora_A and lora_B, found no ") + (lora.a.defined() ? "lora_B" : "lora_A"));
    }
    const std::int64_t rank = adapter.config.rank;
    if (lora.a.dim() != 2 || lora.b.dim() != 2 || lora.a.size(0) != rank || lora.b.size(1) != rank) {
      return fail(
          ErrorKind::mismatch, "cannot use adapter", where + ": " + module,
          fmt::format("expected rank {}, found lora_A {} and lora_B {}", rank,
                      checkpoint::shape_text(lora.a.sizes()), checkpoint::shape_text(lora.b.sizes())));
    }
  }
  return {};
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
  if (!config.trained_beside.empty()) out[beside_key] = config.trained_beside;
  return out;
}

}  // namespace

std::string target_pattern(const std::vector<std::string>& targets) {
  return fmt::format("(?:.*\\.)?language_model\\..*\\.(?:{})", fmt::join(targets, "|"));
}

Result<Adapter> read_adapter(const fs::path& folder) {
  Adapter adapter;
  HOLISAFE_TRY(adapter.config, read_config(folder / config_name));
  const fs::path path = folder / weights_name;
  HOLISAFE_TRY(const auto file, checkpoint::SafetensorsFile::open(path));
  LoadOptions options;
  options.writable = true;
  for (const checkpoint::TensorView& view : file.tensors()) {
    const auto name = parse_name(view.name);
    if (!name) {
      return fail(ErrorKind::unexpected, "cannot use adapter", path.string() + ": " + view.name,
                  "expected base_model.model.<module>.lora_A.weight or .lora_B.weight");
    }
    nn::Lora& lora = adapter.modules[name->module];
    torch::Tensor& place = name->is_a ? lora.a : lora.b;
    if (place.defined())
      return fail(ErrorKind::duplicate, "cannot use adapter", path.string() + ": " + view.name);
    HOLISAFE_TRY(place, weight(view, options));
    lora.scale = scale_of(adapter.config);
    lora.dropout = adapter.config.dropout;
  }
  HOLISAFE_CHECK(check_pairs(adapter, path.string()));
  return adapter;
}

Result<void> attach(const Adapter& adapter, Model& model) {
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
  for (const auto& [module, lora] : adapter.modules) {
    layers[module]->lora = nn::Lora{lora.a.to(model.device(), model.dtype()),
                                    lora.b.to(model.device(), model.dtype()), lora.scale, 0.0};
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
