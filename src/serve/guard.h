// Verdicts on a request's images, each alone, out of a cache or from the local model.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "image/image.h"
#include "policy/policy.h"
#include "schedule/scheduler.h"
#include "serve/answer_json.h"
#include "serve/metrics.h"
#include "serve/request.h"
#include "serve/verdict_cache.h"

namespace holisafe::serve {

/// Work in hand that can be given up; destroying it gives it up, and nothing is heard of it afterwards.
class Task {
 public:
  Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  virtual ~Task() = default;
};

struct GuardOptions {
  image::DecodeOptions decode;  ///< limits of --max-image-bytes, --max-pixels; the model's own are the same
  std::size_t cached_verdicts = 65'536;
  std::chrono::milliseconds queue_timeout{30'000};
  std::chrono::milliseconds request_timeout{600'000};
};

/// Whether every number of it is one.
bool is_finite(const taxonomy::Verdict& verdict);

/// What became of a question that was to judge images: invalid_image and image_too_large where the error
/// names one of `images` (by its param), context_length_exceeded, overloaded, draining, else guard_failed.
Fault judging_fault(const Error& error, const std::vector<RequestImage>& images);

/// Judges images over a scheduler, which it outlives. Thread-safe.
class Guard {
 public:
  using Done = std::function<void(Answer<std::vector<taxonomy::Verdict>>)>;

  Guard(schedule::Scheduler& scheduler, GuardOptions options, Metrics& metrics);

  /// What the cache holds of the image with this digest.
  [[nodiscard]] std::optional<taxonomy::Verdict> cached(const Digest& image) const {
    return cache_.find(image);
  }
  void keep(const Digest& image, const taxonomy::Verdict& verdict);

  /// A verdict an image, in order; all have their bytes. `done` is called once, on any thread, perhaps before
  /// this returns; `admitted` before it, each time that the model begins with an image it has to judge.
  /// Faults: those of judging_fault() (NaN in scores is guard_failed too).
  std::unique_ptr<Task> judge(const std::vector<RequestImage>& images, std::function<void()> admitted,
                              Done done);

  [[nodiscard]] const GuardOptions& options() const { return options_; }
  [[nodiscard]] schedule::Scheduler& scheduler() { return scheduler_; }
  [[nodiscard]] Metrics& metrics() { return metrics_; }

 private:
  schedule::Scheduler& scheduler_;
  const GuardOptions options_;
  Metrics& metrics_;
  VerdictCache cache_;
};

}  // namespace holisafe::serve
