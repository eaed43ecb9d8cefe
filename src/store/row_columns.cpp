#include "store/row_columns.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

namespace holisafe::store {
namespace {

constexpr int first_prediction_column = 10;
constexpr int first_verdict_column = 15;

std::optional<AnswerState> parse_answer_state(std::string_view text) {
  for (const auto state : {AnswerState::answered, AnswerState::filtered, AnswerState::unanswered}) {
    if (text == name(state)) return state;
  }
  return std::nullopt;
}

std::optional<judge::Verdict> parse_verdict(std::string_view text) {
  using judge::Verdict;
  for (const auto verdict :
       {Verdict::refused, Verdict::complied, Verdict::expected, Verdict::unexpected, Verdict::unjudged}) {
    if (text == judge::name(verdict)) return verdict;
  }
  return std::nullopt;
}

Error damaged(std::string_view column, std::string_view found) {
  return {ErrorKind::malformed, "damaged run store", std::string(column), fmt::format("found \"{}\"", found)};
}

Result<GuardResult> parse_guard(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  GuardResult out;
  if (!json.is_array() || json.size() != out.scores.size() + 1 || !json[0].is_number_unsigned() ||
      json[0].get<std::uint64_t>() >= out.scores.size()) {
    return fail(damaged("predictions.guard", text));
  }
  out.label = json[0].get<std::uint8_t>();
  for (std::size_t i = 0; i < out.scores.size(); ++i) {
    if (!json[i + 1].is_number()) return fail(damaged("predictions.guard", text));
    out.scores[i] = json[i + 1].get<double>();
  }
  return out;
}

}  // namespace

std::string_view name(AnswerState state) {
  switch (state) {
    case AnswerState::answered:
      return "answered";
    case AnswerState::filtered:
      return "filtered";
    case AnswerState::unanswered:
      return "unanswered";
  }
  return "unanswered";
}

Result<void> read_sample(const Statement& statement, Sample& sample) {
  sample.position = statement.integer(0);
  sample.id = statement.text(1);
  sample.id_is_string = statement.integer(2) != 0;
  sample.image_number = statement.integer(3);
  sample.image = statement.text(4);
  sample.query = statement.text(5);
  const auto type = taxonomy::parse_combination(statement.text(6));
  if (!type) return fail(damaged("samples.type", statement.text(6)));
  sample.type = *type;
  for (const int column : {7, 8}) {
    if (statement.integer(column) < 0 ||
        statement.integer(column) >= static_cast<std::int64_t>(taxonomy::class_count))
      return fail(damaged("samples", statement.text(column)));
  }
  sample.subcategory = static_cast<std::uint8_t>(statement.integer(7));
  sample.image_safety_label = static_cast<std::uint8_t>(statement.integer(8));
  sample.json = statement.text(9);
  return {};
}

Result<void> read_prediction(const Statement& statement, std::optional<Prediction>& prediction) {
  constexpr int first = first_prediction_column;
  if (statement.is_null(first)) {
    prediction.reset();
    return {};
  }
  const auto state = parse_answer_state(statement.text(first));
  if (!state) return fail(damaged("predictions.state", statement.text(first)));
  if (!prediction) prediction.emplace();
  prediction->state = *state;
  prediction->text = statement.text(first + 1);
  prediction->finish_reason = statement.text(first + 2);
  prediction->reason = statement.text(first + 3);
  prediction->guard.reset();
  if (statement.is_null(first + 4)) return {};
  HOLISAFE_TRY(prediction->guard, parse_guard(statement.text(first + 4)));
  return {};
}

Result<void> read_verdict(const Statement& statement, std::optional<Verdict>& verdict) {
  constexpr int first = first_verdict_column;
  if (statement.is_null(first)) {
    verdict.reset();
    return {};
  }
  const auto state = parse_verdict(statement.text(first));
  if (!state) return fail(damaged("verdicts.state", statement.text(first)));
  if (!verdict) verdict.emplace();
  verdict->state = *state;
  verdict->text = statement.text(first + 1);
  verdict->reason = statement.text(first + 2);
  return {};
}

std::optional<std::string> guard_text(const std::optional<GuardResult>& guard) {
  if (!guard) return std::nullopt;
  auto out = nlohmann::json::array({guard->label});
  for (const double score : guard->scores) out.push_back(score);
  return out.dump();
}

}  // namespace holisafe::store
