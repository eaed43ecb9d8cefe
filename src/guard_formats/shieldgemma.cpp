// ShieldGemma 2: one question a policy, answered Yes or No; what counts is the probability of Yes, the
// highest of the policies.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "guard_formats/chat_output.h"
#include "guard_formats/formats.h"
#include "guard_formats/output_fields.h"

namespace holisafe::guard_formats {
namespace {

constexpr unsigned max_new_tokens = 8;

Result<Reading> read(const Json& output) {
  if (!output.is_object() || output.empty())
    return fail(wrong_field("", "an object of policies with the probability of Yes",
                            output.is_object() ? Json() : output));
  Finding out;
  out.score = 0;
  for (const auto& [policy, value] : output.items()) {
    HOLISAFE_TRY(const double probability, probability_in(output, policy, policy));
    out.score = std::max(*out.score, probability);
  }
  return Reading(std::move(out));
}

Error bad_policy(ErrorKind kind, const Policy& policy, const std::string& name, std::string detail) {
  return {kind, "cannot use the policies", name.empty() ? policy.where : policy.where + ": " + name,
          std::move(detail)};
}

Result<std::vector<Prompt>> prompts(const Policy& policy) {
  constexpr std::size_t levels = 2;
  Json json;
  if (!nests_deeper(policy.text, levels)) json = Json::parse(policy.text, nullptr, false);
  if (!json.is_object()) {
    return fail(bad_policy(ErrorKind::malformed, policy, "",
                           "expected a JSON object, each policy's name with the text of its question"));
  }
  std::vector<Prompt> out;
  for (const auto& [name, text] : json.items()) {
    if (!text.is_string() || strip(text.get_ref<const std::string&>()).empty()) {
      return fail(bad_policy(
          text.is_string() ? ErrorKind::missing : ErrorKind::wrong_type, policy, name,
          fmt::format("expected a text, found {}", text.is_string() ? "an empty one" : kind_of(text))));
    }
    out.push_back({name, text.get<std::string>()});
  }
  if (out.empty())
    return fail(bad_policy(ErrorKind::missing, policy, "", "expected at least one policy, found none"));
  return out;
}

tl::expected<Json, Unread> gather(std::span<const Prompt> prompts, std::span<const Json> outputs) {
  constexpr std::size_t shown = 80;
  Json out = Json::object();
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto said = chat_output(outputs[i]);
    if (!said) return tl::unexpected(Unread{"not an API's answer", said.error().message()});
    const auto probability = share_of_word(said->tokens, "yes", "no");
    if (!probability) {
      const char* why = said->tokens.is_null() ? "no probabilities of tokens: the server gave no logprobs"
                                               : "no answer that begins with Yes or No";
      return tl::unexpected(
          Unread{why, fmt::format("{}: {}", prompts[i].name, excerpt(strip(said->text), shown))});
    }
    out[prompts[i].name] = *probability;
  }
  return out;
}

}  // namespace

const GuardFormat& shieldgemma() {
  constexpr double threshold = 0.5;
  static const GuardFormat format{
      .name = "shieldgemma",
      .title = "ShieldGemma 2",
      .threshold = threshold,
      .read = read,
      .request = Request{chat_provider_with_probabilities, max_new_tokens, true, prompts, gather}};
  return format;
}

}  // namespace holisafe::guard_formats
