#include "ask/answer_schema.h"

#include <string>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "ask/json.h"

namespace holisafe::ask {
namespace {

std::string type_in_words(const Json& field) {
  const std::string type = text_of(member(field, "type"));
  return type == "boolean" ? "true or false" : type;
}

std::string field_in_words(const std::string& name, const Json& field) {
  std::string out = fmt::format("- \"{}\" ({})", name, type_in_words(field));
  const std::string description = text_of(member(field, "description"));
  if (!description.empty()) out += ": " + description;
  const Json& values = member(field, "enum");
  if (values.is_array()) {
    out += description.empty() ? ": one of" : "; one of";
    for (std::size_t i = 0; i < values.size(); ++i) out += (i == 0 ? " " : ", ") + to_text(values[i]);
  }
  return out + "\n";
}

}  // namespace

Result<void> describe_schema(chat::Question& question) {
  HOLISAFE_TRY(const Json schema, parse_json("", question.schema->schema));
  const Json& fields = member(schema, "properties");
  if (!fields.is_object()) {
    return fail(ErrorKind::malformed, "bad schema of an answer", question.schema->name,
                "expected properties, found none");
  }
  std::string said =
      fmt::format("Answer with a `{}`: one JSON object and nothing else, with exactly these fields:\n",
                  question.schema->name);
  for (const auto& [name, field] : fields.items()) said += field_in_words(name, field);
  question.schema.reset();
  auto& turns = question.conversation.turns;
  if (turns.empty()) return {};
  auto& parts = turns.back().parts;
  for (chat::Part& part : parts) {
    auto* text = std::get_if<std::string>(&part);
    if (text == nullptr) continue;
    *text = fmt::format("{}\n{}", said, *text);
    return {};
  }
  parts.emplace_back(std::move(said));
  return {};
}

}  // namespace holisafe::ask
