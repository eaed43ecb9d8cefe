// The answerer on this machine: a local checkpoint. What runs models needs LibTorch and lies in a module of
// its own; the command line gives it in AnswererSettings::open_model.
#include <utility>

#include "checkpoint/fingerprint.h"
#include "runs/answerers.h"

namespace holisafe::runs {
namespace {

bool chosen(const AnswererSettings& settings) { return !settings.local.model.empty(); }

/// Flags that only an API has.
Result<void> check(const AnswererSettings& settings) {
  const char* flag = nullptr;
  if (settings.batch) flag = "--batch";
  if (!settings.request_json.empty()) flag = "--request-json";
  if (!settings.api_model.empty()) flag = "--api-model";
  if (!settings.key_header.empty()) flag = "--api-key-header";
  if (settings.parameters.no_temperature) flag = "--no-temperature";
  if (settings.parameters.completion_tokens) flag = "--tokens-as";
  if (flag == nullptr) return {};
  return fail(ErrorKind::usage, "flag does not go with --model", flag, "expected --endpoint");
}

Result<store::Identity> identity(const AnswererSettings& settings) {
  HOLISAFE_CHECK(check(settings));
  const chat::ModelSettings& local = settings.local;
  store::Identity out = {{"model", folder_name(local.model)}};
  for (const auto& [name, path] :
       {std::pair{"checkpoint", &local.model}, std::pair{"guard", &local.guard},
        std::pair{"adapter", &local.adapter}, std::pair{"vision-tower", &local.vision_tower}}) {
    std::string found;
    if (!path->empty()) {
      HOLISAFE_TRY(found, checkpoint::fingerprint(*path));
    }
    out.emplace_back(name, std::move(found));
  }
  out.emplace_back("dtype", local.dtype);
  out.emplace_back("template", local.prompt_template);
  out.emplace_back("image-aspect", local.image_aspect);
  return out;
}

Result<Asker> open(AnswererSettings settings, const StopFlag& stop) {
  if (!settings.open_model) return fail(ErrorKind::unsupported, "cannot run a model", settings.local.model);
  HOLISAFE_TRY(auto answerer, settings.open_model(settings.local, &stop));
  return Asker(std::move(answerer));
}

}  // namespace

std::string folder_name(const std::string& folder) {
  const auto path = std::filesystem::absolute(folder).lexically_normal();
  return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
}

const AnswererKind model_answerer = {"model", "--model", chosen, identity, open, true};

}  // namespace holisafe::runs
