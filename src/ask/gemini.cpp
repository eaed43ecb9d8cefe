// generateContent and the batch API of Gemini.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "ask/batch_service.h"
#include "ask/event_stream.h"
#include "ask/provider.h"
#include "ask/refusal.h"

namespace holisafe::ask {
namespace {

/// The model itself is asked, as a judge or as what is measured: the adjustable filters before it are off.
Json safety_settings() {
  Json out = Json::array();
  for (const char* category : {"HARM_CATEGORY_HARASSMENT", "HARM_CATEGORY_HATE_SPEECH",
                               "HARM_CATEGORY_SEXUALLY_EXPLICIT", "HARM_CATEGORY_DANGEROUS_CONTENT"}) {
    out.push_back({{"category", category}, {"threshold", "BLOCK_NONE"}});
  }
  return out;
}

/// JSON Schema as the API's own Schema has it: types in capitals, and nothing said of further properties.
// NOLINTNEXTLINE(misc-no-recursion): parse_json() bounds the depth
void to_gemini(Json& schema) {
  if (!schema.is_object()) return;
  schema.erase("additionalProperties");
  if (const std::string type = text_of(member(schema, "type")); !type.empty()) {
    std::string capitals;
    for (const char c : type) capitals += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    schema["type"] = capitals;
  }
  if (!member(schema, "properties").is_object()) return;
  for (auto& property : schema["properties"]) to_gemini(property);
}

Result<Json> parts_of(const chat::Turn& turn) {
  Json out = Json::array();
  for (const chat::Part& part : turn.parts) {
    if (const auto* text = std::get_if<std::string>(&part)) {
      out.push_back({{"text", *text}});
      continue;
    }
    HOLISAFE_TRY(const SentImage image, sent_image(std::get<chat::Image>(part)));
    out.push_back({{"inline_data", {{"mime_type", image.mime_type}, {"data", image.base64}}}});
  }
  return out;
}

Result<Json> body(const chat::Question& question, const std::string&) {
  Json contents = Json::array();
  for (const chat::Turn& turn : question.conversation.turns) {
    HOLISAFE_TRY(Json parts, parts_of(turn));
    const char* role = turn.role == chat::Role::user ? "user" : "model";
    contents.push_back({{"role", role}, {"parts", std::move(parts)}});
  }
  const chat::Generation& how = question.how;
  Json config = {{"temperature", number(how.temperature)}, {"maxOutputTokens", how.max_new_tokens}};
  if (how.temperature > 0) config["topP"] = number(how.top_p);
  if (how.temperature > 0 || how.seed > 0) config["seed"] = how.seed;
  if (!how.stops.empty()) config["stopSequences"] = how.stops;
  if (const auto& schema = question.schema) {
    HOLISAFE_TRY(Json object, parse_json("gemini", schema->schema));
    to_gemini(object);
    config["responseMimeType"] = "application/json";
    config["responseSchema"] = std::move(object);
  }
  Json out;
  if (const auto& system = question.conversation.system)
    out["systemInstruction"] = {{"parts", Json::array({{{"text", *system}}})}};
  out["contents"] = std::move(contents);
  out["generationConfig"] = std::move(config);
  out["safetySettings"] = safety_settings();
  return out;
}

Result<chat::Reply> reply(const Json& response) {
  constexpr std::array<std::string_view, 6> filtered = {
      "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"};
  const Json& usage = member(response, "usageMetadata");
  chat::Reply out;
  out.usage = {count_of(member(usage, "promptTokenCount")), count_of(member(usage, "candidatesTokenCount"))};
  const Json& candidates = member(response, "candidates");
  if (!candidates.is_array() || candidates.empty()) {
    out.finish_reason = text_of(member(member(response, "promptFeedback"), "blockReason"));
    if (out.finish_reason.empty()) {
      const std::string said = error_text(response);
      return fail(unexpected_answer("gemini",
                                    "candidates with one content, found " + (said.empty() ? "none" : said)));
    }
    out.state = chat::State::filtered;
    return out;
  }
  const Json& content = member(candidates[0], "content");
  const Json& parts = member(content, "parts");
  if (auto error = error_within(candidates[0])) return fail(answered_with_error("gemini", *std::move(error)));
  if (!candidates[0].is_object() || (!content.is_object() && !content.is_null()) ||
      (!parts.is_array() && !parts.is_null())) {
    return fail(unexpected_answer("gemini", "a list in candidates[0].content.parts, found something else"));
  }
  for (const Json& part : parts) {
    if (member(part, "thought") != true) out.text += text_of(member(part, "text"));
    out.tool_calls = out.tool_calls || member(part, "functionCall").is_object();
  }
  out.finish_reason = text_of(member(candidates[0], "finishReason"));
  if (std::find(filtered.begin(), filtered.end(), out.finish_reason) != filtered.end())
    out.state = chat::State::filtered;
  return out;
}

/// Each event is a response with the next parts (streamGenerateContent): put together.
Result<Json> whole(const std::vector<Json>& events) {
  Json out = events.empty() ? Json::object() : events.back();
  Json parts = Json::array();
  bool ended = false;
  for (const Json& event : events) {
    if (error_within(event)) return event;
    const Json& candidates = member(event, "candidates");
    if (!candidates.is_array() || candidates.empty()) {
      ended = ended || member(event, "promptFeedback").is_object();
      continue;
    }
    const Json& more = member(member(candidates[0], "content"), "parts");
    if (more.is_array()) parts.insert(parts.end(), more.begin(), more.end());
    const Json& reason = member(candidates[0], "finishReason");
    if (!reason.is_string()) continue;
    ended = true;
    out = event;
  }
  if (!ended || !out.is_object()) return fail(unfinished_stream("gemini"));
  if (member(out, "candidates").is_array() && !out["candidates"].empty() && out["candidates"][0].is_object())
    out["candidates"][0]["content"] = {{"parts", std::move(parts)}};
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
    return to_text({{"key", id}, {"request", request}});
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
    const Json request = {{"batch", {{"display_name", "holisafe"}, {"input_config", std::move(config)}}}};
    const std::string path = model_path(endpoint_.model()) + ":batchGenerateContent";
    HOLISAFE_TRY(const Json batch, endpoint_.call_json(endpoint_.post(path, to_text(request)), stop));
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
      out.reply = reply_in(gemini_provider(), member(row, "response"));
      out.again = !out.reply && out.reply.error().kind == ErrorKind::malformed;
      return out;
    }
    const Json& error = member(row, "error").is_object() ? member(row, "error") : member(row, "status");
    const int code = member(error, "code").is_number_integer() ? member(error, "code").get<int>() : 0;
    if (auto filter = content_filter_code(error); filter && code != 0) {
      out.reply = filtered_by(*std::move(filter));
      return out;
    }
    if (code == 3 || code == 400) out.refused = error;
    out.again = std::find(final_codes.begin(), final_codes.end(), code) == final_codes.end();
    out.reply = fail(ErrorKind::refused, "the API refused the row", "",
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
    http::Request start = endpoint_.post("", R"({"file":{"display_name":"holisafe"}})");
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
      return fail(ErrorKind::unexpected, "the API names another host", send.url,
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
      "x-goog-api-key: ",
      {},
      1032,  // 258 for each of 4 tiles: a picture of about 1024 x 1024
      false,
      [](const std::string& model) { return model_path(model) + ":generateContent"; },
      body,
      reply,
      whole,
      [](Endpoint& endpoint) -> std::unique_ptr<BatchService> {
        return std::make_unique<GeminiBatches>(endpoint);
      },
      "gemini-2.0-flash",
      {"responseSchema", "response_schema", "responseMimeType", "response_mime_type"},
  };
  return provider;
}

}  // namespace holisafe::ask
