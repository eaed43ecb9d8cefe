#include "runs/prediction_file.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/hash.h"
#include "dataset/rows.h"

namespace holisafe::runs {
namespace {

Result<std::string> row_json(const store::Row& row) {
  std::string out = "{";
  HOLISAFE_TRY(const auto fields, dataset::raw_fields(row.sample.json));
  for (const auto& field : fields) {
    if (field.key == "\"prediction\"" || field.key == "\"guard\"") continue;
    out += fmt::format("{}: {}, ", field.key, field.value);
  }
  const bool came = row.answer && (row.answer->state == store::AnswerState::answered ||
                                   row.answer->state == store::AnswerState::empty);
  out += "\"prediction\": ";
  out += came ? nlohmann::json(row.answer->text).dump() : "null";
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

Result<void> PredictionWriter::add(const store::Row& row) {
  HOLISAFE_TRY(const std::string json, row_json(row));
  HOLISAFE_CHECK(write_(std::string(before_) + json));
  before_ = ",\n";
  return {};
}

Result<void> PredictionWriter::finish() { return write_("\n]\n"); }

Result<void> prediction_file(const Run& run, const WritePiece& write) {
  HOLISAFE_TRY(RunRows rows, RunRows::open(run, ""));
  PredictionWriter writer(write);
  while (true) {
    HOLISAFE_TRY(const store::Row* row, rows.next());
    if (row == nullptr) return writer.finish();
    HOLISAFE_CHECK(writer.add(*row));
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
