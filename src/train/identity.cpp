#include "train/identity.h"

#include <algorithm>
#include <string>

#include "base/file.h"
#include "base/hash.h"
#include "checkpoint/checkpoint.h"

namespace holisafe::train {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t piece = std::size_t{256} << 10;

Result<std::string> file_sum(const fs::path& path) {
  HOLISAFE_TRY(const MappedFile file, MappedFile::open(path));
  return hex(sha256(file.text()));
}

/// All of a small tensor's bytes; of a large one three pieces.
std::string sample_bytes(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.size() <= 3 * piece) return std::string(text);
  return std::string(text.substr(0, piece)) + std::string(text.substr(text.size() / 2, piece)) +
         std::string(text.substr(text.size() - piece));
}

Result<std::string> model_sum(const fs::path& folder) {
  HOLISAFE_TRY(const auto base, checkpoint::Checkpoint::open(folder));
  std::string all = base.config().dump();
  for (const char* name : {"tokenizer.json", "tokenizer.model", "preprocessor_config.json",
                           "processor_config.json", "generation_config.json"}) {
    std::error_code ignored;
    if (!fs::exists(folder / name, ignored)) continue;
    HOLISAFE_TRY(const std::string sum, file_sum(folder / name));
    all += std::string(name) + sum;
  }
  for (const auto& [name, view] : base.tensors()) {
    all += name + std::string(checkpoint::name(view.dtype)) + checkpoint::shape_text(view.shape);
    all += hex(sha256(sample_bytes(view.bytes)));
  }
  return hex(sha256(all));
}

}  // namespace

Result<nlohmann::ordered_json> run_identity(const Settings& settings, int processes) {
  nlohmann::ordered_json identity{
      {"model", ""}, {"data", ""}, {"processes", processes}, {"flags", settings.identity()}};
  HOLISAFE_TRY(identity["model"], model_sum(settings.model));
  HOLISAFE_TRY(identity["data"], file_sum(settings.data));
  auto& flags = identity["flags"];
  flags["mix"] = nlohmann::ordered_json::array();
  for (const Mix& mix : settings.mixes) {
    HOLISAFE_TRY(const std::string sum, file_sum(mix.file));
    flags["mix"].push_back({sum, mix.count ? nlohmann::ordered_json(*mix.count) : nlohmann::ordered_json()});
  }
  if (!settings.vision_tower.empty()) {
    HOLISAFE_TRY(flags["vision-tower"], model_sum(settings.vision_tower));
  }
  if (!settings.init_adapter.empty()) {
    HOLISAFE_TRY(flags["init-adapter"], file_sum(settings.init_adapter / "adapter_model.safetensors"));
  }
  if (!settings.init_guard.empty()) {
    HOLISAFE_TRY(flags["init-guard"], file_sum(settings.init_guard));
  }
  return identity;
}

}  // namespace holisafe::train
