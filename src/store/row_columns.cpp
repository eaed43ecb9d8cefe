#include "store/row_columns.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

namespace holisafe::store {
namespace {

using Json = nlohmann::json;

constexpr int first_answer_column = 10;
constexpr int first_judgement_column = 16;

std::optional<AnswerState> parse_answer_state(std::string_view text) {
  for (const auto state :
       {AnswerState::answered, AnswerState::filtered, AnswerState::empty, AnswerState::unanswered}) {
    if (text == name(state)) return state;
  }
  return std::nullopt;
}

Error damaged(std::string_view column, std::string_view found) {
  return {ErrorKind::malformed, "damaged run store", std::string(column), fmt::format("found \"{}\"", found)};
}

Result<taxonomy::Verdict> parse_verdict(std::string_view text) {
  const auto json = Json::parse(text, nullptr, false);
  taxonomy::Verdict out;
  if (!json.is_array() || json.size() != out.scores.size() + 1 || !json[0].is_number_unsigned() ||
      json[0].get<std::uint64_t>() >= out.scores.size()) {
    return fail(damaged("answers.verdict", text));
  }
  out.label = json[0].get<std::size_t>();
  for (std::size_t i = 0; i < out.scores.size(); ++i) {
    if (!json[i + 1].is_number()) return fail(damaged("answers.verdict", text));
    out.scores[i] = json[i + 1].get<double>();
  }
  return out;
}

Result<void> parse_parts(std::string_view text, std::vector<chat::Part>& parts) {
  parts.clear();
  const auto json = Json::parse(text, nullptr, false);
  if (!json.is_array()) return fail(damaged("samples.parts", text));
  for (const auto& part : json) {
    if (part.is_string()) {
      parts.emplace_back(part.get<std::string>());
    } else if (part.is_object() && part.contains("image") && part["image"].is_string()) {
      parts.emplace_back(chat::Image{part["image"].get<std::string>(), nullptr});
    } else {
      return fail(damaged("samples.parts", text));
    }
  }
  return {};
}

Result<void> parse_groups(std::string_view text, Groups& groups) {
  groups.clear();
  const auto json = Json::parse(text, nullptr, false);
  if (!json.is_array()) return fail(damaged("samples.group_values", text));
  for (const auto& group : json) {
    if (!group.is_array() || group.size() != 2 || !group[0].is_string() || !group[1].is_string())
      return fail(damaged("samples.group_values", text));
    groups.emplace_back(group[0].get<std::string>(), group[1].get<std::string>());
  }
  return {};
}

Result<std::string> dumped(const Json& json, const char* field) {
  try {
    return json.dump();
  } catch (const Json::type_error&) {  // the one thing that a value made of texts can fail for
    return fail(ErrorKind::invalid_utf8, "cannot keep a sample", field, "expected text in UTF-8");
  }
}

}  // namespace

std::string_view name(AnswerState state) {
  switch (state) {
    case AnswerState::answered:
      return "answered";
    case AnswerState::filtered:
      return "filtered";
    case AnswerState::empty:
      return "empty";
    case AnswerState::unanswered:
      return "unanswered";
  }
  return "unanswered";
}

Result<void> read_sample(const Statement& statement, Sample& sample) {
  sample.position = statement.integer(0);
  sample.id = statement.text(1);
  sample.id_is_string = statement.integer(2) != 0;
  sample.cluster = statement.integer(3);
  HOLISAFE_CHECK(parse_parts(statement.text(4), sample.parts));
  sample.query = statement.text(5);
  HOLISAFE_CHECK(parse_groups(statement.text(6), sample.groups));
  sample.target = statement.text(7);
  sample.label.reset();
  if (!statement.is_null(8)) {
    const std::int64_t label = statement.integer(8);
    if (label < 0 || label >= static_cast<std::int64_t>(taxonomy::class_count))
      return fail(damaged("samples.label", statement.text(8)));
    sample.label = static_cast<int>(label);
  }
  sample.json = statement.text(9);
  return {};
}

Result<void> read_answer(const Statement& statement, Row& row) {
  constexpr int first = first_answer_column;
  row.number = statement.integer(first);
  if (statement.is_null(first + 1)) {
    row.answer.reset();
    return {};
  }
  const auto state = parse_answer_state(statement.text(first + 1));
  if (!state) return fail(damaged("answers.state", statement.text(first + 1)));
  if (!row.answer) row.answer.emplace();
  row.answer->state = *state;
  row.answer->text = statement.text(first + 2);
  row.answer->finish_reason = statement.text(first + 3);
  row.answer->reason = statement.text(first + 4);
  row.answer->verdict.reset();
  if (statement.is_null(first + 5)) return {};
  HOLISAFE_TRY(row.answer->verdict, parse_verdict(statement.text(first + 5)));
  return {};
}

void read_judgement(const Statement& statement, std::optional<Judgement>& judgement) {
  constexpr int first = first_judgement_column;
  if (statement.is_null(first)) {
    judgement.reset();
    return;
  }
  if (!judgement) judgement.emplace();
  judgement->state = statement.text(first);
  judgement->text = statement.text(first + 1);
  judgement->reason = statement.text(first + 2);
  judgement->value.reset();
  if (!statement.is_null(first + 3)) judgement->value = statement.real(first + 3);
}

Result<std::string> parts_text(const std::vector<chat::Part>& parts) {
  Json out = Json::array();
  for (const auto& part : parts) {
    const auto* text = std::get_if<std::string>(&part);
    out.push_back(text != nullptr ? Json(*text)
                                  : Json::object({{"image", std::get<chat::Image>(part).file.string()}}));
  }
  return dumped(out, "parts");
}

Result<std::string> groups_text(const Groups& groups) {
  Json out = Json::array();
  for (const auto& [name, value] : groups) out.push_back(Json::array({name, value}));
  return dumped(out, "groups");
}

std::optional<std::string> verdict_text(const std::optional<taxonomy::Verdict>& verdict) {
  if (!verdict) return std::nullopt;
  auto out = Json::array({verdict->label});
  for (const double score : verdict->scores) out.push_back(score);
  return out.dump();
}

}  // namespace holisafe::store
