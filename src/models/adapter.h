// LoRA adapters in PEFT's format: a folder with adapter_config.json and adapter_model.safetensors.
//
//   HOLISAFE_TRY(const Adapter adapter, read_adapter("run/adapter"));
//   HOLISAFE_CHECK(attach(adapter, *model));   // Linear::lora of the modules it names
//   merge_adapters(*model);                    // or: into the weights
//
// An adapter of `holisafe train` holds the language model's part only: where vision tower and projector were
// trained too, it is not the whole model (docs/training.md), and says so (models/trained_beside.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/model.h"

namespace holisafe::models {

/// The fields of adapter_config.json that change what is computed.
struct AdapterConfig {
  std::int64_t rank = 0;
  double alpha = 0;
  double dropout = 0;      ///< of the adapter's input while training
  bool rslora = false;     ///< scale alpha / sqrt(rank) (arXiv 2312.03732) instead of alpha / rank
  std::string base_model;  ///< base_model_name_or_path; informative
  /// Parts of the model (models/trained_beside.h) that were trained with it and are not in it, each with the
  /// fingerprint of its trained weights. A key of this program's own, which PEFT passes over.
  std::map<std::string, std::string> trained_beside = {};
  bool dora = false;  ///< every module has magnitudes
  bool tied =
      false;  ///< ensure_weight_tying: a tied output projection follows an embedding that is saved whole
};

/// The key of AdapterConfig::trained_beside.
inline constexpr const char* trained_beside_key = "holisafe_trained_beside";

/// Low-rank matrices by the canonical name of the linear layer they belong to, and whole weights by theirs
/// (modules_to_save). All are float32 on the CPU and their own memory; rank, scale and dropout of each as
/// configured.
struct Adapter {
  AdapterConfig config;
  std::map<std::string, nn::Lora> modules;
  std::map<std::string, torch::Tensor> saved = {};
};

/// Reads an adapter. Module paths of transformers 5 and of the versions before are understood, also of the
/// original LLaVA. Errors: those of read_adapter_config (models/adapter_config.h) and SafetensorsFile::open;
/// unsupported (a pickled adapter, trained weights beside it that it does not hold: names the file); missing
/// (half a pair of matrices, a magnitude, none at all, a whole module); mismatch (a shape that is not of the
/// configured rank).
Result<Adapter> read_adapter(const std::filesystem::path& folder);

/// Gives the model's linear layers the adapter's matrices, in the model's dtype and on its device, without
/// dropout, and replaces the weights that it holds whole. A tied output projection that the adapter changes,
/// or whose embedding it replaces, gets a matrix of its own, as PEFT has it. Errors: mismatch (a module or
/// weight the model does not have, or of another size; names it, with both shapes); the model then computes
/// what it did.
Result<void> attach(const Adapter& adapter, Model& model);

/// Adds what is attached to the weights and drops it.
void merge_adapters(Model& model);

/// Writes an adapter that PEFT loads onto the family's transformers model. `target_modules` is a regular
/// expression that matches the language model's layers alone: bare names would match the vision tower's
/// q_proj too. All modules must lie in the language model; the last parts of their names are the targets.
/// Errors: unsupported (a module elsewhere), those of write_safetensors and write_json.
Result<void> write_adapter(const std::filesystem::path& folder, const Adapter& adapter);

/// PEFT's regular expression (matched against a whole module path) for linear layers of the language model
/// by the last part of their names.
std::string target_pattern(const std::vector<std::string>& targets);

}  // namespace holisafe::models
