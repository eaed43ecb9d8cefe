// Requests as the service reads them: strict JSON, closed lists of members, images apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "chat/chat.h"
#include "serve/fault.h"

namespace holisafe::serve {

using Json = nlohmann::ordered_json;

/// An image of a request, in the order of the request's images.
struct RequestImage {
  std::string param;                         ///< where it stands: `messages[0].content[1].image_url.url`
  std::shared_ptr<const std::string> bytes;  ///< of a data URI; null: to be fetched from `url`
  std::string url;
  std::size_t message = 0;  ///< where it stands in the document of a chat request
  std::size_t part = 0;
};

/// What a request may hold.
struct RequestLimits {
  std::size_t max_images = 8;
  std::uint64_t max_image_bytes = 10'485'760;
  unsigned max_new_tokens = 1024;
  bool fetches_urls = false;  ///< there is an --allow-image-host; else every URL is image_url_not_allowed
};

/// A document of UTF-8 JSON: no key twice in an object (duplicate_key), no NaN or infinity, at most 64 levels
/// deep, nothing behind it; numbers as they were written stay equal (integers beyond 64 bits are
/// invalid_value). `invalid_json` names the byte. More than 2^18 values are request_too_large.
Answer<Json> parse_body(std::string_view body);

/// A chat completion asked for. In local mode `question` is complete but for bytes of images that must be
/// fetched; a proxy uses `document`, `images` and the flags.
struct ChatRequest {
  Json document;  ///< proxy mode: as it came, less `moderation`, each image's url empty (with_images())
  std::string model;
  std::vector<RequestImage> images;  ///< of all messages and roles, in order
  chat::Conversation conversation;   ///< local mode: an Image a RequestImage, in the same order
  chat::Generation how;              ///< local mode
  bool stream = false;
  bool include_usage = false;
  bool blocks_flagged = false;  ///< moderation.policy.input.mode is "block"
};

/// Local mode: what would change the answer and is not done is unsupported_parameter (n > 1, tools, logprobs
/// …); a member that is null counts as left out.
Answer<ChatRequest> read_chat(std::string_view body, const RequestLimits& limits);
/// Proxy mode: members of a closed list (OpenAI's chat members, top_k, min_p, repetition_penalty and `more`),
/// message members, part types and their members too; anything else is unsupported_parameter or
/// unsupported_content.
Answer<ChatRequest> read_chat_for_upstream(std::string_view body, const RequestLimits& limits,
                                           const std::set<std::string>& more);
/// The document with each image's url, in the order of `images`; without one it stays empty.
Json with_images(const ChatRequest& request, const std::vector<std::string>& data_uris);
/// The same as text, without looking at each of the urls' bytes, which must need no escapes (base64).
std::string text_with_images(const ChatRequest& request, const std::vector<std::string>& data_uris);

struct ModerationRequest {
  std::string model;  ///< empty: left out
  std::vector<RequestImage> images;
  /// `model` begins with omni-moderation: OpenAI's 13 names.
  [[nodiscard]] bool as_openai() const { return model.starts_with("omni-moderation"); }
};
Answer<ModerationRequest> read_moderation(std::string_view body, const RequestLimits& limits);

/// LiteLLM's generic guardrail.
struct GuardrailRequest {
  bool is_response = false;  ///< input_type "response"
  std::vector<RequestImage> images;
};
Answer<GuardrailRequest> read_guardrail(std::string_view body, const RequestLimits& limits);

/// The bytes of `data:…;base64,…` (canonical base64, any MIME type); faults: image_url_not_allowed,
/// invalid_image, image_too_large. Any other URL: its text in `url` where URLs are fetched.
Answer<RequestImage> read_image_url(std::string_view url, std::string param, const RequestLimits& limits);

}  // namespace holisafe::serve
