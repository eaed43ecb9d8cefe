#include "train/identity.h"

#include <nlohmann/json.hpp>
#include <string>

#include "base/hash.h"
#include "checkpoint/fingerprint.h"

namespace holisafe::train {
namespace {

Result<std::string> file_sum(const std::filesystem::path& path) {
  HOLISAFE_TRY(const Digest digest, sha256_file(path));
  return hex(digest);
}

}  // namespace

Result<nlohmann::ordered_json> run_identity(const Settings& settings, int processes) {
  nlohmann::ordered_json identity{
      {"model", ""}, {"data", ""}, {"processes", processes}, {"flags", settings.identity()}};
  HOLISAFE_TRY(identity["model"], checkpoint::fingerprint(settings.model));
  HOLISAFE_TRY(identity["data"], file_sum(settings.data));
  auto& flags = identity["flags"];
  flags["mix"] = nlohmann::ordered_json::array();
  for (const Mix& mix : settings.mixes) {
    HOLISAFE_TRY(const std::string sum, file_sum(mix.file));
    flags["mix"].push_back({sum, mix.count ? nlohmann::ordered_json(*mix.count) : nlohmann::ordered_json()});
  }
  if (!settings.vision_tower.empty()) {
    HOLISAFE_TRY(flags["vision-tower"], checkpoint::fingerprint(settings.vision_tower));
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
