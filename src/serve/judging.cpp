// What every task does with its images: fetch, judge, decide, record.
#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "serve/tasks.h"

namespace holisafe::serve {
namespace {

void record_reviews(const Job& job, const std::vector<RequestImage>& images, const RequestDecision& decided) {
  if (!job.logs.reviews()) return;
  for (std::size_t i = 0; i < decided.images.size(); ++i) {
    if (decided.images[i].decision.action != policy::Action::review) continue;
    job.logs.review(job.visit->id(), sha256(*images[i].bytes), decided.images[i], *job.policy);
  }
}

/// Of images that pass unjudged: one that cannot be decoded is refused under every policy.
std::optional<Fault> undecodable(const Job& job, const std::vector<RequestImage>& images) {
  for (const RequestImage& image : images) {
    const auto decoded =
        image::decode(std::as_bytes(std::span(*image.bytes)), job.guard.options().decode, image.param);
    if (!decoded) return judging_fault(decoded.error(), {image});
  }
  return std::nullopt;
}

}  // namespace

std::unique_ptr<Task> with_bytes(ImageFetcher* fetcher, std::vector<RequestImage> images, WithBytes done) {
  const auto lacking = std::find_if(images.begin(), images.end(),
                                    [](const RequestImage& image) { return image.bytes == nullptr; });
  if (lacking == images.end()) {
    done(std::move(images));
    return std::make_unique<Task>();
  }
  if (fetcher == nullptr) {
    done(refuse(Code::image_url_not_allowed, "expected a data URI: this service fetches no images",
                lacking->param));
    return std::make_unique<Task>();
  }
  return fetcher->fetch(std::move(images), std::move(done));
}

RequestDecision decide_and_record(const Job& job, const std::vector<RequestImage>& images,
                                  const std::vector<taxonomy::Verdict>& verdicts, bool blocks_flagged) {
  std::vector<ImageDecision> each;
  for (const auto& verdict : verdicts) each.push_back({verdict, policy::decide(*job.policy, verdict)});
  RequestDecision out = decide_request(std::move(each), blocks_flagged);
  job.visit->decided(*job.policy, out);
  record_reviews(job, images, out);
  return out;
}

RequestDecision pass_unjudged(const Job& job) {
  RequestDecision out;
  out.guard_failed = true;
  job.visit->decided(*job.policy, out);
  job.logs.event("the guard failed; request " + job.visit->id() + " passes unjudged, as the policy says");
  return out;
}

std::unique_ptr<Task> judge_request(const Job& job, std::vector<RequestImage> images, bool blocks_flagged,
                                    bool may_fail_open, const std::function<void(Answer<Judged>)>& done) {
  auto steps = std::make_shared<Steps>();
  auto task = std::make_unique<StepsTask>(steps);
  const auto judge = [job, steps, blocks_flagged, may_fail_open,
                      done](Answer<std::vector<RequestImage>> found) {
    if (!found) return done(tl::unexpected<Fault>(std::move(found).error()));
    if (found->empty()) return done(Judged{{}, decide_and_record(job, {}, {}, blocks_flagged)});
    const auto shared = std::make_shared<const std::vector<RequestImage>>(*std::move(found));
    const auto told = [=](Answer<std::vector<taxonomy::Verdict>> verdicts) {
      if (verdicts) return done(Judged{*shared, decide_and_record(job, *shared, *verdicts, blocks_flagged)});
      if (verdicts.error().code != Code::guard_failed || !may_fail_open || !job.policy->fails_open)
        return done(tl::unexpected<Fault>(std::move(verdicts).error()));
      done(Judged{*shared, pass_unjudged(job)});
    };
    steps->keep(job.guard.judge(
        *shared, [visit = job.visit] { visit->admitted(); }, told));
  };
  // What was fetched is hashed by a worker, whoever brought it.
  steps->keep(with_bytes(job.fetcher, std::move(images),
                         [&workers = job.workers, steps, judge](Answer<std::vector<RequestImage>> found) {
                           const auto shared =
                               std::make_shared<Answer<std::vector<RequestImage>>>(std::move(found));
                           workers.post([=] {
                             if (!steps->given_up()) judge(std::move(*shared));
                           });
                         }));
  return task;
}

void answer_refusal(const Job& job, const ChatHead& head, const ChatRequest& request,
                    const RequestDecision& decided) {
  const std::string text = text_for(decided, job.policy->refusal);
  const Json moderation = moderation_member(job.model, decided, *job.policy);
  if (!request.stream)
    return job.visit->respond(200, chat_answer(head, text, "content_filter", true, 0, 0, moderation));
  job.visit->begin(
      opening_event(head, moderation) + refusal_event(head, text) + finish_event(head, "content_filter") +
      (request.include_usage ? usage_event(head, 0, 0) : std::string()) + std::string(done_event));
  job.visit->finish();
}

std::unique_ptr<Task> guarded_chat_task(Job job, ChatRequest request, UpstreamUse use) {
  auto steps = std::make_shared<Steps>();
  auto task = std::make_unique<StepsTask>(steps);
  const auto asked = std::make_shared<ChatRequest>(std::move(request));
  const auto pass_on = [job, steps, asked, use](Judged judged) {
    const auto fault = judged.decided.guard_failed ? undecodable(job, judged.images) : std::nullopt;
    if (fault) {
      job.visit->fail(*fault);
      return job.over();
    }
    if (judged.decided.action == policy::Action::block) {
      answer_refusal(job, {new_id("chatcmpl-"), current_seconds(), asked->model}, *asked, judged.decided);
      return job.over();
    }
    asked->images = std::move(judged.images);
    steps->keep(proxy_chat(
        {use.upstream, job.visit, use.authorization, job.over}, *asked,
        {std::move(judged.decided), job.policy, job.model, use.images, job.guard.options().decode}));
  };
  steps->keep(judge_request(job, asked->images, asked->blocks_flagged, true, [=](Answer<Judged> judged) {
    if (!judged) {
      job.visit->fail(judged.error());
      return job.over();
    }
    // Images may have to be written anew: that is no work for whoever told this.
    const auto shared = std::make_shared<Judged>(*std::move(judged));
    job.workers.post([=] {
      if (!steps->given_up()) pass_on(std::move(*shared));
    });
  }));
  return task;
}

}  // namespace holisafe::serve
