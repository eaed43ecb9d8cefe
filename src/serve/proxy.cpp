#include "serve/proxy.h"

#include <algorithm>
#include <utility>

#include "serve/relay.h"
#include "serve/upstream_document.h"

namespace holisafe::serve {
namespace {

class ProxyTask final : public Task {
 public:
  explicit ProxyTask(std::shared_ptr<Relay> relay) : relay_(std::move(relay)) {}
  ~ProxyTask() override { relay_->give_up(); }

 private:
  const std::shared_ptr<Relay> relay_;
};

std::unique_ptr<Task> send_up(ProxyJob job, const std::string& path, std::string body,
                              std::optional<Addition> addition) {
  const bool stream = addition && addition->stream;
  const std::string id = job.visit->id();
  auto relay = std::make_shared<Relay>(std::move(job.visit), std::move(addition), std::move(job.over));
  auto out = std::make_unique<ProxyTask>(relay);
  relay->call(job.upstream.send(path, std::move(body), stream, id, job.authorization, relay));
  return out;
}

}  // namespace

std::unique_ptr<Task> proxy_chat(ProxyJob job, const ChatRequest& request, const ProxyDecision& decision) {
  Addition addition;
  addition.moderation = moderation_member(decision.model, decision.decided, *decision.policy);
  if (decision.decided.action == policy::Action::warn)
    addition.warning = text_for(decision.decided, decision.policy->warning);
  addition.model = request.model;
  addition.stream = request.stream;
  if (const auto n = request.document.find("n"); n != request.document.end() && n->is_number_unsigned())
    addition.choices = std::max<std::size_t>(n->get<std::size_t>(), 1);
  auto body = upstream_document(request, decision.images, decision.decode);
  if (!body) {
    job.visit->fail(body.error());
    job.over();
    return std::make_unique<Task>();
  }
  return send_up(std::move(job), "chat/completions", *std::move(body), std::move(addition));
}

std::unique_ptr<Task> proxy_models(ProxyJob job) {
  return send_up(std::move(job), "models", {}, std::nullopt);
}

}  // namespace holisafe::serve
