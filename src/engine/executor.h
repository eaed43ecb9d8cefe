// The scheduler's executor: a loaded Safe-VLM that reads prompts in pieces and lets many sequences decode
// together.
//
//   schedule::Scheduler scheduler(std::make_unique<ModelExecutor>(std::move(engine), decode), limits);
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/image_store.h"
#include "image/image.h"
#include "schedule/executor.h"

namespace holisafe::engine {

struct ModelPrepared;
struct ModelPrefix;
struct PooledVerdict;

/// On the CPU what a question gets does not depend on what is asked beside it, down to the last bit.
class ModelExecutor final : public schedule::Executor {
 public:
  /// `tells_grounds`: listeners hear what verdicts are made from.
  ModelExecutor(Engine engine, image::DecodeOptions decode, bool tells_grounds = false);
  ~ModelExecutor() override;

  [[nodiscard]] const Engine& engine() const { return engine_; }

  [[nodiscard]] std::uint64_t bytes_per_position() const override;
  /// Of a question for the verdict alone, what is not read needs no room in the model's context. Errors:
  /// those of Engine::load, Model::render and models::check_context.
  Result<std::unique_ptr<schedule::Prepared>> prepare(const chat::Question& question) override;
  std::shared_ptr<schedule::Prefix> open_prefix(const schedule::Prepared& first) override;
  schedule::Outcome join(schedule::Prepared& prepared,
                         const std::shared_ptr<schedule::Prefix>& prefix) override;
  std::vector<schedule::Outcome> run(std::span<const schedule::Work> works) override;

 private:
  Result<void> load_images(ModelPrepared& prepared);
  Result<void> render(ModelPrepared& prepared) const;
  void plan(ModelPrepared& prepared) const;
  void plan_verdicts(ModelPrepared& prepared) const;
  Result<void> encode_images(ModelPrepared& prepared, ModelPrefix* prefix, schedule::Outcome& outcome);
  Result<void> judge_together(ModelPrepared& prepared, schedule::Outcome& outcome);
  Result<void> judge_alone(ModelPrepared& prepared, std::size_t image, schedule::Outcome& outcome);
  Result<void> read_prefix(ModelPrepared& prepared, ModelPrefix& prefix, std::size_t stage,
                           schedule::Outcome& outcome);
  Result<void> read_own(ModelPrepared& prepared, std::size_t stage, schedule::Outcome& outcome);
  Result<void> run_stage(const schedule::Work& work, schedule::Outcome& outcome);
  void decode(std::span<const schedule::Work> works, std::span<schedule::Outcome> outcomes);
  [[nodiscard]] Result<PooledVerdict> judge(torch::Tensor pooled) const;
  void tell(ModelPrepared& prepared, const PooledVerdict& verdict, schedule::Outcome& outcome) const;
  Result<void> take(ModelPrepared& prepared, const torch::Tensor& logits, schedule::Outcome& outcome) const;
  void end_if_over(ModelPrepared& prepared, schedule::Outcome& outcome) const;

  Engine engine_;
  ImageStore images_;
  bool tells_grounds_;
  /// Verdicts on images alone, by key; the scheduler's thread's. Bounded: a verdict is some hundred bytes.
  std::map<std::string, taxonomy::Verdict> alone_;
};

/// Bytes of keys and values that `sequences` take by default: each a picture, a question and an answer of 512
/// tokens, or the model's whole context where that is less.
std::uint64_t usual_cache_bytes(const Engine& engine, std::size_t sequences);

}  // namespace holisafe::engine
