// The responder that asks a local checkpoint. What runs models needs LibTorch and lives below this layer; the
// command line gives it in ResponderSettings::open_model.
#include <utility>

#include "runs/fingerprint.h"
#include "runs/responder.h"

namespace holisafe::runs {
namespace {

bool chosen(const ResponderSettings& settings) { return !settings.local.model.empty(); }

/// The folder's own name, however it is written.
std::string folder_name(const std::string& folder) {
  const auto path = std::filesystem::absolute(folder).lexically_normal();
  return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
}

Result<store::Identity> identity(const ResponderSettings& settings) {
  const ModelSettings& local = settings.local;
  if (!settings.api_model.empty())
    return fail(ErrorKind::usage, "flag does not go with --model", "--api-model", "expected --endpoint");
  store::Identity out = {{"model", folder_name(local.model)}};
  for (const auto& [name, path] :
       {std::pair{"checkpoint", &local.model}, std::pair{"guard", &local.guard},
        std::pair{"adapter", &local.adapter}, std::pair{"vision-tower", &local.vision_tower}}) {
    std::string found;
    if (!path->empty()) {
      HOLISAFE_TRY(found, fingerprint(*path));
    }
    out.emplace_back(name, std::move(found));
  }
  out.emplace_back("dtype", local.dtype);
  out.emplace_back("template", local.prompt_template);
  out.emplace_back("image-aspect", local.image_aspect);
  return out;
}

Result<std::unique_ptr<Responder>> open(ResponderSettings settings) {
  const auto open_model = settings.open_model;
  if (!open_model) return fail(ErrorKind::unsupported, "cannot run a model", settings.local.model);
  return open_model(std::move(settings));
}

}  // namespace

const ResponderKind model_responder = {"model", "--model", chosen, identity, open};

}  // namespace holisafe::runs
