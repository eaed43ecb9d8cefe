#include "store/row_columns.h"

#include <nlohmann/json.hpp>

#include "store/columns.h"

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

Result<void> parse_verdict(const Json& json, const Columns& columns, taxonomy::Verdict& out) {
  const auto damaged = [&] {
    return fail(columns.damaged("verdict", "[label, a score from 0 to 1 for each]"));
  };
  constexpr double rounding = 1e-3;  // scores are a softmax's
  if (!json.is_array() || json.size() != out.scores.size() + 1 || !json[0].is_number_unsigned() ||
      json[0].get<std::uint64_t>() >= out.scores.size())
    return damaged();
  out.label = json[0].get<std::size_t>();
  for (std::size_t i = 0; i < out.scores.size(); ++i) {
    if (!json[i + 1].is_number()) return damaged();
    out.scores[i] = json[i + 1].get<double>();
    if (!(out.scores[i] >= -rounding && out.scores[i] <= 1 + rounding)) return damaged();
  }
  return {};
}

Result<void> read_parts(Columns& columns, std::vector<chat::Part>& parts) {
  constexpr std::size_t deepest = 2;
  Json json;
  HOLISAFE_CHECK(columns.json_or_null("parts", deepest, json));
  const auto damaged = [&] { return fail(columns.damaged("parts", "a list of texts and images")); };
  if (!json.is_array()) return damaged();
  parts.clear();
  for (const auto& part : json) {
    if (part.is_string()) {
      parts.emplace_back(part.get<std::string>());
    } else if (part.is_object() && part.size() == 1 && part.contains("image") && part["image"].is_string()) {
      parts.emplace_back(chat::Image{part["image"].get<std::string>(), nullptr});
    } else {
      return damaged();
    }
  }
  return {};
}

Result<void> read_groups(Columns& columns, Groups& groups) {
  constexpr std::size_t deepest = 2;
  Json json;
  HOLISAFE_CHECK(columns.json_or_null("group_values", deepest, json));
  const auto damaged = [&] { return fail(columns.damaged("group_values", "a list of names with values")); };
  if (!json.is_array()) return damaged();
  groups.clear();
  for (const auto& group : json) {
    if (!group.is_array() || group.size() != 2 || !group[0].is_string() || !group[1].is_string())
      return damaged();
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
  HOLISAFE_CHECK(
      Columns(statement, "samples", std::nullopt).integer("position", 0, largest_integer, sample.position));
  Columns columns(statement, "samples", sample.position, 1);
  HOLISAFE_CHECK(columns.text("id", sample.id));
  std::int64_t id_is_string = 0;
  HOLISAFE_CHECK(columns.integer("id_is_string", 0, 1, id_is_string));
  sample.id_is_string = id_is_string != 0;
  HOLISAFE_CHECK(columns.integer("cluster", 0, largest_integer, sample.cluster));
  HOLISAFE_CHECK(read_parts(columns, sample.parts));
  HOLISAFE_CHECK(columns.text("query", sample.query));
  HOLISAFE_CHECK(read_groups(columns, sample.groups));
  HOLISAFE_CHECK(columns.text("target", sample.target));
  std::optional<std::int64_t> label;
  HOLISAFE_CHECK(columns.integer_or_null("label", 0, std::int64_t{taxonomy::class_count} - 1, label));
  sample.label = label ? std::optional(static_cast<int>(*label)) : std::nullopt;
  return columns.object_text("json", sample.json);
}

Result<void> read_answer(const Statement& statement, Row& row) {
  Columns columns(statement, "predictions", row.sample.position, first_answer_column);
  HOLISAFE_CHECK(columns.integer("number", 0, largest_integer, row.number));
  if (statement.is_null(first_answer_column + 1)) {
    row.answer.reset();
    return {};
  }
  if (!row.answer) row.answer.emplace();
  Answer& answer = *row.answer;
  std::string_view written;
  HOLISAFE_CHECK(columns.text("state", written));
  const auto state = parse_answer_state(written);
  if (!state) return fail(columns.damaged("state", "a state of an answer"));
  answer.state = *state;
  HOLISAFE_CHECK(columns.text("text", answer.text));
  HOLISAFE_CHECK(columns.text("finish_reason", answer.finish_reason));
  HOLISAFE_CHECK(columns.text("reason", answer.reason));
  Json verdict;
  HOLISAFE_CHECK(columns.json_or_null("verdict", 1, verdict));
  answer.verdict.reset();
  if (verdict.is_discarded()) return {};
  return parse_verdict(verdict, columns, answer.verdict.emplace());
}

Result<void> read_judgement(const Statement& statement, Row& row) {
  if (statement.is_null(first_judgement_column)) {
    row.judgement.reset();
    return {};
  }
  if (!row.judgement) row.judgement.emplace();
  Columns columns(statement, "verdicts", row.sample.position, first_judgement_column);
  HOLISAFE_CHECK(columns.text("state", row.judgement->state));
  HOLISAFE_CHECK(columns.text("text", row.judgement->text));
  HOLISAFE_CHECK(columns.text("reason", row.judgement->reason));
  return columns.number_or_null("value", row.judgement->value);
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
