// Guards that answer chat completions: the API with tokens' probabilities, and its answers as outputs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guard_formats/guard_format.h"

namespace holisafe::guard_formats {

/// Chat completions of OpenAI-compatible servers. A reply's text is JSON: {"choices":[{"message":{"content"},
/// "finish_reason"}]}, as the API gives it and without all else.
const ask::Provider& chat_provider();
/// The same asked for `logprobs` with `top_logprobs`, of which each choice then has
/// "logprobs":{"content":[{"token","logprob","top_logprobs":[{"token","logprob"}]}]}: the first tokens.
const ask::Provider& chat_provider_with_probabilities();

/// An output of a chat: the answer's text alone, or what the API answered.
struct ChatOutput {
  std::string text;
  Json tokens;  ///< an array of tokens with their probabilities; null: there are none
};
/// Errors: missing, wrong_type (neither a text nor an API's answer with one).
Result<ChatOutput> chat_output(const Json& output);

/// The share of `positive` in what the model gave it and `negative` where it chose between them: the first
/// token that is one of the two words, in any case and with white space around. Nothing without such a token,
/// or without probabilities there.
std::optional<double> share_of_word(const Json& tokens, std::string_view positive, std::string_view negative);

/// For formats that ask one question: the output as it is.
tl::expected<Json, Unread> the_only_output(std::span<const Prompt> prompts, std::span<const Json> outputs);

}  // namespace holisafe::guard_formats
