// OpenAI's moderation API with omni-moderation models: POST /v1/moderations (API reference, moderations).
#include <algorithm>

#include <fmt/format.h>

#include "guard_formats/chat_output.h"
#include "guard_formats/formats.h"
#include "guard_formats/output_fields.h"

namespace holisafe::guard_formats {
namespace {

using ask::member;

Result<Json> body(const chat::Question& question, const std::string& model) {
  Json input = Json::array();
  for (const chat::Image* image : question.conversation.images()) {
    HOLISAFE_TRY(const ask::SentImage sent, ask::sent_image(*image));
    const std::string url = fmt::format("data:{};base64,{}", sent.mime_type, sent.base64);
    input.push_back({{"type", "image_url"}, {"image_url", {{"url", url}}}});
  }
  return Json{{"model", model}, {"input", std::move(input)}};
}

Result<Reading> read(const Json& output) {
  if (!output.is_object()) return fail(wrong_field("", "an object, the API's answer", output));
  const Json& results = member(output, "results");
  if (const Json& error = member(output, "error"); results.is_null() && !error.is_null()) {
    constexpr std::size_t shown = 80;
    const std::string said = ask::text_of(member(error, "message"));
    return Reading(tl::unexpected(
        Unread{"an error in place of an answer", excerpt(said.empty() ? ask::to_text(error) : said, shown)}));
  }
  if (!results.is_array() || results.empty())
    return fail(wrong_field("results", "a list with a result", results.is_array() ? Json() : results));
  const Json& result = results[0];
  const Json& flagged = member(result, "flagged");
  if (!flagged.is_boolean()) return fail(wrong_field("results[0].flagged", "true or false", flagged));
  const Json& scores = member(result, "category_scores");
  if (!scores.is_object() || scores.empty())
    return fail(wrong_field("results[0].category_scores", "an object of scores",
                            scores.is_object() ? Json() : scores));
  Finding out;
  out.flagged = flagged.get<bool>();
  out.score = 0;
  for (const auto& [category, value] : scores.items()) {
    HOLISAFE_TRY(const double score,
                 probability_in(scores, category, fmt::format("results[0].category_scores.{}", category)));
    out.score = std::max(*out.score, score);
  }
  for (const auto& [category, value] : member(result, "categories").items()) {
    if (value.is_boolean() && value.get<bool>()) out.categories.push_back(category);
  }
  return Reading(std::move(out));
}

/// The response is the output.
Result<chat::Reply> reply(const Json& response) {
  const auto reading = read(response);
  if (!reading)
    return fail(ask::unexpected_answer("openai", fmt::format("a moderation's result: {}: {}",
                                                             reading.error().where, reading.error().detail)));
  chat::Reply out;
  out.text = ask::to_text(response);
  return out;
}

Result<Json> whole(const std::vector<Json>& /*events*/) {
  return fail(ask::unexpected_answer("openai", "a moderation's result, found a stream of events"));
}

const ask::Provider& provider() {
  static const ask::Provider out = [] {
    ask::Provider made = ask::openai_provider();
    made.path = [](const std::string&) { return std::string("/moderations"); };
    made.body = body;
    made.reply = reply;
    made.whole = whole;
    made.batches = nullptr;
    return made;
  }();
  return out;
}

Result<std::vector<Prompt>> prompts(const Policy& /*policy*/) { return std::vector<Prompt>(1); }

}  // namespace

const GuardFormat& omni_moderation() {
  static const GuardFormat format{.name = "omni-moderation",
                                  .title = "OpenAI's moderation API",
                                  .read = read,
                                  .request = Request{provider, 1, false, prompts, the_only_output}};
  return format;
}

}  // namespace holisafe::guard_formats
