#include <utility>

#include "serve/tasks.h"

namespace holisafe::serve {

std::unique_ptr<Task> moderation_task(const Job& job, ModerationRequest request) {
  const bool as_openai = request.as_openai();
  // A guard that fails has no answer to give here, whatever the policy lets pass.
  return judge_request(job, std::move(request.images), false, false,
                       [job, model = request.model, as_openai](Answer<Judged> judged) {
                         if (judged) {
                           job.visit->respond(
                               200, moderation_answer(new_id("modr-"), as_openai ? model : job.model,
                                                      judged->decided, *job.policy, as_openai));
                         } else {
                           job.visit->fail(judged.error());
                         }
                         job.over();
                       });
}

}  // namespace holisafe::serve
