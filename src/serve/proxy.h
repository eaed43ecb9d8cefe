// What a guard proxy sends up, and how the answer comes back.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "image/image.h"
#include "policy/policy.h"
#include "serve/answer_json.h"
#include "serve/guard.h"
#include "serve/request.h"
#include "serve/upstream.h"
#include "serve/visit.h"

namespace holisafe::serve {

/// What a request to the upstream needs; `upstream` outlives the task.
struct ProxyJob {
  Upstream& upstream;
  std::shared_ptr<Visit> visit;  ///< the answer goes out through it
  std::optional<std::string>
      authorization;           ///< of the client, to be forwarded in place of the upstream's key
  std::function<void()> over;  ///< once, on any thread, when the answer has ended
};

/// What was judged, for the request that goes up and for the answer.
struct ProxyDecision {
  RequestDecision decided;  ///< not blocked: such a request never comes here
  std::shared_ptr<const policy::Policy> policy;
  std::string model;  ///< the guard's, for moderation_member()
  UpstreamImages images = UpstreamImages::automatic;
  image::DecodeOptions decode;
};

/// Sends a request up that was judged and passed, and gives the answer back: whole with `moderation` (and the
/// warning before the text, where the action is warn), or as a stream behind the verdict's chunk. All bytes
/// of `request.images` are there. Faults go to the visit. Called on a worker, may decode and encode images.
/// Destroying the task gives the request up; nothing is sent to the visit and `over` is not called
/// afterwards.
std::unique_ptr<Task> proxy_chat(ProxyJob job, const ChatRequest& request, const ProxyDecision& decision);

/// The upstream's /v1/models, as it comes.
std::unique_ptr<Task> proxy_models(ProxyJob job);

}  // namespace holisafe::serve
