// The chat format of OpenAI-compatible endpoints: a question as a request body, a response body as an answer.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runs/responder.h"

namespace holisafe::runs {

/// The body of POST /chat/completions: one user message that holds the image's bytes unchanged, as a data URI
/// with the MIME type of its content, and the query's text unchanged; temperature 0, no streaming. Errors:
/// unsupported (bytes of no known image format).
Result<std::string> chat_request(const std::string& model, const PromptSettings& prompt,
                                 std::string_view query, std::string_view image);

/// The first choice of a response. Filtered where its finish_reason says content_filter. Errors: malformed.
Result<store::Answer> chat_answer(std::string_view body);

/// The code by which an error body (HTTP 400) says that a content filter refused the question; nothing if it
/// does not.
std::optional<std::string> content_filter_code(std::string_view body);

}  // namespace holisafe::runs
