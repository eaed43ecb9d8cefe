#include "engine/picture_judge.h"

#include <future>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "engine/boundary.h"
#include "guard/file.h"

namespace holisafe::engine {
namespace {

/// Pictures of which pixels may be in memory beside those under way.
std::size_t ahead_of(std::size_t batch_size) { return 2 * batch_size + 6; }

schedule::Limits limits_of(const JudgeOptions& options) {
  schedule::Limits limits;
  limits.sequences = options.batch_size;
  limits.queue = std::numeric_limits<std::size_t>::max();
  limits.cache_bytes = 0;  // a verdict keeps no keys and values
  limits.prepare_threads = options.decode_threads;
  limits.prepared_ahead = ahead_of(options.batch_size);
  return limits;
}

chat::Question verdict_on(chat::Image picture) {
  chat::Generation nothing_else;
  nothing_else.max_new_tokens = 0;
  return chat::question_of({std::move(picture)}, std::move(nothing_else));
}

/// The error, which names the file.
Error error_of(const std::string& name, Error error) {
  if (!error.where.starts_with(name)) error.where = error.where.empty() ? name : name + ": " + error.where;
  return error;
}

/// One picture on its way.
class PictureListener final : public schedule::Listener {
 public:
  explicit PictureListener(std::string name) { judged_.name = std::move(name); }
  std::future<verdicts::JudgedPicture> judged() { return promise_.get_future(); }

  void verdict(const taxonomy::Verdict& verdict) override { judged_.verdict = verdict; }
  void grounds(const schedule::Grounds& grounds) override {
    judged_.width = grounds.images.front().width;
    judged_.height = grounds.images.front().height;
    judged_.pooled = grounds.pooled;
  }
  void text(std::string_view /*text*/) override {}
  void end(Result<chat::Reply> reply) override {
    if (!reply) judged_.verdict = fail(error_of(judged_.name, std::move(reply).error()));
    promise_.set_value(std::move(judged_));
  }

 private:
  verdicts::JudgedPicture judged_;
  std::promise<verdicts::JudgedPicture> promise_;
};

Error unfit_for_run(const std::string& where, std::string detail) {
  return {ErrorKind::mismatch, "guard does not fit the run", where, std::move(detail)};
}

}  // namespace

Result<std::unique_ptr<EngineJudge>> EngineJudge::make(Engine engine, const JudgeOptions& options,
                                                       const std::string& where) {
  if (engine.guard() == nullptr) return fail(no_guard(where));
  return std::unique_ptr<EngineJudge>(new EngineJudge(std::move(engine), options));
}

EngineJudge::EngineJudge(Engine engine, const JudgeOptions& options)
    : executor_(std::make_shared<ModelExecutor>(std::move(engine), options.decode, /*tells_grounds=*/true)),
      judged_(options.batch_size + ahead_of(options.batch_size)),
      scheduler_(executor_, limits_of(options)) {}

verdicts::JudgeFacts EngineJudge::facts() const {
  const models::ModelInfo& model = engine().model().info();
  const guard::GuardInfo& info = engine().guard()->info();
  return {engine().base(),   model.family,   model.model_type, std::string(guard::name(info.pooling)),
          model.hidden_size, info.thresholds};
}

void EngineJudge::push(chat::Image picture) {
  const auto listener = std::make_shared<PictureListener>(picture.file.string());
  judged_.push(listener->judged());
  const auto taken = scheduler_.enqueue(verdict_on(std::move(picture)), listener);
  if (!taken) listener->end(fail(taken.error()));
}

void EngineJudge::push(std::string name, Error error) {
  std::promise<verdicts::JudgedPicture> known;
  known.set_value({std::move(name), fail(std::move(error)), 0, 0, {}});
  judged_.push(known.get_future());
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
