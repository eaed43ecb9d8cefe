// Chat completions and the batch API of OpenAI.
#include <optional>

#include <fmt/format.h>

#include "ask/batch_service.h"
#include "ask/event_stream.h"
#include "ask/provider.h"
#include "ask/refusal.h"

namespace holisafe::ask {
namespace {

constexpr std::string_view chat_path = "/chat/completions";

Result<Json> content_of(const chat::Turn& turn) {
  if (turn.role == chat::Role::assistant) return Json(turn.text());
  Json out = Json::array();
  for (const chat::Part& part : turn.parts) {
    if (const auto* text = std::get_if<std::string>(&part)) {
      out.push_back({{"type", "text"}, {"text", *text}});
      continue;
    }
    HOLISAFE_TRY(const SentImage image, sent_image(std::get<chat::Image>(part)));
    const std::string url = fmt::format("data:{};base64,{}", image.mime_type, image.base64);
    out.push_back({{"type", "image_url"}, {"image_url", {{"url", url}}}});
  }
  return out;
}

Result<Json> body(const chat::Question& question, const std::string& model) {
  Json messages = Json::array();
  if (const auto& system = question.conversation.system)
    messages.push_back({{"role", "system"}, {"content", *system}});
  for (const chat::Turn& turn : question.conversation.turns) {
    HOLISAFE_TRY(Json content, content_of(turn));
    const char* role = turn.role == chat::Role::user ? "user" : "assistant";
    messages.push_back({{"role", role}, {"content", std::move(content)}});
  }
  const chat::Generation& how = question.how;
  Json out = {{"model", model}, {"messages", std::move(messages)}, {"max_tokens", how.max_new_tokens}};
  out["temperature"] = number(how.temperature);
  if (how.temperature > 0) out["top_p"] = number(how.top_p);
  if (how.temperature > 0 || how.seed > 0) out["seed"] = how.seed;
  if (!how.stops.empty()) out["stop"] = how.stops;
  if (const auto& schema = question.schema) {
    HOLISAFE_TRY(Json object, parse_json("openai", schema->schema));
    out["response_format"] = {
        {"type", "json_schema"},
        {"json_schema", {{"name", schema->name}, {"strict", true}, {"schema", std::move(object)}}}};
  }
  out["stream"] = false;
  return out;
}

/// A text, or the text pieces of a list without those of the model's thoughts; no text where there is no
/// content. Nothing for what is no content.
std::optional<std::string> text_in(const Json& content) {
  if (content.is_null()) return std::string();
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) return std::nullopt;
  std::string out;
  for (const Json& piece : content) {
    if (!piece.is_object() && !piece.is_string()) return std::nullopt;
    const Json& type = member(piece, "type");
    if (piece.is_string()) out += piece.get_ref<const std::string&>();
    if (type.is_null() || type == "text" || type == "output_text") out += text_of(member(piece, "text"));
  }
  return out;
}

bool calls_tools(const Json& message) {
  const Json& calls = member(message, "tool_calls");
  return (calls.is_array() && !calls.empty()) || member(message, "function_call").is_object();
}

/// What went wrong in the making of a choice; nothing if nothing did.
std::optional<std::string> error_in_choice(const Json& choice) {
  if (auto error = error_within(choice)) return error;
  if (member(choice, "finish_reason") != "error") return std::nullopt;
  return "finish_reason error";
}

Result<chat::Reply> reply(const Json& response) {
  const Json& choices = member(response, "choices");
  if (!choices.is_array() || choices.empty()) {
    const std::string said = error_text(response);
    return fail(
        unexpected_answer("openai", "choices with one message, found " + (said.empty() ? "none" : said)));
  }
  const Json& choice = choices[0];
  const Json& message = member(choice, "message");
  if (auto error = error_in_choice(choice)) return fail(answered_with_error("openai", *std::move(error)));
  if (!message.is_object()) return fail(unexpected_answer("openai", "choices[0].message, found none"));
  auto content = text_in(member(message, "content"));
  if (!content) {
    return fail(unexpected_answer("openai", fmt::format("a text in choices[0].message.content, found {}",
                                                        member(message, "content").type_name())));
  }
  const Json& usage = member(response, "usage");
  chat::Reply out;
  out.text = *std::move(content);
  out.finish_reason = text_of(member(choice, "finish_reason"));
  out.usage = {count_of(member(usage, "prompt_tokens")), count_of(member(usage, "completion_tokens"))};
  out.tool_calls = calls_tools(message);
  out.refusal = text_of(member(message, "refusal"));
  if (out.finish_reason == "content_filter") {
    out.state = chat::State::filtered;
  } else if (out.text.empty() && !out.refusal.empty()) {
    out.state = chat::State::declined;
    out.text = out.refusal;
  }
  return out;
}

/// Pieces of the first choice ("chat.completion.chunk"), put together.
Result<Json> whole(const std::vector<Json>& events) {
  Json message = {{"role", "assistant"}, {"content", ""}};
  Json choice = Json::object();
  Json usage;
  for (const Json& event : events) {
    if (error_within(event)) return event;
    if (member(event, "usage").is_object()) usage = member(event, "usage");
    const Json& choices = member(event, "choices");
    if (!choices.is_array() || choices.empty() || count_of(member(choices[0], "index")).value_or(0) != 0)
      continue;
    const Json& delta = member(choices[0], "delta");
    message["content"].get_ref<std::string&>() += text_in(member(delta, "content")).value_or("");
    if (member(delta, "refusal").is_string())
      message["refusal"] = text_of(member(message, "refusal")) + text_of(member(delta, "refusal"));
    if (calls_tools(delta)) message["tool_calls"] = member(delta, "tool_calls");
    for (const char* name : {"finish_reason", "error"}) {
      if (!member(choices[0], name).is_null()) choice[name] = member(choices[0], name);
    }
  }
  if (choice.empty()) return fail(unfinished_stream("openai"));
  choice["message"] = std::move(message);
  return Json{{"choices", Json::array({std::move(choice)})}, {"usage", std::move(usage)}};
}

/// Files of JSON lines, uploaded, then named in a batch (guides/batch).
class OpenAiBatches : public BatchService {
 public:
  explicit OpenAiBatches(Endpoint& endpoint) : endpoint_(endpoint) {}

  [[nodiscard]] BatchLimits limits() const override { return {50'000, 200'000'000}; }
  [[nodiscard]] std::string line(const std::string& id, const Json& request) const override {
    return to_text({{"custom_id", id}, {"method", "POST"}, {"url", api_path()}, {"body", request}});
  }

  Result<std::string> submit(const std::string& lines, const StopFlag& stop) override {
    HOLISAFE_TRY(const Json file, endpoint_.call_json(upload(lines), stop));
    const std::string file_id = text_of(member(file, "id"));
    if (file_id.empty()) return fail(unexpected_answer("openai", "the uploaded file's id, found none"));
    const Json request = {{"input_file_id", file_id}, {"endpoint", api_path()}, {"completion_window", "24h"}};
    HOLISAFE_TRY(const Json batch, endpoint_.call_json(endpoint_.post("/batches", request.dump()), stop));
    std::string id = text_of(member(batch, "id"));
    if (id.empty()) return fail(unexpected_answer("openai", "the batch's id, found none"));
    return id;
  }

  Result<BatchState> look(const std::string& id, const StopFlag& stop) override {
    HOLISAFE_TRY(const Json batch, endpoint_.call_json(endpoint_.get("/batches/" + url_part(id)), stop));
    BatchState out;
    const std::string status = text_of(member(batch, "status"));
    if (status.empty()) return fail(unexpected_answer("openai", "the batch's status, found none"));
    out.ended = status == "completed" || status == "expired" || status == "cancelled" || status == "failed";
    if (!out.ended) return out;
    for (const char* file : {"output_file_id", "error_file_id"}) {
      const auto file_id = text_of(member(batch, file));
      if (!file_id.empty()) out.results.push_back(endpoint_.url("/files/" + url_part(file_id) + "/content"));
    }
    out.missing_again = status == "completed" || status == "expired";
    out.missing_reason = "the batch is " + status;
    const Json& errors = member(member(batch, "errors"), "data");
    if (errors.is_array() && !errors.empty())
      out.missing_reason += ": " + text_of(member(errors[0], "message"));
    return out;
  }

  [[nodiscard]] std::optional<BatchRow> read_row(const Json& row) const override {
    BatchRow out;
    out.id = text_of(member(row, "custom_id"));
    if (out.id.empty()) return std::nullopt;
    const Json& response = member(row, "response");
    const Json& status = member(response, "status_code");
    if (status == 200) {
      out.reply = reply_in(openai_provider(), member(response, "body"));
      out.again = !out.reply && out.reply.error().kind == ErrorKind::malformed;
      return out;
    }
    const int code = status.is_number_integer() ? status.get<int>() : 0;
    const Json& body = response.is_object() ? member(response, "body") : row;
    if (auto filter = content_filter_code(body); filter && may_be_filter(code)) {
      out.reply = filtered_by(*std::move(filter));
      return out;
    }
    const std::string own = text_of(member(member(body, "error"), "code"));
    out.again = own != "batch_cancelled" && can_try_again(code) && !is_out_of_quota(body);
    if (code == 400) out.refused = body;
    out.reply = fail(ErrorKind::refused, "the API refused the row", "",
                     fmt::format("{} {}", code == 0 ? own : fmt::format("HTTP {}", code), error_text(body)));
    return out;
  }

 private:
  /// The path as the API itself names it, whatever stands before it at a proxy.
  static std::string api_path() { return "/v1" + std::string(chat_path); }

  /// multipart/form-data (RFC 7578). No line of JSON begins with the boundary: it would not parse.
  [[nodiscard]] http::Request upload(const std::string& lines) const {
    constexpr std::string_view boundary = "----holisafe-batch-file";
    http::Request out = endpoint_.post("/files", {});
    out.headers = endpoint_.headers(fmt::format("multipart/form-data; boundary={}", boundary));
    out.body = fmt::format(
        "--{0}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
        "--{0}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"questions.jsonl\"\r\n"
        "Content-Type: application/jsonl\r\n\r\n",
        boundary);
    out.body.reserve(out.body.size() + lines.size() + 2 * boundary.size());
    out.body += lines;
    out.body += fmt::format("\r\n--{}--\r\n", boundary);
    return out;
  }

  Endpoint& endpoint_;
};

}  // namespace

const Provider& openai_provider() {
  static const Provider provider{
      "openai",
      "https://api.openai.com",
      "/v1",
      "Authorization: Bearer ",
      {},
      765,  // 85 and 170 for each of 4 tiles: a picture of about 1024 x 1024
      true,
      [](const std::string&) { return std::string(chat_path); },
      body,
      reply,
      whole,
      [](Endpoint& endpoint) -> std::unique_ptr<BatchService> {
        return std::make_unique<OpenAiBatches>(endpoint);
      },
      "gpt-4o",
      {"response_format"},
  };
  return provider;
}

}  // namespace holisafe::ask
