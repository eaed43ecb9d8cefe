// Where guards live: in a plug-in file beside an untouched base model, or inside a checkpoint.
//
// A plug-in file is safetensors with `mlp.0.weight`, `mlp.0.bias`, `mlp.3.weight`, … and in its metadata
// `format` = holisafe-guard/1, `categories` (JSON list of the 20 class names), `hidden_size`, `pooling`
// (last_hidden or projector), `model_type`, from training `base` and `base_adapted` (GuardInfo::base), and
// from calibration `temperature` and `thresholds` (JSON list of 20 numbers). In a checkpoint the tensors are
// `img_safety_head.mlp.0.weight`, …, behind any prefix, and config.json has the keys of config_keys().
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "guard/guard.h"
#include "models/guard_keys.h"

namespace holisafe::guard {

inline constexpr const char* head_name = models::guard_keys::head;

/// Reads a plug-in file. Errors: those of SafetensorsFile::open; missing (a tensor, a metadata field),
/// unsupported (another format, pooling or dtype), malformed and wrong_type (a metadata field), mismatch
/// (shapes, sizes, the order of classes), unexpected (a tensor), out_of_range (temperature).
Result<Guard> read(const std::filesystem::path& path);

/// Writes one atomically; the same guard gives the same bytes. Errors: those of write_safetensors.
Result<void> write(Guard& guard, const std::filesystem::path& path,
                   checkpoint::FileOf owner = checkpoint::FileOf::program);

/// The guard inside a checkpoint; nothing where it has neither tensors nor config keys of one. `model` says
/// what the config leaves open. Errors: as read(), and missing where config.json announces a guard whose
/// tensors are not there.
Result<std::optional<Guard>> in_checkpoint(const checkpoint::Checkpoint& checkpoint,
                                           const models::ModelInfo& model);

/// The keys that config.json gets with a guard inside: safety_categories, num_safety_categories,
/// safety_head_hidden_scale, safety_num_hidden_layers, safety_loss_lambda, safety_head_pooling, and
/// safety_temperature and safety_thresholds where the guard is calibrated.
nlohmann::ordered_json config_keys(const Guard& guard);

/// Takes all of them out of a config.
void erase_config_keys(nlohmann::ordered_json& config);

/// The guard's tensors under `prefix` + `mlp.…`; they hold the weights.
std::vector<checkpoint::TensorSource> tensor_sources(Guard& guard, const std::string& prefix);

}  // namespace holisafe::guard
