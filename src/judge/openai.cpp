// Chat completions and the batch API of OpenAI.
#include <fmt/format.h>

#include "judge/batch_service.h"
#include "judge/provider.h"

namespace holisafe::judge {
namespace {

constexpr std::string_view chat_path = "/chat/completions";

Json body(const Question& question, const std::string& model) {
  const std::string url = "data:" + question.mime_type + ";base64," + base64_of(question.image);
  return {{"model", model},
          {"messages",
           Json::array({{{"role", "user"},
                         {"content", Json::array({{{"type", "image_url"}, {"image_url", {{"url", url}}}},
                                                  {{"type", "text"}, {"text", question.text}}})}}})},
          {"temperature", 0},
          {"max_tokens", max_answer_tokens}};
}

Result<std::string> answer(const Json& response) {
  const Json& choices = member(response, "choices");
  if (!choices.is_array() || choices.empty())
    return fail(unexpected_answer("openai", "choices with one message, found none"));
  const Json& message = member(choices[0], "message");
  if (member(choices[0], "finish_reason") == "content_filter")
    return fail(ErrorKind::refused, "the provider's filter stopped the judge");
  if (const auto refusal = text_of(member(message, "refusal")); !refusal.empty())
    return fail(ErrorKind::refused, "the judge declined", "", refusal);
  if (!member(message, "content").is_string())
    return fail(unexpected_answer("openai", "a text in choices[0].message.content, found none"));
  return member(message, "content").get<std::string>();
}

/// Files of JSON lines, uploaded, then named in a batch (guides/batch).
class OpenAiBatches : public BatchService {
 public:
  explicit OpenAiBatches(Endpoint& endpoint) : endpoint_(endpoint) {}

  [[nodiscard]] BatchLimits limits() const override { return {50'000, 200'000'000}; }
  [[nodiscard]] std::string line(const std::string& id, const Json& request) const override {
    return Json{{"custom_id", id}, {"method", "POST"}, {"url", api_path()}, {"body", request}}.dump();
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
      out.answer = answer(member(response, "body"));
      out.again = !out.answer && out.answer.error().kind == ErrorKind::malformed;
      return out;
    }
    const Json& error =
        response.is_object() ? member(member(response, "body"), "error") : member(row, "error");
    const int code = status.is_number_integer() ? status.get<int>() : 0;
    out.again = text_of(member(error, "code")) != "batch_cancelled" && can_try_again(code);
    out.answer =
        fail(ErrorKind::refused, "the judge's API refused the row", "",
             fmt::format("{} {}", code == 0 ? text_of(member(error, "code")) : fmt::format("HTTP {}", code),
                         text_of(member(error, "message"))));
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
        "--{0}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"judge.jsonl\"\r\n"
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
      "gpt-4o",
      "Authorization: Bearer ",
      {},
      765,  // 85 and 170 for each of 4 tiles: a picture of about 1024 x 1024
      [](const std::string&) { return std::string(chat_path); },
      body,
      answer,
      [](Endpoint& endpoint) -> std::unique_ptr<BatchService> {
        return std::make_unique<OpenAiBatches>(endpoint);
      },
  };
  return provider;
}

}  // namespace holisafe::judge
