#include "train/trainer.h"

#include <chrono>
#include <cmath>
#include <new>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include <ATen/Context.h>
#include <fmt/format.h>

#include "base/random.h"
#include "engine/boundary.h"
#include "train/adamw.h"
#include "train/gradient_sum.h"
#include "train/identity.h"
#include "train/metrics_log.h"
#include "train/objective.h"
#include "train/outputs.h"
#include "train/process_group.h"
#include "train/run_folder.h"
#include "train/sample_lengths.h"
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
    HOLISAFE_CHECK(on_main("the samples", [this] { return check_pictures(set_, watch_.stop); }));
    HOLISAFE_TRY(const auto identity, run_identity(settings_, group_.rank().world_size));
    HOLISAFE_TRY(trained_, prepare(settings_, group_.rank().local_rank));
    if (group_.is_main()) {
      for (const std::string& warning : trained_.warnings) watch_.warn(warning);
    }
    plan_order();
    ImageCache images(*trained_.model, set_.images, image_cache_budget(group_.rank().world_size));
    const LengthLimit limit = length_limit(settings_, trained_.model->info());
    const Collator collator(*trained_.model, set_, images, limit);
    if (settings_.with_lm_loss())
      HOLISAFE_CHECK(on_main("the samples", [&] { return check_answers(collator, limit); }));
    HOLISAFE_CHECK(open_folder(identity));
    HOLISAFE_CHECK(make_objective(collator));
    HOLISAFE_CHECK(run_steps());
    if (group_.is_main()) {
      if (const auto written = write_outputs(trained_, settings_); !written)
        return fail(resumable(written.error()));
    }
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

  /// What rank 0 alone does; where it fails, the others end too.
  Result<void> on_main(const char* what, const std::function<Result<void>()>& work) {
    Result<void> done;
    if (group_.is_main()) done = work();
    std::int64_t failed = done ? 0 : 1;
    HOLISAFE_CHECK(sum_counts(group_, {&failed, 1}));
    if (!done || failed == 0) return done;
    return fail(ErrorKind::usage, "cannot train", what, "rank 0 refused them and says why");
  }

  /// Says before the first step what is cut of the answers.
  Result<void> check_answers(const Collator& collator, const LengthLimit& limit) {
    HOLISAFE_TRY(const auto lengths,
                 measure_answers(*trained_.model, set_, collator, limit, watch_.progress, watch_.stop));
    HOLISAFE_TRY(const std::string warning, cut_answers_warning(lengths, set_, limit));
    if (!warning.empty()) watch_.warn(warning);
    return {};
  }

  /// Rank 0 makes or opens the folder; the others then read it.
  Result<void> open_folder(const nlohmann::ordered_json& identity) {
    const auto open = [&](bool resume) -> Result<void> {
      HOLISAFE_TRY(auto opened, RunFolder::open(settings_.out, resume, identity));
      folder_.emplace(std::move(opened));
      return {};
    };
    HOLISAFE_CHECK(on_main("the run's files", [&] { return open(settings_.resume); }));
    if (!group_.is_main()) HOLISAFE_CHECK(open(true));
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
        saved_ = state->step;
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

  Result<void> run_steps() {
    for (std::int64_t step = done_ + 1; step <= steps_; ++step) {
      const auto stop = engine::within_boundary("training failed", [&] { return run_step(step); });
      if (!stop) return fail(keep_whole_step(stop.error()));
      whole_ = step;
      const bool due = settings_.save_every > 0 && step % settings_.save_every == 0;
      if (due || *stop || step == steps_) {
        if (const auto saved = save(step); !saved) return fail(resumable(saved.error()));
      }
      if (*stop && step < steps_) {
        return fail(ErrorKind::interrupted, "training stopped", settings_.out.string(),
                    fmt::format("step {} of {} is saved; --resume goes on", step, steps_));
      }
    }
    return {};
  }

  /// After an error: a checkpoint of the last step that was done wholly, unless a second Ctrl-C came.
  Error keep_whole_step(Error error) {
    if (watch_.stop.urgent()) return error;
    if (whole_ && *whole_ > saved_) {
      if (const auto saved = save(*whole_); !saved)
        error.detail += fmt::format("; step {} cannot be saved: {}", *whole_, saved.error().message());
    }
    return resumable(std::move(error));
  }

  /// The same error, with where to go on from.
  Error resumable(Error error) const {
    if (!group_.is_main()) return error;
    const char* between = error.detail.empty() ? "" : "; ";
    error.detail += saved_ > 0 ? fmt::format("{}step {} is saved, --resume goes on", between, saved_)
                               : fmt::format("{}no step was done, --resume begins anew", between);
    return error;
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
            fmt::format("samples {}", set_.ids(samples))};
  }

  /// Gives the schedule's factor.
  double update(std::int64_t step, double norm) {
    whole_.reset();  // from here on the weights are no whole step's until the log has its line
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
    HOLISAFE_CHECK(folder_->save(make_state(step, trained_.tensors), settings_.keep));
    saved_ = step;
    return {};
  }

  const Settings& settings_;
  const Watch& watch_;
  ProcessGroup& group_;
  SampleSet set_;
  TrainedModel trained_;
  std::vector<std::int64_t> lengths_;
  std::optional<DataOrder> order_;
  std::int64_t steps_ = 0;
  std::int64_t done_ = 0;              // steps of the checkpoint that this run began with
  std::int64_t saved_ = 0;             // steps of the newest checkpoint
  std::optional<std::int64_t> whole_;  // steps that the weights have behind them, where they are whole
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
