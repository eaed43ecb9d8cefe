// A chat completion for the local model: all that OpenAI's API has is done, changes nothing, or is refused.
#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "serve/content.h"
#include "serve/members.h"
#include "serve/request.h"

namespace holisafe::serve {
namespace {

/// Members that change the answer, and the values with which they don't.
struct Neutral {
  std::string_view name;
  std::string_view expected;
  bool (*holds)(const Json& value);
};

bool is_zero(const Json& value) { return value.is_number() && value == 0; }
bool is_one(const Json& value) { return value.is_number() && value == 1; }
bool is_false(const Json& value) { return value == false; }
bool is_empty_list(const Json& value) { return value.is_array() && value.empty(); }
std::ptrdiff_t members_in(const Json& object) {
  return std::count_if(object.begin(), object.end(), [](const Json& member) { return !member.is_null(); });
}
bool is_empty_object(const Json& value) { return value.is_object() && members_in(value) == 0; }
bool calls_nothing(const Json& value) { return value == "none" || value == "auto"; }
bool is_flag(const Json& value) { return value.is_boolean(); }
bool is_text_format(const Json& value) {
  return value.is_object() && members_in(value) == 1 && value.value("type", Json()) == "text";
}
bool is_text_alone(const Json& value) { return value == Json::array({"text"}); }
bool keeps_all(const Json& value) { return value.is_number() && (value == 0 || value == -1); }

constexpr std::array neutral = {
    Neutral{"n", "1", is_one},
    Neutral{"frequency_penalty", "0", is_zero},
    Neutral{"presence_penalty", "0", is_zero},
    Neutral{"repetition_penalty", "1", is_one},
    Neutral{"top_k", "0 or -1", keeps_all},
    Neutral{"min_p", "0", is_zero},
    Neutral{"logit_bias", "{}", is_empty_object},
    Neutral{"logprobs", "false", is_false},
    Neutral{"top_logprobs", "0", is_zero},
    Neutral{"tools", "[]", is_empty_list},
    Neutral{"functions", "[]", is_empty_list},
    Neutral{"tool_choice", "\"none\" or \"auto\"", calls_nothing},
    Neutral{"function_call", "\"none\" or \"auto\"", calls_nothing},
    Neutral{"parallel_tool_calls", "true or false", is_flag},
    Neutral{"response_format", "{\"type\": \"text\"}", is_text_format},
    Neutral{"modalities", "[\"text\"]", is_text_alone},
};

/// Members that never change an answer: they are for whoever keeps or bills it.
constexpr std::array<std::string_view, 5> noted_texts = {"user", "safety_identifier", "prompt_cache_key",
                                                         "prompt_cache_retention", "service_tier"};
constexpr std::array<std::string_view, 12> obeyed = {
    "model", "messages", "temperature", "top_p",          "max_tokens", "max_completion_tokens",
    "stop",  "seed",     "stream",      "stream_options", "moderation", "metadata"};

tl::unexpected<Fault> out_of_range(std::string param, std::string_view expected) {
  return refuse(Code::invalid_value, fmt::format("{}: expected {}", param, expected), param);
}

Answer<void> check_member(const Members& request, const std::string& name, const Json& value) {
  for (const Neutral& each : neutral) {
    if (name != each.name) continue;
    if (each.holds(value)) return {};
    return refuse(Code::unsupported_parameter,
                  fmt::format("{}: not supported but as {}", name, each.expected), name);
  }
  if (std::find(noted_texts.begin(), noted_texts.end(), name) != noted_texts.end())
    return value.is_string() ? Answer<void>() : wrong_type(name, "a text", value);
  if (name == "store") return value.is_boolean() ? Answer<void>() : wrong_type(name, "true or false", value);
  if (name == "metadata") return value.is_object() ? Answer<void>() : wrong_type(name, "an object", value);
  if (std::find(obeyed.begin(), obeyed.end(), name) != obeyed.end()) return {};
  const std::string param = request.at(name);
  return refuse(Code::unsupported_parameter, fmt::format("{}: not supported", param), param);
}

Answer<void> check_members(const Members& request) {
  Answer<void> out;
  request.each([&](const std::string& name, const Json& value) {
    if (out) out = check_member(request, name, value);
  });
  return out;
}

/// From 1; at most the limit, as the answer's `length` then says.
Answer<std::optional<unsigned>> token_count(const Members& request, std::string_view name, unsigned limit) {
  const Json* found = request.find(name);
  if (found == nullptr) return std::optional<unsigned>();
  if (!found->is_number_integer()) return wrong_type(request.at(name), "an integer", *found);
  const auto asked =
      found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;  // negative ones are signed
  if (asked < 1) return out_of_range(request.at(name), "an integer from 1");
  return std::optional(asked < limit ? static_cast<unsigned>(asked) : limit);
}

Answer<std::vector<std::string>> stop_texts(const Members& request) {
  constexpr std::size_t most = 4;
  std::vector<std::string> out;
  const Json* found = request.find("stop");
  if (found == nullptr) return out;
  if (!found->is_string() && !found->is_array())
    return wrong_type("stop", "a text or a list of texts", *found);
  const Json one = found->is_string() ? Json::array({*found}) : Json();
  const Json& list = found->is_string() ? one : *found;
  if (list.size() > most) return out_of_range("stop", fmt::format("at most {} texts", most));
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string param = found->is_string() ? "stop" : element_path("stop", i);
    if (!list[i].is_string()) return wrong_type(param, "a text", list[i]);
    out.push_back(list[i].get<std::string>());
    if (out.back().empty()) return out_of_range(param, "a text of a character or more");
  }
  return out;
}

Answer<std::uint64_t> seed_of(const Members& request) {
  const Json* found = request.find("seed");
  if (found == nullptr) return 0;
  if (!found->is_number_integer()) return wrong_type("seed", "an integer", *found);
  // Negative ones count from the end.
  return found->is_number_unsigned() ? found->get<std::uint64_t>()
                                     : static_cast<std::uint64_t>(found->get<std::int64_t>());
}

Answer<chat::Generation> generation(const Members& request, unsigned limit) {
  chat::Generation out;
  HOLISAFE_TRY(const auto temperature, request.number("temperature"));
  out.temperature = temperature.value_or(0);
  if (!(out.temperature >= 0 && out.temperature <= 2))
    return out_of_range("temperature", "a number from 0 to 2");
  HOLISAFE_TRY(const auto top_p, request.number("top_p"));
  out.top_p = top_p.value_or(1);
  if (!(out.top_p > 0 && out.top_p <= 1)) return out_of_range("top_p", "a number above 0, at most 1");
  HOLISAFE_TRY(const auto old_name, token_count(request, "max_tokens", limit));
  HOLISAFE_TRY(const auto new_name, token_count(request, "max_completion_tokens", limit));
  out.max_new_tokens = std::min(old_name.value_or(limit), new_name.value_or(limit));
  HOLISAFE_TRY(out.stops, stop_texts(request));
  HOLISAFE_TRY(out.seed, seed_of(request));
  return out;
}

/// Puts messages together to a conversation of turns that alternate.
class Conversing {
 public:
  Conversing(ImageList& images, chat::Conversation& out) : images_(images), out_(out) {}

  Answer<void> add(const Json& value, std::size_t index) {
    HOLISAFE_TRY(const auto message, Members::of(value, element_path("messages", index)));
    HOLISAFE_TRY(const auto* role, message.required_text("role"));
    role_param_ = message.at("role");
    if (*role == "system" || *role == "developer") return add_system(message, index);
    if (*role == "user") return add_user(message, index);
    if (*role == "assistant") return add_assistant(message, index);
    if (*role == "tool" || *role == "function") return misplaced("no tools' messages");
    return out_of_range(role_param_, "system, developer, user or assistant");
  }

  Answer<void> finish() const {
    if (out_.turns.empty() || out_.turns.back().role != chat::Role::user)
      return misplaced("a user's message at the end");
    return {};
  }

 private:
  using Parts = std::vector<chat::Part>;

  [[nodiscard]] tl::unexpected<Fault> misplaced(std::string_view expected) const {
    return refuse(Code::unsupported_content, fmt::format("{}: expected {}", role_param_, expected),
                  role_param_);
  }

  Answer<Parts> content(const Members& message, const Json& value, std::size_t index, chat::Role role) {
    const bool refusals = role == chat::Role::assistant;
    HOLISAFE_TRY(const auto read, read_content(value, {message.at("content"), index, refusals}, images_));
    Parts out;
    for (const ContentPart& part : read) {
      if (const auto* text = std::get_if<std::string_view>(&part)) {
        out.emplace_back(std::string(*text));
      } else {
        const RequestImage& image = images_.images()[std::get<std::size_t>(part)];
        out.emplace_back(chat::Image{image.param, image.bytes});
      }
    }
    return out;
  }

  /// Texts alone.
  Answer<Parts> texts(const Members& message, const Json& value, std::size_t index) {
    const std::size_t before = images_.images().size();
    HOLISAFE_TRY(auto out, content(message, value, index, chat::Role::assistant));
    if (images_.images().size() > before) {
      const std::string& param = images_.images()[before].param;
      return refuse(Code::unsupported_content,
                    fmt::format("{}: expected images in user messages alone", param), param);
    }
    return out;
  }

  Answer<void> add_system(const Members& message, std::size_t index) {
    if (!out_.turns.empty()) return misplaced("system messages before all others");
    HOLISAFE_CHECK(only_content(message, {"role", "content"}));
    HOLISAFE_TRY(const auto* value, message.required("content"));
    HOLISAFE_TRY(auto parts, texts(message, *value, index));
    const std::string text = chat::Turn{chat::Role::user, std::move(parts)}.text();
    out_.system = out_.system ? *out_.system + "\n\n" + text : text;
    return {};
  }

  Answer<void> add_user(const Members& message, std::size_t index) {
    HOLISAFE_CHECK(only_content(message, {"role", "content"}));
    HOLISAFE_TRY(const auto* value, message.required("content"));
    HOLISAFE_TRY(auto parts, content(message, *value, index, chat::Role::user));
    add_turn(chat::Role::user, std::move(parts));
    return {};
  }

  /// As an answer comes back: with `refusal` beside a content, empty lists of what it did not have.
  Answer<void> add_assistant(const Members& message, std::size_t index) {
    if (out_.turns.empty()) return misplaced("a user's message first");
    HOLISAFE_CHECK(only_content(message, {"role", "content", "refusal", "tool_calls", "annotations"}));
    for (const char* name : {"tool_calls", "annotations"}) {
      HOLISAFE_TRY(const auto* list, message.list(name));
      if (list != nullptr && !list->empty())
        return refuse(Code::unsupported_content, fmt::format("{}: not supported but as []", message.at(name)),
                      message.at(name));
    }
    HOLISAFE_TRY(const auto* refusal, message.text("refusal"));
    const Json* value = message.find("content");
    Parts parts;
    if (value != nullptr || refusal == nullptr) {
      HOLISAFE_TRY(value, message.required("content"));
      HOLISAFE_TRY(parts, texts(message, *value, index));
    } else {
      parts.emplace_back(*refusal);
    }
    add_turn(chat::Role::assistant, std::move(parts));
    return {};
  }

  /// Neighbours of one role become one turn, a blank line between their texts.
  void add_turn(chat::Role role, Parts parts) {
    if (out_.turns.empty() || out_.turns.back().role != role) {
      out_.turns.push_back({role, std::move(parts)});
      return;
    }
    Parts& before = out_.turns.back().parts;
    auto* text = std::get_if<std::string>(&before.back());
    if (text != nullptr && std::holds_alternative<std::string>(parts.front())) *text += "\n\n";
    for (chat::Part& part : parts) before.push_back(std::move(part));
  }

  ImageList& images_;
  chat::Conversation& out_;
  std::string role_param_;
};

}  // namespace

Answer<ChatRequest> read_chat(std::string_view body, const RequestLimits& limits) {
  HOLISAFE_TRY(const Json document, parse_body(body));
  HOLISAFE_TRY(const auto request, Members::of(document, ""));
  HOLISAFE_CHECK(check_members(request));
  HOLISAFE_CHECK(request.required("model"));
  ChatRequest out;
  HOLISAFE_CHECK(read_ours(request, out));
  if (!out.stream && request.find("stream_options") != nullptr)
    return out_of_range("stream_options", "it only where stream is true");
  HOLISAFE_TRY(out.how, generation(request, limits.max_new_tokens));
  HOLISAFE_TRY(const auto* messages, messages_of(request));
  ImageList images(limits);
  Conversing conversing(images, out.conversation);
  for (std::size_t i = 0; i < messages->size(); ++i) HOLISAFE_CHECK(conversing.add((*messages)[i], i));
  HOLISAFE_CHECK(conversing.finish());
  out.images = std::move(images).take();
  return out;
}

}  // namespace holisafe::serve
