// The APIs that questions go through: how one is sent, and the reply found in what comes back. One file a
// provider, one line in the table in provider.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ask/json.h"
#include "base/result.h"
#include "chat/chat.h"

namespace holisafe::ask {

class BatchService;
class Endpoint;

/// A provider's API. Static lifetime.
struct Provider {
  std::string_view name;
  std::string_view host;          ///< "https://api.openai.com"
  std::string_view version_path;  ///< where the API begins on that host: "/v1"
  std::string_view key_header;    ///< what stands before the key: "Authorization: Bearer "
  std::vector<std::string> headers;
  std::uint64_t image_tokens = 0;        ///< what an image of usual size counts, for estimates
  bool takes_completion_tokens = false;  ///< max_completion_tokens in place of max_tokens

  /// Path of a call, below the version path.
  std::string (*path)(const std::string& model) = nullptr;
  /// Greedy, or as the question's Generation says; images are sent as the bytes they hold, with the MIME type
  /// of their content. Every image of the question holds its bytes.
  Result<Json> (*body)(const chat::Question& question, const std::string& model) = nullptr;
  /// Without what the model thought, where that comes apart. Errors: malformed (not this API's answer, or
  /// none but an error).
  Result<chat::Reply> (*reply)(const Json& response) = nullptr;
  /// The response that the events of a stream make up. Errors: malformed (a stream that ends early).
  Result<Json> (*whole)(const std::vector<Json>& events) = nullptr;
  /// Its batch API.
  std::unique_ptr<BatchService> (*batches)(Endpoint& endpoint) = nullptr;
  std::string_view judge_model =
      {};  ///< that judges unless another is named: the judge of HoliSafe's authors
  /// Members of a request that hold a schema, as an error may name them.
  std::vector<std::string_view> schema_members = {};
};

std::span<const Provider* const> providers();
/// nullptr where there is none of this name.
const Provider* find_provider(std::string_view name);
std::vector<std::string> provider_names();

/// developers' reference: api.openai.com/v1/chat/completions, /v1/files, /v1/batches. Also what most other
/// servers of models speak.
const Provider& openai_provider();
/// api.anthropic.com/v1/messages, /v1/messages/batches.
const Provider& anthropic_provider();
/// generativelanguage.googleapis.com/v1beta/models/MODEL:generateContent, :batchGenerateContent.
const Provider& gemini_provider();

/// An image in a request.
struct SentImage {
  std::string_view mime_type;
  std::string base64;
};
/// Errors: unsupported (bytes of no known image format), with the image's file.
Result<SentImage> sent_image(const chat::Image& image);

/// 0 as an integer, which is what greedy requests hold.
Json number(double value);

/// A token count; nothing where `value` is none.
std::optional<std::uint64_t> count_of(const Json& value);

/// The reply in a response: the provider's, unless an `error` stands where the answer ought to be. Errors:
/// malformed, with the server's message.
Result<chat::Reply> reply_in(const Provider& provider, const Json& response);
/// The reply where a content filter refused a question, by its own code.
chat::Reply filtered_by(std::string code);

}  // namespace holisafe::ask
