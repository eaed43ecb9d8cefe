#include "runs/prediction_file.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <vector>

#include <fmt/format.h>

#include "base/hash.h"
#include "dataset/rows.h"

namespace holisafe::runs {
namespace {

constexpr std::string_view id_key = "\"id\"";

/// Whether a value as it stands is this id, however it is escaped.
bool same_id(std::string_view value, const std::string& id) {
  return value == id ||
         nlohmann::json::parse(value, nullptr, false) == nlohmann::json::parse(id, nullptr, false);
}

/// As JSON.
std::string prediction(const store::Row& row) {
  const bool came = row.answer && (row.answer->state == store::AnswerState::answered ||
                                   row.answer->state == store::AnswerState::empty);
  return came ? nlohmann::json(row.answer->text).dump() : "null";
}

Result<std::string> row_json(std::span<const store::Row> answers) {
  const store::Row& row = answers.front();
  HOLISAFE_TRY(const auto fields, dataset::raw_fields(row.sample.json));
  const std::string id = row.sample.id_is_string ? nlohmann::json(row.sample.id).dump() : row.sample.id;
  const auto is_id = [&](const auto& field) { return field.key == id_key; };
  const auto own = std::find_if(fields.begin(), fields.end(), is_id);
  const bool keeps_id = own != fields.end() && same_id(own->value, id);
  std::string out = "{";
  if (!keeps_id) out += fmt::format("{}: {}, ", id_key, id);
  for (const auto& field : fields) {
    const bool ours =
        field.key == "\"prediction\"" || field.key == "\"predictions\"" || field.key == "\"guard\"";
    if (ours || (is_id(field) && !keeps_id)) continue;
    out += fmt::format("{}: {}, ", field.key, field.value);
  }
  std::vector<std::string> predictions;
  std::transform(answers.begin(), answers.end(), std::back_inserter(predictions), prediction);
  if (predictions.size() == 1) {
    out += "\"prediction\": " + predictions.front();
  } else {
    out += fmt::format("\"predictions\": [{}]", fmt::join(predictions, ", "));
  }
  if (row.answer && row.answer->verdict) {
    nlohmann::ordered_json scores;
    for (std::size_t i = 0; i < taxonomy::class_count; ++i)
      scores[std::string(taxonomy::classes()[i].name)] = row.answer->verdict->scores[i];
    const nlohmann::ordered_json guard = {{"label", row.answer->verdict->label}, {"scores", scores}};
    out += ", \"guard\": " + guard.dump();
  }
  return out + "}";
}

}  // namespace

Result<void> PredictionWriter::add(std::span<const store::Row> answers) {
  HOLISAFE_TRY(const std::string json, row_json(answers));
  HOLISAFE_CHECK(write_(std::string(before_) + json));
  before_ = ",\n";
  return {};
}

Result<void> PredictionWriter::finish() { return write_("\n]\n"); }

Result<void> prediction_file(const Run& run, const WritePiece& write) {
  HOLISAFE_TRY(RunRows rows, RunRows::open(run, ""));
  PredictionWriter writer(write);
  while (true) {
    HOLISAFE_TRY(const auto answers, rows.next_sample());
    if (answers.empty()) return writer.finish();
    HOLISAFE_CHECK(writer.add(answers));
  }
}

Result<std::string> prediction_sha256(const Run& run) {
  Sha256 hash;
  HOLISAFE_CHECK(prediction_file(run, [&](std::string_view piece) -> Result<void> {
    hash.update(piece);
    return {};
  }));
  return hex(hash.finish());
}

}  // namespace holisafe::runs
