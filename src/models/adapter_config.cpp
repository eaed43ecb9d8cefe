#include "models/adapter_config.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include <fmt/format.h>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "models/config_fields.h"

namespace holisafe::models {
namespace {

constexpr double most_value = 1e6;
/// Each is looked for in the name of each module; more than a large model has.
constexpr std::size_t most_patterns = 4096;

/// Ways of drawing the first matrices that leave the base as it is. PEFT takes parts out of the base, or
/// quantises it, for the others when it loads such an adapter.
constexpr std::array<std::string_view, 5> plain_beginnings{"true", "false", "gaussian", "eva", "orthogonal"};

/// Whether a field asks for something: not absent, null, false, 0, or empty.
bool asks(const nlohmann::json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value.get<double>() != 0;
  return !value.empty();
}

void read_beside(const ConfigFields& fields, AdapterConfig& config) {
  const auto beside = fields.value(trained_beside_key);
  if (beside.is_null()) return;
  if (!beside.is_object())
    return fields.reject(ErrorKind::wrong_type, trained_beside_key, "expected an object");
  for (const auto& [part, sum] : beside.items()) {
    if (!sum.is_string())
      fields.reject(ErrorKind::wrong_type, trained_beside_key, "expected a fingerprint of " + part);
    else
      config.trained_beside[part] = sum.get<std::string>();
  }
}

void check_beginning(const ConfigFields& fields) {
  constexpr const char* key = "init_lora_weights";
  const auto value = fields.value(key);
  if (value.is_null()) return;
  const std::string word = value.is_string() ? value.get<std::string>() : value.dump();
  if (std::find(plain_beginnings.begin(), plain_beginnings.end(), word) != plain_beginnings.end()) return;
  fields.reject(ErrorKind::unsupported, key,
                fmt::format("expected true, false, gaussian, eva or orthogonal, found {}, which changes the "
                            "base model: PEFT's conversion makes a plain adapter of it",
                            word));
}

void refuse_unsupported(const ConfigFields& fields) {
  const std::string type = fields.text("peft_type", "");
  if (type != "LORA")
    fields.reject(ErrorKind::unsupported, "peft_type", "expected LORA, found \"" + type + "\"");
  const std::string bias = fields.text("bias", "none");
  if (bias != "none") fields.reject(ErrorKind::unsupported, "bias", "expected none, found \"" + bias + "\"");
  check_beginning(fields);
  for (const char* key : {"lora_bias", "fan_in_fan_out", "layer_replication", "trainable_token_indices",
                          "target_parameters", "alora_invocation_tokens", "use_qalora", "use_bdlora",
                          "arrow_config", "kasa_config", "velora_config", "monteclora_config"}) {
    if (const auto value = fields.value(key); asks(value))
      fields.reject(ErrorKind::unsupported, key, "expected it unset, found " + value.dump());
  }
}

/// {pattern: number} in the file's order, which decides where two fit.
Result<ModuleValues> read_values(const nlohmann::ordered_json& document, const char* key,
                                 const std::string& file) {
  ModuleValues out;
  const auto found = document.find(key);
  if (found == document.end() || found->is_null()) return out;
  const auto refuse = [&](const std::string& name, const char* detail) {
    return fail(ErrorKind::wrong_type, "cannot use adapter", fmt::format("{}: {}{}", file, key, name),
                detail);
  };
  if (!found->is_object()) return refuse("", "expected an object");
  if (found->size() > most_patterns) {
    return fail(ErrorKind::too_large, "cannot use adapter", fmt::format("{}: {}", file, key),
                fmt::format("expected at most {} patterns, found {}", most_patterns, found->size()));
  }
  for (const auto& [pattern, value] : found->items()) {
    if (!value.is_number() || !(value.get<double>() > 0 && value.get<double>() <= most_value))
      return refuse("." + pattern, "expected a number above 0, at most a million");
    HOLISAFE_TRY(auto compiled,
                 tokenizer::Pattern::compile(fmt::format("^(?:.*\\.)?(?:{})$", pattern), file));
    out.emplace_back(std::move(compiled), value.get<double>());
  }
  return out;
}

std::vector<std::string> texts_of(const ConfigFields& fields, const char* key) {
  std::vector<std::string> out;
  const auto value = fields.value(key);
  if (value.is_null()) return out;
  if (!value.is_array()) fields.reject(ErrorKind::wrong_type, key, "expected a list of names");
  for (const auto& item : value.is_array() ? value : nlohmann::json::array()) {
    if (item.is_string())
      out.push_back(item.get<std::string>());
    else
      fields.reject(ErrorKind::wrong_type, key, "expected names, found " + item.dump());
  }
  return out;
}

}  // namespace

Result<AdapterFile> read_adapter_config(const std::filesystem::path& path) {
  HOLISAFE_TRY(auto document, checkpoint::read_json(path));
  const ConfigFields fields(std::move(document), path.string());
  refuse_unsupported(fields);
  AdapterFile out;
  AdapterConfig& config = out.config;
  config.rank = fields.integer("r", 8, 1, 1 << 20);
  config.alpha = fields.number("lora_alpha", 8);
  config.dropout = fields.number("lora_dropout", 0);
  config.rslora = fields.flag("use_rslora", false);
  config.dora = fields.flag("use_dora", false);
  config.tied = fields.flag("ensure_weight_tying", false);
  config.base_model = fields.text("base_model_name_or_path", "");
  out.saved_modules = texts_of(fields, "modules_to_save");
  read_beside(fields, config);
  HOLISAFE_CHECK(fields.check());
  // Objects of the plain kind are sorted: the file once more, as it was read without an error.
  HOLISAFE_TRY(const std::string text, read_file(path));
  const auto ordered = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  HOLISAFE_TRY(out.ranks, read_values(ordered, "rank_pattern", path.string()));
  HOLISAFE_TRY(out.alphas, read_values(ordered, "alpha_pattern", path.string()));
  return out;
}

Result<double> value_for(const std::vector<std::string>& names, const ModuleValues& values,
                         double otherwise) {
  for (const std::string& name : names) {
    for (const auto& [pattern, value] : values) {
      HOLISAFE_TRY(const bool fits, pattern.found_in(name));
      if (fits) return value;
    }
  }
  return otherwise;
}

}  // namespace holisafe::models
