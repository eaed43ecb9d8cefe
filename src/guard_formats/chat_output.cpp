#include "guard_formats/chat_output.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "guard_formats/output_fields.h"

namespace holisafe::guard_formats {
namespace {

using ask::member;

/// As many as every server of these models gives; both words are among them where the model wavers.
constexpr int alternatives = 5;

/// Of an answer's tokens so many are kept: the word that counts is the first.
constexpr std::size_t most_tokens = 16;

Json reduced_token(const Json& token) {
  Json out = {{"token", member(token, "token")}, {"logprob", member(token, "logprob")}};
  Json others = Json::array();
  if (const Json& top = member(token, "top_logprobs"); top.is_array()) {
    for (const Json& each : top)
      others.push_back({{"token", member(each, "token")}, {"logprob", member(each, "logprob")}});
  }
  out["top_logprobs"] = std::move(others);
  return out;
}

/// Of the first choice.
const Json& tokens_in(const Json& response) {
  static const Json none;
  const Json& choices = member(response, "choices");
  if (!choices.is_array() || choices.empty()) return none;
  return member(member(choices[0], "logprobs"), "content");
}

/// The same reply with all that is read of an answer as its text.
Result<chat::Reply> reply(const Json& response) {
  HOLISAFE_TRY(chat::Reply out, ask::openai_provider().reply(response));
  Json choice = {{"message", {{"content", out.text}}}, {"finish_reason", out.finish_reason}};
  if (const Json& tokens = tokens_in(response); tokens.is_array()) {
    Json kept = Json::array();
    for (std::size_t i = 0; i < std::min(tokens.size(), most_tokens); ++i)
      kept.push_back(reduced_token(tokens[i]));
    choice["logprobs"] = {{"content", std::move(kept)}};
  }
  out.text = ask::to_text({{"choices", Json::array({std::move(choice)})}});
  return out;
}

Result<Json> body_with_probabilities(const chat::Question& question, const std::string& model) {
  HOLISAFE_TRY(Json out, ask::openai_provider().body(question, model));
  out["logprobs"] = true;
  out["top_logprobs"] = alternatives;
  return out;
}

/// Servers may stream what was asked for whole.
Result<Json> whole(const std::vector<Json>& events) {
  HOLISAFE_TRY(Json out, ask::openai_provider().whole(events));
  Json tokens = Json::array();
  for (const Json& event : events) {
    if (const Json& some = tokens_in(event); some.is_array())
      tokens.insert(tokens.end(), some.begin(), some.end());
  }
  const Json& choices = member(out, "choices");
  if (!tokens.empty() && choices.is_array() && !choices.empty())
    out["choices"][0]["logprobs"] = {{"content", std::move(tokens)}};
  return out;
}

ask::Provider provider(bool probabilities) {
  ask::Provider out = ask::openai_provider();
  out.reply = reply;
  out.batches = nullptr;
  if (!probabilities) return out;
  out.body = body_with_probabilities;
  out.whole = whole;
  return out;
}

/// 0 where there is none.
double probability(const Json& token) {
  const Json& logprob = member(token, "logprob");
  const double out = logprob.is_number() ? std::exp(logprob.get<double>()) : 0;
  return std::isfinite(out) ? std::min(out, 1.0) : 0;
}

bool is_word_part(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

}  // namespace

const ask::Provider& chat_provider() {
  static const ask::Provider out = provider(false);
  return out;
}

const ask::Provider& chat_provider_with_probabilities() {
  static const ask::Provider out = provider(true);
  return out;
}

Result<ChatOutput> chat_output(const Json& output) {
  if (output.is_string()) return ChatOutput{output.get<std::string>(), nullptr};
  if (!output.is_object()) return fail(wrong_field("", "a text, or an API's answer", output));
  const Json& choices = member(output, "choices");
  if (!choices.is_array() || choices.empty())
    return fail(wrong_field("choices", "a list with an answer", choices.is_array() ? Json() : choices));
  const Json& content = member(member(choices[0], "message"), "content");
  if (!content.is_string()) return fail(wrong_field("choices[0].message.content", "a text", content));
  const Json& tokens = tokens_in(output);
  return ChatOutput{content.get<std::string>(), tokens.is_array() ? tokens : Json()};
}

std::optional<double> share_of_word(const Json& tokens, std::string_view positive,
                                    std::string_view negative) {
  if (!tokens.is_array()) return std::nullopt;
  bool within_word = false;  // whether what stands before ends within a word
  for (const Json& token : tokens) {
    const std::string text = ascii_lower(ask::text_of(member(token, "token")));
    const std::string_view word = strip(text);
    const bool apart = !within_word || (!text.empty() && !is_word_part(text.front()));
    if (!text.empty()) within_word = is_word_part(text.back());
    if (!apart || (word != positive && word != negative)) continue;
    double sums[2] = {0, 0};
    bool chosen = false;  // whether the token itself is among the alternatives
    const auto add = [&](const Json& each) {
      const std::string other = ascii_lower(ask::text_of(member(each, "token")));
      if (strip(other) == positive) sums[0] += probability(each);
      if (strip(other) == negative) sums[1] += probability(each);
    };
    if (const Json& top = member(token, "top_logprobs"); top.is_array()) {
      for (const Json& each : top) {
        chosen = chosen || member(each, "token") == member(token, "token");
        add(each);
      }
    }
    if (!chosen) add(token);
    if (sums[0] + sums[1] <= 0) return std::nullopt;
    return sums[0] / (sums[0] + sums[1]);
  }
  return std::nullopt;
}

tl::expected<Json, Unread> the_only_output(std::span<const Prompt> /*prompts*/,
                                           std::span<const Json> outputs) {
  return outputs.front();
}

}  // namespace holisafe::guard_formats
