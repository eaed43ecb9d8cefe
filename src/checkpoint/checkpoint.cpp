#include "checkpoint/checkpoint.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/lfs_pointer.h"
#include "base/text.h"
#include "checkpoint/quantisation.h"

namespace holisafe::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t max_json_bytes = std::uint64_t{256}
                                         << 20;  // tokenizer.json of a large vocabulary has 30 MB
constexpr std::size_t max_json_depth = 64;
constexpr const char* weights_name = "model.safetensors";
constexpr const char* index_name = "model.safetensors.index.json";

bool is_file(const fs::path& path) {
  std::error_code code;
  return fs::is_regular_file(path, code);
}

Result<void> add_file(const fs::path& path, std::map<std::string, TensorView>& tensors) {
  HOLISAFE_TRY(const SafetensorsFile file, SafetensorsFile::open(path));
  for (const TensorView& view : file.tensors()) {
    if (!tensors.emplace(view.name, view).second) {
      return fail(ErrorKind::duplicate, "bad checkpoint", path.string(),
                  "expected " + view.name + " in one shard, found it in two");
    }
  }
  return {};
}

Result<void> add_shards(const fs::path& folder, std::map<std::string, TensorView>& tensors) {
  const fs::path path = folder / index_name;
  HOLISAFE_TRY(const nlohmann::json index, read_json(path));
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    return fail(ErrorKind::wrong_type, "bad checkpoint index", path.string(),
                "expected an object weight_map");
  }
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : index["weight_map"].items()) {
    if (!shard.is_string())
      return fail(ErrorKind::wrong_type, "bad checkpoint index", path.string() + ": " + tensor,
                  "expected a file name");
    shards.insert(shard.get<std::string>());
  }
  for (const std::string& shard : shards) {
    // Downloaded checkpoints are folders of links into a cache: only the name is held to the folder.
    const fs::path name(shard);
    if (name.is_absolute() || std::find(name.begin(), name.end(), "..") != name.end()) {
      return fail(ErrorKind::outside_root, "bad checkpoint index", path.string(),
                  "expected a shard inside the folder, found " + shard);
    }
    HOLISAFE_CHECK(add_file(folder / name, tensors));
  }
  for (const auto& [tensor, shard] : index["weight_map"].items()) {
    if (!tensors.contains(tensor)) {
      return fail(ErrorKind::missing, "bad checkpoint", (folder / shard.get<std::string>()).string(),
                  "expected tensor " + tensor + ", found none");
    }
  }
  return {};
}

}  // namespace

Result<nlohmann::json> read_json(const fs::path& path) {
  HOLISAFE_TRY(const std::string text, read_file(path, max_json_bytes));
  if (is_lfs_pointer(text)) return fail(ErrorKind::malformed, "bad JSON", path.string(), lfs_pointer_words);
  if (nests_deeper(text, max_json_depth))
    return fail(ErrorKind::too_large, "bad JSON", path.string(),
                fmt::format("expected at most {} levels, found more", max_json_depth));
  Error error{ErrorKind::malformed, "bad JSON", path.string(), "expected valid JSON in UTF-8"};
  nlohmann::json out;
  try {
    out = nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& found) {
    error.where += fmt::format(": byte {}", found.byte);
  } catch (const nlohmann::json::exception& found) {
    error.detail = found.what();
  }
  if (out.is_discarded() || out.is_null()) return fail(std::move(error));
  return out;
}

Result<std::optional<nlohmann::json>> read_json_if_there(const fs::path& path) {
  std::error_code code;
  if (!fs::exists(path, code)) return std::optional<nlohmann::json>{};
  HOLISAFE_TRY(nlohmann::json out, read_json(path));
  return std::optional<nlohmann::json>(std::move(out));
}

Result<nlohmann::json> Checkpoint::open_config(const fs::path& folder) {
  std::error_code code;
  if (!fs::exists(folder, code))
    return fail(ErrorKind::not_found, "cannot open model", folder.string(), "no such directory");
  if (!fs::is_directory(folder, code))
    return fail(ErrorKind::not_a_file, "cannot open model", folder.string(),
                "expected a directory, found a file");
  if (!is_file(folder / "config.json") && is_file(folder / "adapter_config.json"))
    return fail(ErrorKind::unsupported, "cannot open model", folder.string(),
                "expected a checkpoint, found an adapter: give it with --adapter, and its base with --model");
  HOLISAFE_TRY(nlohmann::json config, read_json(folder / "config.json"));
  if (!config.is_object())
    return fail(ErrorKind::wrong_type, "bad model config", (folder / "config.json").string(),
                "expected an object");
  return config;
}

Result<Checkpoint> Checkpoint::open(const fs::path& folder) {
  Checkpoint out;
  out.folder_ = folder;
  HOLISAFE_TRY(nlohmann::json config, open_config(folder));
  HOLISAFE_CHECK(refuse_quantised(config, (folder / "config.json").string()));
  out.config_ = std::make_shared<const nlohmann::json>(std::move(config));
  // A single file comes first, as for transformers: the index beside it is another save's.
  if (is_file(folder / weights_name)) {
    HOLISAFE_CHECK(add_file(folder / weights_name, out.tensors_));
  } else if (is_file(folder / index_name)) {
    HOLISAFE_CHECK(add_shards(folder, out.tensors_));
  } else if (is_file(folder / "pytorch_model.bin") || is_file(folder / "pytorch_model.bin.index.json")) {
    return fail(ErrorKind::unsupported, "cannot open model", folder.string(),
                "expected safetensors, found pytorch_model.bin: convert it first (save_pretrained writes "
                "safetensors)");
  } else {
    return fail(ErrorKind::not_found, "cannot open model", folder.string(),
                fmt::format("expected {} or {}, found neither", weights_name, index_name));
  }
  return out;
}

std::uint64_t Checkpoint::weight_bytes() const {
  std::uint64_t out = 0;
  for (const auto& [name, view] : tensors_) out += view.bytes.size();
  return out;
}

Result<void> write_json(const fs::path& path, const nlohmann::ordered_json& document) {
  return write_file_atomic(path, document.dump(2) + "\n");
}

Result<void> write_weights(const fs::path& folder, std::vector<TensorSource> tensors,
                           std::uint64_t shard_bytes) {
  HOLISAFE_CHECK(make_folders(folder));
  const std::map<std::string, std::string> metadata{{"format", "pt"}};
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  std::vector<std::vector<TensorSource>> shards(1);
  std::uint64_t total = 0;
  std::uint64_t filled = 0;
  for (TensorSource& tensor : tensors) {
    HOLISAFE_TRY(const std::uint64_t bytes, byte_count(tensor.name, tensor.dtype, tensor.shape));
    if (filled > 0 && filled + bytes > shard_bytes) {
      shards.emplace_back();
      filled = 0;
    }
    filled += bytes;
    total += bytes;
    shards.back().push_back(std::move(tensor));
  }
  if (shards.size() == 1) return write_safetensors(folder / weights_name, std::move(shards[0]), metadata);

  nlohmann::ordered_json map = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string name = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
    for (const TensorSource& tensor : shards[i]) map[tensor.name] = name;
    HOLISAFE_CHECK(write_safetensors(folder / name, std::move(shards[i]), metadata));
  }
  return write_json(folder / index_name, {{"metadata", {{"total_size", total}}}, {"weight_map", map}});
}

Result<void> copy_side_files(const fs::path& from, const fs::path& to) {
  static constexpr std::array<const char*, 12> names{"tokenizer.json",
                                                     "tokenizer.model",
                                                     "tokenizer_config.json",
                                                     "special_tokens_map.json",
                                                     "added_tokens.json",
                                                     "vocab.json",
                                                     "merges.txt",
                                                     "generation_config.json",
                                                     "preprocessor_config.json",
                                                     "processor_config.json",
                                                     "chat_template.json",
                                                     "chat_template.jinja"};
  for (const char* name : names) {
    if (!is_file(from / name)) continue;
    HOLISAFE_TRY(const std::string bytes, read_file(from / name));
    HOLISAFE_CHECK(write_file_atomic(to / name, bytes));
  }
  return {};
}

}  // namespace holisafe::checkpoint
