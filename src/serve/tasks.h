// What the service does for one request, each as a task: a chat completion, a moderation, LiteLLM's
// guardrail. Internal to this layer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "http/workers.h"
#include "policy/policy.h"
#include "serve/answer_json.h"
#include "serve/guard.h"
#include "serve/image_fetch.h"
#include "serve/logs.h"
#include "serve/proxy.h"
#include "serve/request.h"
#include "serve/upstream.h"
#include "serve/visit.h"

namespace holisafe::serve {

/// What every task is given; references outlive it.
struct Job {
  Guard& guard;
  ImageFetcher* fetcher = nullptr;  ///< null: no URL is fetched
  Logs& logs;
  http::Workers& workers;
  std::shared_ptr<const policy::Policy> policy;
  std::shared_ptr<Visit> visit;
  std::string model;           ///< the served name
  std::function<void()> over;  ///< once, on any thread, when the answer is out
};

/// Since 1970, for `created`.
std::int64_t current_seconds();

/// Steps of one task: given up together. Thread-safe.
class Steps {
 public:
  /// Takes a step that has begun; where all was given up, it is too.
  void keep(std::unique_ptr<Task> step) {
    const std::lock_guard lock(mutex_);
    if (!given_up_) std::swap(steps_.emplace_back(), step);
  }
  /// No lock is held around what a step waits for.
  void give_up() {
    std::vector<std::unique_ptr<Task>> steps;
    {
      const std::lock_guard lock(mutex_);
      given_up_ = true;
      steps.swap(steps_);
    }
  }
  [[nodiscard]] bool given_up() const {
    const std::lock_guard lock(mutex_);
    return given_up_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Task>> steps_;
  bool given_up_ = false;
};

/// A task of such steps.
class StepsTask final : public Task {
 public:
  explicit StepsTask(std::shared_ptr<Steps> steps) : steps_(std::move(steps)) {}
  ~StepsTask() override { steps_->give_up(); }

 private:
  const std::shared_ptr<Steps> steps_;
};

/// The images with all bytes, fetched where they must be.
using WithBytes = std::function<void(Answer<std::vector<RequestImage>>)>;
std::unique_ptr<Task> with_bytes(ImageFetcher* fetcher, std::vector<RequestImage> images, WithBytes done);

/// Fetches, judges and decides; what the policy lets pass of a guard that fails is a decision too where
/// `may_fail_open`.
struct Judged {
  std::vector<RequestImage> images;
  RequestDecision decided;
};
std::unique_ptr<Task> judge_request(const Job& job, std::vector<RequestImage> images, bool blocks_flagged,
                                    bool may_fail_open, const std::function<void(Answer<Judged>)>& done);
/// What verdicts make of a request, told to logs and metrics.
RequestDecision decide_and_record(const Job& job, const std::vector<RequestImage>& images,
                                  const std::vector<taxonomy::Verdict>& verdicts, bool blocks_flagged);
/// The guard failed and the policy lets pass.
RequestDecision pass_unjudged(const Job& job);

/// The refusal of a request that is blocked, whole or as a stream.
void answer_refusal(const Job& job, const ChatHead& head, const ChatRequest& request,
                    const RequestDecision& decided);

std::unique_ptr<Task> chat_task(Job job, ChatRequest request);
struct UpstreamUse {
  Upstream& upstream;
  UpstreamImages images = UpstreamImages::automatic;
  std::optional<std::string> authorization;
};
std::unique_ptr<Task> guarded_chat_task(Job job, ChatRequest request, UpstreamUse use);
std::unique_ptr<Task> moderation_task(const Job& job, ModerationRequest request);
std::unique_ptr<Task> guardrail_task(const Job& job, GuardrailRequest request);
/// LiteLLM's guardrail where something could not be judged: BLOCKED, whatever LiteLLM makes of errors.
http::ServerResponse guardrail_blocked(const Fault& fault);

}  // namespace holisafe::serve
