#include "train/trainer.h"

#include <nlohmann/json.hpp>
#include <chrono>
#include <cmath>
#include <new>
#include <optional>
#include <utility>

#include <ATen/Context.h>
#include <fmt/format.h>

#include "base/random.h"
#include "train/adamw.h"
#include "train/gradient_sum.h"
#include "train/identity.h"
#include "train/metrics_log.h"
#include "train/objective.h"
#include "train/outputs.h"
#include "train/process_group.h"
#include "train/run_folder.h"
#include "train/schedule.h"

namespace holisafe::train {
namespace {

using Clock = std::chrono::steady_clock;

/// Figures of a step that processes sum.
struct StepFigures {
  double lm = 0, guard = 0, correct = 0, stop = 0;
};

class Training {
 public:
  Training(const Settings& settings, const Watch& watch, ProcessGroup& group)
      : settings_(settings), watch_(watch), group_(group) {}

  Result<void> run() {
    HOLISAFE_TRY(set_, read_samples(settings_));
    HOLISAFE_TRY(const auto identity, run_identity(settings_, group_.rank().world_size));
    HOLISAFE_TRY(trained_, prepare(settings_, group_.rank().local_rank));
    if (group_.is_main()) {
      for (const std::string& warning : trained_.warnings) watch_.warn(warning);
    }
    plan_order();
    HOLISAFE_CHECK(open_folder(identity));
    ImageCache images(*trained_.model, set_.images, image_cache_budget(group_.rank().world_size));
    const Collator collator(*trained_.model, set_, images, settings_.max_length);
    HOLISAFE_CHECK(make_objective(collator));
    for (std::int64_t step = done_ + 1; step <= steps_; ++step) {
      HOLISAFE_TRY(const bool stop, run_step(step));
      const bool due = settings_.save_every > 0 && step % settings_.save_every == 0;
      if (due || stop || step == steps_) HOLISAFE_CHECK(save(step));
      if (stop && step < steps_) {
        return fail(ErrorKind::interrupted, "training stopped", settings_.out.string(),
                    fmt::format("step {} of {} is saved; --resume goes on", step, steps_));
      }
    }
    if (group_.is_main()) HOLISAFE_CHECK(write_outputs(trained_, settings_));
    return group_.barrier();
  }

 private:
  void plan_order() {
    const models::Model& model = *trained_.model;
    const std::int64_t image_tokens = usual_image_tokens(model);
    for (const Sample& sample : set_.samples) {
      // About four bytes a token; it only decides which samples share a micro-batch.
      lengths_.push_back(sample.text_bytes() +
                         4 * image_tokens * static_cast<std::int64_t>(sample.images.size()));
    }
    order_.emplace(DataOrderOptions{static_cast<std::int64_t>(set_.samples.size()), settings_.batch_size,
                                    settings_.grad_accum * group_.rank().world_size, settings_.seed,
                                    settings_.shuffle});
    steps_ = settings_.max_steps > 0
                 ? settings_.max_steps
                 : static_cast<std::int64_t>(
                       std::ceil(settings_.epochs * static_cast<double>(order_->steps_per_epoch())));
  }

  static std::int64_t usual_image_tokens(const models::Model& model) {
    image::Image square{336, 336, std::vector<std::uint8_t>(std::size_t{3} * 336 * 336)};
    const auto processed = model.process_image(square);
    return processed ? processed->tokens() : 0;
  }

  /// Micro-batches of this process; micro-batch i of a step belongs to rank i modulo ranks.
  std::vector<std::vector<std::int64_t>> own_micro_batches(std::int64_t step) {
    auto all = order_->micro_batches(step, lengths_);
    std::vector<std::vector<std::int64_t>> own;
    const auto ranks = static_cast<std::size_t>(group_.rank().world_size);
    for (auto i = static_cast<std::size_t>(group_.rank().rank); i < all.size(); i += ranks)
      own.push_back(std::move(all[i]));
    return own;
  }

  /// Rank 0 makes or opens the folder; the others then read it.
  Result<void> open_folder(const nlohmann::ordered_json& identity) {
    Result<RunFolder> opened = fail(ErrorKind::internal, "not opened");
    if (group_.is_main()) opened = RunFolder::open(settings_.out, settings_.resume, identity);
    std::int64_t failed = group_.is_main() && !opened ? 1 : 0;
    HOLISAFE_CHECK(sum_counts(group_, {&failed, 1}));
    if (group_.is_main()) {
      if (!opened) return fail(opened.error());
    } else {
      if (failed > 0) return fail(ErrorKind::usage, "rank 0 refused the run folder", settings_.out.string());
      opened = RunFolder::open(settings_.out, true, identity);
      if (!opened) return fail(opened.error());
    }
    folder_.emplace(*std::move(opened));
    HOLISAFE_CHECK(restore());
    if (group_.is_main()) {
      HOLISAFE_TRY(auto log, MetricsLog::open(settings_.out / "metrics.jsonl", done_));
      log_.emplace(std::move(log));
    }
    return {};
  }

  Result<void> restore() {
    std::vector<std::string> warnings;
    if (settings_.resume) {
      if (const auto state = folder_->newest(warnings)) {
        HOLISAFE_CHECK(load_state(*state, trained_.tensors));
        done_ = state->step;
      }
    }
    if (group_.is_main()) {
      for (const std::string& warning : warnings) watch_.warn(warning);
    }
    std::int64_t sum = done_;
    HOLISAFE_CHECK(sum_counts(group_, {&sum, 1}));
    if (sum != done_ * group_.rank().world_size) {
      return fail(ErrorKind::mismatch, "cannot resume", settings_.out.string(),
                  "processes found different checkpoints: the run folder must be on storage that all share");
    }
    return {};
  }

  Result<void> make_objective(const Collator& collator) {
    ObjectiveParts parts{
        settings_, set_, trained_, collator, [this](std::int64_t step) { return own_micro_batches(step); },
        steps_};
    if (!settings_.guard_only()) {
      objective_ = joint_objective(std::move(parts));
      return {};
    }
    HOLISAFE_TRY(objective_, guard_objective(std::move(parts), group_, watch_.progress, watch_.stop));
    return {};
  }

  /// Gives whether some process was told to stop.
  Result<bool> run_step(std::int64_t step) {
    const auto begin = Clock::now();
    HOLISAFE_TRY(const StepCounts own, objective_->load(step));
    std::int64_t counts[] = {own.tokens, own.images};
    HOLISAFE_CHECK(sum_counts(group_, counts));
    StepFigures figures;
    for (std::size_t i = 0; i < objective_->size(); ++i) {
      HOLISAFE_CHECK(run_micro_batch(step, i, counts[0], counts[1], figures));
      if (watch_.stop.urgent()) return fail(ErrorKind::interrupted, "training stopped");
    }
    double sums[] = {figures.lm, figures.guard, figures.correct, watch_.stop.requested() ? 1.0 : 0.0};
    HOLISAFE_CHECK(sum_gradients(group_, trained_.tensors, sums));
    figures = {sums[0], sums[1], sums[2], sums[3]};
    const double norm = gradient_norm(trained_.tensors);
    if (!std::isfinite(norm)) return fail(not_finite("gradient", step, order_->step_samples(step)));
    const double factor = update(step, norm);
    const std::chrono::duration<double> seconds = Clock::now() - begin;
    HOLISAFE_CHECK(log_step(step, counts[0], counts[1], figures, norm, factor, seconds.count()));
    return figures.stop > 0;
  }

  Result<void> run_micro_batch(std::int64_t step, std::size_t i, std::int64_t tokens, std::int64_t images,
                               StepFigures& figures) {
    const auto ranks = static_cast<std::uint64_t>(group_.rank().world_size);
    const auto index = i * ranks + static_cast<std::uint64_t>(group_.rank().rank);
    const std::uint64_t seed =
        Random(settings_.seed ^ Random(static_cast<std::uint64_t>(step)).next() ^ Random(~index).next())
            .next();
    at::manual_seed(seed);
    const Losses losses = objective_->losses(i);
    torch::Tensor loss;
    if (losses.lm.defined()) {
      figures.lm += losses.lm.item<double>();
      loss = losses.lm / static_cast<double>(tokens);
    }
    if (losses.guard.defined()) {
      figures.guard += losses.guard.item<double>();
      figures.correct += static_cast<double>(losses.correct);
      const auto weighted = losses.guard * (settings_.guard_lambda / static_cast<double>(images));
      loss = loss.defined() ? loss + weighted : weighted;
    }
    if (!std::isfinite(figures.lm) || !std::isfinite(figures.guard)) {
      HOLISAFE_TRY(const auto samples, objective_->not_finite(i));
      return fail(not_finite("loss", step, samples));
    }
    if (loss.defined() && loss.requires_grad()) loss.backward();
    return {};
  }

  Error not_finite(const char* what, std::int64_t step, const std::vector<std::int64_t>& samples) const {
    return {ErrorKind::not_finite, fmt::format("{} is not finite", what), fmt::format("step {}", step),
            fmt::format("samples {}; the last checkpoint is as it was", set_.ids(samples))};
  }

  /// Gives the schedule's factor.
  double update(std::int64_t step, double norm) {
    const double factor = rate_factor(settings_.schedule, settings_.warmup_ratio, step, steps_);
    double rates[group_count];
    rates[static_cast<int>(Group::lora)] = settings_.lr * factor;
    rates[static_cast<int>(Group::projector)] = settings_.projector_lr * factor;
    rates[static_cast<int>(Group::vision)] = settings_.vision_lr * factor;
    rates[static_cast<int>(Group::guard)] = settings_.guard_lr * factor;
    AdamWOptions options;
    options.weight_decay = settings_.weight_decay;
    adamw_step(trained_.tensors, options, rates, clip_factor(norm, settings_.max_grad_norm));
    return factor;
  }

  Result<void> log_step(std::int64_t step, std::int64_t tokens, std::int64_t images, const StepFigures& sums,
                        double norm, double factor, double seconds) {
    if (!group_.is_main()) return {};
    const auto mean = [](double sum, std::int64_t count) {
      return count > 0 ? sum / static_cast<double>(count) : 0.0;
    };
    const double lm = mean(sums.lm, tokens);
    const double guard = mean(sums.guard, images);
    const auto samples = static_cast<double>(order_->step_samples(step).size());
    nlohmann::ordered_json line{{"step", step},
                                {"loss", lm + settings_.guard_lambda * guard},
                                {"lm_loss", lm},
                                {"guard_loss", guard},
                                {"guard_accuracy", nullptr},
                                {"lr", settings_.lr * factor},
                                {"grad_norm", norm},
                                {"tokens", tokens},
                                {"samples_per_second", samples / seconds}};
    if (images > 0) line["guard_accuracy"] = mean(sums.correct, images);
    if (!settings_.with_lm_loss()) line["lm_loss"] = nullptr;
    HOLISAFE_CHECK(log_->append(line));
    if (watch_.progress != nullptr) {
      watch_.progress->update(
          static_cast<std::uint64_t>(step), static_cast<std::uint64_t>(steps_),
          fmt::format("loss {:.4f}, guard {:.4f}", lm + settings_.guard_lambda * guard, guard));
    }
    return {};
  }

  Result<void> save(std::int64_t step) {
    if (!group_.is_main()) return {};
    return folder_->save(make_state(step, trained_.tensors), settings_.keep);
  }

  const Settings& settings_;
  const Watch& watch_;
  ProcessGroup& group_;
  SampleSet set_;
  TrainedModel trained_;
  std::vector<std::int64_t> lengths_;
  std::optional<DataOrder> order_;
  std::int64_t steps_ = 0;
  std::int64_t done_ = 0;  // steps of the checkpoint that this run began with
  std::optional<RunFolder> folder_;
  std::optional<MetricsLog> log_;
  std::unique_ptr<Objective> objective_;
};

}  // namespace

Result<void> train(const Settings& settings, const Watch& watch) {
  try {
    HOLISAFE_CHECK(settings.check());
    HOLISAFE_TRY(const Rank rank, rank_from_environment());
    HOLISAFE_TRY(const auto group, join(rank));
    Training training(settings, watch, *group);
    return training.run();
  } catch (const std::bad_alloc&) {
    return fail(ErrorKind::out_of_memory, "not enough memory to train");
  } catch (const std::exception& exception) {
    const std::string text = exception.what();
    return fail(ErrorKind::internal, "training failed", "", text.substr(0, text.find('\n')));
  }
}

}  // namespace holisafe::train
