#include "engine/executor.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/hash.h"
#include "engine/boundary.h"
#include "engine/device.h"
#include "engine/prepared.h"

namespace holisafe::engine {
namespace {

/// Pixels kept for questions that show the same picture.
constexpr std::uint64_t image_store_bytes = std::uint64_t{256} << 20;
/// What a usual question takes: a picture of 576 or 729 tokens, words around it, and the answer.
constexpr std::int64_t usual_positions = 1280;

std::uint64_t position_bytes(const models::Model& model) {
  const nn::DecoderConfig& config = model.decoder().config();
  const std::int64_t numbers = 2 * config.num_layers * config.num_key_value_heads * config.head_dim;
  return static_cast<std::uint64_t>(numbers) * c10::elementSize(model.dtype());
}

/// Of a prefix: its tokens and its images. Questions with the same key have the same keys and values up to
/// its end.
std::string key_of(const models::Prompt& prompt, std::int64_t length,
                   const std::vector<ImageStore::Found>& images) {
  const auto* ids = reinterpret_cast<const char*>(prompt.input_ids.data());
  Sha256 digest;
  digest.update({ids, static_cast<std::size_t>(length) * sizeof(std::int64_t)});
  for (const auto& image : images) digest.update(image.key);
  return hex(digest.finish());
}

std::vector<std::int64_t> positions_added(const std::vector<Stage>& plan) {
  std::vector<std::int64_t> out;
  for (const Stage& stage : plan) out.push_back(stage.kind == Stage::Kind::read ? stage.piece.length() : 0);
  return out;
}

void add_pieces(const models::Model& model, const models::Prompt& prompt, Range positions,
                std::vector<Stage>& plan) {
  for (const Range piece : pieces_of(model, prompt, positions)) plan.push_back({Stage::Kind::read, 0, piece});
}

}  // namespace

ModelExecutor::ModelExecutor(Engine engine, image::DecodeOptions decode, bool tells_grounds)
    : engine_(std::move(engine)),
      images_(engine_, decode, image_store_bytes),
      tells_grounds_(tells_grounds) {}

ModelExecutor::~ModelExecutor() = default;

std::uint64_t ModelExecutor::bytes_per_position() const { return position_bytes(engine_.model()); }

std::uint64_t usual_cache_bytes(const Engine& engine, std::size_t sequences) {
  const std::int64_t context = engine.model().info().context_length;
  const std::int64_t positions = context > 0 ? std::min(context, usual_positions) : usual_positions;
  return position_bytes(engine.model()) * static_cast<std::uint64_t>(positions) * sequences;
}

Result<std::unique_ptr<schedule::Prepared>> ModelExecutor::prepare(const chat::Question& question) {
  return within_boundary("cannot read a question", [&]() -> Result<std::unique_ptr<schedule::Prepared>> {
    torch::NoGradGuard no_grad;
    auto out = std::make_unique<ModelPrepared>();
    out->question = question;
    HOLISAFE_CHECK(load_images(*out));
    HOLISAFE_CHECK(render(*out));
    const std::int64_t context = engine_.model().info().context_length;
    out->most_new_tokens = question.how.max_new_tokens;
    if (context > 0)
      out->most_new_tokens =
          std::min(out->most_new_tokens, std::max<std::int64_t>(0, context - out->prompt.length()));
    plan(*out);
    out->timings.image_seconds = out->clock.seconds();
    return std::unique_ptr<schedule::Prepared>(std::move(out));
  });
}

/// Keys are for what questions share, and for verdicts on images alone.
Result<void> ModelExecutor::load_images(ModelPrepared& prepared) {
  const bool once = prepared.verdict_alone() && !prepared.question.judge_each_image;
  for (const chat::Image* image : prepared.question.conversation.images()) {
    HOLISAFE_TRY(auto found, once ? images_.load_once(*image) : images_.load(*image));
    prepared.images.push_back(std::move(found));
  }
  return {};
}

Result<void> ModelExecutor::render(ModelPrepared& prepared) const {
  const models::Model& model = engine_.model();
  const chat::Conversation& conversation = prepared.question.conversation;
  const auto images = prepared.shared_images();
  if (prepared.verdict_alone()) {
    HOLISAFE_TRY(prepared.prompt, model.render(conversation, images));
  } else {
    HOLISAFE_TRY(prepared.prompt, rendered(model, conversation, images));
  }
  const bool apart = prepared.verdict_alone() || !conversation.images_first();
  if (images.empty() || !apart || !engine_.pools(models::GuardPooling::last_hidden)) return {};
  HOLISAFE_TRY(prepared.images_prompt, rendered_images(model, conversation.system, images));
  return {};
}

void ModelExecutor::plan(ModelPrepared& prepared) const {
  const bool verdict_alone = prepared.verdict_alone();
  const bool has_images = !prepared.images.empty();
  const bool shares = has_images && !verdict_alone && prepared.question.conversation.images_first();
  std::int64_t read = 0;
  if (shares) {
    read = images_end(prepared.prompt);
    prepared.prefix_key = key_of(prepared.prompt, read, prepared.images);
    prepared.prefix_plan.push_back({Stage::Kind::encode, 0, {}});
    add_pieces(engine_.model(), prepared.prompt, {0, read}, prepared.prefix_plan);
  } else if (has_images) {
    prepared.own_plan.push_back({Stage::Kind::encode, 0, {}});
    if (prepared.images_prompt) prepared.own_plan.push_back({Stage::Kind::judge_together, 0, {}});
  }
  plan_verdicts(prepared);
  if (!verdict_alone)
    add_pieces(engine_.model(), prepared.prompt, {read, prepared.prompt.length()}, prepared.own_plan);
  prepared.prefix_stages = positions_added(prepared.prefix_plan);
  prepared.own_stages = positions_added(prepared.own_plan);
}

void ModelExecutor::plan_verdicts(ModelPrepared& prepared) const {
  if (engine_.guard() == nullptr || !prepared.question.judge_each_image) return;
  const bool plain =
      !engine_.pools(models::GuardPooling::last_hidden) || !prepared.question.conversation.system;
  prepared.alone_together = prepared.images.size() == 1 && plain;
  if (prepared.alone_together) return;
  for (std::size_t image = 0; image < prepared.images.size(); ++image)
    prepared.own_plan.push_back({Stage::Kind::judge_alone, image, {}});
}

std::shared_ptr<schedule::Prefix> ModelExecutor::open_prefix(const schedule::Prepared& first) {
  const auto& prepared = dynamic_cast<const ModelPrepared&>(first);
  auto out = std::make_shared<ModelPrefix>();
  out->cache = std::make_shared<nn::KvCache>(engine_.model().info().num_layers, images_end(prepared.prompt));
  return out;
}

schedule::Outcome ModelExecutor::join(schedule::Prepared& joining,
                                      const std::shared_ptr<schedule::Prefix>& prefix) {
  auto& prepared = dynamic_cast<ModelPrepared&>(joining);
  schedule::Outcome outcome;
  prepared.prefix = std::dynamic_pointer_cast<ModelPrefix>(prefix);
  const std::int64_t layers = engine_.model().info().num_layers;
  if (prepared.prefix) {
    const std::int64_t own = prepared.prompt.length() - images_end(prepared.prompt);
    prepared.cache = nn::KvCache::after(prepared.prefix->cache, own + prepared.most_new_tokens);
    if (prepared.prefix->verdict && !prepared.verdict) tell(prepared, *prepared.prefix->verdict, outcome);
  } else if (!prepared.verdict_alone()) {
    prepared.cache.emplace(layers, prepared.prompt.length() + prepared.most_new_tokens);
  }
  if (prepared.own_plan.empty()) end_if_over(prepared, outcome);
  return outcome;
}

}  // namespace holisafe::engine
