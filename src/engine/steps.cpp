// What the executor does in a step: stages of prompts, and a token of each sequence that decodes.
#include <array>
#include <utility>

#include "engine/boundary.h"
#include "engine/device.h"
#include "engine/executor.h"
#include "engine/prepared.h"

namespace holisafe::engine {
namespace {

constexpr const char* step_failure = "cannot run the model";
/// Verdicts on images alone that are remembered at most.
constexpr std::size_t most_alone = 4096;

ModelPrepared& prepared_of(const schedule::Work& work) {
  return dynamic_cast<ModelPrepared&>(*work.prepared);
}

schedule::Grounds grounds_of(const ModelPrepared& prepared, const PooledVerdict& verdict) {
  schedule::Grounds out;
  for (const auto& found : prepared.images) out.images.push_back({found.loaded->width, found.loaded->height});
  const auto values = verdict.pooled.to(torch::kCPU, torch::kFloat32).contiguous();
  const auto* data = values.const_data_ptr<float>();
  out.pooled.assign(data, data + values.numel());
  return out;
}

}  // namespace

std::vector<schedule::Outcome> ModelExecutor::run(std::span<const schedule::Work> works) {
  const ThreadScope threads(engine_.threads());
  std::vector<schedule::Outcome> out(works.size());
  std::size_t decoding = 0;
  while (decoding < works.size() && works[decoding].kind == schedule::Work::Kind::decode) ++decoding;
  const auto decoded = within_boundary(step_failure, [&]() -> Result<void> {
    const c10::InferenceMode inference;
    if (decoding > 0) decode(works.first(decoding), std::span(out).first(decoding));
    return {};
  });
  for (std::size_t i = 0; !decoded && i < decoding; ++i) out[i].end = fail(decoded.error());
  for (std::size_t i = decoding; i < works.size(); ++i) {
    const auto done = within_boundary(step_failure, [&]() -> Result<void> {
      const c10::InferenceMode inference;
      return run_stage(works[i], out[i]);
    });
    if (!done) out[i].end = fail(done.error());
  }
  return out;
}

Result<void> ModelExecutor::run_stage(const schedule::Work& work, schedule::Outcome& outcome) {
  ModelPrepared& prepared = prepared_of(work);
  auto* prefix = dynamic_cast<ModelPrefix*>(work.prefix);
  const bool shared = work.kind == schedule::Work::Kind::prefix;
  const Stage& stage = (shared ? prepared.prefix_plan : prepared.own_plan).at(work.stage);
  switch (stage.kind) {
    case Stage::Kind::encode:
      HOLISAFE_CHECK(encode_images(prepared, shared ? prefix : nullptr, outcome));
      break;
    case Stage::Kind::judge_together:
      HOLISAFE_CHECK(judge_together(prepared, outcome));
      break;
    case Stage::Kind::judge_alone:
      HOLISAFE_CHECK(judge_alone(prepared, stage.image, outcome));
      break;
    case Stage::Kind::read:
      HOLISAFE_CHECK(shared ? read_prefix(prepared, *prefix, work.stage, outcome)
                            : read_own(prepared, work.stage, outcome));
      break;
  }
  if (!shared && work.stage + 1 == prepared.own_plan.size()) end_if_over(prepared, outcome);
  return {};
}

Result<void> ModelExecutor::encode_images(ModelPrepared& prepared, ModelPrefix* prefix,
                                          schedule::Outcome& outcome) {
  const auto features = encode(engine_.model(), prepared.processed());
  if (engine_.guard() != nullptr && !engine_.pools(models::GuardPooling::last_hidden)) {
    HOLISAFE_TRY(const auto verdict, judge(guard::pool_features(features)));
    tell(prepared, verdict, outcome);
    if (prefix != nullptr) prefix->verdict = verdict;
  }
  (prefix != nullptr ? prefix->features : prepared.features) = joined(features);
  return {};
}

Result<void> ModelExecutor::judge_together(ModelPrepared& prepared, schedule::Outcome& outcome) {
  HOLISAFE_TRY(const auto verdict,
               judge(pooled_images(engine_.model(), *prepared.images_prompt, prepared.features)));
  tell(prepared, verdict, outcome);
  return {};
}

Result<void> ModelExecutor::judge_alone(ModelPrepared& prepared, std::size_t image,
                                        schedule::Outcome& outcome) {
  const ImageStore::Found& found = prepared.images[image];
  auto known = alone_.find(found.key);
  if (known == alone_.end()) {
    const auto features = engine_.model().encode_image(found.image());
    HOLISAFE_TRY(auto pooled,
                 engine_.pooled_alone({}, std::span(&found.image(), 1), std::span(&features, 1)));
    HOLISAFE_TRY(const auto verdict, engine_.guard()->judge(pooled));
    if (alone_.size() >= most_alone) alone_.clear();
    known = alone_.insert_or_assign(found.key, verdict).first;
  }
  outcome.image_verdicts.emplace_back(image, known->second);
  prepared.image_verdicts.push_back(known->second);
  return {};
}

Result<void> ModelExecutor::read_prefix(ModelPrepared& prepared, ModelPrefix& prefix, std::size_t stage,
                                        schedule::Outcome& outcome) {
  const Range piece = prepared.prefix_plan[stage].piece;
  const bool judged = engine_.pools(models::GuardPooling::last_hidden);
  const auto read = judged ? image_positions(prepared.prompt, piece) : std::vector<std::int64_t>();
  auto hidden = read_piece(engine_.model(), prepared.prompt, piece, prefix.features, read, *prefix.cache);
  if (judged) prefix.image_hidden.push_back(std::move(hidden));
  if (stage + 1 < prepared.prefix_plan.size()) return {};
  if (judged) {
    HOLISAFE_TRY(prefix.verdict, judge(pooled(prefix.image_hidden)));
    tell(prepared, *prefix.verdict, outcome);
  }
  prefix.features = torch::Tensor();
  prefix.image_hidden.clear();
  return {};
}

Result<void> ModelExecutor::read_own(ModelPrepared& prepared, std::size_t stage, schedule::Outcome& outcome) {
  const models::Model& model = engine_.model();
  const Range piece = prepared.own_plan[stage].piece;
  const bool last = piece.end == prepared.prompt.length();
  const std::vector<std::int64_t> read(last ? 1 : 0, piece.end - 1);
  const auto hidden = read_piece(model, prepared.prompt, piece, prepared.features, read, *prepared.cache);
  if (!last) return {};
  prepared.features = torch::Tensor();
  prepared.timings.prefill_seconds = prepared.clock.seconds();
  prepared.sequence.emplace(model, prepared.prompt.input_ids, prepared.question.how,
                            prepared.most_new_tokens);
  if (prepared.sequence->finished()) return {};
  return take(prepared, model.decoder().logits(hidden, nn::Rows::apart)[0], outcome);
}

void ModelExecutor::decode(std::span<const schedule::Work> works, std::span<schedule::Outcome> outcomes) {
  const models::Model& model = engine_.model();
  std::vector<std::int64_t> tokens;
  std::vector<std::int64_t> positions;
  std::vector<nn::KvCache*> caches;
  for (const schedule::Work& work : works) {
    ModelPrepared& prepared = prepared_of(work);
    const auto taken = static_cast<std::int64_t>(prepared.sequence->completion().size());
    tokens.push_back(prepared.sequence->last());
    positions.push_back(prepared.prompt.next_position + taken - 1);
    caches.push_back(&*prepared.cache);
  }
  const std::int64_t axes = prepared_of(works.front()).prompt.positions.size(0);
  nn::DecodingRows rows;
  rows.embeddings = model.decoder().embed(torch::tensor(tokens, torch::kInt64).to(model.device()));
  rows.positions = torch::tensor(positions, torch::kInt64).unsqueeze(0).expand({axes, -1}).to(model.device());
  rows.caches = caches;
  const auto hidden = model.decoder().decode(rows);
  const auto logits = model.decoder().logits(hidden, nn::Rows::apart);
  for (std::size_t row = 0; row < works.size(); ++row) {
    const auto taken = take(prepared_of(works[row]), logits[static_cast<std::int64_t>(row)], outcomes[row]);
    if (!taken) outcomes[row].end = fail(taken.error());
  }
}

Result<void> ModelExecutor::take(ModelPrepared& prepared, const torch::Tensor& logits,
                                 schedule::Outcome& outcome) const {
  auto own = logits.to(torch::kCPU, torch::kFloat32).contiguous();
  HOLISAFE_TRY(outcome.text, prepared.sequence->take(
                                 {own.mutable_data_ptr<float>(), static_cast<std::size_t>(own.numel())}));
  end_if_over(prepared, outcome);
  return {};
}

Result<PooledVerdict> ModelExecutor::judge(torch::Tensor pooled) const {
  HOLISAFE_TRY(const auto verdict, engine_.guard()->judge(pooled));
  return PooledVerdict{verdict, std::move(pooled)};
}

void ModelExecutor::tell(ModelPrepared& prepared, const PooledVerdict& verdict,
                         schedule::Outcome& outcome) const {
  prepared.verdict = verdict;
  prepared.timings.verdict_seconds = prepared.clock.seconds();
  outcome.verdict = verdict.verdict;
  if (tells_grounds_) outcome.grounds = grounds_of(prepared, verdict);
  if (!prepared.alone_together) return;
  prepared.image_verdicts.push_back(verdict.verdict);
  outcome.image_verdicts.emplace_back(0, verdict.verdict);
}

void ModelExecutor::end_if_over(ModelPrepared& prepared, schedule::Outcome& outcome) const {
  const bool verdict_alone = prepared.verdict_alone();
  const bool over = verdict_alone || (prepared.sequence && prepared.sequence->finished());
  if (!over || outcome.end) return;
  chat::Reply reply;
  chat::Details details;
  details.prompt_token_ids = prepared.prompt.input_ids;
  reply.finish_reason = verdict_alone ? "length" : std::string(*prepared.sequence->finished());
  if (!verdict_alone) {
    reply.text = prepared.sequence->text();
    details.completion_token_ids = prepared.sequence->completion();
  }
  reply.usage = {details.prompt_token_ids.size(), details.completion_token_ids.size()};
  if (prepared.verdict) reply.verdict = prepared.verdict->verdict;
  reply.image_verdicts = prepared.image_verdicts;
  prepared.timings.end_seconds = prepared.clock.seconds();
  details.timings = prepared.timings;
  reply.details = std::move(details);
  outcome.end = std::move(reply);
}

}  // namespace holisafe::engine
