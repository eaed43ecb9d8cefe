// Messages and the message batches of Anthropic.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "ask/batch_service.h"
#include "ask/event_stream.h"
#include "ask/provider.h"
#include "ask/refusal.h"

namespace holisafe::ask {
namespace {

Result<Json> content_of(const chat::Turn& turn) {
  Json out = Json::array();
  for (const chat::Part& part : turn.parts) {
    if (const auto* text = std::get_if<std::string>(&part)) {
      out.push_back({{"type", "text"}, {"text", *text}});
      continue;
    }
    HOLISAFE_TRY(const SentImage image, sent_image(std::get<chat::Image>(part)));
    const Json source = {{"type", "base64"}, {"media_type", image.mime_type}, {"data", image.base64}};
    out.push_back({{"type", "image"}, {"source", source}});
  }
  return out;
}

Result<Json> body(const chat::Question& question, const std::string& model) {
  Json messages = Json::array();
  for (const chat::Turn& turn : question.conversation.turns) {
    HOLISAFE_TRY(Json content, content_of(turn));
    const char* role = turn.role == chat::Role::user ? "user" : "assistant";
    messages.push_back({{"role", role}, {"content", std::move(content)}});
  }
  const chat::Generation& how = question.how;
  Json out = {{"model", model}, {"max_tokens", how.max_new_tokens}};
  out["temperature"] = number(how.temperature);
  if (how.temperature > 0) out["top_p"] = number(how.top_p);
  if (!how.stops.empty()) out["stop_sequences"] = how.stops;
  if (const auto& system = question.conversation.system) out["system"] = *system;
  if (const auto& schema = question.schema) {
    HOLISAFE_TRY(Json object, parse_json("anthropic", schema->schema));
    out["output_config"] = {{"format", {{"type", "json_schema"}, {"schema", std::move(object)}}}};
  }
  out["messages"] = std::move(messages);
  return out;
}

Result<chat::Reply> reply(const Json& response) {
  const Json& content = member(response, "content");
  const bool none = content.is_null() && member(response, "type") == "message";
  if (!content.is_array() && !content.is_string() && !none) {
    const std::string said = error_text(response);
    return fail(unexpected_answer("anthropic", "a list in content, found " + (said.empty() ? "none" : said)));
  }
  const Json& usage = member(response, "usage");
  chat::Reply out;
  out.text = text_of(content);
  for (const Json& block : content) {
    const Json& type = member(block, "type");
    if (type == "text") out.text += text_of(member(block, "text"));
    out.tool_calls = out.tool_calls || type == "tool_use";
  }
  out.finish_reason = text_of(member(response, "stop_reason"));
  out.usage = {count_of(member(usage, "input_tokens")), count_of(member(usage, "output_tokens"))};
  if (out.finish_reason == "refusal") out.state = chat::State::filtered;
  return out;
}

/// Blocks that begin and grow (api/messages-streaming), put together.
Result<Json> whole(const std::vector<Json>& events) {
  Json out = {
      {"type", "message"}, {"content", Json::array()}, {"stop_reason", nullptr}, {"usage", Json::object()}};
  Json& blocks = out["content"];
  for (const Json& event : events) {
    const Json& type = member(event, "type");
    if (error_within(event)) return event;
    if (type == "message_start") out["usage"].merge_patch(member(member(event, "message"), "usage"));
    if (type == "content_block_start") blocks.push_back(member(event, "content_block"));
    if (type == "content_block_delta" && !blocks.empty() && blocks.back().is_object() &&
        member(member(event, "delta"), "type") == "text_delta") {
      blocks.back()["text"] =
          text_of(member(blocks.back(), "text")) + text_of(member(member(event, "delta"), "text"));
    }
    if (type == "message_delta") {
      out["stop_reason"] = member(member(event, "delta"), "stop_reason");
      out["usage"].merge_patch(member(event, "usage"));
    }
  }
  if (out["stop_reason"].is_null()) return fail(unfinished_stream("anthropic"));
  return out;
}

/// One request holds all rows (api/creating-message-batches); results come as JSON lines.
class AnthropicBatches : public BatchService {
 public:
  explicit AnthropicBatches(Endpoint& endpoint) : endpoint_(endpoint) {}

  [[nodiscard]] BatchLimits limits() const override { return {100'000, 256'000'000}; }
  [[nodiscard]] std::string_view separator() const override { return ","; }
  [[nodiscard]] std::string line(const std::string& id, const Json& request) const override {
    return to_text({{"custom_id", id}, {"params", request}});
  }

  Result<std::string> submit(const std::string& lines, const StopFlag& stop) override {
    http::Request request = endpoint_.post("/messages/batches", "{\"requests\":[" + lines + "]}");
    HOLISAFE_TRY(const Json batch, endpoint_.call_json(std::move(request), stop));
    std::string id = text_of(member(batch, "id"));
    if (id.empty()) return fail(unexpected_answer("anthropic", "the batch's id, found none"));
    return id;
  }

  Result<BatchState> look(const std::string& id, const StopFlag& stop) override {
    const std::string path = "/messages/batches/" + url_part(id);
    HOLISAFE_TRY(const Json batch, endpoint_.call_json(endpoint_.get(path), stop));
    BatchState out;
    const std::string status = text_of(member(batch, "processing_status"));
    if (status.empty()) return fail(unexpected_answer("anthropic", "processing_status, found none"));
    out.ended = status == "ended";
    out.missing_reason = "the batch has ended";
    // The results_url that comes with the batch is this path; the key goes to no host that a response names.
    if (out.ended) out.results.push_back(endpoint_.url(path + "/results"));
    return out;
  }

  [[nodiscard]] std::optional<BatchRow> read_row(const Json& row) const override {
    constexpr std::array<std::string_view, 5> final_errors = {"invalid_request_error", "authentication_error",
                                                              "permission_error", "not_found_error",
                                                              "request_too_large"};
    BatchRow out;
    out.id = text_of(member(row, "custom_id"));
    if (out.id.empty()) return std::nullopt;
    const Json& result = member(row, "result");
    const std::string type = text_of(member(result, "type"));
    if (type == "succeeded") {
      out.reply = reply_in(anthropic_provider(), member(result, "message"));
      out.again = !out.reply && out.reply.error().kind == ErrorKind::malformed;
      return out;
    }
    const Json& outer = member(result, "error");
    const Json& error = member(outer, "error").is_object() ? member(outer, "error") : outer;
    const std::string kind = text_of(member(error, "type"));
    const bool refused = kind == "invalid_request_error" || kind == "permission_error";
    if (auto filter = content_filter_code(error); filter && refused) {
      out.reply = filtered_by(*std::move(filter));
      return out;
    }
    if (kind == "invalid_request_error") out.refused = error;
    out.again =
        type != "canceled" && std::find(final_errors.begin(), final_errors.end(), kind) == final_errors.end();
    out.reply = fail(ErrorKind::refused, "the API refused the row", "",
                     fmt::format("{} {} {}", type, kind, text_of(member(error, "message"))));
    return out;
  }

 private:
  Endpoint& endpoint_;
};

}  // namespace

const Provider& anthropic_provider() {
  static const Provider provider{
      "anthropic",
      "https://api.anthropic.com",
      "/v1",
      "x-api-key: ",
      {"anthropic-version: 2023-06-01"},
      1400,  // width x height / 750 of a picture of about 1024 x 1024
      false,
      [](const std::string&) { return std::string("/messages"); },
      body,
      reply,
      whole,
      [](Endpoint& endpoint) -> std::unique_ptr<BatchService> {
        return std::make_unique<AnthropicBatches>(endpoint);
      },
      "claude-sonnet-4-5-20250929",
      {"output_config", "output_format"},
  };
  return provider;
}

}  // namespace holisafe::ask
