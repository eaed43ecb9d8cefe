// What the service answers, in OpenAI's shapes (shared with its clients; see docs/service.md).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chat/chat.h"
#include "policy/policy.h"
#include "serve/fault.h"
#include "serve/request.h"
#include "taxonomy/verdict.h"

namespace holisafe::serve {

/// One image judged.
struct ImageDecision {
  taxonomy::Verdict verdict;
  policy::Decision decision;
};

/// All of a request's images, judged, or the guard's failure that the policy lets pass.
struct RequestDecision {
  std::vector<ImageDecision> images;
  bool guard_failed = false;  ///< and failure.action is allow
  policy::Action action =
      policy::Action::allow;  ///< the strictest of the images', after a request's own `block`
};
/// The strictest; `blocks_flagged`: what is flagged is blocked.
RequestDecision decide_request(std::vector<ImageDecision> images, bool blocks_flagged);
/// The refusal or warning for the strictest image.
std::string text_for(const RequestDecision& decided, std::string_view text);

/// One entry of `results`: flagged, categories, category_scores, category_applied_input_types (19 harms, or
/// OpenAI's 13 where `as_openai`), action, guard (as `holisafe guard --json` without path).
Json result_of(const ImageDecision& decided, const policy::Policy& policy, bool as_openai);
/// `{id, model, action, policy, results}`.
Json moderation_answer(const std::string& id, const std::string& model, const RequestDecision& decided,
                       const policy::Policy& policy, bool as_openai);
/// The member `moderation` of chat answers: `{input, output, action, policy}`.
Json moderation_member(const std::string& model, const RequestDecision& decided,
                       const policy::Policy& policy);
/// LiteLLM: {"action": "NONE"} or {"action": "BLOCKED", "blocked_reason": …}.
Json guardrail_answer(const std::optional<std::string>& blocked_reason);

/// What all chunks of a stream, and a whole answer, share.
struct ChatHead {
  std::string id;  ///< "chatcmpl-…"
  std::int64_t created = 0;
  std::string model;
};

/// A whole answer. `refusal`: the text stands in content and refusal, with finish_reason content_filter.
Json chat_answer(const ChatHead& head, std::string_view text, std::string_view finish_reason, bool refusal,
                 std::uint64_t prompt_tokens, std::uint64_t completion_tokens, Json moderation);

/// Events of a stream, each `data: …\n\n`.
std::string opening_event(const ChatHead& head, const Json& moderation);  ///< role, content "", moderation
std::string text_event(const ChatHead& head, std::string_view text);
std::string refusal_event(const ChatHead& head, std::string_view text);  ///< content and refusal
std::string finish_event(const ChatHead& head, std::string_view finish_reason);
std::string usage_event(const ChatHead& head, std::uint64_t prompt_tokens, std::uint64_t completion_tokens);
std::string fault_event(const Fault& fault);
inline constexpr std::string_view done_event = "data: [DONE]\n\n";
inline constexpr std::string_view comment_event = ": waiting\n\n";

/// `{object: "list", data: […]}`.
Json models_answer(const std::string& model, std::int64_t created);

/// "chatcmpl-" and the like, with 24 random characters.
std::string new_id(std::string_view prefix);

}  // namespace holisafe::serve
