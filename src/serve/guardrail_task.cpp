#include <utility>

#include "serve/tasks.h"

namespace holisafe::serve {
namespace {

http::ServerResponse guardrail_response(const std::optional<std::string>& blocked_reason) {
  return {200, {{"content-type", "application/json"}}, guardrail_answer(blocked_reason).dump()};
}

}  // namespace

http::ServerResponse guardrail_blocked(const Fault& fault) { return guardrail_response(fault.message); }

std::unique_ptr<Task> guardrail_task(const Job& job, GuardrailRequest request) {
  if (request.is_response || request.images.empty()) {
    job.visit->respond(guardrail_response({}));
    job.over();
    return std::make_unique<Task>();
  }
  return judge_request(job, std::move(request.images), false, true, [job](Answer<Judged> judged) {
    if (!judged) {
      job.visit->respond(guardrail_blocked(judged.error()));
    } else if (judged->decided.action == policy::Action::block) {
      job.visit->respond(guardrail_response(text_for(judged->decided, job.policy->refusal)));
    } else {
      job.visit->respond(guardrail_response({}));
    }
    job.over();
  });
}

}  // namespace holisafe::serve
