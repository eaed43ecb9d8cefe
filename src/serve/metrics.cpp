#include "serve/metrics.h"

#include <array>
#include <string>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "taxonomy/taxonomy.h"

namespace holisafe::serve {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Registry;

/// Upper bounds in seconds.
const Histogram::BucketBoundaries& bounds() {
  static const Histogram::BucketBoundaries all{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
                                               2.5,   5,    10,    30,   60,  120,  300, 600};
  return all;
}

Histogram& histogram(Registry& registry, const std::string& name, const std::string& help) {
  return BuildHistogram().Name(name).Help(help).Register(registry).Add({}, bounds());
}
Counter& counter(Registry& registry, const std::string& name, const std::string& help) {
  return BuildCounter().Name(name).Help(help).Register(registry).Add({});
}
Gauge& gauge(Registry& registry, const std::string& name, const std::string& help) {
  return BuildGauge().Name(name).Help(help).Register(registry).Add({});
}
Family<Counter>& counters(Registry& registry, const std::string& name, const std::string& help) {
  return BuildCounter().Name(name).Help(help).Register(registry);
}

}  // namespace

class Metrics::Families {
 public:
  Registry registry;
  Family<Counter>& requests = counters(registry, "holisafe_requests_total", "Requests that were answered");
  Histogram& request_seconds =
      histogram(registry, "holisafe_request_seconds", "From a request's first byte to its answer's end");
  Histogram& first_chunk_seconds = histogram(registry, "holisafe_first_chunk_seconds",
                                             "From a request's first byte to its stream's first chunk");
  Histogram& queue_seconds =
      histogram(registry, "holisafe_queue_seconds",
                "From a whole request to the model's beginning with it: the wait for a place");
  Histogram& guard_seconds =
      histogram(registry, "holisafe_guard_seconds", "From the first image in line to the last verdict");
  Family<Counter>& verdicts =
      counters(registry, "holisafe_verdicts_total", "Images judged, by the policy's action");
  Family<Counter>& fired = counters(registry, "holisafe_fired_total", "Classes that fired");
  Counter& guard_failures =
      counter(registry, "holisafe_guard_failures_total", "Requests whose images the guard could not judge");
  Family<Counter>& rejected =
      counters(registry, "holisafe_rejected_total", "Requests that ended with an error");
  Gauge& running = gauge(registry, "holisafe_requests_running", "Questions under way on the model");
  Gauge& waiting = gauge(registry, "holisafe_requests_waiting", "Questions that wait for the model");
  Counter& prompt_tokens = counter(registry, "holisafe_prompt_tokens_total", "Tokens read");
  Counter& completion_tokens = counter(registry, "holisafe_completion_tokens_total", "Tokens made");
  Gauge& fails_open = gauge(registry, "holisafe_fails_open",
                            "1 where the policy lets pass what the guard fails to judge, else 0");
};

Metrics::Metrics() : families_(std::make_unique<Families>()) {
  // What has not happened yet is 0, so that a rate can be taken of the first.
  using policy::Action;
  for (const Action action : {Action::allow, Action::warn, Action::review, Action::block})
    families_->verdicts.Add({{"action", std::string(policy::name(action))}});
}

Metrics::~Metrics() = default;

void Metrics::request(std::string_view endpoint, int status, double seconds) {
  families_->requests.Add({{"endpoint", std::string(endpoint)}, {"status", std::to_string(status)}})
      .Increment();
  families_->request_seconds.Observe(seconds);
}

void Metrics::first_chunk(double seconds) { families_->first_chunk_seconds.Observe(seconds); }

void Metrics::queue_seconds(double seconds) { families_->queue_seconds.Observe(seconds); }

void Metrics::guard_seconds(double seconds) { families_->guard_seconds.Observe(seconds); }

void Metrics::decision(const policy::Decision& decision) {
  families_->verdicts.Add({{"action", std::string(policy::name(decision.action))}}).Increment();
  for (const std::size_t fired : decision.fired)
    families_->fired.Add({{"class", std::string(taxonomy::classes()[fired].name)}}).Increment();
}

void Metrics::guard_failure() { families_->guard_failures.Increment(); }

void Metrics::rejected(std::string_view reason) {
  families_->rejected.Add({{"reason", std::string(reason)}}).Increment();
}

void Metrics::tokens(std::uint64_t prompt, std::uint64_t completion) {
  families_->prompt_tokens.Increment(static_cast<double>(prompt));
  families_->completion_tokens.Increment(static_cast<double>(completion));
}

void Metrics::running(std::size_t running, std::size_t waiting) {
  families_->running.Set(static_cast<double>(running));
  families_->waiting.Set(static_cast<double>(waiting));
}

void Metrics::failing_open(bool fails_open) { families_->fails_open.Set(fails_open ? 1 : 0); }

std::string Metrics::text() const {
  return prometheus::TextSerializer().Serialize(families_->registry.Collect());
}

}  // namespace holisafe::serve
