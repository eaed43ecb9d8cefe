#include "serve/service.h"

#include <atomic>
#include <mutex>
#include <new>
#include <utility>

#include "http/workers.h"
#include "serve/access.h"
#include "serve/image_fetch.h"
#include "serve/jobs.h"
#include "serve/page.h"
#include "serve/tasks.h"

namespace holisafe::serve {
namespace {

constexpr std::size_t worker_threads = 4;
constexpr std::chrono::seconds longest_silence{15};

/// Endpoints that judge or answer.
bool is_work(Endpoint endpoint) {
  return endpoint == Endpoint::chat || endpoint == Endpoint::moderations || endpoint == Endpoint::guardrail;
}

Fault fault_of(http::ServerFault fault) {
  switch (fault) {
    case http::ServerFault::malformed:
      return {Code::invalid_request, "this is no proper HTTP request", {}};
    case http::ServerFault::head_too_large:
      return {Code::header_too_large, "the request's head is too large", {}};
    case http::ServerFault::body_too_large:
      return {Code::request_too_large, "the request's body is too large", {}};
    case http::ServerFault::read_timeout:
      return {Code::request_timeout, "the request did not come in time", {}};
    case http::ServerFault::too_many_connections:
      return {Code::overloaded, "too many connections", {}};
    case http::ServerFault::no_room:
      return {Code::overloaded, "too many large requests at once", {}};
  }
  return {Code::internal_error, "the request could not be read", {}};
}

AccessOptions access_of(const ServiceOptions& options) {
  return {options.keys, options.loopback, options.allowed_hosts, options.allowed_origins};
}

Fault stopped() { return {Code::draining, "the service is being stopped", {}}; }

AccessEntry entry_of(const http::ServerRequest& head, const Caller& caller) {
  AccessEntry out;
  out.begun = head.begun;
  out.id = caller.id;
  out.method = head.method;
  out.path = head.path;
  out.endpoint = name(caller.endpoint);
  out.key = caller.key;
  return out;
}

}  // namespace

class Service::Parts {
 public:
  Parts(ServiceOptions given, policy::Policy first);
  ~Parts();

  Result<void> open();
  void model(std::unique_ptr<schedule::Scheduler> scheduler);
  void policy(policy::Policy policy);

  [[nodiscard]] std::optional<Fault> unready() const;
  [[nodiscard]] std::optional<Fault> refusal(const http::ServerRequest& head, const Caller& caller) const;
  http::ServerResponse turn_away(const http::ServerRequest& head, const Caller& caller, const Fault& fault);
  void record(const http::ServerRequest& head, const Caller& caller, int status);
  void answer_at_once(const Caller& caller, Visit& visit);
  void begin(const Caller& caller, http::ServerRequest request, const std::shared_ptr<Visit>& visit);
  [[nodiscard]] Answer<std::unique_ptr<Task>> task(const Caller& caller, const http::ServerRequest& request,
                                                   Job job);

  ServiceOptions options;
  const Access access;
  const std::int64_t created = current_seconds();
  Metrics metrics;
  std::unique_ptr<Logs> logs;
  http::Workers workers{worker_threads};
  Jobs jobs{workers, longest_silence};
  std::atomic<bool> draining = false;

 private:
  [[nodiscard]] Json health() const;
  [[nodiscard]] std::shared_ptr<const policy::Policy> current_policy() const;
  [[nodiscard]] std::optional<std::string> forwarded(const http::ServerRequest& request) const;
  [[nodiscard]] Answer<std::unique_ptr<Task>> chat(const http::ServerRequest& request, Job job);
  [[nodiscard]] Answer<std::unique_ptr<Task>> moderation(const http::ServerRequest& request, const Job& job);

  std::unique_ptr<Upstream> upstream_;
  std::unique_ptr<ImageFetcher> fetcher_;
  mutable std::mutex mutex_;  ///< guards the policy
  std::shared_ptr<const policy::Policy> policy_;
  std::unique_ptr<schedule::Scheduler> scheduler_;
  std::unique_ptr<Guard> guard_;
  std::atomic<bool> loaded_ = false;  ///< the two above are there and do not change
};

Service::Parts::Parts(ServiceOptions given, policy::Policy first)
    : options(std::move(given)), access(access_of(options)) {
  policy(std::move(first));
}

/// What tells of requests ends before what it tells.
Service::Parts::~Parts() {
  jobs.drop_all();
  workers.stop();
  jobs.drop_all();
  scheduler_.reset();
  upstream_.reset();
  fetcher_.reset();
}

Result<void> Service::Parts::open() {
  HOLISAFE_TRY(logs, Logs::open(options.access_log, options.review_log));
  if (options.upstream) {
    HOLISAFE_TRY(upstream_, Upstream::open(std::move(*options.upstream)));
  }
  if (!options.image_hosts.empty()) {
    HOLISAFE_TRY(fetcher_, ImageFetcher::open(
                               {.hosts = options.image_hosts, .max_bytes = options.limits.max_image_bytes}));
  }
  return {};
}

void Service::Parts::model(std::unique_ptr<schedule::Scheduler> scheduler) {
  scheduler_ = std::move(scheduler);
  guard_ = std::make_unique<Guard>(*scheduler_, options.guard, metrics);
  loaded_ = true;
}

void Service::Parts::policy(policy::Policy policy) {
  metrics.failing_open(policy.fails_open);
  auto shared = std::make_shared<const policy::Policy>(std::move(policy));
  const std::lock_guard lock(mutex_);
  policy_ = std::move(shared);
}

std::shared_ptr<const policy::Policy> Service::Parts::current_policy() const {
  const std::lock_guard lock(mutex_);
  return policy_;
}

std::optional<Fault> Service::Parts::unready() const {
  if (draining) return stopped();
  if (!loaded_) return Fault{Code::loading, "the model is being loaded", {}};
  return std::nullopt;
}

std::optional<Fault> Service::Parts::refusal(const http::ServerRequest& head, const Caller& caller) const {
  if (auto fault = access.refusal(head, caller)) return fault;
  if (auto fault = unready()) return fault;
  const bool full = options.most_requests > 0 && jobs.size() >= options.most_requests;
  if (full && is_work(caller.endpoint))
    return Fault{Code::overloaded, "too many requests at once; try again later", {}};
  return std::nullopt;
}

/// The answer to a request that goes no further; of LiteLLM's guardrail what it does not take for a pass.
http::ServerResponse Service::Parts::turn_away(const http::ServerRequest& head, const Caller& caller,
                                               const Fault& fault) {
  const bool unjudged = fault.code == Code::overloaded || fault.code == Code::request_too_large;
  http::ServerResponse out =
      caller.endpoint == Endpoint::guardrail && unjudged ? guardrail_blocked(fault) : to_response(fault);
  out.headers.insert(out.headers.end(), caller.headers.begin(), caller.headers.end());
  metrics.rejected(name(fault.code));
  record(head, caller, out.status);
  return out;
}

void Service::Parts::record(const http::ServerRequest& head, const Caller& caller, int status) {
  AccessEntry line = entry_of(head, caller);
  line.status = status;
  line.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - line.begun).count();
  metrics.request(line.endpoint, status, line.seconds);
  logs->access(line);
}

Json Service::Parts::health() const {
  Json out{{"status", "ok"}};
  if (current_policy()->fails_open) out["fails_open"] = true;
  return out;
}

/// What takes no time.
void Service::Parts::answer_at_once(const Caller& caller, Visit& visit) {
  switch (caller.endpoint) {
    case Endpoint::page:
      return visit.respond(page());
    case Endpoint::health:
      return visit.respond(200, health());
    case Endpoint::metrics: {
      const schedule::Counts counts = scheduler_->counts();
      metrics.running(counts.running, counts.queued);
      return visit.respond(
          {200, {{"content-type", "text/plain; version=0.0.4; charset=utf-8"}}, metrics.text()});
    }
    case Endpoint::models:
      return visit.respond(200, models_answer(options.model_name, created));
    default:
      return visit.fail({Code::not_found, "there is nothing at this path", {}});
  }
}

void Service::Parts::begin(const Caller& caller, http::ServerRequest request,
                           const std::shared_ptr<Visit>& visit) {
  const Jobs::Name name = jobs.add(visit);
  visit->exchange().when_gone([this, name, weak = std::weak_ptr<Visit>(visit)] {
    if (const auto left = weak.lock()) left->gone();
    jobs.over(name);
  });
  const auto shared = std::make_shared<const http::ServerRequest>(std::move(request));
  workers.post([this, caller, shared, visit, name] {
    if (!jobs.has(name)) return;
    Job job{
        *guard_, fetcher_.get(), *logs, workers, current_policy(), visit, options.model_name, [this, name] {
          jobs.over(name);
        }};
    try {
      auto made = task(caller, *shared, std::move(job));
      if (made) return jobs.begin(name, *std::move(made));
      if (caller.endpoint == Endpoint::guardrail) {
        visit->respond(guardrail_blocked(made.error()));
      } else {
        visit->fail(made.error());
      }
    } catch (const std::exception&) {  // an allocation that failed
      visit->fail({Code::internal_error, "the request could not be handled", {}});
    }
    jobs.over(name);
  });
}

/// On a worker.
Answer<std::unique_ptr<Task>> Service::Parts::task(const Caller& caller, const http::ServerRequest& request,
                                                   Job job) {
  switch (caller.endpoint) {
    case Endpoint::models:
      return proxy_models({*upstream_, job.visit, forwarded(request), job.over});
    case Endpoint::chat:
      return chat(request, std::move(job));
    case Endpoint::moderations:
      return moderation(request, job);
    default:
      break;
  }
  auto asked = read_guardrail(request.body, options.limits);
  if (!asked) return tl::unexpected<Fault>(std::move(asked).error());
  job.visit->images(asked->images.size());
  return guardrail_task(job, *std::move(asked));
}

/// The client's own authorization, where it goes up.
std::optional<std::string> Service::Parts::forwarded(const http::ServerRequest& request) const {
  const auto authorization = request.header("authorization");
  if (!options.forward_authorization || !authorization) return std::nullopt;
  return std::string(*authorization);
}

Answer<std::unique_ptr<Task>> Service::Parts::chat(const http::ServerRequest& request, Job job) {
  auto asked = upstream_ ? read_chat_for_upstream(request.body, options.limits, options.upstream_fields)
                         : read_chat(request.body, options.limits);
  if (!asked) return tl::unexpected<Fault>(std::move(asked).error());
  job.visit->images(asked->images.size());
  if (upstream_) {
    return guarded_chat_task(std::move(job), *std::move(asked),
                             {*upstream_, options.upstream_images, forwarded(request)});
  }
  if (asked->model != options.model_name)
    return refuse(Code::model_not_found, "no such model here; see /v1/models", "model");
  return chat_task(std::move(job), *std::move(asked));
}

Answer<std::unique_ptr<Task>> Service::Parts::moderation(const http::ServerRequest& request, const Job& job) {
  auto asked = read_moderation(request.body, options.limits);
  if (!asked) return tl::unexpected<Fault>(std::move(asked).error());
  job.visit->images(asked->images.size());
  if (!asked->model.empty() && !asked->as_openai() && asked->model != options.model_name)
    return refuse(Code::model_not_found, "no such model here; see /v1/models", "model");
  return moderation_task(job, *std::move(asked));
}

Result<std::unique_ptr<Service>> Service::open(ServiceOptions options, policy::Policy policy) {
  auto parts = std::make_unique<Parts>(std::move(options), std::move(policy));
  HOLISAFE_CHECK(parts->open());
  return std::unique_ptr<Service>(new Service(std::move(parts)));
}

Service::Service(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Service::~Service() = default;

std::optional<http::ServerResponse> Service::accept(const http::ServerRequest& head) {
  const Caller caller = parts_->access.caller(head);
  if (auto answer = parts_->access.preflight(head, caller)) {
    parts_->record(head, caller, answer->status);
    return answer;
  }
  if (const auto fault = parts_->refusal(head, caller)) return parts_->turn_away(head, caller, *fault);
  return std::nullopt;
}

void Service::handle(http::ServerRequest request, std::shared_ptr<http::Exchange> exchange) {
  const Caller caller = parts_->access.caller(request);
  // What was accepted may have to be turned away by now.
  if (const auto fault = parts_->refusal(request, caller))
    return exchange->respond(parts_->turn_away(request, caller, *fault));
  const auto visit = std::make_shared<Visit>(std::move(exchange), entry_of(request, caller), caller.headers,
                                             Records{parts_->metrics, *parts_->logs});
  const bool asks_upstream = caller.endpoint == Endpoint::models && parts_->options.upstream;
  if (is_work(caller.endpoint) || asks_upstream) return parts_->begin(caller, std::move(request), visit);
  parts_->answer_at_once(caller, *visit);
}

http::ServerResponse Service::fault(http::ServerFault fault, const http::ServerRequest& head) {
  return parts_->turn_away(head, parts_->access.caller(head), fault_of(fault));
}

void Service::model(std::unique_ptr<schedule::Scheduler> scheduler) { parts_->model(std::move(scheduler)); }

void Service::policy(policy::Policy policy) { parts_->policy(std::move(policy)); }

void Service::drain() { parts_->draining = true; }

std::size_t Service::under_way() const { return parts_->jobs.size(); }

void Service::end_all() { parts_->jobs.end_all(stopped()); }

void Service::log(std::string_view event) { parts_->logs->event(event); }

}  // namespace holisafe::serve
