#include "engine/picture_judge.h"

#include <utility>

#include <fmt/format.h>

#include "engine/boundary.h"
#include "guard/file.h"

namespace holisafe::engine {
namespace {

struct ProcessedPicture final : verdicts::PreparedPicture {
  ProcessedPicture(const image::Image& picture, models::ProcessedImage processed)
      : PreparedPicture(picture.width, picture.height), image(std::move(processed)) {}
  models::ProcessedImage image;
};

std::vector<float> floats_of(const torch::Tensor& vector) {
  const auto values = vector.to(torch::kCPU, torch::kFloat32).contiguous();
  const auto* data = values.const_data_ptr<float>();
  return {data, data + values.numel()};
}

Error unfit_for_run(const std::string& where, std::string detail) {
  return {ErrorKind::mismatch, "guard does not fit the run", where, std::move(detail)};
}

}  // namespace

Result<std::unique_ptr<verdicts::PictureJudge>> EngineJudge::make(Engine engine, image::DecodeOptions decode,
                                                                  const std::string& where) {
  if (engine.guard() == nullptr)
    return fail(ErrorKind::missing, "no guard", where,
                "expected img_safety_head in the checkpoint or --guard FILE, found neither");
  return std::unique_ptr<verdicts::PictureJudge>(new EngineJudge(std::move(engine), decode));
}

verdicts::JudgeFacts EngineJudge::facts() const {
  const models::ModelInfo& model = engine_.model().info();
  const guard::GuardInfo& info = engine_.guard()->info();
  return {engine_.base(),    model.family,   model.model_type, std::string(guard::name(info.pooling)),
          model.hidden_size, info.thresholds};
}

Result<std::unique_ptr<verdicts::PreparedPicture>> EngineJudge::prepare(std::string_view bytes,
                                                                        const std::string& name) const {
  HOLISAFE_TRY(const image::Image picture, image::decode(std::as_bytes(std::span(bytes)), decode_, name));
  HOLISAFE_TRY(auto processed, engine_.process(picture));
  return std::make_unique<ProcessedPicture>(picture, std::move(processed));
}

Result<verdicts::JudgedPicture> EngineJudge::judge(const verdicts::PreparedPicture& picture) const {
  const auto& processed = dynamic_cast<const ProcessedPicture&>(picture);
  HOLISAFE_TRY(const auto judged, engine_.pooled_verdicts(std::span(&processed.image, 1)));
  return verdicts::JudgedPicture{judged.front().verdict, floats_of(judged.front().pooled)};
}

Result<std::unique_ptr<verdicts::VectorJudge>> GuardJudge::open(const std::filesystem::path& guard) {
  return within_boundary("cannot use guard", [&]() -> Result<std::unique_ptr<verdicts::VectorJudge>> {
    HOLISAFE_TRY(auto found, guard::read(guard));
    return std::unique_ptr<verdicts::VectorJudge>(new GuardJudge(std::move(found), guard.string()));
  });
}

Result<void> GuardJudge::check_fits(const verdicts::JudgeFacts& run) const {
  models::ModelInfo model;
  model.family = run.family;
  model.model_type = run.model_type;
  model.hidden_size = run.hidden_size;
  HOLISAFE_CHECK(guard_.check_fits(model, where_));
  const guard::GuardInfo& info = guard_.info();
  if (guard::name(info.pooling) != run.pooling) {
    return fail(unfit_for_run(where_ + ": pooling",
                              fmt::format("expected {} (the run's vectors), found {} (the guard's)",
                                          run.pooling, guard::name(info.pooling))));
  }
  if (info.stands_on(run.base)) return {};
  return fail(unfit_for_run(where_ + ": base", fmt::format("expected {} (the run's), found {} (the guard's)",
                                                           run.base, info.base)));
}

std::vector<Result<taxonomy::Verdict>> GuardJudge::judge(std::span<const float> vectors) const {
  std::vector<Result<taxonomy::Verdict>> out;
  if (vectors.empty()) return out;
  const std::int64_t size = guard_.info().hidden_size;
  const std::int64_t count = static_cast<std::int64_t>(vectors.size()) / size;
  const auto logits = within_boundary("cannot use guard", [&]() -> Result<torch::Tensor> {
    const c10::InferenceMode inference;
    // from_blob() takes a pointer that it could write through; nothing here does.
    auto* data = const_cast<float*>(vectors.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    return guard_.forward(at::from_blob(data, {count, size}, torch::kFloat32));
  });
  for (std::int64_t i = 0; i < count; ++i) {
    if (logits) {
      out.push_back(guard::verdict_of(logits->select(0, i), guard_.info().temperature));
    } else {
      out.emplace_back(fail(logits.error()));
    }
  }
  return out;
}

}  // namespace holisafe::engine
