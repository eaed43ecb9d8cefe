#include "construction/replies.h"

#include <array>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "ask/json.h"
#include "base/text.h"
#include "construction/prompts.h"
#include "judge/answer.h"
#include "judge/string_rules.h"

namespace holisafe::construction {
namespace {

using ask::Json;

constexpr std::size_t most_reason_bytes = 300;

struct ReplyField {
  std::string_view name;
  bool flag = false;  ///< true or false; else a text
};

constexpr std::array<ReplyField, 2> label_fields{{{"label"}, {"reason"}}};
constexpr std::array<ReplyField, 1> instruction_fields{{{"instruction"}}};
constexpr std::array<ReplyField, 4> check_fields{
    {{"image_safe", true}, {"text_safe", true}, {"together_safe", true}, {"reason"}}};
constexpr std::array<ReplyField, 3> text_check_fields{
    {{"harmful", true}, {"reveals_image", true}, {"reason"}}};
constexpr std::array<ReplyField, 1> response_fields{{{"response"}}};

std::span<const ReplyField> fields_of_reply(Step step) {
  switch (step) {
    case Step::label:
      return label_fields;
    case Step::write:
      return instruction_fields;
    case Step::check:
      return check_fields;
    case Step::text_check:
      return text_check_fields;
    case Step::answer:
      return response_fields;
  }
  return {};
}

/// Where the object that begins at `text` ends; 0 where it does not.
std::size_t object_end(std::string_view text) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && --depth == 0) {
      return i + 1;
    }
  }
  return 0;
}

/// The objects that stand side by side in a text.
std::vector<Json> objects_in(std::string_view text) {
  constexpr std::size_t most_bytes = std::size_t{1} << 20;
  constexpr std::size_t most_tries = 256;  // each may go through all of the text
  text = text.substr(0, most_bytes);
  std::vector<Json> out;
  std::size_t tries = 0;
  for (auto at = text.find('{'); at != std::string_view::npos && tries < most_tries; ++tries) {
    const std::size_t length = object_end(text.substr(at));
    Result<Json> found = ask::parse_json("", text.substr(at, length));  // of no bytes: an error
    const bool is_object = found && found->is_object();
    if (is_object) out.push_back(*std::move(found));
    at = text.find('{', is_object ? at + length : at + 1);
  }
  return out;
}

/// What is wrong with a field; empty where nothing is.
std::string fault_of(const ReplyField& field, const Json& value) {
  if (value.is_null()) return fmt::format("no field \"{}\"", field.name);
  if (field.flag)
    return value.is_boolean() ? "" : fmt::format("\"{}\" is neither true nor false", field.name);
  if (!value.is_string()) return fmt::format("\"{}\" is no text", field.name);
  const std::string& text = value.get_ref<const std::string&>();
  if (field.name != "reason" && strip(text).empty()) return fmt::format("\"{}\" is empty", field.name);
  if (field.name == "label" && text != quarantine && !taxonomy::parse_class(text))
    return fmt::format("\"label\" is \"{}\", which is no class", excerpt(text, most_reason_bytes / 2));
  return {};
}

/// Takes the step's fields out of an object; gives why they are not those, or nothing.
std::string take_fields(Step step, const Json& object, Json& out) {
  out = Json::object();
  for (const ReplyField& field : fields_of_reply(step)) {
    const Json& value = ask::member(object, field.name);
    if (std::string fault = fault_of(field, value); !fault.empty()) return fault;
    out[std::string(field.name)] = value;
  }
  return {};
}

Reading declined(std::string_view reason) {
  return {KeptReply::Kind::declined, "", excerpt(reason, most_reason_bytes)};
}
Reading broken(std::string_view reason) {
  return {KeptReply::Kind::broken, "", excerpt(reason, most_reason_bytes)};
}

/// The one object among those found that has the step's fields.
Reading read_objects(Step step, const std::vector<Json>& objects) {
  Json sound;
  std::string fault = "no JSON object";
  for (const Json& object : objects) {
    Json fields;
    if (std::string found = take_fields(step, object, fields); !found.empty()) {
      fault = std::move(found);
    } else if (!sound.is_null() && sound != fields) {
      return broken("two JSON objects that differ");
    } else {
      sound = std::move(fields);
    }
  }
  if (sound.is_null()) return broken(fault);
  if (step == Step::write) {
    const std::string instruction = ask::text_of(ask::member(sound, "instruction"));
    if (judge::begins_as_refusal(instruction)) return declined(instruction);
  }
  return {KeptReply::Kind::sound, ask::to_text(sound), ""};
}

}  // namespace

Reading reading_of(Step step, const chat::Reply& reply) {
  if (!reply.refusal.empty()) return declined(reply.refusal);
  if (reply.state == chat::State::declined) return declined(reply.text);
  if (reply.state == chat::State::filtered) {
    return declined(
        fmt::format("content filter{}{}", reply.finish_reason.empty() ? "" : ": ", reply.finish_reason));
  }
  // A text that begins with an object has no reasoning before it, and tags in it are the object's.
  const std::string_view text = strip_front(reply.text).starts_with('{')
                                    ? std::string_view(reply.text)
                                    : judge::answer_in(reply.text).value_or("");
  const std::vector<Json> objects = objects_in(text);
  if (objects.empty() && judge::begins_as_refusal(text)) return declined(strip(text));
  if (chat::was_cut(reply.finish_reason)) return broken("cut at the limit of its length");
  if (strip(text).empty()) return broken("an empty answer");
  return read_objects(step, objects);
}

}  // namespace holisafe::construction
