// The APIs of LLM judges: how a question is sent and an answer found in what comes back. One file a provider.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace holisafe::judge {

using Json = nlohmann::ordered_json;

/// One judgement to be asked for.
struct Question {
  std::string text;       ///< the prompt, filled in
  std::string image;      ///< the image file's bytes, unchanged
  std::string mime_type;  ///< of the image's content
};

/// Judges are asked at temperature 0 for at most so many tokens.
inline constexpr int max_answer_tokens = 100;

class BatchService;
class Endpoint;

/// A provider's API. Static lifetime.
struct Provider {
  std::string_view name;
  std::string_view host;           ///< "https://api.openai.com"
  std::string_view version_path;   ///< where the API begins on that host: "/v1"
  std::string_view default_model;  ///< the judge of the benchmark's authors
  std::string_view key_header;     ///< what stands before the key: "Authorization: Bearer "
  std::vector<std::string> headers;
  std::uint64_t image_tokens = 0;  ///< what an image of usual size counts, for estimates

  /// Path of a call, below the version path.
  std::string (*path)(const std::string& model) = nullptr;
  Json (*body)(const Question& question, const std::string& model) = nullptr;
  /// The text that the model answered. Errors: malformed (not this API's answer), refused (the provider's own
  /// filter or the model declined to answer at all).
  Result<std::string> (*answer)(const Json& response) = nullptr;
  /// Its batch API.
  std::unique_ptr<BatchService> (*batches)(Endpoint& endpoint) = nullptr;
};

/// developers' reference: api.openai.com/v1/chat/completions, /v1/files, /v1/batches.
const Provider& openai_provider();
/// api.anthropic.com/v1/messages, /v1/messages/batches.
const Provider& anthropic_provider();
/// generativelanguage.googleapis.com/v1beta/models/MODEL:generateContent, :batchGenerateContent.
const Provider& gemini_provider();

/// The member `key` of an object; null where there is none or `value` is no object.
const Json& member(const Json& value, std::string_view key);
/// A string, or empty where `value` is none.
std::string text_of(const Json& value);
/// Base64 of a file's bytes.
std::string base64_of(const std::string& bytes);
/// An Error for a response that is not what the API answers.
Error unexpected_answer(std::string_view provider, std::string expected);

}  // namespace holisafe::judge
