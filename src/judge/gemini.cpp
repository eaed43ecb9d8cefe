// generateContent and the batch API of Gemini.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "judge/batch_service.h"
#include "judge/provider.h"

namespace holisafe::judge {
namespace {

/// A judge must see what it judges: the adjustable filters are off.
Json safety_settings() {
  Json out = Json::array();
  for (const char* category : {"HARM_CATEGORY_HARASSMENT", "HARM_CATEGORY_HATE_SPEECH",
                               "HARM_CATEGORY_SEXUALLY_EXPLICIT", "HARM_CATEGORY_DANGEROUS_CONTENT"}) {
    out.push_back({{"category", category}, {"threshold", "BLOCK_NONE"}});
  }
  return out;
}

Json body(const Question& question, const std::string&) {
  const Json image = {{"mime_type", question.mime_type}, {"data", base64_of(question.image)}};
  return {{"contents",
           Json::array({{{"role", "user"},
                         {"parts", Json::array({{{"inline_data", image}}, {{"text", question.text}}})}}})},
          {"generationConfig", {{"temperature", 0}, {"maxOutputTokens", max_answer_tokens}}},
          {"safetySettings", safety_settings()}};
}

Result<std::string> answer(const Json& response) {
  constexpr std::array<std::string_view, 6> filtered = {
      "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"};
  const Json& candidates = member(response, "candidates");
  if (!candidates.is_array() || candidates.empty()) {
    const std::string reason = text_of(member(member(response, "promptFeedback"), "blockReason"));
    if (!reason.empty())
      return fail(ErrorKind::refused, "the provider's filter stopped the judge", "", reason);
    return fail(unexpected_answer("gemini", "candidates with one content, found none"));
  }
  std::string out;
  for (const Json& part : member(member(candidates[0], "content"), "parts")) {
    if (member(part, "thought") != true) out += text_of(member(part, "text"));
  }
  const std::string reason = text_of(member(candidates[0], "finishReason"));
  if (out.empty() && std::find(filtered.begin(), filtered.end(), reason) != filtered.end())
    return fail(ErrorKind::refused, "the provider's filter stopped the judge", "", reason);
  if (out.empty() && reason.empty())
    return fail(unexpected_answer("gemini", "a text in candidates[0].content.parts, found none"));
  return out;
}

std::string model_path(const std::string& model) {
  return "/models/" + url_part(model.starts_with("models/") ? model.substr(7) : model);
}

/// Files of JSON lines, uploaded in two steps, then named in a batch (gemini-api/docs/batch-api).
class GeminiBatches : public BatchService {
 public:
  explicit GeminiBatches(Endpoint& endpoint) : endpoint_(endpoint) {}

  [[nodiscard]] BatchLimits limits() const override { return {50'000, 2'000'000'000}; }
  [[nodiscard]] std::string line(const std::string& id, const Json& request) const override {
    return Json{{"key", id}, {"request", request}}.dump();
  }

  Result<std::string> submit(const std::string& lines, const StopFlag& stop) override {
    Json config;
    auto file = upload(lines, stop);
    if (file) {
      config = {{"file_name", *file}};
    } else if (file.error().kind == ErrorKind::refused && lines.size() < most_inline_bytes) {
      // Gateways that pass the model's calls on may have no file upload: the rows go with the request then.
      config = {{"requests", {{"requests", inline_requests(lines)}}}};
    } else {
      return fail(std::move(file).error());
    }
    const Json request = {
        {"batch", {{"display_name", "holisafe judge"}, {"input_config", std::move(config)}}}};
    const std::string path = model_path(endpoint_.model()) + ":batchGenerateContent";
    HOLISAFE_TRY(const Json batch, endpoint_.call_json(endpoint_.post(path, request.dump()), stop));
    std::string name = text_of(member(batch, "name"));
    if (name.empty()) return fail(unexpected_answer("gemini", "the batch's name, found none"));
    return name;
  }

  Result<BatchState> look(const std::string& id, const StopFlag& stop) override {
    HOLISAFE_TRY(const Json job, endpoint_.call_json(endpoint_.get("/" + url_part(id)), stop));
    BatchState out;
    std::string state = text_of(member(member(job, "metadata"), "state"));
    if (state.empty()) state = text_of(member(job, "state"));
    const auto is = [&](std::string_view word) { return state.ends_with(word); };
    const bool failed = is("_FAILED") || member(job, "error").is_object();
    out.ended =
        member(job, "done") == true || is("_SUCCEEDED") || is("_EXPIRED") || is("_CANCELLED") || failed;
    if (!out.ended) return out;
    out.missing_again = !failed && !is("_CANCELLED");
    out.missing_reason =
        fmt::format("the batch is {} {}", state, text_of(member(member(job, "error"), "message")));
    const Json& response = member(job, "response");
    const Json& output = response.is_object() ? response : member(member(job, "metadata"), "output");
    const Json& rows = member(output, "inlinedResponses");
    const Json& list = rows.is_object() ? member(rows, "inlinedResponses") : rows;
    if (list.is_array()) out.rows.assign(list.begin(), list.end());
    const std::string file = text_of(member(output, "responsesFile"));
    if (!file.empty())
      out.results.push_back(
          endpoint_.url_before_version("/download", "/" + url_part(file) + ":download?alt=media"));
    return out;
  }

  [[nodiscard]] std::optional<BatchRow> read_row(const Json& row) const override {
    constexpr std::array<int, 9> final_codes = {3, 5, 7, 11, 12, 16, 400, 403, 404};
    BatchRow out;
    out.id = text_of(member(row, "key"));
    if (out.id.empty()) out.id = text_of(member(member(row, "metadata"), "key"));
    if (out.id.empty()) return std::nullopt;
    if (member(row, "response").is_object()) {
      out.answer = answer(member(row, "response"));
      out.again = !out.answer && out.answer.error().kind == ErrorKind::malformed;
      return out;
    }
    const Json& error = member(row, "error").is_object() ? member(row, "error") : member(row, "status");
    const int code = member(error, "code").is_number_integer() ? member(error, "code").get<int>() : 0;
    out.again = std::find(final_codes.begin(), final_codes.end(), code) == final_codes.end();
    out.answer = fail(ErrorKind::refused, "the judge's API refused the row", "",
                      fmt::format("code {} {}", code, text_of(member(error, "message"))));
    return out;
  }

 private:
  static constexpr std::size_t most_inline_bytes = 20'000'000;

  static Json inline_requests(std::string_view lines) {
    Json out = Json::array();
    while (!lines.empty()) {
      const auto end = std::min(lines.find('\n'), lines.size());
      const Json row = Json::parse(lines.substr(0, end));
      out.push_back({{"request", row["request"]}, {"metadata", {{"key", row["key"]}}}});
      lines.remove_prefix(std::min(end + 1, lines.size()));
    }
    return out;
  }

  /// The resumable protocol in one piece: announced first, then sent to the address that came back, which
  /// must be the endpoint's own, since the key goes with it.
  Result<std::string> upload(const std::string& lines, const StopFlag& stop) {
    http::Request start = endpoint_.post("", R"({"file":{"display_name":"holisafe judge"}})");
    start.url = endpoint_.url_before_version("/upload", "/files");
    for (const char* header : {"X-Goog-Upload-Protocol: resumable", "X-Goog-Upload-Command: start",
                               "X-Goog-Upload-Header-Content-Type: application/jsonl"})
      start.headers.emplace_back(header);
    start.headers.push_back(fmt::format("X-Goog-Upload-Header-Content-Length: {}", lines.size()));
    HOLISAFE_TRY(const http::Response started, endpoint_.call(std::move(start), stop));
    http::Request send = endpoint_.post("", {});
    send.url = started.header("x-goog-upload-url");
    if (send.url.empty())
      return fail(unexpected_answer("gemini", "the header x-goog-upload-url, found none"));
    if (!endpoint_.is_own(send.url)) {
      return fail(ErrorKind::unexpected, "the judge's API names another host", send.url,
                  "expected an address of " + endpoint_.url(""));
    }
    send.headers = endpoint_.headers("application/jsonl");
    send.headers.emplace_back("X-Goog-Upload-Offset: 0");
    send.headers.emplace_back("X-Goog-Upload-Command: upload, finalize");
    send.body = lines;
    HOLISAFE_TRY(const Json uploaded, endpoint_.call_json(std::move(send), stop));
    std::string name = text_of(member(member(uploaded, "file"), "name"));
    if (name.empty()) return fail(unexpected_answer("gemini", "the uploaded file's name, found none"));
    return name;
  }

  Endpoint& endpoint_;
};

}  // namespace

const Provider& gemini_provider() {
  static const Provider provider{
      "gemini",
      "https://generativelanguage.googleapis.com",
      "/v1beta",
      "gemini-2.0-flash",
      "x-goog-api-key: ",
      {},
      1032,  // 258 for each of 4 tiles: a picture of about 1024 x 1024
      [](const std::string& model) { return model_path(model) + ":generateContent"; },
      body,
      answer,
      [](Endpoint& endpoint) -> std::unique_ptr<BatchService> {
        return std::make_unique<GeminiBatches>(endpoint);
      },
  };
  return provider;
}

}  // namespace holisafe::judge
