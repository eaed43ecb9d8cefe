#include "guard/file.h"

#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include <fmt/format.h>

#include "checkpoint/safetensors.h"
#include "models/config_fields.h"
#include "models/guard_keys.h"
#include "models/weights.h"

namespace holisafe::guard {
namespace {

namespace keys = models::guard_keys;

constexpr const char* format_name = "holisafe-guard/1";
constexpr auto class_count = static_cast<std::int64_t>(taxonomy::class_count);

using Tensors = std::map<std::string, checkpoint::TensorView>;  // by name below the head: mlp.0.weight

tl::unexpected<Error> unfit(ErrorKind kind, const std::string& where, std::string detail) {
  return fail(kind, "cannot use guard", where, std::move(detail));
}

/// A float32 copy on the CPU: small, and never a view of the file.
Result<torch::Tensor> own(const checkpoint::TensorView& view) {
  models::LoadOptions options;
  options.writable = true;
  return models::weight(view, options);
}

Result<nn::Linear> take_layer(Tensors& tensors, std::size_t index, std::int64_t inputs,
                              const std::string& where) {
  const std::string layer = fmt::format("mlp.{}", 3 * index);
  auto weight = tensors.extract(layer + ".weight");
  auto bias = tensors.extract(layer + ".bias");
  if (!weight || !bias)
    return unfit(ErrorKind::missing, where,
                 fmt::format("expected {}.{}, found none", layer, weight ? "bias" : "weight"));
  const auto& shape = weight.mapped().shape;
  if (shape.size() != 2 || shape[1] != inputs || shape[0] < 1)
    return unfit(ErrorKind::mismatch, where + ": " + weight.mapped().name,
                 fmt::format("expected [outputs, {}], found {}", inputs, checkpoint::shape_text(shape)));
  if (bias.mapped().shape != std::vector<std::int64_t>{shape[0]})
    return unfit(
        ErrorKind::mismatch, where + ": " + bias.mapped().name,
        fmt::format("expected [{}], found {}", shape[0], checkpoint::shape_text(bias.mapped().shape)));
  nn::Linear out;
  HOLISAFE_TRY(out.weight, own(weight.mapped()));
  HOLISAFE_TRY(out.bias, own(bias.mapped()));
  return out;
}

/// The MLP from its tensors: layers 0, 3, 6, … as far as they go.
Result<std::vector<nn::Linear>> take_layers(Tensors tensors, std::int64_t hidden_size,
                                            const std::string& where) {
  std::vector<nn::Linear> layers;
  std::int64_t inputs = hidden_size;
  do {
    HOLISAFE_TRY(auto layer, take_layer(tensors, layers.size(), inputs, where));
    inputs = layer.weight.rows();
    layers.push_back(std::move(layer));
  } while (tensors.contains(fmt::format("mlp.{}.weight", 3 * layers.size())));
  if (!tensors.empty())
    return unfit(ErrorKind::unexpected, where,
                 "expected mlp.0, mlp.3, … with weight and bias, found " + tensors.begin()->second.name);
  if (inputs != class_count)
    return unfit(ErrorKind::mismatch, where,
                 fmt::format("expected {} classes from the last layer, found {}", class_count, inputs));
  return layers;
}

/// That the classes are those of the taxonomy, in its order.
Result<void> check_categories(const nlohmann::json& list, const std::string& where) {
  if (!list.is_array()) return unfit(ErrorKind::wrong_type, where, "expected a list of class names");
  if (list.size() != taxonomy::class_count)
    return unfit(ErrorKind::mismatch, where,
                 fmt::format("expected {} classes, found {}", class_count, list.size()));
  for (std::size_t i = 0; i < list.size(); ++i) {
    const bool fits = list[i].is_string() && taxonomy::parse_class(list[i].get<std::string>()) == i;
    if (!fits)
      return unfit(ErrorKind::mismatch, fmt::format("{}: {}", where, i),
                   fmt::format("expected {}, found {}", taxonomy::classes()[i].name, list[i].dump()));
  }
  return {};
}

Result<void> read_calibration(const nlohmann::json& temperature, const nlohmann::json& thresholds,
                              const std::string& where, GuardInfo& info) {
  if (!temperature.is_null()) {
    const bool good =
        temperature.is_number() && std::isfinite(temperature.get<double>()) && temperature.get<double>() > 0;
    if (!good)
      return unfit(ErrorKind::out_of_range, where + ": temperature",
                   "expected a number above 0, found " + temperature.dump());
    info.temperature = temperature.get<double>();
  }
  if (thresholds.is_null()) return {};
  if (!thresholds.is_array() || thresholds.size() != taxonomy::class_count)
    return unfit(ErrorKind::wrong_type, where + ": thresholds",
                 fmt::format("expected a list of {} numbers", class_count));
  for (const auto& item : thresholds) {
    const bool good = item.is_number() && item.get<double>() >= 0 && item.get<double>() <= 1;
    if (!good)
      return unfit(ErrorKind::out_of_range, where + ": thresholds",
                   "expected numbers from 0 to 1, found " + item.dump());
    info.thresholds.push_back(item.get<double>());
  }
  return {};
}

/// A plug-in's metadata: strings that hold text, a number or a JSON list.
struct Metadata {
  const std::map<std::string, std::string>& fields;
  const std::string& where;

  Result<std::string> text(const std::string& key) const {
    const auto found = fields.find(key);
    if (found == fields.end())
      return unfit(ErrorKind::missing, where, "expected " + key + " in the metadata, found none");
    return found->second;
  }
  [[nodiscard]] std::string text_or_empty(const std::string& key) const {
    const auto found = fields.find(key);
    return found == fields.end() ? std::string() : found->second;
  }
  /// Null where the field is absent.
  Result<nlohmann::json> json(const std::string& key) const {
    const auto found = fields.find(key);
    if (found == fields.end()) return nlohmann::json();
    auto out = nlohmann::json::parse(found->second, nullptr, /*allow_exceptions=*/false);
    if (out.is_discarded())
      return unfit(ErrorKind::malformed, where + ": " + key, "expected JSON, found " + found->second);
    return out;
  }
};

Result<GuardInfo> read_info(const Metadata& metadata) {
  HOLISAFE_TRY(const auto format, metadata.text("format"));
  if (format != format_name)
    return unfit(ErrorKind::unsupported, metadata.where + ": format",
                 fmt::format("expected {}, found {}", format_name, format));
  GuardInfo info;
  HOLISAFE_CHECK(metadata.text("categories"));
  HOLISAFE_TRY(const auto categories, metadata.json("categories"));
  HOLISAFE_CHECK(check_categories(categories, metadata.where + ": categories"));
  HOLISAFE_TRY(const auto size, metadata.text("hidden_size"));
  const auto parsed = std::from_chars(size.data(), size.data() + size.size(), info.hidden_size);
  if (parsed.ec != std::errc() || parsed.ptr != size.data() + size.size() || info.hidden_size < 1)
    return unfit(ErrorKind::malformed, metadata.where + ": hidden_size",
                 "expected a positive integer, found " + size);
  HOLISAFE_TRY(const auto pooling, metadata.text("pooling"));
  HOLISAFE_TRY(info.pooling, parse_pooling(pooling, metadata.where + ": pooling"));
  HOLISAFE_TRY(info.model_type, metadata.text("model_type"));
  info.base = metadata.text_or_empty("base");
  info.base_adapted = metadata.text_or_empty("base_adapted");
  HOLISAFE_TRY(const auto temperature, metadata.json("temperature"));
  HOLISAFE_TRY(const auto thresholds, metadata.json("thresholds"));
  HOLISAFE_CHECK(read_calibration(temperature, thresholds, metadata.where, info));
  return info;
}

nlohmann::json class_names() {
  auto names = nlohmann::json::array();
  for (const auto& item : taxonomy::classes()) names.push_back(item.name);
  return names;
}

/// The head's tensors by their names below it, whatever stands before.
Result<Tensors> head_tensors(const checkpoint::Checkpoint& checkpoint) {
  Tensors out;
  for (const auto& [name, view] : checkpoint.tensors()) {
    const auto at = name.find(head_name);
    if (at == std::string::npos || (at > 0 && name[at - 1] != '.')) continue;
    if (!out.emplace(name.substr(at + std::string(head_name).size()), view).second)
      return unfit(ErrorKind::duplicate, checkpoint.folder().string(), "found two guards, one as " + name);
  }
  return out;
}

}  // namespace

Result<Guard> read(const std::filesystem::path& path) {
  HOLISAFE_TRY(const auto file, checkpoint::SafetensorsFile::open(path));
  const std::string where = path.string();
  HOLISAFE_TRY(auto info, read_info({file.metadata(), where}));
  Tensors tensors;
  for (const auto& view : file.tensors()) tensors.emplace(view.name, view);
  HOLISAFE_TRY(auto layers, take_layers(std::move(tensors), info.hidden_size, where));
  return Guard(std::move(info), std::move(layers));
}

Result<void> write(Guard& guard, const std::filesystem::path& path, checkpoint::FileOf owner) {
  const GuardInfo& info = guard.info();
  std::map<std::string, std::string> metadata{{"format", format_name},
                                              {"categories", class_names().dump()},
                                              {"hidden_size", std::to_string(info.hidden_size)},
                                              {"pooling", std::string(name(info.pooling))},
                                              {"model_type", info.model_type}};
  if (!info.base.empty()) metadata["base"] = info.base;
  if (!info.base_adapted.empty()) metadata["base_adapted"] = info.base_adapted;
  if (!info.thresholds.empty() || info.temperature != 1)
    metadata["temperature"] = nlohmann::json(info.temperature).dump();
  if (!info.thresholds.empty()) metadata["thresholds"] = nlohmann::json(info.thresholds).dump();
  return checkpoint::write_safetensors(path, tensor_sources(guard, ""), metadata, owner);
}

Result<std::optional<Guard>> in_checkpoint(const checkpoint::Checkpoint& checkpoint,
                                           const models::ModelInfo& model) {
  HOLISAFE_TRY(auto tensors, head_tensors(checkpoint));
  const std::string where = (checkpoint.folder() / "config.json").string();
  const models::ConfigFields config(checkpoint.config(), where);
  const std::int64_t classes = config.integer(keys::class_count, class_count, 0);
  const bool announced = config.has(keys::class_count) && classes > 0;
  GuardInfo info;
  info.hidden_size = model.hidden_size;
  info.model_type = model.model_type;
  info.loss_lambda = config.number(keys::loss_lambda, 1.0);
  const auto pooling = config.text(keys::pooling, std::string(name(model.guard_pooling)));
  HOLISAFE_CHECK(config.check());
  if (tensors.empty() && !announced) return std::optional<Guard>();
  if (tensors.empty())
    return unfit(
        ErrorKind::missing, checkpoint.folder().string(),
        fmt::format("config.json announces {} safety categories: expected tensors {}mlp.…, found none",
                    classes, head_name));
  if (classes != class_count)
    return unfit(ErrorKind::mismatch, where + ": " + keys::class_count,
                 fmt::format("expected {}, found {}", class_count, classes));
  if (config.has(keys::categories))
    HOLISAFE_CHECK(check_categories(config.value(keys::categories), where + ": " + keys::categories));
  HOLISAFE_TRY(info.pooling, parse_pooling(pooling, where + ": " + keys::pooling));
  HOLISAFE_CHECK(
      read_calibration(config.value(keys::temperature), config.value(keys::thresholds), where, info));
  HOLISAFE_TRY(auto layers, take_layers(std::move(tensors), info.hidden_size, checkpoint.folder().string()));
  return std::optional<Guard>(Guard(std::move(info), std::move(layers)));
}

nlohmann::ordered_json config_keys(const Guard& guard) {
  const GuardInfo& info = guard.info();
  auto out = keys::of_shape(guard.hidden_scale(), guard.hidden_layers(), info.loss_lambda);
  out[keys::pooling] = name(info.pooling);
  if (info.temperature != 1) out[keys::temperature] = info.temperature;
  if (!info.thresholds.empty()) out[keys::thresholds] = info.thresholds;
  return out;
}

void erase_config_keys(nlohmann::ordered_json& config) {
  for (const char* key : keys::all) config.erase(key);
}

std::vector<checkpoint::TensorSource> tensor_sources(Guard& guard, const std::string& prefix) {
  std::vector<checkpoint::TensorSource> out;
  nn::Visitor visitor;
  visitor.parameter = [&out](const nn::Parameter& parameter) {
    out.push_back(models::source_of(parameter.name, parameter.floats()));
  };
  guard.visit(prefix, visitor);
  return out;
}

}  // namespace holisafe::guard
