// A model directory in Hugging Face's layout: config.json, safetensors (one file, or shards by an index) and
// side files.
//
//   Result<Checkpoint> checkpoint = Checkpoint::open("SafeLLaVA-7B");
//   const nlohmann::json& config = checkpoint->config();
//   auto matched = match(specs, checkpoint->tensors(), rules);   // checkpoint/match.h
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/safetensors.h"

namespace holisafe::checkpoint {

/// A small JSON document. Errors: those of read_file, malformed (with the byte offset), too_large (bytes or
/// nesting).
Result<nlohmann::json> read_json(const std::filesystem::path& path);
/// The same; nothing where the file does not exist.
Result<std::optional<nlohmann::json>> read_json_if_there(const std::filesystem::path& path);

/// Thread-safe to read; tensors are mapped and live as long as this object or any TensorView of it.
class Checkpoint {
 public:
  /// Where model.safetensors is there, it is all, whatever an index says, as for transformers. Errors:
  /// not_found (names config.json or the weights), not_a_file, outside_root (a shard's path), missing (a
  /// tensor of the index that its shard lacks), duplicate (in two shards), unsupported (pytorch_model.bin
  /// alone, an adapter's folder, quantised weights), and those of SafetensorsFile::open and read_json.
  static Result<Checkpoint> open(const std::filesystem::path& folder);

  /// config.json alone, for a folder whose weights are not needed (model_type, sizes).
  static Result<nlohmann::json> open_config(const std::filesystem::path& folder);

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] const nlohmann::json& config() const { return *config_; }
  [[nodiscard]] const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  /// Bytes of all tensors.
  [[nodiscard]] std::uint64_t weight_bytes() const;

 private:
  std::filesystem::path folder_;
  std::shared_ptr<const nlohmann::json> config_;
  std::map<std::string, TensorView> tensors_;
};

/// Writes tensors into a folder as model.safetensors, or, above `shard_bytes`, as shards with
/// model.safetensors.index.json. The folder is made. Errors: those of write_safetensors and make_folders.
Result<void> write_weights(const std::filesystem::path& folder, std::vector<TensorSource> tensors,
                           std::uint64_t shard_bytes = std::uint64_t{5'000'000'000});

/// Writes a JSON document, indented by two, atomically.
Result<void> write_json(const std::filesystem::path& path, const nlohmann::ordered_json& document);

/// Copies tokenizer, processor, template and generation files (everything but config.json and weights) that
/// exist.
Result<void> copy_side_files(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace holisafe::checkpoint
